//! Secrets carry marks, and the marks may appear nowhere that people or log files look: no log line at any
//! level, no `Debug`, no error, no event, no panic.

use std::{
    fmt::Debug,
    io, panic,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ibkr_auth_config::{Proxy, Transport};
use ibkr_auth_core::{
    Config, Error, Event, KeepConnected, Request, Response, Secret, Session, Sign, Step,
    oauth1::DecryptionKey, testing,
};
use ibkr_auth_tests::{
    driver::{Async, Blocking, Driver, Http, Kept},
    lab::{Lab, key, oauth1_key},
};
use ibkr_jws::{RsaKey, SignError};
use ibkr_sim::{Endpoint, demo};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

const PROXY_USER: &str = "hunter2-proxy-user";
const PROXY_WORD: &str = "hunter2-proxy-word";
/// The two as a header has them.
const PROXY_BASIC: &str = "aHVudGVyMi1wcm94eS11c2VyOmh1bnRlcjItcHJveHktd29yZA";

/// Everything that was printed, logged or told.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u8>>>);

impl Seen {
    fn debug(&self, value: &impl Debug) {
        let text = format!("{value:?}\n{value:#?}\n");
        self.0.lock().unwrap().extend_from_slice(text.as_bytes());
    }

    fn error(&self, error: &Error) {
        self.debug(error);
        self.0
            .lock()
            .unwrap()
            .extend_from_slice(format!("{error} {error:#} {:?}\n", error.excerpt()).as_bytes());
    }

    fn outcome<T: Debug>(&self, outcome: &Result<T, Error>) {
        match outcome {
            Ok(value) => self.debug(value),
            Err(error) => self.error(error),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    #[track_caller]
    fn holds_none_of(&self, secrets: &[String]) {
        let text = self.text();
        assert!(text.len() > 1000, "the canary must be where the secrets are");
        for secret in secrets {
            assert!(secret.len() > 5 && !text.contains(secret), "{secret} was shown:\n{text}");
        }
    }
}

impl io::Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Seen {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// One process-wide log of everything at every level, of our crates and of the HTTP stacks beneath. With one
/// exception: at the level `trace` ureq writes the bytes themselves that it sends and receives.
fn log() -> Seen {
    static LOG: Mutex<Option<Seen>> = Mutex::new(None);
    LOG.lock()
        .unwrap()
        .get_or_insert_with(|| {
            let seen = Seen::default();
            let filter = EnvFilter::new("trace,ureq_proto::util=debug");
            tracing_subscriber::fmt().with_env_filter(filter).with_writer(seen.clone()).init();
            seen
        })
        .clone()
}

/// Signs, and keeps every signature: it is good for a login until its assertion ends.
#[derive(Clone)]
struct Recording(Arc<RsaKey>, Arc<Mutex<Vec<String>>>);

impl Sign for Recording {
    fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self.0.sign(signing_input)?;
        self.1.lock().unwrap().push(URL_SAFE_NO_PAD.encode(&signature));
        Ok(signature)
    }
}

fn key_material() -> String {
    demo::PRIVATE_KEY_PEM.lines().nth(3).unwrap().to_owned()
}

#[test]
fn a_whole_life_with_its_failures_shows_no_secret() {
    let seen = log();
    seen.debug(&key());
    let mut secrets = vec![demo::CREDENTIAL.to_owned(), key_material()];
    life::<Blocking>(&seen, &mut secrets);
    life::<Async>(&seen, &mut secrets);
    through_a_proxy::<Blocking>(&seen);
    through_a_proxy::<Async>(&seen);
    secrets.extend([PROXY_USER, PROXY_WORD, PROXY_BASIC].map(str::to_owned));
    seen.holds_none_of(&secrets);
    // Some of them write to `log`, some to `tracing`.
    for target in ["ibkr_auth_core", "ureq::run", "ureq_proto", "rustls::client", "hyper_util"] {
        assert!(seen.text().contains(target), "the log of {target} is there");
    }
}

/// IBKR's own names through a proxy that wants a password, and through one that is not there.
fn through_a_proxy<D: Driver + Debug>(seen: &Seen) {
    let lab = Lab::new();
    let address = lab.server.proxy_url().replace("http://", "");
    for address in [address.as_str(), "127.0.0.1:1"] {
        let url = Secret::new(format!("http://{PROXY_USER}:{PROXY_WORD}@{address}"));
        let transport = Transport { proxy: Some(Proxy::Url(url)), ..lab.transport() };
        seen.debug(&transport);
        let config = Config::new(demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL).unwrap();
        let mut client = D::new(config, key(), &transport).unwrap();
        seen.debug(&client);
        seen.outcome(&client.get_access_token());
    }
    assert_eq!(lab.server.handle().count(Endpoint::Token), 1, "the first of the two works");
}

fn life<D: Driver + Debug>(seen: &Seen, secrets: &mut Vec<String>) {
    let lab = Lab::new();
    let config = lab.config();
    seen.debug(&config);
    seen.debug(&lab.transport());
    let signatures = Arc::default();
    let signer = Recording(Arc::new(key()), Arc::clone(&signatures));
    let mut client = D::new(config, signer, &lab.transport()).unwrap();
    let listener = seen.clone();
    client.on_event(move |event: &Event| {
        listener.debug(event);
        listener.0.lock().unwrap().extend_from_slice(event.to_string().as_bytes());
    });
    seen.debug(&client);
    let access = client.get_access_token().unwrap();
    secrets.push(access.token.expose().to_owned());
    seen.debug(&access);
    seen.outcome(&client.connect());
    let bearer = client.session().bearer().unwrap().expose().to_owned();
    let tickle = client.tickle().unwrap();
    secrets.push(tickle.session_id.as_ref().unwrap().expose().to_owned());
    seen.debug(&tickle);
    seen.debug(&client.session().headers());
    seen.debug(client.session());
    seen.debug(&client);

    // A server that repeats what it was sent.
    let echo = format!(
        r#"{{"on":"tickle","do":{{"status":500,"body":{{"error":"{bearer} of {}"}}}}}}"#,
        demo::CREDENTIAL
    );
    lab.server.handle().fault(&echo).unwrap();
    seen.outcome(&client.tickle());
    lab.server.handle().clear_faults();
    for fault in [
        r#"{"on":"auth/status","calls":1,"do":{"truncate":3}}"#,
        r#"{"on":"auth/status","calls":2,"do":{"garbage":true}}"#,
        r#"{"on":"auth/status","calls":3,"do":{"reset":true}}"#,
    ] {
        lab.server.handle().fault(fault).unwrap();
        seen.outcome(&client.status());
    }
    lab.server.handle().restart();
    seen.outcome(&client.status());
    seen.outcome(&client.logout());
    secrets.push(bearer);
    let signatures = signatures.lock().unwrap();
    assert!(signatures.len() >= 3, "an access token, and a whole login");
    secrets.extend(signatures.iter().cloned());
}

/// The same by OAuth 1.0a: the access token, its secret as it is given and as it is, the live session token,
/// every signature.
#[test]
fn a_whole_life_by_oauth1_shows_no_secret() {
    let seen = log();
    let decrypting = DecryptionKey::from_pem(demo::oauth1::ENCRYPTION_KEY_PEM.as_bytes()).unwrap();
    let secret = decrypting.decrypt(demo::oauth1::ACCESS_TOKEN_SECRET).unwrap();
    seen.debug(&decrypting);
    seen.debug(&secret);
    seen.debug(&oauth1_key());
    let key_material = [demo::oauth1::SIGNATURE_KEY_PEM, demo::oauth1::ENCRYPTION_KEY_PEM]
        .map(|pem| pem.lines().nth(3).unwrap().to_owned());
    let mut secrets = vec![demo::oauth1::ACCESS_TOKEN.to_owned(), demo::CREDENTIAL.to_owned()];
    secrets.extend(key_material);
    // It may be cut into lines.
    secrets.extend(demo::oauth1::ACCESS_TOKEN_SECRET.as_bytes().chunks(40).filter_map(|part| {
        let part = String::from_utf8_lossy(part);
        (part.len() == 40).then(|| part.into_owned())
    }));
    secrets.extend(forms(DECRYPTED));
    life_by_oauth1::<Blocking>(&seen, &mut secrets);
    life_by_oauth1::<Async>(&seen, &mut secrets);
    kept_by_oauth1::<Blocking>(&seen, &mut secrets);
    kept_by_oauth1::<Async>(&seen, &mut secrets);
    seen.holds_none_of(&secrets);
    for target in ["ibkr_auth_core", "ureq_proto", "hyper_util"] {
        assert!(seen.text().contains(target), "the log of {target} is there");
    }
}

/// The secret of the demo access token, before its encryption.
const DECRYPTED: &[u8] = &[
    0x8f, 0x1d, 0x6a, 0x0c, 0x5b, 0x7e, 0x42, 0x93, 0x9e, 0x3c, 0x21, 0xd0, 0x7f, 0x64, 0xab, 0x58, 0xc0,
    0xd9, 0x13, 0x7e, 0x2b, 0x8a, 0x45, 0xf6, 0xa1, 0xe4, 0x7c, 0x3b, 0x9d, 0x5f, 0x60, 0x82,
];

/// As a program may print bytes.
fn forms(bytes: &[u8]) -> [String; 4] {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{:?}", &bytes[..8]).trim_matches(['[', ']']).to_owned();
    [STANDARD.encode(bytes), hex.to_ascii_uppercase(), hex, list]
}

/// What a request holds that nobody may see: its signature, as it is and as it is written, and what is left
/// of it where a text was cut or cleaned.
fn signature(request: &Request) -> Vec<String> {
    signed(request).map_or_else(Vec::new, |[plain, written]| {
        let parts = written.split('%').filter(|part| part.len() >= 12).map(str::to_owned);
        parts.chain([plain, written.clone()]).collect()
    })
}

fn signed(request: &Request) -> Option<[String; 2]> {
    let header = request.headers().get("authorization")?.to_str().unwrap().to_owned();
    let written = header.split("oauth_signature=\"").nth(1)?.split('"').next()?.to_owned();
    let plain = written.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    Some([plain, written])
}

/// A client that sends as ever, and keeps every signature.
fn recorded<D: Driver>(lab: &Lab, secrets: &Arc<Mutex<Vec<String>>>) -> D {
    let http = Mutex::new(<Blocking as Driver>::Http::new(&lab.transport()).unwrap());
    let secrets = Arc::clone(secrets);
    let session = Session::new(lab.oauth1_config(), oauth1_key(), 0);
    D::with_http(session, move |request, limit| {
        secrets.lock().unwrap().extend(signature(&request));
        Http::send(&*http.lock().unwrap(), request, limit)
    })
}

fn life_by_oauth1<D: Driver + Debug>(seen: &Seen, secrets: &mut Vec<String>) {
    let lab = Lab::new();
    seen.debug(&lab.oauth1_config());
    let signatures = Arc::default();
    let mut client = D::new(lab.oauth1_config(), oauth1_key(), &lab.transport()).unwrap();
    let listener = seen.clone();
    client.on_event(move |event: &Event| {
        listener.debug(event);
        listener.0.lock().unwrap().extend_from_slice(event.to_string().as_bytes());
    });
    let live = client.get_live_session_token().unwrap();
    secrets.extend(forms(&STANDARD.decode(live.token.to_base64().as_bytes()).unwrap()));
    seen.debug(&live);
    seen.outcome(&client.ssodh_init());
    let tickle = client.tickle().unwrap();
    secrets.push(tickle.session_id.as_ref().unwrap().expose().to_owned());
    seen.debug(&client.session().snapshot());
    seen.debug(&client.session().websocket([7; 16]));
    seen.debug(&client.save());
    seen.debug(&client.get("/v1/api/iserver/accounts").map(|_| ()));
    seen.debug(client.session());
    seen.debug(&client);
    for fault in [
        r#"{"on":"auth/status","calls":1,"do":{"truncate":3}}"#,
        r#"{"on":"auth/status","calls":2,"do":{"garbage":true}}"#,
        r#"{"on":"auth/status","calls":3,"do":{"reset":true}}"#,
    ] {
        lab.server.handle().fault(fault).unwrap();
        seen.outcome(&client.status());
    }
    lab.server.handle().restart();
    seen.outcome(&client.status());
    seen.outcome(&client.logout());

    // Others than ours see what is sent, and say it again.
    let mut client = recorded::<D>(&lab, &signatures);
    seen.outcome(&client.connect());
    let saved: serde_json::Value = serde_json::from_str(client.save().unwrap().expose()).unwrap();
    secrets.extend(forms(&STANDARD.decode(saved["bearer"].as_str().unwrap()).unwrap()));
    let echo = format!(
        r#"{{"on":"tickle","do":{{"status":500,"body":{{"error":"{} of {}"}}}}}}"#,
        demo::oauth1::ACCESS_TOKEN,
        demo::oauth1::ACCESS_TOKEN.to_ascii_uppercase(),
    );
    lab.server.handle().fault(&echo).unwrap();
    seen.outcome(&client.tickle());
    seen.debug(&client);
    secrets.extend(signatures.lock().unwrap().drain(..));
    let (kept, session) = (Arc::clone(&signatures), Session::new(lab.oauth1_config(), oauth1_key(), 0));
    let mut parrot = D::with_http(session, move |request, _| {
        kept.lock().unwrap().extend(signature(&request));
        let said = request.headers()["authorization"].to_str().unwrap().replace('"', "'");
        Ok(testing::answer(401, &format!(r#"{{"error":"what is {said}"}}"#)))
    });
    let refused = parrot.connect().unwrap_err();
    assert!(refused.excerpt().is_some_and(|excerpt| excerpt.contains("what is")), "{refused}");
    seen.error(&refused);
    let signatures = std::mem::take(&mut *signatures.lock().unwrap());
    assert!(signatures.len() >= 2, "one, in two forms at least");
    secrets.extend(signatures);
}

fn kept_by_oauth1<D: Driver>(seen: &Seen, secrets: &mut Vec<String>) {
    let lab = Lab::new();
    let signatures = Arc::default();
    let handle = recorded::<D>(&lab, &signatures).keep_connected(KeepConnected::default());
    handle.ready(Duration::from_secs(20)).unwrap();
    seen.debug(&handle.snapshot());
    seen.debug(&handle.websocket());
    seen.debug(&handle.history());
    seen.debug(&handle.get("/v1/api/iserver/accounts").map(|_| ()));
    seen.debug(&handle.save());
    handle.stop().unwrap();
    secrets.extend(signatures.lock().unwrap().iter().cloned());
}

/// Every step answers with garbage in which its own secrets stand.
#[test]
fn unreadable_successes_show_nothing_of_their_body() {
    let seen = Seen::default();
    let marks = ["hunter2-access-mark", "hunter2-bearer-mark", "hunter2-session-mark", "hunter2-user-mark"];
    let leaky = format!(
        r#"{{"access_token":["{}"],"RESULT":"{}","session":{{"a":"{}"}},"authenticated":"{}"}}"#,
        marks[0], marks[1], marks[2], marks[3],
    );
    for broken in [Step::GetAccessToken, Step::GetBearerToken, Step::ValidateSso, Step::SsodhInit] {
        let config = Config::new("client", "main", marks[3]).unwrap();
        let mut session = Session::new(config, testing::FakeKey, 0);
        let ticket = session.connect();
        let mut bench = testing::Bench::new();
        let outcome = bench.run(&mut session, &ticket, |transmit| {
            seen.debug(transmit);
            if transmit.step == broken {
                Ok(Response::new(leaky.clone().into()))
            } else {
                testing::healthy(transmit)
            }
        });
        seen.outcome(&outcome);
        seen.debug(&bench.events);
        seen.debug(&ticket);
    }
    seen.holds_none_of(&marks.map(str::to_owned));
}

/// The same for the answer that brings a live session token.
#[test]
fn an_unreadable_live_session_token_shows_nothing() {
    let seen = Seen::default();
    let marks = ["hunter2-response-mark", "hunter2-proof-mark", "hunter2-end-mark"];
    for body in [
        format!(r#"{{"diffie_hellman_response":["{}"]}}"#, marks[0]),
        format!(
            r#"{{"diffie_hellman_response":"{}","live_session_token_signature":"{}","live_session_token_expiration":"{}"}}"#,
            marks[0], marks[1], marks[2],
        ),
        format!(r#"{{"live_session_token_signature":"{}"#, marks[1]),
    ] {
        let mut session = Session::new(testing::oauth1_config(), testing::FakeKey, 0);
        let ticket = session.connect();
        let mut bench = testing::Bench::new();
        let outcome = bench.run(&mut session, &ticket, |transmit| {
            seen.debug(transmit);
            Ok(Response::new(body.clone().into()))
        });
        assert!(outcome.is_err());
        seen.outcome(&outcome);
        seen.debug(&bench.events);
        seen.debug(&ticket);
    }
    let mut secrets = marks.map(str::to_owned).to_vec();
    secrets.extend(
        ["0123456789abcdef0123", "the secret of the access token", "c2lnbmF0dXJl"].map(str::to_owned),
    );
    seen.holds_none_of(&secrets);
}

/// There is one hook for panics in a process.
static HOOK: Mutex<()> = Mutex::new(());

#[test]
fn a_panic_in_the_middle_of_a_login_shows_nothing() {
    let _hook = HOOK.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = Seen::default();
    let before = panic::take_hook();
    let listener = seen.clone();
    panic::set_hook(Box::new(move |info| listener.debug(&info.to_string())));
    let outcome = panic::catch_unwind(|| {
        let mut session =
            Session::new(Config::new("client", "main", "hunter2-user").unwrap(), testing::FakeKey, 0);
        let ticket = session.connect();
        testing::Bench::new().run(&mut session, &ticket, |transmit| match transmit.step {
            Step::SsodhInit => panic!("{transmit:?} {ticket:?} {:#?}", transmit.request.headers()),
            _ => testing::healthy(transmit),
        })
    });
    panic::set_hook(before);
    assert!(outcome.is_err());
    assert!(seen.text().contains("SsodhInit") && seen.text().contains("Sensitive"), "{}", seen.text());
    seen.debug(&" ".repeat(1000));
    seen.holds_none_of(&["hunter2-user".to_owned(), "fake.bearer.token".to_owned()]);
}

#[test]
fn a_panic_in_the_middle_of_a_login_by_oauth1_shows_nothing() {
    let _hook = HOOK.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = Seen::default();
    let before = panic::take_hook();
    let listener = seen.clone();
    panic::set_hook(Box::new(move |info| listener.debug(&info.to_string())));
    let signatures: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&signatures);
    let outcome = panic::catch_unwind(move || {
        let mut session = Session::new(testing::oauth1_config(), testing::FakeKey, 0);
        let ticket = session.connect();
        testing::Bench::new().run(&mut session, &ticket, |transmit| {
            kept.lock().unwrap().extend(signature(&transmit.request));
            match transmit.step {
                Step::SsodhInit => panic!("{transmit:?} {ticket:?} {:#?}", transmit.request.headers()),
                _ => testing::healthy(transmit),
            }
        })
    });
    panic::set_hook(before);
    assert!(outcome.is_err());
    assert!(seen.text().contains("SsodhInit") && seen.text().contains("Sensitive"), "{}", seen.text());
    seen.debug(&" ".repeat(1000));
    let mut secrets = signatures.lock().unwrap().clone();
    assert!(secrets.len() >= 4, "two requests");
    secrets.extend(["0123456789abcdef0123", "the secret of the access token"].map(str::to_owned));
    seen.holds_none_of(&secrets);
}
