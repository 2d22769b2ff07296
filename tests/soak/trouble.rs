//! Faults of chance, one after another, while the clients work.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use ibkr_auth_tests::chance::Chance;
use ibkr_sim::Handle;

/// What happens to a few calls of an endpoint. Nothing that stops the automatic mode for good, and no penalty
/// of ten minutes: those are other tests' concern.
const ACTIONS: [&str; 20] = [
    r#"{"status":500}"#,
    r#"{"status":502,"html":true}"#,
    r#"{"status":503}"#,
    r#"{"status":503,"retry_after":2}"#,
    r#"{"status":504}"#,
    r#"{"status":408}"#,
    r#"{"status":429,"retry_after":2}"#,
    r#"{"status":200,"body":{"error":"failed to process request"}}"#,
    r#"{"html":true}"#,
    r#"{"garbage":true}"#,
    r#"{"huge":2097152}"#,
    r#"{"gzip":true}"#,
    r#"{"truncate":5}"#,
    r#"{"hang":true}"#,
    r#"{"hang":true,"processed":true}"#,
    r#"{"reset":true}"#,
    r#"{"reset":true,"processed":true}"#,
    r#"{"delay_ms":1500}"#,
    r#"{"drip_ms":20}"#,
    r#"{"restart":true}"#,
];
const ENDPOINTS: [&str; 8] =
    ["token", "lookup", "sso-sessions", "sso/validate", "ssodh/init", "auth/status", "tickle", "*"];

/// Makes trouble until it is told to stop; says how many faults were set.
pub(crate) fn make(handle: &Handle, seed: u64, stop: &AtomicBool) -> usize {
    let (mut chance, mut faults) = (Chance::new(seed), 0);
    while !stop.load(Ordering::Relaxed) {
        match chance.below(20) {
            0 => handle.restart(),
            1 => {
                handle.kick(None);
                handle.with(ibkr_sim::Sim::release);
            }
            2 => handle.step_millis(i64::try_from(chance.below(60_000)).unwrap_or(0)),
            _ => {
                let (on, action) = (chance.pick(&ENDPOINTS), chance.pick(&ACTIONS));
                let calls = 1 + chance.below(3);
                let rule = format!(r#"{{"on":"{on}","calls":"1..{calls}","do":{action}}}"#);
                handle.fault(&rule).expect("a valid rule");
            }
        }
        faults += 1;
        thread::sleep(chance.time(Duration::from_millis(300), Duration::from_secs(4)));
        // Now and then everything is well.
        if chance.per_mille(200) {
            handle.clear_faults();
        }
    }
    handle.clear_faults();
    faults
}
