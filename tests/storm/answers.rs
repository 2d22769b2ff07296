//! What a server may answer, from healthy to absurd.

use std::time::{Duration, SystemTime};

use http::{HeaderValue, header};
use ibkr_auth_core::{Response, Step, TransportError, TransportKind, testing};
use ibkr_auth_tests::chance::Chance;
use ibkr_sim::Moment;
use serde_json::{Value, json};

use crate::{
    oauth1::{ACCESS_TOKEN, Minted},
    weather::{CREDENTIAL, DAY_MS, HOUR_MS, Weather},
};

pub(crate) type Answer = Result<Response, TransportError>;

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) step: Step,
    /// The login is one by OAuth 1.0a.
    pub(crate) is_oauth1: bool,
    /// The live session token, where it is asked for.
    pub(crate) minted: Option<Minted>,
}

impl Question {
    /// What servers know of the user, and like to repeat.
    fn credential(&self) -> &'static str {
        if self.is_oauth1 { ACCESS_TOKEN } else { CREDENTIAL }
    }
}

/// Every error of docs/PROTOCOL.md §10, and what proxies add.
const ERRORS: [(u16, &str); 24] = [
    (400, r#"{"error":"Bad Request: no bridge","statusCode":400}"#),
    (400, r#"{"error":"Init session first","statusCode":400}"#),
    (401, r#"{"type":"/simple","title":"Unauthorized","status":401,"detail":"Access token expired"}"#),
    (401, r#"{"error":"not authenticated","statusCode":"401"}"#),
    (401, ""),
    (403, "<html><head><title>Access Denied</title></head></html>"),
    (403, r#"{"error":"insufficient scope"}"#),
    (404, "not found"),
    (407, ""),
    (408, ""),
    (410, "gone"),
    (411, "<html><h1>Length Required</h1></html>"),
    (418, "{}"),
    (429, r#"{"error":"too many requests"}"#),
    (500, r#"{"error":"failed to generate sso dh token"}"#),
    (500, r#"{"error":"Please query /accounts first"}"#),
    (500, ""),
    (502, "<html><title>Bad Gateway</title></html>"),
    (503, r#"{"error":"service unavailable","statusCode":503}"#),
    (504, ""),
    (302, ""),
    (304, ""),
    (100, ""),
    (599, "\u{0}"),
];
/// What signed steps may be told once and for all.
const REFUSALS: [(u16, &str); 3] =
    [(400, r#"{"error":"invalid_client"}"#), (401, r#"{"title":"Unauthorized"}"#), (403, r#"{"error":"x"}"#)];
const FAILURES_IN_SUCCESS: [&str; 11] = [
    r#"{"error":"no session"}"#,
    r#"{"error":"failed to process request"}"#,
    r#"{"RESULT":false}"#,
    r#"{"active":false,"access_token":"canaryaccess"}"#,
    r#"{"authenticated":false,"competing":true,"connected":true,"fail":"canary-user is elsewhere"}"#,
    r#"{"authenticated":true,"established":false,"connected":true,"competing":false}"#,
    r#"{"passed":false,"authenticated":false,"connected":true,"competing":false}"#,
    r#"{"authenticated":false,"connected":true,"fail":"Force compete capability must be used together with compete flag"}"#,
    r#"{"session":"cafecafecafecafecafecafecafecafe","ssoExpires":0,"iserver":{"authStatus":{"authenticated":true,"connected":true}}}"#,
    r#"{"session":"cafecafecafecafecafecafecafecafe","iserver":{"authStatus":{"authenticated":false,"competing":true,"connected":true}}}"#,
    r#"{"session":"cafecafecafecafecafecafecafecafe","iserver":{"authStatus":{"authenticated":false,"connected":true}}}"#,
];

pub(crate) fn random(
    chance: &mut Chance,
    weather: &Weather,
    question: &Question,
    server: SystemTime,
) -> Answer {
    let mut response = if chance.per_mille(weather.healthy) {
        healthy(chance, weather, question, server)
    } else {
        match (chance.below(if weather.twists { 7 } else { 4 }), &question.minted) {
            (0, _) => return Err(lost(chance, weather)),
            (1 | 5, Some(minted)) if chance.per_mille(700) => {
                Response::new(minted.odd(chance, server).to_string().into_bytes())
            }
            (1, _) => failure_in_success(chance, question),
            (2 | 3, _) => error(chance, weather, question),
            (4, _) => Response::new(truncated(chance, weather, question, server)),
            (5, _) => Response::new(twisted(chance, weather, question, server)),
            _ => Response::new((0..chance.below(600)).map(|_| chance.number() as u8).collect()),
        }
    };
    headers(chance, weather, server, &mut response);
    Ok(response)
}

fn failure_in_success(chance: &mut Chance, question: &Question) -> Response {
    let body = chance.pick(&FAILURES_IN_SUCCESS);
    Response::new(body.replace(CREDENTIAL, question.credential()).into_bytes())
}

/// As IBKR answers when nothing is wrong, in the forms that its documents show.
fn healthy(chance: &mut Chance, weather: &Weather, question: &Question, server: SystemTime) -> Response {
    let ready = json!({"authenticated":true,"established":true,"competing":false,"connected":true});
    let left = weather.life.saturating_sub(chance.below(1_000));
    let body = match question.step {
        Step::GetLiveSessionToken => {
            let life = if weather.life < HOUR_MS { weather.life as u64 } else { DAY_MS };
            question.minted.as_ref().map_or_else(|| json!({}), |minted| minted.answer(server, life))
        }
        Step::GetAccessToken => {
            let life = if weather.life < HOUR_MS { weather.life / 1_000 } else { 86_399 };
            json!({"access_token":"canaryaccess0123456789abcdefghij","token_type":"Bearer","expires_in":life})
        }
        Step::GetBearerToken => {
            let token = format!("canarybearer{:016x}abcdef", chance.number());
            json!({"active":true,"access_token":token,"token_type":"Bearer"})
        }
        Step::PublicIp => return testing::answer(200, "203.0.113.7"),
        Step::ValidateSso => json!({"RESULT":true,"EXPIRES":left,"USER_NAME":CREDENTIAL,"LOGIN_TYPE":2}),
        Step::Tickle => {
            json!({"session":"cafecafecafecafecafecafecafecafe","ssoExpires":left,"iserver":{"authStatus":ready}})
        }
        Step::Logout => json!({"status":true}),
        _ => ready,
    };
    Response::new(body.to_string().into_bytes())
}

/// What comes of a request on a kept connection that the server has closed. Nobody knows whether it was
/// executed, unless the close was seen before.
pub(crate) fn closed(chance: &mut Chance) -> Answer {
    let kind = chance.pick(&[TransportKind::Broken, TransportKind::Broken, TransportKind::Connect]);
    Err(TransportError::new(kind, "the reused connection broke before any answer"))
}

/// What IBKR answers to a request that is not stamped as it should be.
pub(crate) fn untimely(server: SystemTime) -> Answer {
    let mut response =
        testing::answer(401, r#"{"error":"id: 1, error: invalid oauth_timestamp","statusCode":401}"#);
    let date = HeaderValue::from_str(&Moment::from(server).http_date());
    response.headers_mut().insert(header::DATE, date.expect("a date"));
    Ok(response)
}

/// What IBKR answers to whom it does not know.
pub(crate) fn refusal(chance: &mut Chance) -> Answer {
    let (status, body) = chance.pick(&REFUSALS);
    Ok(testing::answer(status, body))
}

fn lost(chance: &mut Chance, weather: &Weather) -> TransportError {
    use TransportKind::*;
    let kind = match weather.refusals && chance.per_mille(100) {
        true => ProxyRefused,
        false => chance.pick(&[Timeout, Connect, Tls, CertificateDate, Proxy, TooLarge, Broken]),
    };
    TransportError::new(kind, "as the storm wills")
}

fn error(chance: &mut Chance, weather: &Weather, question: &Question) -> Response {
    let is_signed = question.step.is_signed();
    let (status, body) = match is_signed && weather.refusals && chance.per_mille(300) {
        true => chance.pick(&REFUSALS),
        false => chance.pick(&ERRORS),
    };
    if is_signed && !weather.refusals && matches!(status, 400..=403) {
        return testing::answer(503, "");
    }
    // Servers like to repeat what they were sent.
    let repeated =
        if chance.per_mille(100) { format!("{body} {}", question.credential()) } else { body.to_owned() };
    testing::answer(status, &repeated)
}

fn truncated(chance: &mut Chance, weather: &Weather, question: &Question, server: SystemTime) -> Vec<u8> {
    let mut body = healthy(chance, weather, question, server).into_body();
    body.truncate(chance.below(body.len() + 1));
    body
}

/// A healthy answer with one member of another type or size.
fn twisted(chance: &mut Chance, weather: &Weather, question: &Question, server: SystemTime) -> Vec<u8> {
    let body = healthy(chance, weather, question, server).into_body();
    let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else { return body };
    twist(chance, &mut answer);
    answer.to_string().into_bytes()
}

fn twist(chance: &mut Chance, value: &mut Value) {
    if let Value::Object(members) = value
        && !members.is_empty()
        && chance.per_mille(950)
    {
        let index = chance.below(members.len());
        if let Some((_, member)) = members.iter_mut().nth(index) {
            return twist(chance, member);
        }
    }
    let absurd = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(1.5e300),
        json!(u64::MAX),
        json!(i64::MAX),
        json!("18446744073709551615"),
        json!("a\r\nb\u{0}\u{7f}é"),
        json!(""),
        json!([[]]),
        json!({"a":{"b":[1,2,null]}}),
        json!("x".repeat(5_000)),
    ];
    *value = chance.pick(&absurd);
}

fn headers(chance: &mut Chance, weather: &Weather, server: SystemTime, response: &mut Response) {
    let status = response.status().as_u16();
    let date = |time: SystemTime| HeaderValue::from_str(&Moment::from(time).http_date()).ok();
    let headers = response.headers_mut();
    if chance.per_mille(weather.date) {
        let odd = [
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "yesterday",
            "",
            "Sun Nov  6 08:49:37 1994",
        ];
        let value = match chance.below(3) {
            0 => HeaderValue::from_static(chance.pick(&odd)),
            _ => {
                let by = chance.time(Duration::from_secs(1), Duration::from_secs(100_000));
                let shifted = if chance.per_mille(500) { server + by } else { server - by };
                date(shifted).unwrap_or_else(|| HeaderValue::from_static("never"))
            }
        };
        headers.insert(header::DATE, value);
    } else if let Some(value) = date(server) {
        headers.insert(header::DATE, value);
    }
    if matches!(status, 429 | 503) && chance.per_mille(600) {
        let long = ["86400", "31536000", "18446744073709551615", "Fri, 31 Dec 9999 23:59:59 GMT"];
        let value = match chance.below(if weather.long_waits { 5 } else { 4 }) {
            0 => HeaderValue::from(chance.below(3_600)),
            1 => HeaderValue::from_static(chance.pick(&[
                "0",
                "-5",
                "soon",
                "",
                "1e3",
                "99999999999999999999999",
            ])),
            2 => {
                date(server + Duration::from_secs(chance.below(3_600) as u64)).unwrap_or(HeaderValue::from(1))
            }
            3 => HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"),
            _ => HeaderValue::from_static(chance.pick(&long)),
        };
        headers.insert(header::RETRY_AFTER, value);
    }
    if chance.per_mille(weather.cookie) {
        let junk = ["api=cafecafe; Path=/", "api=", "api=xyz", ";;;=", "x-sess-uuid=0.1; secure", "api"];
        headers.append(header::SET_COOKIE, HeaderValue::from_static(chance.pick(&junk)));
        headers.append(header::SET_COOKIE, HeaderValue::from_bytes(b"api=\xff\xfe").expect("opaque bytes"));
    }
}
