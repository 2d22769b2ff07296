//! Each setting reaches what it sets: seen in the requests of a login in virtual time.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ibkr_auth_config::Settings;
use ibkr_auth_core::{
    Error, ErrorKind, Request, Session, Step,
    testing::{Bench, answer, healthy_answer},
};
use serde_json::Value;

use crate::folder::{Folder, MINIMAL};

/// Logs in with what `answers` says; gives the requests, the outcome and the time it took.
fn login(
    more: &str,
    answers: impl Fn(Step) -> ibkr_auth_core::Response,
) -> (Vec<(Step, Request)>, Result<(), Error>, Duration) {
    let Settings { config, key, .. } = Folder::new().read(format!("{MINIMAL}{more}")).unwrap();
    let mut session = Session::new(config, key, 0);
    let mut bench = Bench::new();
    let mut requests = Vec::new();
    let ticket = session.connect();
    let outcome = bench.run(&mut session, &ticket, |transmit| {
        requests.push((transmit.step, transmit.request.clone()));
        Ok(answers(transmit.step))
    });
    (requests, outcome.map(drop), bench.elapsed())
}

fn request(requests: &[(Step, Request)], step: Step) -> &Request {
    &requests.iter().find(|(sent, _)| *sent == step).unwrap().1
}

fn jws_part(jws: &str, part: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(jws.split('.').nth(part).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn identity_and_claims() {
    let (requests, outcome, _) = login(
        "alternative_ips: [203.0.113.8, 203.0.113.9]\nscope: [sso-sessions.write, other]\nservice: AM.LOGIN\n\
         user_agent: my-program/1.0\npublic_ip: 203.0.113.7\nbase_url: https://gateway.example:8443\ncompete: no\n",
        healthy_answer,
    );
    outcome.unwrap();
    assert!(requests.iter().all(|(_, request)| request.uri().host() == Some("gateway.example")));
    assert!(requests.iter().all(|(_, request)| request.headers()["user-agent"] == "my-program/1.0"));

    let form = String::from_utf8(request(&requests, Step::GetAccessToken).body().clone()).unwrap();
    assert!(form.contains("sso-sessions.write") && form.contains("other"), "{form}");
    let assertion = form.split('&').find_map(|field| field.strip_prefix("client_assertion=")).unwrap();
    assert_eq!(jws_part(assertion, 0)["kid"], "main");
    assert_eq!(jws_part(assertion, 1)["iss"], "your-client-id");

    let sso = String::from_utf8(request(&requests, Step::GetBearerToken).body().clone()).unwrap();
    let claims = jws_part(&sso, 1);
    assert_eq!(claims["credential"], "someone");
    assert_eq!(claims["ip"], "203.0.113.7");
    assert_eq!(claims["service"], "AM.LOGIN");
    assert_eq!(claims["alternativeIps"], serde_json::json!(["203.0.113.8", "203.0.113.9"]));

    let init = String::from_utf8(request(&requests, Step::SsodhInit).body().clone()).unwrap();
    assert!(init.contains(r#""compete":false"#), "{init}");
}

#[test]
fn services_and_tier() {
    let (requests, outcome, _) =
        login("ip_services: [https://ip.example/a]\ntier: read-only\n", healthy_answer);
    outcome.unwrap();
    assert_eq!(request(&requests, Step::PublicIp).uri(), "https://ip.example/a");
    assert!(requests.iter().all(|(step, _)| *step != Step::SsodhInit));
}

#[test]
fn retries() {
    let broken = |step| match step {
        Step::GetAccessToken => answer(503, ""),
        other => healthy_answer(other),
    };
    let (requests, outcome, elapsed) =
        login("retry_attempts: 4\nretry_first: 10\nretry_longest: 12s\n", broken);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(requests.iter().filter(|(step, _)| *step == Step::GetAccessToken).count(), 4);
    // 10, 12 and 12 s, and what jitter adds.
    assert!((34..60).contains(&elapsed.as_secs()), "{elapsed:?}");
}

#[test]
fn patience() {
    let never_ready = |step| match step {
        Step::SsodhInit | Step::Status => answer(
            200,
            r#"{"authenticated":false,"established":false,"competing":false,"connected":true,"message":""}"#,
        ),
        other => healthy_answer(other),
    };
    let took = |more: &str| {
        let (_, outcome, elapsed) = login(more, never_ready);
        assert!(outcome.is_err());
        elapsed.as_secs()
    };
    let (short, long) = (took("establish_within: 5s\n"), took("establish_within: 2m\n"));
    assert!((4..30).contains(&short), "{short}");
    assert!((100..200).contains(&long), "{long}");
}
