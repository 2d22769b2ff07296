//! Values of the keys `gateway_…`: how each is written, and which of them contradict each other.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use crate::{AddressRange, GatewaySettings, OnLogout, error::Problem, value::Value};

/// No client waits longer.
const LONGEST_ANSWER: Duration = Duration::from_secs(60);

/// First names of paths that a gateway, or IBKR's, answers itself.
const TAKEN: [&str; 12] = [
    "v1",
    "sso",
    "gateway",
    "gw",
    "oauth2",
    "api",
    "healthz",
    "readyz",
    "livez",
    "metrics",
    "portal.proxy",
    "tws.proxy",
];

pub(crate) fn listen(value: &Value) -> Result<Vec<SocketAddr>, Problem> {
    let mut all = Vec::new();
    for text in value.list()? {
        let address = place(text)?;
        if all.contains(&address) {
            return Err(Problem::new("names an address twice", "keep one of the two"));
        }
        all.push(address);
    }
    match all.is_empty() {
        true => Err(Problem::new("is empty", "write a port such as 5000, or leave it out")),
        false => Ok(all),
    }
}

/// A bare port is one of this machine alone.
fn place(text: &str) -> Result<SocketAddr, Problem> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse::<u16>().ok());
    if let Some(port) = local {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| {
        Problem::new(
            "is neither a port nor an address with one",
            "write it like `5000`, `0.0.0.0:5000` for all addresses of this machine, or `\"[::1]:5000\"`",
        )
    })
}

pub(crate) fn port(value: &Value) -> Result<u16, Problem> {
    let port = value.text()?.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| Problem::new("is not a port", "write a number from 1 to 65535"))
}

pub(crate) fn prefix(value: &Value) -> Result<String, Problem> {
    path(value.text()?)
}

pub(crate) fn path(text: &str) -> Result<String, Problem> {
    let Some(names) = text.strip_prefix('/') else {
        return Err(Problem::new("does not begin with `/`", "write it like `/paper`"));
    };
    let is_name = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        !name.is_empty() && name.bytes().all(plain) && !name.bytes().all(|byte| byte == b'.')
    };
    if !names.split('/').all(is_name) {
        return Err(Problem::new(
            "is not a plain path",
            "write it like `/paper`: letters, digits, `-`, `_`, `.` and `~`, without `/` at its end",
        ));
    }
    let first = names.split('/').next().unwrap_or_default().to_ascii_lowercase();
    if TAKEN.contains(&first.as_str()) {
        return Err(Problem::new(
            format!("begins with `/{first}`, which has a meaning of its own"),
            "choose another name, such as that of the profile",
        ));
    }
    Ok(text.to_owned())
}

pub(crate) fn addresses(value: &Value) -> Result<Vec<AddressRange>, Problem> {
    value.list()?.into_iter().map(address).collect()
}

fn address(text: &str) -> Result<AddressRange, Problem> {
    AddressRange::parse(text).ok_or_else(|| {
        Problem::new(
            "is neither an address nor a range of them",
            "write it like 192.168.1.7, 10.0.0.0/8 or 172.17.0.*; names belong under gateway_allow_hosts",
        )
    })
}

pub(crate) fn hosts(value: &Value) -> Result<Vec<String>, Problem> {
    value.list()?.into_iter().map(host).collect()
}

/// In small letters.
pub(crate) fn host(text: &str) -> Result<String, Problem> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    match is_host_name(name) {
        true => Ok(name.to_ascii_lowercase()),
        false => Err(Problem::new(
            "is not the name of a host",
            "write the name alone, such as `ib-gateway`, without scheme, port or `*`",
        )),
    }
}

/// Containers' names may hold underscores.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

pub(crate) fn origins(value: &Value) -> Result<Vec<String>, Problem> {
    value.list()?.into_iter().map(origin).collect()
}

/// As browsers write it: in small letters, without a port that goes without saying.
pub(crate) fn origin(text: &str) -> Result<String, Problem> {
    if text == "*" {
        return Err(Problem::new(
            "would let every web page trade",
            "name the pages that may use the gateway, like `https://app.example`",
        ));
    }
    let problem = || {
        Problem::new("is not the origin of a web page", "write it like `https://app.example`, without a path")
    };
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://").ok_or_else(problem)?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => {
            (name, Some(port.parse::<u16>().map_err(|_| problem())?))
        }
        _ => (authority, None),
    };
    let is_name = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_host_name(name),
    };
    if !is_scheme || !is_name {
        return Err(problem());
    }
    Ok(match (scheme, port) {
        (_, None) | ("https", Some(443)) | ("http", Some(80)) => format!("{scheme}://{name}"),
        (_, Some(port)) => format!("{scheme}://{name}:{port}"),
    })
}

pub(crate) fn on_logout(value: &Value) -> Result<OnLogout, Problem> {
    match value.text()? {
        "pause" => Ok(OnLogout::Pause),
        "ignore" => Ok(OnLogout::Ignore),
        _ => Err(Problem::new("is nothing that a logout can do", "write `pause` or `ignore`")),
    }
}

/// What is wrong with several values at once, and the fields of which the first that is given is to blame.
pub(crate) fn refuse_conflicts(settings: &GatewaySettings) -> Result<(), (&'static [&'static str], Problem)> {
    if settings.answer_within > LONGEST_ANSWER {
        let what = format!("is longer than {} s", LONGEST_ANSWER.as_secs());
        let help = "write a shorter time: clients give up after 5 to 15 s";
        return Err((&["gateway_answer_within"], Problem::new(what, help)));
    }
    if settings.wait >= settings.answer_within {
        let what = "leaves no time for an answer";
        let help =
            "gateway_wait (4.5 s by default) must be shorter than gateway_answer_within (9.5 s by default)";
        return Err((&["gateway_wait", "gateway_answer_within"], Problem::new(what, help)));
    }
    if settings.certificate_key.is_some() && settings.certificate.is_none() {
        let problem = Problem::new("needs gateway_certificate", "set that too, or remove this");
        return Err((&["gateway_certificate_key"], problem));
    }
    if settings.certificate_passphrase.is_some() && settings.certificate.is_none() {
        let problem = Problem::new("needs gateway_certificate", "set that too, or remove this");
        return Err((
            &["gateway_certificate_passphrase_file", "gateway_certificate_passphrase_env"],
            problem,
        ));
    }
    if settings.client_ca_file.is_some() && settings.plain {
        let what = "asks for certificates of clients, which plain HTTP has not";
        return Err((&["gateway_client_ca_file"], Problem::new(what, "remove this, or gateway_plain")));
    }
    if settings.health_port.is_some_and(|port| settings.listen.iter().any(|own| own.port() == port)) {
        let problem = Problem::new("is a port at which the gateway listens", "choose another one");
        return Err((&["gateway_health_port"], problem));
    }
    Ok(())
}
