//! The one table of settings. Reading, variables, suggestions and the documentation all come from it.

use std::{net::Ipv4Addr, num::NonZeroU32};

use ibkr_auth_core::{Host, Retry, Tier};

use crate::{Proxy, Transport, builder::Builder, error::Problem, value::Value};

/// A key of `config.yaml`, which is also a variable.
#[cfg_attr(not(test), expect(dead_code, reason = "a test makes KEYS.md of `takes` and `about`"))]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// What is written behind it, for the documentation.
    pub(crate) takes: &'static str,
    pub(crate) about: &'static str,
    pub(crate) required: bool,
    /// The field that takes its place; the two exclude each other.
    pub(crate) instead: Option<&'static str>,
    pub(crate) apply: Apply,
}

pub(crate) type Apply = for<'a> fn(Builder<'a>, &Value) -> Result<Builder<'a>, Problem>;

impl Field {
    const fn required(name: &'static str, takes: &'static str, about: &'static str, apply: Apply) -> Self {
        Self { name, takes, about, required: true, instead: None, apply }
    }

    const fn optional(name: &'static str, takes: &'static str, about: &'static str, apply: Apply) -> Self {
        Self { name, takes, about, required: false, instead: None, apply }
    }

    const fn instead_of(self, other: &'static str) -> Self {
        Self { instead: Some(other), ..self }
    }

    /// Whether the two set the same thing, so that only one of them can be given.
    pub(crate) fn rivals(&self, other: &Self) -> bool {
        self.name == other.name || self.instead == Some(other.name)
    }
}

pub(crate) const ALL: &[Field] = &[
    Field::required("client_id", TEXT, "The client id that IBKR gave you.", identity),
    Field::required("client_key_id", TEXT, "The id of the key that IBKR registered, often `main`.", identity),
    Field::required("credential", TEXT, "Your IBKR username.", identity),
    Field::required("private_key_file", PATH, "The RSA private key, a PEM file; 2048, 3072 or 4096 bits.", |builder, value| builder.key_file(value))
        .instead_of("private_key"),
    Field::optional("private_key", "PEM block", "The RSA private key itself; line breaks may be written `\\n`, and the base64 of the whole file will do.", |builder, value| builder.key_block(value))
        .instead_of("private_key_file"),
    Field::optional(
        "private_key_passphrase_file",
        PATH,
        "A file that holds the passphrase of an encrypted key. One line break at its end does not count.",
        |builder, value| builder.passphrase_file(value),
    )
    .instead_of("private_key_passphrase_env"),
    Field::optional(
        "private_key_passphrase_env",
        "name of a variable",
        "The environment variable that holds the passphrase of an encrypted key.",
        |builder, value| builder.passphrase_variable(value),
    )
    .instead_of("private_key_passphrase_file"),
    Field::optional(
        "domain",
        "host name",
        "IBKR's host: `api.ibkr.com` (default), `1.api.ibkr.com` to `8.api.ibkr.com`, `qa.interactivebrokers.com`.",
        |builder, value| builder.config(|config| Ok(config.with_host(value.text()?.parse()?))),
    )
    .instead_of("base_url"),
    Field::optional(
        "base_url",
        URL,
        "Any other server: a simulator, a proxy of your own. It is sent your tokens. One on this machine is taken for a simulator: logins are not limited.",
        |builder, value| builder.config(|config| Ok(config.with_host(Host::custom(value.text()?)?))),
    )
    .instead_of("domain"),
    Field::optional("tier", "`read-only` or `brokerage`", "What to log in to. Default: `brokerage`.", |builder, value| builder.config(|config| Ok(config.with_tier(tier(value)?)))),
    Field::optional(
        "compete",
        TRUTH,
        "Whether to end another brokerage session of the username, such as a TWS that is logged in. Default: `false`. In the program `--compete` says it for once.",
        |builder, value| builder.config(|config| Ok(config.with_compete(value.truth()?))),
    ),
    Field::optional("public_ip", IP, "Your public address. Default: it is looked up.", |builder, value| builder.config(|config| Ok(config.with_public_ip(ip(value.text()?)?)?)))
    .instead_of("ip_services"),
    Field::optional(
        "ip_services",
        "URL, or list of URLs",
        "Services that tell your public address, asked in this order. Default: ipify, AWS, ipinfo, ifconfig.me.",
        |builder, value| builder.config(|config| Ok(config.with_ip_services(value.list()?)?)),
    )
    .instead_of("public_ip"),
    Field::optional(
        "alternative_ips",
        "IPv4 address, or list of them",
        "Further addresses that the session may be used from. Default: none.",
        |builder, value| builder.config(|config| Ok(config.with_alternative_ips(ips(value)?))),
    ),
    Field::optional(
        "scope",
        "text, or list of texts",
        "Scopes to ask for. Default: `sso-sessions.write`, which a login needs.",
        |builder, value| builder.config(|config| Ok(config.with_scope(value.list()?.join(" "))?)),
    ),
    Field::optional(
        "service",
        TEXT,
        "The `service` claim of the SSO request; IBKR's C# sample sends `AM.LOGIN`. Default: none.",
        |builder, value| builder.config(|config| Ok(config.with_service(value.text()?)?)),
    ),
    Field::optional("user_agent", TEXT, "The `User-Agent` of every request. Default: `ibkr-auth/<version>`.", |builder, value| builder.config(|config| Ok(config.with_user_agent(value.text()?)?))),
    Field::optional("timeout", TIME, "How long one request may take, 1 s to 5 min. Default: `15s`; of that 5 s for a look-up of the address and 10 s for a tickle, which a longer value prolongs alike.", |builder, value| builder.config(|config| Ok(config.with_timeout(value.duration()?)?))),
    Field::optional(
        "establish_within",
        TIME,
        "How long a login waits for the brokerage session to be ready, 10 min at most. Default: `30s`.",
        |builder, value| builder.config(|config| Ok(config.with_establish_within(value.duration()?)?)),
    ),
    Field::optional(
        "retry_attempts",
        "whole number",
        "How often a step of a login is tried, the first time included. Default: `5`.",
        |builder, value| builder.retry(|retry| Ok(Retry { attempts: attempts(value)?, ..retry })),
    ),
    Field::optional("retry_first", TIME, "The first wait; each further one is twice as long. Default: `1s`, the least.", |builder, value| builder.retry(|retry| Ok(Retry { first: value.duration()?, ..retry }))),
    Field::optional("retry_longest", TIME, "No wait is longer. Default: `60s`.", |builder, value| builder.retry(|retry| Ok(Retry { longest: value.duration()?, ..retry }))),
    Field::optional("ca_file", PATH, "A PEM file of certificates to trust besides the system's.", |builder, value| builder.ca_file(value)),
    Field::optional("ca_only", TRUTH, "Trust `ca_file` alone. Default: `false`.", |builder, value| builder.transport(|transport| Ok(Transport { ca_only: value.truth()?, ..transport }))),
    Field::optional(
        "proxy",
        "URL, or `none`",
        "The proxy; user name and password may stand in it, special characters like `%40`. `none` ignores `HTTPS_PROXY` and its like. Default: what those say.",
        |builder, value| builder.transport(|transport| Ok(Transport { proxy: Some(Proxy::parse(value.text()?)?), ..transport })),
    ),
];

const TEXT: &str = "text";
const PATH: &str = "path";
const URL: &str = "URL";
const TRUTH: &str = "`true` or `false`";
const IP: &str = "IPv4 address";
const TIME: &str = "seconds, or text like `500ms`, `10s`, `2m`";

/// The identities are read before the table's turn: nothing can be set without them.
fn identity<'a>(builder: Builder<'a>, _value: &Value) -> Result<Builder<'a>, Problem> {
    Ok(builder)
}

fn tier(value: &Value) -> Result<Tier, Problem> {
    match value.text()? {
        "read-only" => Ok(Tier::ReadOnly),
        "brokerage" => Ok(Tier::Brokerage),
        _ => Err(Problem::new("is no tier of IBKR's", "write `read-only` or `brokerage`")),
    }
}

fn ip(text: &str) -> Result<Ipv4Addr, Problem> {
    text.parse().map_err(|_| Problem::new("is not an IPv4 address", "write it like 203.0.113.7"))
}

fn ips(value: &Value) -> Result<Vec<Ipv4Addr>, Problem> {
    value.list()?.into_iter().map(ip).collect()
}

fn attempts(value: &Value) -> Result<u32, Problem> {
    let attempts = value.text()?.parse().map(NonZeroU32::get);
    attempts.map_err(|_| Problem::new("is not a whole number above zero", "write it like `5`"))
}

pub(crate) fn find(name: &str) -> Option<&'static Field> {
    ALL.iter().find(|field| field.name == name)
}

/// Where a user finds all of them.
pub(crate) const LIST: &str =
    "`ibkr-auth help keys` lists what there is, as the documentation of ibkr-auth-config does";

/// What to write in place of an unknown name. `others` are known there besides the fields; `spell` is how names
/// are written there.
pub(crate) fn advice(unknown: &str, others: &[&str], spell: impl Fn(&str) -> String) -> Option<String> {
    let normal = unknown.to_ascii_lowercase().replace(['-', ' '], "_");
    if matches!(
        normal.as_str(),
        "private_key_passphrase" | "passphrase" | "private_key_password" | "password"
    ) {
        let by: Vec<String> = ALL
            .iter()
            .map(|field| field.name)
            .filter(|name| name.contains("passphrase"))
            .map(&spell)
            .collect();
        return Some(format!("a passphrase is not written here; set {}", by.join(" or ")));
    }
    let known = ALL.iter().map(|field| field.name).chain(others.iter().copied());
    nearest(&normal, known).map(|name| format!("did you mean {}?", spell(name)))
}

/// The name that `unknown`, in small letters, most likely is, if any is near.
pub(crate) fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::osa_distance(unknown, &name.to_ascii_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
