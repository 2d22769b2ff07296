//! A year in virtual time: a simple client that tickles every minute and logs in when it has to.
//!
//! `cargo run --release -p ibkr-sim --example sim_year`
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::time::{Duration, Instant};

use http::{Request, Response};
use ibkr_jws::{Jws, RsaKey};
use ibkr_sim::{Calendar, Moment, Peer, Sim, SimConfig, demo};
use serde_json::{Value, json};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let mut sim = Sim::new(SimConfig { calendar: Calendar::ibkr(), ..SimConfig::default() });
    let key = RsaKey::from_pem(demo::PRIVATE_KEY_PEM.as_bytes())?;
    // 2026-01-01 in New York.
    let start = Moment::from_secs(1_767_243_600);
    let began = Instant::now();
    let (mut bearer, mut minutes_up, mut ready) = (String::new(), 0, 0);
    for minute in 0..365 * 24 * 60_u64 {
        let now = start + Duration::from_secs(60 * minute);
        minutes_up += u64::from(sim.is_up(now));
        if minute % 30 == 0 {
            call(&mut sim, now, "GET", "/v1/api/sso/validate", &bearer, "", "")?;
        }
        let up = |status: &Value| status["iserver"]["authStatus"]["authenticated"] == true;
        let mut status = call(&mut sim, now, "POST", "/v1/api/tickle", &bearer, "", "")?;
        if !up(&status) && sim.is_up(now) {
            if status["session"].is_null() {
                bearer = log_in(&mut sim, now, &key)?;
            }
            let body = r#"{"publish":true,"compete":true}"#;
            call(
                &mut sim,
                now,
                "POST",
                "/v1/api/iserver/auth/ssodh/init",
                &bearer,
                "application/json",
                body,
            )?;
            status = call(&mut sim, now + Duration::from_secs(1), "POST", "/v1/api/tickle", &bearer, "", "")?;
        }
        ready += u64::from(up(&status));
    }
    let counters = sim.counters();
    println!("{} requests in {:.1} s", counters.total(), began.elapsed().as_secs_f64());
    println!(
        "{} logins, {} brokerage sessions, {} refusals",
        counters.bearers,
        counters.inits,
        refusals(&sim)
    );
    println!("ready in {ready} of the {minutes_up} minutes in which the servers were up");
    println!("{} tokens, sessions and assertions remembered at the end", sim.remembered());
    Ok(())
}

fn refusals(sim: &Sim) -> u64 {
    sim.counters().refusals.values().sum()
}

fn log_in(sim: &mut Sim, now: Moment, key: &RsaKey) -> Result<String, Error> {
    let id = demo::CLIENT_ID;
    let claims =
        json!({ "iss": id, "sub": id, "aud": "/token", "exp": now.secs() + 20, "iat": now.secs() - 10 });
    let assertion = Jws::rs256(demo::KEY_ID, &claims, key)?;
    let form = format!(
        "grant_type=client_credentials&scope=sso-sessions.write&client_assertion={}\
         &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
        assertion.expose()
    );
    let form_type = "application/x-www-form-urlencoded";
    let token = call(sim, now, "POST", "/oauth2/api/v1/token", "", form_type, &form)?;
    let access = token["access_token"].as_str().unwrap_or("").to_owned();

    let ip = sim.config().public_ip;
    let claims = json!({
        "ip": ip, "credential": demo::CREDENTIAL, "iss": id, "exp": now.secs() + 86_400, "iat": now.secs(),
    });
    let session = Jws::rs256(demo::KEY_ID, &claims, key)?;
    let answer =
        call(sim, now, "POST", "/gw/api/v1/sso-sessions", &access, "application/jwt", session.expose())?;
    Ok(answer["access_token"].as_str().unwrap_or("").to_owned())
}

fn call(
    sim: &mut Sim,
    now: Moment,
    method: &str,
    path: &str,
    token: &str,
    content_type: &str,
    body: &str,
) -> Result<Value, Error> {
    let request = Request::builder()
        .method(method)
        .uri(format!("https://api.ibkr.com{path}"))
        .header("user-agent", "a year")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", content_type)
        .header("content-length", body.len())
        .body(body.as_bytes().to_vec())?;
    let response: Response<Vec<u8>> = sim.handle(now, Peer::LOOPBACK, &request).response;
    Ok(serde_json::from_slice(response.body()).unwrap_or_default())
}
