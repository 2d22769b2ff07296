//! The state machine in virtual time: order, retries, clocks, hosts, tiers, and what is never done twice.

mod background;
mod clock;
mod guard;
mod knowledge;
mod login;
mod oauth1;
mod order;
mod retries;
mod testkit;

use std::{collections::BTreeSet, time::Duration};

use ibkr_auth_core::{
    Advice, Connected, Error, ErrorKind, Event, Host, KeepConnected, Output, RequestId, Response, Retry,
    Session, Step, Ticket, Tier, Transmit, TransportError, TransportKind,
    testing::{self, Bench, answer, healthy},
};

type Answer = Result<Response, TransportError>;

const NOT_YET: &str = r#"{"authenticated":true,"established":false,"competing":false,"connected":true}"#;
const LOST: &str = r#"{"authenticated":false,"competing":true,"connected":true}"#;

fn session() -> Session {
    Session::new(testing::config(), testing::FakeKey, 1)
}

/// Answers the first calls of `step` from a list, everything else healthily.
fn first(step: Step, mut answers: Vec<Answer>) -> impl FnMut(&Transmit) -> Answer {
    answers.reverse();
    move |transmit| match (transmit.step == step).then(|| answers.pop()).flatten() {
        Some(answer) => answer,
        None => healthy(transmit),
    }
}

/// A session that takes a while to be established, which `auth/status` then says.
fn not_yet_established(mut answers: impl FnMut(&Transmit) -> Answer) -> impl FnMut(&Transmit) -> Answer {
    move |transmit| match transmit.step {
        Step::SsodhInit => Ok(answer(200, NOT_YET)),
        _ => answers(transmit),
    }
}

fn connect(session: &mut Session, answers: impl FnMut(&Transmit) -> Answer) -> (Bench, Result<(), Error>) {
    let (bench, outcome) = connect_with(session, answers);
    (bench, outcome.map(drop))
}

fn connect_with(
    session: &mut Session,
    answers: impl FnMut(&Transmit) -> Answer,
) -> (Bench, Result<Connected, Error>) {
    let mut bench = Bench::new();
    let ticket = session.connect();
    let outcome = bench.run(session, &ticket, answers);
    (bench, outcome)
}

fn steps(bench: &Bench) -> Vec<Step> {
    bench.sent.iter().map(|(_, step)| *step).collect()
}

fn count(bench: &Bench, step: Step) -> usize {
    steps(bench).iter().filter(|sent| **sent == step).count()
}

fn date(seconds_after_start: i64) -> String {
    let wall = Bench::new().now.wall;
    let by = Duration::from_secs(seconds_after_start.unsigned_abs());
    httpdate::fmt_http_date(if seconds_after_start < 0 { wall - by } else { wall + by })
}

fn dated(mut response: Response, seconds_after_start: i64) -> Response {
    response.headers_mut().insert("date", date(seconds_after_start).parse().unwrap());
    response
}

/// Sends what is up and hands it over unanswered.
fn pending(session: &mut Session, bench: &Bench) -> Vec<Transmit> {
    let mut sent = Vec::new();
    loop {
        match session.poll(bench.now) {
            Output::Send(transmit) => sent.push(transmit),
            Output::Event(_) => {}
            Output::Wait(_) => return sent,
        }
    }
}

fn numbered_bearer(number: u32) -> impl FnMut(&Transmit) -> Answer {
    move |transmit| match transmit.step {
        Step::GetBearerToken => Ok(answer(200, &format!(r#"{{"access_token":"bearer.{number}"}}"#))),
        _ => healthy(transmit),
    }
}
