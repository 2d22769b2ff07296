//! Both requests, the address between them, and what comes back.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use super::*;
use crate::testing::{self, FakeKey, answer};

const WALL: SystemTime = SystemTime::UNIX_EPOCH;

fn config(consumer: &str) -> Config {
    Config::third_party(consumer).unwrap()
}

fn authorization(request: &Request) -> &str {
    request.headers()[AUTHORIZATION].to_str().unwrap()
}

fn token() -> RequestToken {
    RequestToken::new("0123456789abcdef4567").unwrap()
}

#[test]
fn a_request_token_is_asked_for_without_one() {
    let wall = WALL + Duration::from_secs(1_772_724_660);
    let request =
        request_token::request(&config("VENDORKEY"), &FakeKey, "https://a.example/b?c", wall).unwrap();
    let header = authorization(&request);
    assert!(header.starts_with("OAuth realm=\"limited_poa\", "), "{header}");
    for part in [
        "oauth_callback=\"https%3A%2F%2Fa.example%2Fb%3Fc\"",
        "oauth_signature_method=\"RSA-SHA256\"",
        "oauth_timestamp=\"1772724660\"",
        "oauth_consumer_key=\"VENDORKEY\"",
    ] {
        assert!(header.contains(part), "{part}: {header}");
    }
    assert!(!header.contains("oauth_token") && !header.contains("verifier"), "{header}");
    assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/v1/api/oauth/request_token"));
    assert_eq!(request.headers()["content-length"], "0");
    assert!(request.headers()[AUTHORIZATION].is_sensitive());
}

#[test]
fn an_access_token_is_asked_for_with_token_and_verifier() {
    let verifier = Verifier::new("89abcdef").unwrap();
    let request = access_token::request(&config("TESTCONS"), &FakeKey, &token(), &verifier, WALL).unwrap();
    let header = authorization(&request);
    for part in
        ["realm=\"test_realm\"", "oauth_token=\"0123456789abcdef4567\"", "oauth_verifier=\"89abcdef\""]
    {
        assert!(header.contains(part), "{part}: {header}");
    }
    assert!(!header.contains("oauth_callback"), "{header}");
}

#[test]
fn the_address_is_for_a_browser() {
    assert_eq!(
        token().address(PAGE, None),
        "https://interactivebrokers.com/authorize?oauth_token=0123456789abcdef4567"
    );
    assert_eq!(
        token().address("https://localhost:9/authorize?x=y", Some("http://127.0.0.1:8/a b?c=d&e")),
        "https://localhost:9/authorize?x=y&oauth_token=0123456789abcdef4567\
         &redirect_uri=http%3A%2F%2F127.0.0.1%3A8%2Fa%20b%3Fc%3Dd%26e"
    );
}

#[test]
fn the_browser_comes_back_with_our_token_alone() {
    let of = |query: &str| token().verifier_of(query).map(|verifier| verifier.0.expose().to_owned());
    let ours = "oauth_token=0123456789abcdef4567";
    assert_eq!(of(&format!("a=b&{ours}&oauth_verifier=99")).unwrap(), "99");
    for (query, word) in [
        ("oauth_token=another&oauth_verifier=99".to_owned(), "another request token"),
        ("oauth_verifier=99".to_owned(), "another request token"),
        (String::new(), "another request token"),
        (ours.to_owned(), "did not consent"),
        (format!("{ours}&oauth_verifier="), "did not consent"),
        (format!("{ours}&oauth_problem=user_refused"), "did not consent"),
    ] {
        let error = of(&query).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.to_string().contains(word), "{query}: {error}");
    }
    assert_eq!(of(&format!("{ours}&oauth_verifier=a%22b")).unwrap_err().kind(), ErrorKind::Config);
}

fn spent() -> (&'static RequestToken, &'static Verifier) {
    static SPENT: LazyLock<(RequestToken, Verifier)> = LazyLock::new(|| {
        let [token, verifier] = ["42b2aa0194d8e1c2f03a", "52e7aa0194d8e1c2f03a"];
        (RequestToken::new(token).unwrap(), Verifier::new(verifier).unwrap())
    });
    (&SPENT.0, &SPENT.1)
}

#[test]
fn neither_request_token_nor_verifier_is_shown_where_the_server_repeats_them() {
    let body = r#"{"error":"spent: oauth_token 42b2aa0194d8e1c2f03a, oauth_verifier 52e7aa0194d8e1c2f03a, none left"}"#;
    let error = access_token::parse(&config("VENDORKEY"), &answer(401, body), spent()).unwrap_err();
    let shown = format!("{error} {error:?} {:?}", error.excerpt());
    assert!(!shown.contains("aa0194d8e1c2f03a") && shown.contains("none left"), "{shown}");
}

#[test]
fn what_was_granted_is_read_by_both_names() {
    let config = config("VENDORKEY");
    let granted = |paper: &str| {
        let body = format!(r#"{{{paper}"oauth_token":"0a","oauth_token_secret":"c2Vj"}}"#);
        access_token::parse(&config, &answer(200, &body), spent()).unwrap()
    };
    assert_eq!(granted(r#""is_paper":true,"#).is_paper, Some(true));
    assert_eq!(granted(r#""is_true":false,"#).is_paper, Some(false));
    assert_eq!(granted("").is_paper, None);
    let shown = format!("{:?} {:?} {:?}", granted(""), token(), Verifier::new("0b"));
    assert!(!shown.contains("c2Vj") && !shown.contains("0a") && !shown.contains("0b"), "{shown}");
    for body in ["{}", "[]", r#"{"oauth_token":"0 a","oauth_token_secret":"x"}"#] {
        let error = access_token::parse(&config, &answer(200, body), spent()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{body}");
    }
    assert!(request_token::parse(&config, &answer(200, r#"{"oauth_token":"a\"b"}"#)).is_err());
}

#[test]
fn refusals_are_told_apart() {
    let config = config("VENDORKEY");
    let first = |status, body: &str| request_token::parse(&config, &answer(status, body)).unwrap_err();
    let second =
        |status, body: &str| access_token::parse(&config, &answer(status, body), spent()).unwrap_err();
    let said = |error: &str| format!(r#"{{"error":"id: 39687, error: {error}","statusCode":401}}"#);
    for (error, word) in [
        (first(401, &said("invalid consumer")), "self-service page"),
        (second(401, &said("invalid consumer")), "self-service page"),
        (first(401, &said("invalid oauth_callback")), "registered"),
        (first(401, &said("invalid signature")), "signature key"),
        (first(403, "{}"), "vendors are approved"),
        (second(401, &said("invalid oauth_token")), "spent or too old"),
        (second(401, &said("invalid oauth_verifier")), "nobody has consented"),
    ] {
        assert_eq!((error.kind(), error.advice()), (ErrorKind::Rejected, Advice::DoNotRetry), "{error}");
        assert!(error.help().contains(word), "{word}: {}", error.help());
    }
}

#[test]
fn before_the_consent_nobody_can_log_in() {
    let config = config("VENDORKEY");
    let error = crate::wire::live_session_token::request(&config, &FakeKey, WALL).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Sign);
    assert!(error.to_string().contains("ask the user for consent first"), "{error}");
    let error = request_token::request(&testing::config(), &FakeKey, OUT_OF_BAND, WALL).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}
