//! The way to IBKR: proxy, DNS, TLS, and the clock at its end.

use std::{
    env,
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs},
    sync::mpsc::channel,
    thread,
    time::{Duration, SystemTime},
};

use http::{Method, Uri, header};
use ibkr_auth_blocking::{Error, TransportKind};
use ibkr_auth_core::{CLOCK_CORRECTED, Login};

use super::{
    ask::Trouble,
    call::{Call, authority, send},
    context::{Context, Need},
    finding::Finding,
    meaning::At,
};

const LONGEST_LOOKUP: Duration = Duration::from_secs(10);
/// In milliseconds: up to here it is corrected without a word.
const CLOCK_WARNS: u64 = 5_000;

/// Which proxy, from where, and whether it can be reached. A user name and password in it are never shown.
pub(super) fn proxy(context: &mut Context<'_>) -> Finding {
    let proxy = match context.transport.chosen_proxy() {
        Ok(proxy) => proxy.into_owned(),
        Err(error) => {
            let means = "no request can be sent while the environment names a proxy that cannot be used";
            return Finding::fail(error.message(), means, error.help());
        }
    };
    let Some(url) = proxy.url().and_then(|url| url.expose().parse::<Uri>().ok()) else {
        context.there.insert(Need::Proxy);
        return Finding::pass("none");
    };
    let name = proxy_name(&url);
    let from = match &context.settings {
        Some(settings) if settings.sets("proxy") => "`proxy` of the settings".to_owned(),
        _ => variable(),
    };
    let login = if url.authority().is_some_and(|all| all.as_str().contains('@')) {
        ", with user name and password"
    } else {
        ""
    };
    let text = format!("{name}, from {from}{login}");
    if !proxy.takes(&context.host_uri()) {
        context.there.insert(Need::Proxy);
        return Finding::pass(format!(
            "{text}; {} is reached without it (NO_PROXY)",
            authority(&context.host_uri())
        ));
    }
    match reach(&url, context.limit().min(LONGEST_LOOKUP)) {
        Ok(()) => {
            context.there.insert(Need::Proxy);
            Finding::pass(text)
        }
        Err(why) => Finding::fail(
            format!("{text}: {why}"),
            "every request goes through the proxy, and it cannot be reached",
            format!(
                "correct {from}, start the proxy, or go without with `proxy: none` (IBKR_AUTH_PROXY=none)"
            ),
        ),
    }
}

fn proxy_name(url: &Uri) -> String {
    format!("{}://{}", url.scheme_str().unwrap_or("http"), authority(url))
}

/// The variable that the proxy comes from, in the order in which they count.
fn variable() -> String {
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let named = names.into_iter().find(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
    named.unwrap_or("the environment").to_owned()
}

fn reach(url: &Uri, limit: Duration) -> Result<(), String> {
    let mut why = "its name has no address".to_owned();
    for address in resolve(url, limit)? {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(_) => return Ok(()),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// The addresses of the host.
pub(super) fn dns(context: &mut Context<'_>) -> Finding {
    let host = context.host_uri();
    let name = host.host().unwrap_or_default().to_owned();
    if context.transport.chosen_proxy().is_ok_and(|proxy| proxy.takes(&host)) {
        context.there.insert(Need::Dns);
        return Finding::pass(format!("{name} is resolved by the proxy"));
    }
    let means = "IBKR's host has no address here; no request can be sent. Both our clients speak IPv4 alone, so that \
                 the look-up of the public address and IBKR see the same one (`ibkr-auth guide`, §7)";
    let help = format!(
        "check the network and /etc/resolv.conf (`getent ahostsv4 {name}`), and `domain` or `base_url`; where only a \
         proxy leads out, set HTTPS_PROXY"
    );
    let addresses = match resolve(&host, context.limit().min(LONGEST_LOOKUP)) {
        Ok(addresses) => addresses,
        Err(why) => return Finding::fail(format!("{name} cannot be resolved: {why}"), means, help),
    };
    let v4: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).filter(IpAddr::is_ipv4).collect();
    if v4.is_empty() {
        return Finding::fail(format!("{name} has no IPv4 address"), means, help);
    }
    context.there.insert(Need::Dns);
    let shown: Vec<_> = v4.iter().take(3).map(ToString::to_string).collect();
    let text = format!("{name} is {}", shown.join(", "));
    if name.ends_with(".ibkr.com") && v4.iter().any(is_inside) {
        return Finding::warn(
            text,
            "that is no public address: this network's DNS sends you somewhere else than to IBKR",
            "ask who runs the network; a DNS filter may block the name",
        );
    }
    Finding::pass(text)
}

fn is_inside(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.is_private() || address.is_loopback() || address.is_unspecified())
}

/// The system's resolver knows no time limit of ours.
fn resolve(url: &Uri, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    let default = if url.scheme_str() == Some("http") { 80 } else { 443 };
    // The resolver knows an IPv6 address without its brackets alone.
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let target = (host.to_owned(), url.port_u16().unwrap_or(default));
    let (tell, told) = channel();
    thread::spawn(move || {
        let addresses = target.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        // Nobody listens after the limit.
        let _ = tell.send(addresses.map_err(|error| error.to_string()));
    });
    told.recv_timeout(limit).unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))
}

/// A connection to the host: any answer will do, but one that says to stay away.
pub(super) fn tls(context: &mut Context<'_>) -> Finding {
    if context.is_paused() {
        return Finding::skip("not asked: IBKR asked for a pause, see `session`");
    }
    let host = context.host_uri();
    let agent = concat!("ibkr-auth/", env!("CARGO_PKG_VERSION"));
    let url = format!("{}/", context.config.host().base_url());
    let request = http::Request::builder().method(Method::HEAD).uri(url).header(header::USER_AGENT, agent);
    let Ok(request) = request.body(Vec::new()) else {
        return Finding::fail("the URL cannot be built", "the host is wrong", "check base_url");
    };
    let http = match &context.http {
        Ok(http) => http,
        Err(error) => return Finding::fail(error.message(), "no request can be made", error.help()),
    };
    let (call, answer) = send(http, request, context.limit());
    let trouble =
        |error, call| Trouble { at: At::Connection, error, call: Some(call), is_interrupted: false };
    match answer {
        Ok(response) if response.status() == http::StatusCode::TOO_MANY_REQUESTS => {
            let error = Error::config("the server answered 429 Too Many Requests to the first request", "");
            trouble(error, call).finding()
        }
        Ok(response) => {
            context.there.insert(Need::Tls);
            context.date = date(&response).map(|date| (call, date));
            let how = if host.scheme_str() == Some("http") {
                "no TLS: this machine"
            } else {
                "certificate trusted"
            };
            Finding::pass(format!("{} answers, {how}", authority(&host)))
        }
        Err(failure) => {
            let kind = failure.kind();
            let finding = trouble(Error::transport(None, &failure), call).finding();
            // The connection stood: what follows may work all the same.
            if matches!(kind, TransportKind::Broken | TransportKind::TooLarge) {
                context.there.insert(Need::Tls);
                return finding.into_warning();
            }
            finding
        }
    }
}

/// An error of the server may come from anybody on the road.
fn date(response: &ibkr_auth_blocking::Response) -> Option<SystemTime> {
    if response.status().is_server_error() {
        return None;
    }
    httpdate::parse_http_date(response.headers().get(header::DATE)?.to_str().ok()?).ok()
}

/// This machine's clock against the answer's `Date`.
pub(super) fn clock(context: &mut Context<'_>) -> Finding {
    let Some((call, date)) = &context.date else {
        return Finding::warn(
            "the server's answer has no `Date`",
            "whether this clock is right cannot be seen; an assertion lives for 30 s",
            "compare the clock with https://time.is, and look for a proxy that removes headers",
        );
    };
    let off = ahead(*date, call);
    // No more is believed than a login believes.
    let is_corrected = u128::from(off.unsigned_abs()) <= CLOCK_CORRECTED.as_millis();
    context.clock = if is_corrected { off } else { 0 };
    context.clock_is_beyond = !is_corrected;
    if off == 0 {
        return Finding::pass("agrees with the server's, to the second");
    }
    let way = if off > 0 { "behind" } else { "ahead of" };
    let text = format!("this clock is {:.1} s {way} the server's", off.unsigned_abs() as f64 / 1_000.0);
    let means = match context.config.login() {
        Login::OAuth2(_) => {
            "a client assertion lives from 10 s before to 20 s after (`ibkr-auth guide`, §9, step 1): with a clock \
             that is further off, IBKR answers 400. ibkr-auth corrects up to 5 minutes by itself, other programs nothing"
        }
        Login::OAuth1(_) => {
            "each request of OAuth 1.0a is signed with its time, and IBKR refuses what is too far off. ibkr-auth \
             corrects up to 5 minutes by itself, other programs nothing"
        }
    };
    let help = "turn on time synchronisation, such as `timedatectl set-ntp true`";
    match off.unsigned_abs() {
        _ if !is_corrected => Finding::fail(text, means, help),
        CLOCK_WARNS.. => Finding::warn(text, means, help),
        _ => Finding::pass(text),
    }
}

/// Milliseconds that the server's clock is ahead: none unless it must be, then the least that explains the
/// answer. `Date` has whole seconds, and was written between sending and receiving.
fn ahead(date: SystemTime, call: &Call) -> i64 {
    let millis = |from: SystemTime, to: SystemTime| match to.duration_since(from) {
        Ok(later) => i64::try_from(later.as_millis()).unwrap_or(i64::MAX),
        Err(earlier) => i64::try_from(earlier.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    };
    let (least, most) = (millis(call.received, date), millis(call.sent, date + Duration::from_secs(1)));
    if (least..=most).contains(&0) { 0 } else { least }
}
