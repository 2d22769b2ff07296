//! Our bytes against those of ibauth 0.1.6, recorded under a frozen clock (see `golden/README.md`).
//!
//! Where we differ on purpose, `docs/PARITY.md` says so, and so does this file: in `DIFFERENT_ON_PURPOSE`.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use ibkr_auth_core::{
    Authorization, Config, Request, Response, Secret, SessionToken,
    wire::{self, access_token::AccessToken},
};
use ibkr_jws::{RsaKey, verify::Compact};
use serde_json::Value;

/// Headers by which HTTP libraries introduce themselves, and what they do by themselves.
const DIFFERENT_ON_PURPOSE: [&str; 5] = ["accept", "accept-encoding", "connection", "host", "user-agent"];

struct Case(Value);

impl Case {
    fn all() -> Vec<Self> {
        let vectors: Value = serde_json::from_slice(&file("vectors.json")).unwrap();
        vectors["cases"].as_array().unwrap().iter().map(|case| Self(case.clone())).collect()
    }

    fn text(&self, member: &str) -> &str {
        self.0[member].as_str().unwrap()
    }

    fn key(&self) -> RsaKey {
        RsaKey::from_pem(&file(self.text("key_file"))).unwrap()
    }

    fn wall(&self) -> SystemTime {
        let now = &self.0["now"];
        let nanoseconds = u32::try_from(now["nanoseconds"].as_u64().unwrap()).unwrap();
        SystemTime::UNIX_EPOCH + Duration::new(now["seconds"].as_u64().unwrap(), nanoseconds)
    }

    /// `None` for identities with control characters, which we refuse.
    fn config(&self) -> Option<Config> {
        let config =
            Config::new(self.text("client_id"), self.text("client_key_id"), self.text("credential")).ok()?;
        Some(config.with_public_ip(self.text("public_ip").parse().unwrap()).unwrap())
    }

    fn requests(&self) -> impl Iterator<Item = &Value> {
        self.0["requests"].as_array().unwrap().iter()
    }

    fn request(&self, path: &str) -> &Value {
        self.requests().find(|request| request["url"].as_str().unwrap().ends_with(path)).unwrap()
    }
}

fn file(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)).unwrap()
}

fn answer_of(recorded: &Value) -> Response {
    Response::new(recorded["answer"]["body"].as_str().unwrap().into())
}

fn compare(case: &Case, ours: &Request, theirs: &Value) {
    let name = case.text("name");
    assert_eq!(ours.uri().to_string().trim_end_matches('/'), theirs["url"], "{name}");
    assert_eq!(ours.method().as_str(), theirs["method"], "{name}");
    assert_eq!(String::from_utf8_lossy(ours.body()), theirs["body"].as_str().unwrap(), "{name}");
    let their_headers =
        theirs["headers"].as_array().unwrap().iter().map(|pair| {
            (pair[0].as_str().unwrap().to_ascii_lowercase(), pair[1].as_str().unwrap().to_owned())
        });
    let our_headers = ours
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()));
    assert_eq!(comparable(our_headers), comparable(their_headers), "{name}");
}

fn comparable(headers: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    headers.filter(|(name, _)| !DIFFERENT_ON_PURPOSE.contains(&name.as_str())).collect()
}

#[test]
fn every_request_of_the_flow_is_ibauths_byte_for_byte() {
    let mut compared = 0;
    for case in Case::all() {
        let (Some(config), key, wall) = (case.config(), case.key(), case.wall()) else { continue };

        let token = case.request("/oauth2/api/v1/token");
        compare(&case, &wire::access_token::request(&config, &key, wall).unwrap(), token);

        let access: AccessToken = wire::access_token::parse(&config, &answer_of(token)).unwrap();
        let ip = case.text("public_ip").parse().unwrap();
        let sso = case.request("/gw/api/v1/sso-sessions");
        compare(&case, &wire::bearer_token::request(&config, &key, wall, &access, ip).unwrap(), sso);

        let bearer = wire::bearer_token::parse(&config, &answer_of(sso)).unwrap().token;
        let authorization = Authorization::new(SessionToken::Bearer(bearer));
        let validate = wire::validate_sso::request(&config, &authorization, wall).unwrap();
        compare(&case, &validate, case.request("/sso/validate"));
        let init = wire::ssodh_init::request(&config, &authorization, true, wall).unwrap();
        compare(&case, &init, case.request("/ssodh/init"));
        let status = wire::status::request(&config, &authorization, wall).unwrap();
        compare(&case, &status, case.request("/auth/status"));
        let logout = wire::logout::request(&config, &authorization, wall).unwrap();
        compare(&case, &logout, case.request("/logout"));
        compared += 1;
    }
    assert!(compared >= 5, "only {compared} cases compared");
}

#[test]
fn tickle_is_a_post_where_ibauth_sends_a_get() {
    let case = &Case::all()[0];
    let authorization = Authorization::new(SessionToken::Bearer(Secret::new("token")));
    let ours =
        wire::tickle::request(&case.config().unwrap(), &authorization, SystemTime::UNIX_EPOCH).unwrap();
    let theirs = case.request("/tickle");
    assert_eq!(ours.uri().to_string(), theirs["url"]);
    assert_eq!((ours.method().as_str(), theirs["method"].as_str().unwrap()), ("POST", "GET"));
}

#[test]
fn the_look_up_goes_to_the_same_service_first() {
    let case = &Case::all()[0];
    let service = "https://api.ipify.org".parse().unwrap();
    let ours = wire::public_ip::request(&case.config().unwrap(), &service).unwrap();
    compare(case, &ours, case.request("api.ipify.org"));
}

#[test]
fn identities_beyond_ascii_arrive_unchanged() {
    let (client, user) = ("Client \"1\" \\ + / = & % <é>", "o'brien+Zoë𝄞");
    let config = Config::new(client, "main", user).unwrap();
    let case = &Case::all()[0];
    let access = wire::access_token::parse(&config, &answer_of(case.request("/token"))).unwrap();
    let ip = case.text("public_ip").parse().unwrap();
    let request = wire::bearer_token::request(&config, &case.key(), case.wall(), &access, ip).unwrap();
    let jws = Compact::parse(std::str::from_utf8(request.body()).unwrap()).unwrap();
    assert_eq!((&jws.claims()["iss"], &jws.claims()["credential"]), (&client.into(), &user.into()));
}

#[test]
fn ibauths_canned_answers_are_read() {
    for case in Case::all() {
        let Some(config) = case.config() else { continue };
        let answer = |path| answer_of(case.request(path));
        assert!(wire::validate_sso::parse(&config, &answer("/sso/validate")).is_ok());
        assert!(wire::ssodh_init::parse(&config, &answer("/ssodh/init")).unwrap().is_ready());
        assert!(wire::status::parse(&config, &answer("/auth/status")).unwrap().is_ready());
        assert!(wire::tickle::parse(&config, &answer("/tickle")).unwrap().auth_status.is_ready());
        assert!(wire::logout::parse(&config, &answer("/logout")).is_ok());
    }
}
