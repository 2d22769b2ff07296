//! What every answer has in common: success or not, and what a failure means.

use std::time::Duration;

use http::{StatusCode, header::RETRY_AFTER};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Advice, Config, Error, ErrorKind, Response, Secret, Step, clock, excerpt};

/// The time that IBKR keeps an address in its penalty box (IBKR's Web API documentation, "pacing
/// limitations").
const PENALTY_BOX: Duration = Duration::from_secs(900);
/// IBKR takes one request in this time where it takes them rarely: whoever asks for less does not mean it.
const LEAST_PENALTY: Duration = Duration::from_secs(5);
/// No server is taken at its word for longer: a session that nobody tickles is lost in minutes.
const LONGEST_PENALTY: Duration = Duration::from_secs(3_600);
const LONGEST_OUTAGE: Duration = Duration::from_secs(300);
/// No token of IBKR comes near this.
pub(super) const LONGEST_SECRET: usize = 8 * 1024;
const SOON: Duration = Duration::from_secs(1);
/// `ssodh/init` right after a new bearer may come too early for IBKR's own systems.
const SSO_DH_PAUSE: Duration = Duration::from_secs(3);

/// The JSON of a success.
pub(crate) fn json<T: DeserializeOwned>(
    step: Step,
    config: &Config,
    response: &Response,
) -> Result<T, Error> {
    success(step, config, response)?;
    serde_json::from_slice(response.body()).map_err(|_| unreadable(step, config, response))
}

/// Any 2xx.
pub(crate) fn success(step: Step, config: &Config, response: &Response) -> Result<(), Error> {
    if response.status().is_success() { Ok(()) } else { Err(failure(step, config, response)) }
}

pub(crate) fn unreadable(step: Step, config: &Config, response: &Response) -> Error {
    let help = if response.headers().contains_key(http::header::CONTENT_ENCODING) {
        "the answer is compressed although nobody asked for it: look for a proxy in between"
    } else {
        "something other than IBKR may have answered: look for a proxy in between"
    };
    Error::answered(ErrorKind::Unreadable, step, response, &config.secrets(), help, Advice::RetryAfter(SOON))
}

/// A 200 that says `{"error": …}`: IBKR's documented way of failing inside a tickle. The text stays unseen,
/// as that of every success.
pub(crate) fn error_in_success(step: Step) -> Error {
    let help = "wait and repeat; at night it may be maintenance";
    let what = "the server answered 200 OK with an error inside";
    Error::plain(ErrorKind::Server, Some(step), what, help, Advice::RetryAfter(SOON))
}

/// A session id, which becomes a cookie: nothing in it that a cookie's value may not hold (RFC 6265 §4.1.1).
pub(crate) fn cookie_value(
    step: Step,
    config: &Config,
    response: &Response,
    text: String,
) -> Result<Secret, Error> {
    match text.contains(['"', ',', ';', '\\']) {
        true => Err(unreadable(step, config, response)),
        false => secret(step, config, response, text),
    }
}

/// A token or session id of an answer: not empty, not too long, and nothing in it that could not stand in a
/// header.
pub(crate) fn secret(
    step: Step,
    config: &Config,
    response: &Response,
    text: String,
) -> Result<Secret, Error> {
    let is_sound =
        (1..=LONGEST_SECRET).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_sound { Ok(Secret::new(text)) } else { Err(unreadable(step, config, response)) }
}

/// What an answer other than 2xx means, and what to do about it.
pub(crate) fn failure(step: Step, config: &Config, response: &Response) -> Error {
    let (kind, advice, help) = meaning(step, response);
    Error::answered(kind, step, response, &config.secrets(), help, advice)
}

/// What an answer to a request of your own says of the session: the request was not executed then. Exhaustive
/// on purpose: each is mended in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The bearer token was refused, or this node does not know it: `connect` again.
    Bearer,
    /// The token is good, and there is no brokerage session: `ssodh_init`.
    Brokerage,
}

/// Whether the answer to a request of your own says that the session is lost, or its brokerage session: a
/// 401, a 410, and a 400 with IBKR's words for it; not a web page, which is somebody else's. What to do:
/// [`Session::check`](crate::Session::check), or connect again.
pub fn lost_session(response: &Response) -> Option<Lost> {
    match meaning(Step::Status, response).0 {
        ErrorKind::Unauthorized | ErrorKind::Gone => Some(Lost::Bearer),
        ErrorKind::NoBrokerageSession => Some(Lost::Brokerage),
        _ => None,
    }
}

/// Whether a request that OAuth 1.0a signs was refused for its time alone, as one that another has overtaken
/// is: it was not executed, and may be signed anew.
pub fn refused_for_its_time(response: &Response) -> bool {
    meaning(Step::Status, response).0 == ErrorKind::Clock
}

/// How long IBKR wants to be left alone after this answer, if it is a 429: an hour at most.
pub fn pause_asked(response: &Response) -> Option<Duration> {
    match meaning(Step::Status, response) {
        (ErrorKind::RateLimited, Advice::RetryAfter(pause), _) => Some(pause),
        _ => None,
    }
}

fn meaning(step: Step, response: &Response) -> (ErrorKind, Advice, &'static str) {
    let status = response.status();
    match status {
        // A look-up service's troubles say nothing about IBKR.
        _ if step == Step::PublicIp => {
            (ErrorKind::PublicIp, Advice::DoNotRetry, "name another service in ip_services, or set public_ip")
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let wait = retry_after(response, LONGEST_PENALTY).unwrap_or(PENALTY_BOX).max(LEAST_PENALTY);
            let help = match step {
                Step::ValidateSso => "IBKR takes one a minute; a login goes on without it",
                _ => "wait: going on can get the address blocked",
            };
            (ErrorKind::RateLimited, Advice::RetryAfter(wait), help)
        }
        StatusCode::INTERNAL_SERVER_ERROR if says(response, "sso dh token") => (
            ErrorKind::Server,
            Advice::RetryAfter(SSO_DH_PAUSE),
            "another session may hold the username, or the account is not yet set up for the Web API: paper accounts \
             may answer so for one to two weeks",
        ),
        StatusCode::NETWORK_AUTHENTICATION_REQUIRED => (
            ErrorKind::Server,
            Advice::RetryAfter(SOON),
            "this network wants a login of its own before anything gets through: open any page in a browser",
        ),
        _ if status.is_server_error() => {
            let wait = retry_after(response, LONGEST_OUTAGE).unwrap_or(SOON);
            (
                ErrorKind::Server,
                Advice::RetryAfter(wait),
                "IBKR failed: wait and repeat; at night it may be maintenance",
            )
        }
        _ if status.is_redirection() => {
            let help =
                "redirects are not followed, they would carry tokens elsewhere: check domain or base_url";
            (ErrorKind::Unreadable, Advice::DoNotRetry, help)
        }
        StatusCode::GONE => (
            ErrorKind::Gone,
            Advice::Reconnect,
            "use another host, such as 1.api.ibkr.com, and connect again",
        ),
        StatusCode::REQUEST_TIMEOUT => {
            (ErrorKind::Server, Advice::RetryAfter(SOON), "the request took too long to arrive: repeat")
        }
        StatusCode::FORBIDDEN if excerpt::is_html(response) => (
            ErrorKind::Unreadable,
            Advice::RetryAfter(SOON),
            "IBKR's edge refused the request before any login: check user_agent, proxy, and that this address is not blocked",
        ),
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED if excerpt::is_html(response) => (
            ErrorKind::Unreadable,
            Advice::RetryAfter(SOON),
            "IBKR refuses nothing with a web page: check any proxy, and whether this network wants a login of its own",
        ),
        StatusCode::UNAUTHORIZED if says(response, "oauth_timestamp") => (
            ErrorKind::Clock,
            Advice::RetryAfter(SOON),
            "this machine's clock is off, or another program with this access token has signed ahead: turn on time \
             synchronisation",
        ),
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if step.is_signed() => {
            (ErrorKind::Rejected, Advice::DoNotRetry, refusal(step, response))
        }
        StatusCode::UNAUTHORIZED if says(response, "not authenticated") => no_brokerage_session(),
        StatusCode::UNAUTHORIZED => {
            let help = "the session expired, was ended, was replaced by a login elsewhere, or (OAuth 2.0) is used from another address than it \
                        was made for: connect again";
            (ErrorKind::Unauthorized, Advice::Reconnect, help)
        }
        StatusCode::BAD_REQUEST if says(response, "no bridge") || says(response, "init session first") => {
            no_brokerage_session()
        }
        StatusCode::FORBIDDEN => {
            (ErrorKind::Rejected, Advice::DoNotRetry, "check what the username and client may do at IBKR")
        }
        _ => (
            ErrorKind::Unreadable,
            Advice::DoNotRetry,
            "IBKR does not answer so: check domain or base_url, and any proxy",
        ),
    }
}

fn refusal(step: Step, response: &Response) -> &'static str {
    match (step, response.status()) {
        (Step::GetLiveSessionToken, _) if says(response, "invalid consumer") => {
            "IBKR does not know this consumer key, or not yet: a new one works after a night, some after two weeks"
        }
        (Step::RequestToken | Step::ConsentedToken, _) if says(response, "invalid consumer") => {
            "IBKR does not know this consumer key, or not yet; or it is of one's own, made on IBKR's self-service page: such \
             a consumer asks nobody for consent, its access token is on that page"
        }
        (Step::RequestToken, _) if says(response, "oauth_callback") => {
            "the callback is not the one that IBKR has registered for this consumer: send that, or `oob`"
        }
        (Step::ConsentedToken, _) if says(response, "oauth_verifier") => {
            "the verifier is not the one that the consent gave, or nobody has consented yet: ask for consent anew"
        }
        (Step::ConsentedToken, _) if says(response, "oauth_token") => {
            "the request token is spent or too old: each is good for one access token, so ask for consent anew"
        }
        (Step::RequestToken | Step::ConsentedToken, StatusCode::FORBIDDEN) => {
            "IBKR does not let this consumer ask for consent: vendors are approved first, so ask IBKR"
        }
        (Step::RequestToken | Step::ConsentedToken, _) => {
            "check the consumer key, and that IBKR has the signature key's public half"
        }
        (Step::GetLiveSessionToken, _) if says(response, "no access secret key") => {
            "IBKR has no such access token any more: generate a new one on its OAuth page, with its secret"
        }
        (Step::GetLiveSessionToken, StatusCode::FORBIDDEN) => {
            "IBKR does not let this username use OAuth: ask IBKR, or wait where the consumer is new"
        }
        (Step::GetLiveSessionToken, _) => {
            "check the consumer key, the access token with its secret, and that IBKR has the signature key's public half"
        }
        (Step::GetAccessToken, StatusCode::FORBIDDEN) => {
            "the client may not ask for this scope, or the edge refused the request"
        }
        (Step::GetAccessToken, _) => {
            "check client_id, client_key_id, scope, and that IBKR has this key's public half: a new key can take a day or more"
        }
        (_, StatusCode::FORBIDDEN) => {
            "the access token lacks the scope sso-sessions.write, or IBKR has not yet set up this client"
        }
        (_, StatusCode::UNAUTHORIZED) => {
            "check credential, and that public_ip is the address from which IBKR sees this machine"
        }
        _ => "check credential, client_key_id, and that IBKR has this key's public half",
    }
}

fn no_brokerage_session() -> (ErrorKind, Advice, &'static str) {
    (
        ErrorKind::NoBrokerageSession,
        Advice::Reconnect,
        "open the brokerage session with ssodh_init, or connect again",
    )
}

fn says(response: &Response, text: &str) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_slice(response.body()) else { return false };
    members
        .get("error")
        .and_then(Value::as_str)
        .is_some_and(|error| error.to_ascii_lowercase().contains(text))
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date, which is compared with the answer's own `Date`. A
/// web page is not IBKR's, and asks for nothing.
fn retry_after(response: &Response, longest: Duration) -> Option<Duration> {
    if excerpt::is_html(response) {
        return None;
    }
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let asked = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(clock::date(response)?).ok()?,
    };
    Some(asked.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(step: Step, status: u16, body: &str) -> (ErrorKind, Advice) {
        let config = Config::new("client", "main", "someone").unwrap();
        let response = http::Response::builder().status(status).body(body.into()).unwrap();
        let error = failure(step, &config, &response);
        assert!(!error.help().is_empty());
        (error.kind(), error.advice())
    }

    #[test]
    fn a_refusal_of_a_signed_step_is_final() {
        for (step, status) in
            [(Step::GetAccessToken, 400), (Step::GetAccessToken, 401), (Step::GetBearerToken, 403)]
        {
            assert_eq!(means(step, status, "{}"), (ErrorKind::Rejected, Advice::DoNotRetry));
        }
    }

    #[test]
    fn a_lost_session_is_told_from_a_lost_bearer() {
        let lost = (ErrorKind::NoBrokerageSession, Advice::Reconnect);
        assert_eq!(means(Step::Tickle, 401, r#"{"error":"not authenticated","statusCode":401}"#), lost);
        assert_eq!(means(Step::Status, 400, r#"{"error":"Bad Request: no bridge","statusCode":400}"#), lost);
        assert_eq!(means(Step::Status, 400, r#"{"error":"Init session first","statusCode":400}"#), lost);
        assert_eq!(means(Step::Tickle, 401, "").0, ErrorKind::Unauthorized);
        assert_eq!(means(Step::SsodhInit, 410, "gone").0, ErrorKind::Gone);
    }

    #[test]
    fn an_answer_to_a_users_request_tells_of_a_lost_session_in_every_form() {
        let tells = |status: u16, body: &str| {
            lost_session(&http::Response::builder().status(status).body(body.into()).unwrap()).is_some()
        };
        assert!(tells(401, ""));
        assert!(tells(410, "gone"));
        assert!(!tells(401, "<html><title>hotel</title></html>"));
        assert!(tells(401, "not authenticated"));
        assert!(tells(401, r#"{"error":"not authenticated","statusCode":401}"#));
        assert!(tells(400, r#"{"error":"Bad Request: no bridge","statusCode":400}"#));
        assert!(tells(400, r#"{"error":"Init session first","statusCode":400}"#));
        assert!(!tells(400, r#"{"error":"Bad Request: Please query /accounts first","statusCode":400}"#));
        assert!(!tells(200, r#"{"hmds":{"error":"no bridge"}}"#));
        assert!(!tells(403, "{}") && !tells(429, "{}") && !tells(503, ""));
    }

    #[test]
    fn a_network_that_wants_a_login_of_its_own_is_not_ibkr() {
        let config = Config::new("client", "main", "someone").unwrap();
        let response = http::Response::builder().status(511).body(Vec::new()).unwrap();
        assert!(failure(Step::Tickle, &config, &response).help().contains("open any page in a browser"));
    }

    #[test]
    fn waits_are_as_long_as_the_server_asks() {
        let config = Config::new("client", "main", "someone").unwrap();
        let advice = |status: u16, headers: &[(&str, &str)]| {
            let mut response = http::Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            failure(Step::Tickle, &config, &response.body(Vec::new()).unwrap()).advice()
        };
        let seconds = |seconds| Advice::RetryAfter(Duration::from_secs(seconds));
        assert_eq!(advice(429, &[]), seconds(900));
        assert_eq!(advice(429, &[("retry-after", "7")]), seconds(7));
        assert_eq!(advice(429, &[("retry-after", "0")]), seconds(5));
        assert_eq!(advice(503, &[("retry-after", "20")]), seconds(20));
        assert_eq!(advice(503, &[]), seconds(1));
        assert_eq!(advice(429, &[("retry-after", "18446744073709551615")]), seconds(3_600));
        assert_eq!(advice(503, &[("retry-after", "99999999999")]), seconds(300));
        assert_eq!(advice(503, &[("retry-after", "200"), ("content-type", "text/html")]), seconds(1));
        assert_eq!(advice(429, &[("retry-after", "7"), ("content-type", "text/html")]), seconds(900));
        let (date, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:37 GMT");
        assert_eq!(advice(429, &[("retry-after", later), ("date", date)]), seconds(60));
    }
}
