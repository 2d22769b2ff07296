//! Base strings and signatures of other implementations, recomputed by a third one.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Request;
use ring::hmac;

use super::*;
use crate::{Endpoint, Moment};

const PREPEND: &str = "be35c67ffb0452d0547c0d929565f7d1404cef05a63b582c496e3c401fd92603";
const CHALLENGE: &str = "7d04de39dec12123f206ba594052de12115dc493fa70b1b7497f640d6f6574f";
const TOKEN: &str = "vF0KfK5239p+7JfUbJmqFJFGkCE=";

fn parameters(method: &str) -> Vec<(String, String)> {
    [
        ("oauth_consumer_key", "ZCSGTLJAN"),
        ("oauth_nonce", "39b86f02-97c8-41ac-8578-b8103e15b096"),
        ("oauth_signature_method", method),
        ("oauth_timestamp", "1772724660"),
        ("oauth_token", "c69a36406472d1f5b6de"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn call(request: &Request<Vec<u8>>) -> Call<'_> {
    let ip = std::net::Ipv4Addr::LOCALHOST.into();
    Call { now: Moment::default(), ip, endpoint: Endpoint::Unknown, request, stub: None }
}

fn request(method: &str, path: &str, body: &str) -> Request<Vec<u8>> {
    Request::builder()
        .method(method)
        .uri(format!("https://api.ibkr.com/v1/api{path}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.as_bytes().to_vec())
        .unwrap()
}

fn hmac_of(text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(TOKEN).unwrap());
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

/// Each signature that is right, with where it has the query.
fn signatures(method: &str, path: &str, body: &str) -> Vec<(SignedQuery, String)> {
    let all = all(&call(&request(method, path, body)), &parameters("HMAC-SHA256"));
    all.iter().map(|one| (one.query, hmac_of(&one.text))).collect()
}

#[test]
fn the_call_for_a_live_session_token() {
    let mut parameters = parameters("RSA-SHA256");
    parameters.push(("diffie_hellman_challenge".to_owned(), CHALLENGE.to_owned()));
    let all = all(&call(&request("POST", "/oauth/live_session_token", "")), &parameters);
    let [only] = &all[..] else { panic!("{all:?}") };
    let expected = "be35c67ffb0452d0547c0d929565f7d1404cef05a63b582c496e3c401fd92603POST&\
        https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Foauth%2Flive_session_token&\
        diffie_hellman_challenge%3D7d04de39dec12123f206ba594052de12115dc493fa70b1b7497f640d6f6574f%26\
        oauth_consumer_key%3DZCSGTLJAN%26oauth_nonce%3D39b86f02-97c8-41ac-8578-b8103e15b096%26\
        oauth_signature_method%3DRSA-SHA256%26oauth_timestamp%3D1772724660%26\
        oauth_token%3Dc69a36406472d1f5b6de";
    assert_eq!(format!("{PREPEND}{}", only.text), expected);
}

#[test]
fn a_query_is_signed_in_one_of_three_places() {
    let path = "/iserver/marketdata/snapshot?conids=15016128,39453424&fields=84,86";
    let expected = [
        (SignedQuery::Merged, "sfx/4ieDHsnzrbt1JgphRcuWfvl2EnqmrmOB+6rZOLY="),
        (SignedQuery::LeftOut, "8L673l9VhpEZ9wScr5kdBCcuhG1pcUxXMJ5ymAZqvQA="),
        (SignedQuery::InUrl, "65pzk3QNZRCcl2GNYN6mc4ZdU+lXW3PBBt5+T7vqFDM="),
    ];
    assert_eq!(signatures("GET", path, ""), expected.map(|(query, text)| (query, text.to_owned())));
    let encoded = signatures("GET", &path.replace(',', "%2C"), "");
    assert_eq!(encoded[0].1, expected[0].1);
    assert_eq!(encoded[2].1, "p+phexwnMkIJK1w1JwmcbrLStvBaSXToeEKXW/nJRek=");
    let twice = encoded_twice(&call(&request("GET", path, "")), &parameters("HMAC-SHA256"));
    assert_eq!(hmac_of(&twice[0]), "yCxilGQxgjIhutOsXuGOGIm/OL36G7NJ4fO5ZAwrM8E=");
}

#[test]
fn without_a_query_there_is_one_way() {
    let expected = (SignedQuery::Merged, "FW6DhwuGXK+sqegslr+EhZ7n9hzwp0+9E/mbrKdPdPw=".to_owned());
    assert_eq!(signatures("POST", "/tickle", ""), std::slice::from_ref(&expected));
    assert_eq!(signatures("POST", "/tickle?", ""), [expected]);
}

#[test]
fn a_form_is_among_the_parameters() {
    let signatures = signatures("POST", "/iserver/secdef/search", "symbol=AAPL&secType=STK");
    let expected = "ujlm58F7ZUJvvw798ja8Amn1kGLK5fgXBPxuhntAFcM=";
    assert_eq!(signatures, [(SignedQuery::Merged, expected.to_owned())]);
}

#[test]
fn the_encodings_of_clients_that_work() {
    let path = "/iserver/secdef/search?symbol=BRK%20B%2Fx&name=a%7Cb%3Ac%2Bd&note=%C3%A9";
    let merged = signatures("GET", path, "").into_iter().filter(|(query, _)| *query == SignedQuery::Merged);
    let merged: Vec<_> = merged.map(|(_, text)| text).collect();
    let expected = [
        "3sYbF+2P+hWoznoPBtgLaFGp1u+kUXHKdEDJWpfXK4c=",
        "bQYDkWgMNzzX7W8SBZT54nYavpVj7q8AEJG7m+YOOps=",
        "LRMp5N417FtoPqfoPS314hz0V6Of69OMMmNlms8WswM=",
    ];
    assert_eq!(merged, expected);
}

#[test]
fn a_url_is_as_it_was_asked_for() {
    let ask = |uri: &str| {
        let request = Request::get(uri).header("host", "localhost:8443").body(Vec::new()).unwrap();
        urls(&call(&request))
    };
    assert_eq!(ask("https://API.ibkr.com:443/v1/api/tickle?x=1"), ["https://api.ibkr.com/v1/api/tickle"]);
    let either = ["https://localhost:8443/v1/api/tickle", "http://localhost:8443/v1/api/tickle"];
    assert_eq!(ask("/v1/api/tickle"), either);
}
