//! Which headers go on: a client's own never reach IBKR where they could speak for somebody, and IBKR's never
//! reach a client where they hold the session.

use http::{
    HeaderMap, HeaderName,
    header::{
        ACCEPT_ENCODING, ALT_SVC, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST,
        ORIGIN, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, REFERER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TE,
        TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};

/// Between two neighbours alone (RFC 9110, 7.6.1).
const HOP: [HeaderName; 7] =
    [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

const OLD_HOP: [&str; 2] = ["keep-alive", "proxy-connection"];

/// Whoever the client says it is, it is this session's.
const CLIENTS_OWN: [HeaderName; 7] = [AUTHORIZATION, COOKIE, EXPECT, FORWARDED, HOST, ORIGIN, REFERER];

/// The headers of a request as IBKR gets them. The length is for whoever sends the body.
pub(crate) fn request(headers: &mut HeaderMap) {
    remove(headers, |name| {
        CLIENTS_OWN.contains(name) || name == CONTENT_LENGTH || is_of_a_browser_or_proxy(name.as_str())
    });
    debug_assert!(!headers.contains_key(COOKIE));
}

/// The headers of an answer as the client gets them. A cookie of IBKR's is the session; transport security
/// would bind `localhost` for years.
pub(crate) fn response(headers: &mut HeaderMap) {
    remove(headers, |name| {
        [SET_COOKIE, STRICT_TRANSPORT_SECURITY, ALT_SVC].contains(name)
            || name.as_str().starts_with("access-control-")
    });
}

/// Removes these, and what is between two neighbours alone.
fn remove(headers: &mut HeaderMap, is_own: impl Fn(&HeaderName) -> bool) {
    let named = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Nobody makes a request or an answer unreadable that way.
        .filter(|name| ![CONTENT_LENGTH, ACCEPT_ENCODING].contains(name));
    let goes = |name: &&HeaderName| HOP.contains(name) || OLD_HOP.contains(&name.as_str()) || is_own(name);
    let gone: Vec<HeaderName> = named.chain(headers.keys().filter(goes).cloned()).collect();
    for name in gone {
        headers.remove(name);
    }
}

fn is_of_a_browser_or_proxy(name: &str) -> bool {
    // And what would make another request of it.
    ["x-forwarded-", "sec-", "x-gateway-", "x-http-method", "x-method-override"]
        .iter()
        .any(|begin| name.starts_with(begin))
        || name == "x-real-ip"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair =
            |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        pairs.iter().map(pair).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_speaks_for_a_client_does_not_go_on() {
        let mut sent = headers(&[
            ("host", "localhost:5000"),
            ("cookie", "api=undefined"),
            ("authorization", "Basic eA=="),
            ("origin", "https://127.0.0.1:5000"),
            ("referer", "https://127.0.0.1:5000/"),
            ("connection", "keep-alive, x-private"),
            ("x-private", "1"),
            ("keep-alive", "timeout=5"),
            ("sec-fetch-site", "same-origin"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-http-method-override", "POST"),
            ("content-type", "application/json"),
            ("accept", "*/*"),
        ]);
        request(&mut sent);
        assert_eq!(names(&sent), ["accept", "content-type"]);
    }

    #[test]
    fn what_holds_the_session_does_not_come_back() {
        let mut got = headers(&[
            ("set-cookie", "api=bb665d0f55b6289d70bc7380089fc96f"),
            ("strict-transport-security", "max-age=31536000"),
            ("access-control-allow-origin", "*"),
            ("content-length", "2"),
            ("connection", "content-length"),
            ("x-response-time", "17ms"),
        ]);
        response(&mut got);
        assert_eq!(names(&got), ["content-length", "x-response-time"]);
    }
}
