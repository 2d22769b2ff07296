//! Who may ask: programs of this machine, unless more is allowed. A web page is none of them, whatever name
//! it has given this machine's address.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header, request::Parts};
use ibkr_auth_async::{AddressRange, GatewaySettings, Secret};
use ring::digest::{SHA256, digest};

use crate::{
    reply::{self, Reply},
    route::Route,
};

const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The rules of one session's clients.
pub(crate) struct Guard {
    addresses: Vec<AddressRange>,
    hosts: Vec<String>,
    origins: Vec<String>,
    /// The digest of what clients have to show: two of one length are compared.
    token: Option<[u8; 32]>,
}

/// A web page that may use the gateway: answers say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page(HeaderValue);

impl Guard {
    pub(crate) fn new(settings: &GatewaySettings, token: Option<&Secret>) -> Self {
        let addresses = settings.listen.iter().map(|address| address.ip());
        let own = addresses.filter(|address| !address.is_unspecified()).map(written);
        let hosts = THIS_MACHINE.iter().map(|name| (*name).to_owned()).chain(own);
        let further = |name: &String| name.parse().map_or_else(|_| name.to_ascii_lowercase(), written);
        let hosts = hosts.chain(settings.allow_hosts.iter().map(further));
        Self {
            addresses: settings.allow_addresses.clone(),
            hosts: hosts.collect(),
            origins: settings.allow_origins.iter().map(|origin| origin.to_ascii_lowercase()).collect(),
            token: token.map(|token| sha256(token.expose())),
        }
    }

    /// Whether connections from there are taken.
    pub(crate) fn takes(&self, address: IpAddr) -> bool {
        address.to_canonical().is_loopback() || self.addresses.iter().any(|range| range.holds(address))
    }

    /// Whether this request may be answered, and the page that asks, if one does.
    ///
    /// # Errors
    /// The answer that says why not.
    pub(crate) fn admit(&self, parts: &Parts, route: &Route, is_tls: bool) -> Result<Option<Page>, Reply> {
        if parts.method == Method::CONNECT {
            return Err(forbidden("this is no proxy for other servers"));
        }
        let host = self.host(parts)?;
        let may_be_linked = parts.method.is_safe() && route.is_for_people();
        let page = self.page(&parts.headers, host.as_deref(), is_tls, may_be_linked)?;
        if parts.method != Method::OPTIONS || page.is_none() {
            // A browser asks for permission without credentials.
            self.check_token(&parts.headers)?;
        }
        Ok(page)
    }

    /// The name by which the client calls us. A page that has given this machine's address a name of its own
    /// is told apart by that name.
    fn host(&self, parts: &Parts) -> Result<Option<String>, Reply> {
        let named = parts.headers.get_all(header::HOST);
        let mut names = named.iter().map(|name| name.to_str().unwrap_or_default());
        let name = names.next();
        if names.next().is_some() {
            return Err(reply::error(StatusCode::BAD_REQUEST, "Bad Request: more than one Host header"));
        }
        if let Some(authority) = parts.uri.authority() {
            let is_other = name.is_some_and(|name| !name.eq_ignore_ascii_case(authority.as_str()));
            if is_other || authority.as_str().contains('@') {
                return Err(reply::error(
                    StatusCode::BAD_REQUEST,
                    "Bad Request: the address contradicts the Host header",
                ));
            }
        }
        match name.or(parts.uri.authority().map(|authority| authority.as_str())) {
            // Browsers have not spoken HTTP/1.0 for decades.
            None if parts.version == Version::HTTP_10 => Ok(None),
            None => Err(reply::error(StatusCode::BAD_REQUEST, "Bad Request: no Host header")),
            Some(name) if self.is_ours(name) => Ok(Some(name.to_ascii_lowercase())),
            Some(_) => Err(forbidden(
                "this gateway does not know the name by which it was called; gateway_allow_hosts names others",
            )),
        }
    }

    fn is_ours(&self, authority: &str) -> bool {
        let name = without_port(authority).to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        self.hosts.iter().any(|host| host == name)
    }

    /// A page of another origin may ask only if it is on the list; our own status page always.
    fn page(
        &self,
        headers: &HeaderMap,
        host: Option<&str>,
        is_tls: bool,
        may_be_linked: bool,
    ) -> Result<Option<Page>, Reply> {
        let refused =
            || forbidden("this web page may not use the gateway; gateway_allow_origins names those that may");
        let Some(origin) = headers.get(header::ORIGIN) else {
            // An image or a script of a foreign page comes without one.
            let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
            let is_foreign = matches!(site, Some("cross-site" | "same-site"));
            let is_link =
                may_be_linked && headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
            return if is_foreign && !is_link { Err(refused()) } else { Ok(None) };
        };
        let text = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        let scheme = if is_tls { "https" } else { "http" };
        if host.is_some_and(|host| text == format!("{scheme}://{host}")) {
            return Ok(None);
        }
        // Programs that say they are our own page, by another of our names.
        let is_own =
            text.parse::<Uri>().ok().and_then(|uri| uri.authority().cloned()).is_some_and(|authority| {
                THIS_MACHINE.contains(&without_port(authority.as_str()))
                    && host.map(port) == Some(port(authority.as_str()))
            });
        if is_own {
            return Ok(None);
        }
        match self.origins.contains(&text) {
            true => Ok(Some(Page(origin.clone()))),
            false => Err(refused()),
        }
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Reply> {
        let Some(expected) = &self.token else { return Ok(()) };
        let shown = headers.get("x-gateway-token").and_then(|token| token.to_str().ok()).map(str::to_owned);
        let shown = shown.or_else(|| credentials(headers));
        match shown.is_some_and(|shown| sha256(&shown) == *expected) {
            true => Ok(()),
            false => {
                let mut reply = reply::error_because(
                    StatusCode::UNAUTHORIZED,
                    "not authenticated",
                    "this gateway wants its token: as a Bearer token, as the password of Basic, or in X-Gateway-Token",
                );
                let ask = HeaderValue::from_static("Basic realm=\"gateway\", charset=\"UTF-8\"");
                reply.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
                Err(reply)
            }
        }
    }
}

impl Page {
    /// Lets the page read the answer.
    pub(crate) fn admit(&self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.0.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }

    /// The answer to a browser that asks what the page may do.
    pub(crate) fn preflight(&self, asked: &HeaderMap) -> Reply {
        let mut reply = reply::with_type(StatusCode::NO_CONTENT, "text/plain", "");
        let headers = reply.headers_mut();
        self.admit(headers);
        let methods = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        if let Some(wanted) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        reply
    }
}

/// The token of `Bearer`, or the password of `Basic`.
fn credentials(headers: &HeaderMap) -> Option<String> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.trim().to_owned()),
        "basic" => {
            let both = String::from_utf8(decoded(rest.trim())?).ok()?;
            both.split_once(':').map(|(_, password)| password.to_owned())
        }
        _ => None,
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(text).ok()
}

fn sha256(text: &str) -> [u8; 32] {
    let mut all = [0; 32];
    all.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    all
}

fn written(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn without_port(authority: &str) -> &str {
    let end = authority.rfind(':').filter(|colon| !authority[*colon..].contains(']'));
    end.map_or(authority, |colon| &authority[..colon])
}

fn port(authority: &str) -> &str {
    authority[without_port(authority).len()..].trim_start_matches(':')
}

fn forbidden(why: &str) -> Reply {
    reply::error_because(StatusCode::FORBIDDEN, "Access Denied", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(settings: GatewaySettings) -> Guard {
        Guard::new(&settings, None)
    }

    fn admit(guard: &Guard, headers: &[(&str, &str)]) -> Result<Option<Page>, StatusCode> {
        admit_at(guard, "/v1/api/tickle", headers)
    }

    fn admit_at(guard: &Guard, path: &str, headers: &[(&str, &str)]) -> Result<Option<Page>, StatusCode> {
        let mut request = http::Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let route = Route::of(&parts.method, &path.parse().unwrap());
        guard.admit(&parts, &route, true).map_err(|reply| reply.status())
    }

    #[test]
    fn a_name_that_is_not_ours_is_refused() {
        let allow_hosts = vec!["ib-gateway".into(), "fd00::1".into()];
        let ours = guard(GatewaySettings { allow_hosts, ..GatewaySettings::default() });
        for host in [
            "localhost:5000",
            "127.0.0.1:5000",
            "[::1]:5000",
            "LOCALHOST",
            "ib-gateway:5000",
            "localhost.",
            "[fd00::1]:5000",
        ] {
            assert_eq!(admit(&ours, &[("host", host)]), Ok(None), "{host}");
        }
        for host in ["evil.example", "evil.example:5000", "localhost.evil.example", "127.0.0.1.nip.io", ""] {
            assert_eq!(admit(&ours, &[("host", host)]), Err(StatusCode::FORBIDDEN), "{host}");
        }
        assert_eq!(admit(&ours, &[]), Err(StatusCode::BAD_REQUEST));
        let twice = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(admit(&ours, &twice), Err(StatusCode::BAD_REQUEST));
    }

    #[test]
    fn a_page_of_another_origin_is_refused_unless_it_is_listed() {
        let ours = guard(GatewaySettings {
            allow_origins: vec!["https://app.example".into()],
            ..GatewaySettings::default()
        });
        let from = |origin| admit(&ours, &[("host", "localhost:5000"), ("origin", origin)]);
        assert_eq!(from("https://localhost:5000"), Ok(None));
        assert_eq!(from("https://127.0.0.1:5000"), Ok(None), "programs say so");
        assert!(from("https://app.example").unwrap().is_some());
        for origin in ["https://evil.example", "null", "http://app.example", "https://localhost:3000", ""] {
            assert_eq!(from(origin), Err(StatusCode::FORBIDDEN), "{origin}");
        }
    }

    #[test]
    fn what_a_foreign_page_embeds_is_refused() {
        let ours = guard(GatewaySettings::default());
        let site = |path, site, mode| {
            let headers = [("host", "localhost:5000"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)];
            admit_at(&ours, path, &headers)
        };
        assert_eq!(site("/gateway", "cross-site", "no-cors"), Err(StatusCode::FORBIDDEN));
        for page in ["/gateway", "/", "/sso/Login?x"] {
            assert_eq!(site(page, "cross-site", "navigate"), Ok(None), "a link to {page}");
        }
        assert_eq!(site("/v1/api/logout", "cross-site", "navigate"), Err(StatusCode::FORBIDDEN));
        assert_eq!(site("/v1/api/logout", "none", "navigate"), Ok(None));
    }

    #[test]
    fn a_token_opens_in_each_of_its_ways() {
        let ours = Guard::new(&GatewaySettings::default(), Some(&Secret::new("s3cret")));
        let with = |name, value| admit(&ours, &[("host", "localhost:5000"), (name, value)]);
        assert_eq!(with("authorization", "Bearer s3cret"), Ok(None));
        assert_eq!(with("authorization", "Basic YW55Om9uZTpzM2NyZXQ="), Err(StatusCode::UNAUTHORIZED));
        assert_eq!(with("authorization", "basic YW55OnMzY3JldA=="), Ok(None));
        assert_eq!(with("x-gateway-token", "s3cret"), Ok(None));
        for wrong in ["Bearer s3cre", "Bearer ", "s3cret", "Basic !!!"] {
            assert_eq!(with("authorization", wrong), Err(StatusCode::UNAUTHORIZED), "{wrong}");
        }
        assert_eq!(with("cookie", "api=undefined"), Err(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn this_machine_is_taken_and_others_when_they_are_allowed() {
        let range = AddressRange::parse("172.17.0.*").unwrap();
        let ours = guard(GatewaySettings { allow_addresses: vec![range], ..GatewaySettings::default() });
        for (address, is_taken) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("172.17.0.2", true),
            ("10.0.0.1", false),
        ] {
            assert_eq!(ours.takes(address.parse().unwrap()), is_taken, "{address}");
        }
    }
}
