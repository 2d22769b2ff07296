//! The edge: what IBKR's content delivery network refuses before a server sees it.

use http::{Method, header};

use crate::{
    HostState,
    answer::{Answer, shown},
    call::Call,
    sim::Sim,
};

/// The affinity. IBKR sets it without a path, so that a cookie jar has one for each folder that it has asked
/// in, and sends that of a folder and those of the folders above it: programs that work have such a jar.
const AFFINITY: &str = "x-sess-uuid";

/// Cookies that IBKR's hosts set themselves (seen in traffic); any other makes the edge answer 401.
const KNOWN_COOKIES: [&str; 10] = [
    "api",
    AFFINITY,
    "JSESSIONID",
    "USERID",
    "web",
    "URL_PARAM",
    "XYZAB",
    "XYZAB_AM.LOGIN",
    "TOKEN",
    "ROUTEIDD",
];

impl Sim {
    /// `Ok` when the request may pass on to the servers.
    pub(crate) fn edge(&self, call: &Call<'_>, host: &str, method_fits: bool) -> Result<(), Answer> {
        self.penalty_box(call)?;
        match self.hosts.get(host) {
            Some(HostState::Gone) => {
                return Err(Answer::text(410, "gone").because(
                    "host",
                    "this host is gone",
                    "Go on with a numbered host",
                ));
            }
            Some(HostState::Unavailable) => {
                return Err(Answer::empty(503).because(
                    "host",
                    "this host is unavailable",
                    "Go on with another host",
                ));
            }
            Some(HostState::Refuse) | None => {}
        }
        user_agent(call)?;
        content_length(call)?;
        if self.config.rules.strict_cookies {
            cookies(call)?;
        }
        if call.stub.is_some() && call.path().starts_with("/v1/api/") {
            return self.servers_up(call);
        }
        if call.endpoint == crate::Endpoint::Unknown {
            let why = format!("there is nothing at {}", shown(call.path()));
            return Err(Answer::error(404, "Not Found").because("path", why, "Check the path"));
        }
        if !method_fits {
            let why = format!("{} does not take {}", call.endpoint, shown(call.request.method().as_str()));
            return Err(Answer::error(405, "Method Not Allowed").because("method", why, "Check the method"));
        }
        self.servers_up(call)
    }

    fn penalty_box(&self, call: &Call<'_>) -> Result<(), Answer> {
        let Some(until) = self.store.pace.boxed(call.ip, call.now) else { return Ok(()) };
        let why = format!("{} is in the penalty box until {}", call.ip, until.http_date());
        Err(Answer::error_only(429, "Too Many Requests").because(
            "penalty-box",
            why,
            "Wait fifteen minutes after many 429s",
        ))
    }

    pub(crate) fn servers_up(&self, call: &Call<'_>) -> Result<(), Answer> {
        if let Some(reason) = self.config.calendar.down(call.now) {
            let fix = "Wait, and try again with growing pauses";
            return Err(Answer::empty(503).because("down", format!("there is {reason}"), fix));
        }
        if call.is_iserver() && self.config.calendar.in_nightly_reset(call.now) {
            let answer = Answer::error(503, "Service Unavailable");
            return Err(answer.because(
                "nightly-reset",
                "/iserver is being reset",
                "Wait, then ssodh/init again",
            ));
        }
        Ok(())
    }
}

fn user_agent(call: &Call<'_>) -> Result<(), Answer> {
    if call.header(&header::USER_AGENT).is_some_and(|agent| !agent.trim().is_empty()) {
        return Ok(());
    }
    let fix = "Send a User-Agent with every request; any value will do";
    Err(Answer::html(403, "Access Denied").because("user-agent", "there is no User-Agent", fix))
}

fn content_length(call: &Call<'_>) -> Result<(), Answer> {
    let needs_length = matches!(*call.request.method(), Method::POST | Method::PUT | Method::PATCH);
    let length = call.header(&header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    let chunked = call.headers().contains_key(header::TRANSFER_ENCODING);
    let fix = "Send Content-Length with every POST, `0` for an empty one, and no chunks";
    match length {
        _ if chunked && needs_length => {
            Err(Answer::html(411, "Length Required").because("content-length", "the body is chunked", fix))
        }
        None if needs_length => Err(Answer::html(411, "Length Required").because(
            "content-length",
            "a POST has no Content-Length",
            fix,
        )),
        Some(length) if length != call.body().len() => {
            let why = format!("Content-Length is {length}, the body {} bytes", call.body().len());
            Err(Answer::html(400, "Bad Request").because("content-length", why, fix))
        }
        _ => Ok(()),
    }
}

fn cookies(call: &Call<'_>) -> Result<(), Answer> {
    let fix = "Send back IBKR's own cookies only, each once";
    let mut seen = Vec::new();
    for line in call.headers().get_all(header::COOKIE) {
        let Ok(line) = line.to_str() else {
            return Err(Answer::html(401, "Unauthorized").because("cookies", "a cookie is not ASCII", fix));
        };
        for cookie in line.split(';').map(str::trim).filter(|cookie| !cookie.is_empty()) {
            let name = cookie.split('=').next().unwrap_or("");
            let again = name != AFFINITY && seen.contains(&name);
            if !KNOWN_COOKIES.contains(&name) || again {
                let why = format!("the cookie `{}` is unknown or sent twice", shown(name));
                return Err(Answer::html(401, "Unauthorized").because("cookies", why, fix));
            }
            seen.push(name);
        }
    }
    Ok(())
}

/// What a host that the simulator does not stand for is answered.
pub(crate) fn nobody(host: Option<&str>) -> Answer {
    let why = match host {
        Some(host) => format!("`{}` is no host of IBKR's", shown(host)),
        None => "there is no Host".to_owned(),
    };
    Answer::html(400, "Invalid URL").because("host", why, "Ask api.ibkr.com, or localhost in its place")
}
