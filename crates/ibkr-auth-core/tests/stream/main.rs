//! The WebSocket in virtual time: what is sent when, what is told, and what a frame says.

mod commands;
mod frames;
mod life;
mod opening;
mod properties;
mod wire;
mod wishes;

use std::time::Duration;

use ibkr_auth_core::{
    ErrorKind, Secret, Session, Tier,
    stream::{Command, Event, Frame, Gate, HELD, Key, Loss, Output, Readiness, State, Stream},
    testing,
};
use wire::Wire;

const READY: &str = r#"{"topic":"sts","args":{"authenticated":true}}"#;
const NOT_AUTHENTICATED: &str = r#"{"topic":"sts","args":{"authenticated":false}}"#;
const SUCCESS: &str = r#"{"topic":"system","success":"someone"}"#;
const HEARTBEAT: &str = r#"{"topic":"system","hb":1712596911593}"#;
const WAITING: &str = r#"{"message":"waiting for session"}"#;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn key(subscribe: &str) -> Key {
    match Command::parse(subscribe) {
        Command::Subscribe(subscription) => subscription.key,
        Command::Unsubscribe(key) => key,
        other => panic!("{subscribe}: {other:?}"),
    }
}
