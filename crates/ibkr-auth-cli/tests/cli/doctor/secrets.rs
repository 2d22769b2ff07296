//! A report is made to be pasted into a ticket: no secret is in it, whatever happens.

use ibkr_sim::demo;
use serde_json::Value;

use crate::common::World;

/// What must not be seen: of the settings, and of a session that is kept.
fn canaries(world: &World) -> Vec<String> {
    let record = world.read_record();
    let saved: Value = serde_json::from_str(record["kept"]["saved"].as_str().unwrap()).unwrap();
    let tokens = ["access_token", "bearer", "session_id"].map(|name| saved[name].as_str());
    let key = demo::PRIVATE_KEY_PEM.lines().filter(|line| !line.is_empty() && !line.starts_with('-'));
    let mut all: Vec<String> = tokens.into_iter().flatten().chain(key).map(str::to_owned).collect();
    assert!(all.len() > 10, "tokens and lines of the key");
    all.extend([demo::CREDENTIAL, demo::ACCOUNT, "eyJ", "hunter2pass"].map(str::to_owned));
    all
}

#[test]
fn no_output_holds_a_secret() {
    let scripts = [
        "",
        // A server that repeats what it was told, and tries to steer the terminal.
        r#"{"on":"sso-sessions","do":{"status":401,"body":"user DEMOUSER \u001b[31m\u202e of eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln"}}"#,
        r#"{"on":"ssodh/init","do":{"status":200,"body":{"authenticated":false,"fail":"demouser \u001b[2J 0123456789abcdef0123456789abcdef"}}}"#,
        r#"{"on":"sso/validate","do":{"status":200,"body":{"RESULT":true,"region":"demouser\u001b]0;x\u0007"}}}"#,
        r#"{"on":"portfolio/accounts","do":{"status":200,"body":[{"accountId":"DU1234567\u001b[31m"}]}}"#,
        r#"{"on":"token","do":{"status":400,"body":"demouser","headers":{"x-request-id":"demouser"}}}"#,
        r#"{"on":"token","do":{"hang":true}}"#,
    ];
    scripts.iter().for_each(|script| hides_all(script));
}

fn hides_all(script: &str) {
    let world = World::new();
    world.configure("timeout: 1s\nestablish_within: 0s\n");
    world.succeed(["login"]);
    let canaries = canaries(&world);
    world.fault(script);
    let proxy = "http://someone:hunter2pass@127.0.0.1:1";
    for arguments in [&[][..], &["--fresh", "-v"], &["--json"]] {
        world.a_minute_later();
        let ran = world.run_with([("HTTPS_PROXY", proxy)], [&["doctor"], arguments].concat());
        let shown = ran.out + &ran.err;
        for canary in &canaries {
            assert!(!shown.contains(canary.as_str()), "{script} {arguments:?} {canary}: {shown}");
        }
        let harmless = |c: char| c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
        assert!(shown.chars().all(harmless), "{script} {arguments:?}: {shown:?}");
    }
}
