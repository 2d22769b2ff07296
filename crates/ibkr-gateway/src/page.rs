//! The status page, for people: how the session stands, and the four buttons.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use humantime::format_rfc3339_seconds;
use ibkr_auth_async::{Error, Phase, Snapshot, core::text::masked_username};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    journal::Level,
    reply::{self, Reply},
    route::{PAGE, Page},
    seat::{Seat, now},
};

const HTML: &str = include_str!("page/page.html");
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn answer(seat: &Arc<Seat>, all: &[Arc<Seat>], what: Page, parts: &Parts) -> Reply {
    match what {
        Page::Html | Page::State if !parts.method.is_safe() => not_allowed("GET"),
        Page::Html => html(seat),
        Page::State => reply::json(StatusCode::OK, &state(seat, all)),
        _ if parts.method != Method::POST => not_allowed("POST"),
        _ if !seat.is_own_page(&parts.headers) => {
            reply::error(StatusCode::FORBIDDEN, "This page is out of date. Reload it and try again.")
        }
        Page::Reconnect => done(seat, "reconnect was pressed", Seat::reconnect),
        Page::Pause => done(seat, "pause was pressed", Seat::hold),
        Page::Resume => done(seat, "resume was pressed", Seat::release),
        Page::LogOut => done(seat, "log out was pressed", Seat::hold),
    }
}

fn done(seat: &Seat, text: &str, action: fn(&Seat)) -> Reply {
    seat.journal.say(Level::Info, text);
    action(seat);
    reply::with_type(StatusCode::NO_CONTENT, "text/plain", "")
}

fn not_allowed(method: &'static str) -> Reply {
    let mut reply = reply::error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(method));
    reply
}

fn html(seat: &Seat) -> Reply {
    let Some(nonce) = random() else {
        return reply::error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    };
    let page = HTML
        .replace("{{nonce}}", &nonce)
        .replace("{{csrf}}", &seat.csrf)
        .replace("{{base}}", &format!("{}{PAGE}", seat.settings().prefix));
    let mut reply = reply::with_type(StatusCode::OK, "text/html; charset=utf-8", page);
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    );
    let headers = reply.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    reply
}

/// Text that nobody guesses.
pub(crate) fn random() -> Option<String> {
    let mut bytes = [0; 18];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// What the page shows.
fn state(seat: &Seat, all: &[Arc<Seat>]) -> Value {
    let snapshot = seat.handle.snapshot();
    let phase = snapshot.phase();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now": time(SystemTime::now()),
        "started": time(seat.started),
        "seat": {
            "name": seat.name,
            "prefix": seat.settings().prefix,
            "listeners": seat.addresses(),
            "username": masked_username(snapshot.config().login().user()),
            "paper": snapshot.sso().and_then(|sso| sso.paper),
            "read_only": seat.settings().read_only,
            "server": snapshot.config().host().to_string(),
        },
        "seats": all.iter().map(|other| json!({
            "name": other.name,
            "page": other.page_address(seat),
            "phase": name(other.handle.phase()),
        })).collect::<Vec<_>>(),
        "phase": {
            "name": name(phase),
            "headline": headline(phase),
            "why": why(&snapshot),
            "todo": todo(&snapshot),
            "since": time(seat.journal.phase_since().unwrap_or(seat.started)),
            "until": until(phase, seat).map(time),
        },
        "tiers": tiers(&snapshot),
        "public_ip": snapshot.public_ip().map(|ip| ip.to_string()),
        "logins": logins(seat),
        "tickles": seat.ear.tickles().iter().map(|tickle| json!({
            "at": time(tickle.at),
            "ms": u64::try_from(tickle.took.as_millis()).unwrap_or(u64::MAX),
            "ok": tickle.is_good,
        })).collect::<Vec<_>>(),
        "rates": rates(seat),
        "requests": seat.journal.counts.shown(),
        "clients": seat.journal.clients().into_iter().map(|((address, agent), seen)| json!({
            "address": address.to_string(),
            "user_agent": Some(agent).filter(|agent| !agent.is_empty()),
            "requests": seen.requests,
            "last": time(seen.last),
            "websockets": seen.websockets,
        })).collect::<Vec<_>>(),
        "events": seat.journal.events().iter().map(|line| json!({
            "at": time(line.at), "level": line.level.name(), "text": line.text, "why": line.why,
        })).collect::<Vec<_>>(),
        "can": can(phase),
    })
}

fn tiers(snapshot: &Snapshot) -> Value {
    let status = snapshot.auth_status();
    let server =
        status.and_then(|status| status.server_info.as_ref()).and_then(|info| info.server_name.clone());
    json!({
        "sso": {
            "good": snapshot.authorization().is_some(),
            "ends": snapshot.authorization().and(snapshot.bearer_ends()).map(time),
        },
        "brokerage": {
            "good": snapshot.is_connected() && status.is_some_and(|status| status.is_ready()),
            "competing": status.is_some_and(|status| status.competing),
            "server": server,
            "why": status.and_then(|status| status.fail.clone().or(status.message.clone())).filter(|why| !why.is_empty()),
        },
    })
}

fn logins(seat: &Seat) -> Value {
    let history = seat.handle.snapshot().history(now());
    let within = |span| history.logins_within(span, SystemTime::now());
    let most = seat.most_logins();
    json!({
        "hour": within(HOUR), "day": within(DAY),
        "max_hour": most.map(|most| most.per_hour), "max_day": most.map(|most| most.per_day),
    })
}

fn rates(seat: &Seat) -> Vec<Value> {
    let uses = seat.pace.uses(Instant::now()).into_iter();
    uses.map(|shown| {
        json!({ "name": shown.name, "used": shown.used, "limit": shown.limit.requests, "per_s": shown.limit.per.as_secs() })
    })
    .collect()
}

fn can(phase: Phase) -> Value {
    let is_out = matches!(phase, Phase::Paused | Phase::Stopped | Phase::Off);
    json!({
        "reconnect": !matches!(phase, Phase::Waiting { .. } | Phase::Paused),
        "pause": !is_out,
        "resume": matches!(phase, Phase::Paused | Phase::Yielded),
        "logout": !is_out,
    })
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Connected => "connected",
        Phase::Connecting => "connecting",
        Phase::Recovering => "recovering",
        Phase::Maintenance { .. } => "maintenance",
        Phase::Waiting { .. } => "waiting",
        Phase::LoginsSpent { .. } => "logins_spent",
        Phase::Yielded => "yielded",
        Phase::Paused => "paused",
        _ => "stopped",
    }
}

fn headline(phase: Phase) -> &'static str {
    match phase {
        Phase::Connected => "Connected to IBKR",
        Phase::Connecting => "Connecting to IBKR",
        Phase::Recovering => "Restoring the session",
        Phase::Maintenance { .. } => "IBKR may be closed for maintenance",
        Phase::Waiting { .. } => "Waiting, as IBKR asked",
        Phase::LoginsSpent { .. } => "No login for a while",
        Phase::Yielded => "Another login uses this username",
        Phase::Paused => "Paused",
        _ => "Stopped",
    }
}

fn why(snapshot: &Snapshot) -> Option<String> {
    match snapshot.phase() {
        Phase::Yielded => Some(
            "Another program, such as TWS or the phone, has the session for market data and orders. The gateway leaves it \
             there, and takes over when it is free."
                .to_owned(),
        ),
        Phase::LoginsSpent { .. } => {
            Some("The logins of late are as many as are safe: more could lock the account.".to_owned())
        }
        Phase::Waiting { .. } => Some("IBKR has answered that there were too many requests.".to_owned()),
        _ => snapshot.stopped_by().map(Error::to_string),
    }
}

fn todo(snapshot: &Snapshot) -> Option<String> {
    let text = match snapshot.phase() {
        Phase::Yielded => {
            "Log out there, and the gateway goes on by itself. Reconnect asks now whether it has ended; Resume ends it."
        }
        Phase::Paused => "Press Resume when programs shall have their answers again.",
        Phase::Waiting { .. } => "Wait: going on could get your address blocked.",
        Phase::LoginsSpent { .. } => "Find out why the sessions do not last: what happened is listed below.",
        Phase::Stopped => return snapshot.stopped_by().map(|error| error.help().to_owned()),
        _ => return None,
    };
    Some(text.to_owned())
}

fn until(phase: Phase, seat: &Seat) -> Option<SystemTime> {
    let since = seat.journal.phase_since().unwrap_or(seat.started);
    match phase {
        Phase::Maintenance { until } => Some(until),
        Phase::Waiting { about } | Phase::LoginsSpent { about } => Some(since + about),
        _ => None,
    }
}

fn time(at: SystemTime) -> String {
    format_rfc3339_seconds(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_its_places_and_nothing_foreign() {
        assert_eq!(HTML.matches("{{nonce}}").count(), 2);
        assert_eq!(HTML.matches("{{csrf}}").count(), 1);
        for foreign in ["src=\"http", "href=\"http", "innerHTML", "style=\"", "onclick="] {
            assert!(!HTML.contains(foreign), "{foreign}");
        }
    }
}
