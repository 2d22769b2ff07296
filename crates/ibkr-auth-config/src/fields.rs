//! The one table of settings. Reading, variables and suggestions come from it; KEYS.md is held against it.

use std::{net::Ipv4Addr, num::NonZeroU32};

use ibkr_auth_core::{Config, Host, Retry, Tier};

use crate::{
    GatewaySettings, Passphrase, Proxy, Transport, env::Env, error::Problem, gateway_values as gateway,
    oauth1, value::Value,
};

/// A key of `config.yaml`, which is also a variable.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    /// The login that it is of; `None`: of both.
    pub(crate) login: Option<Kind>,
    /// The field that takes its place; the two exclude each other.
    pub(crate) instead: Option<&'static str>,
    pub(crate) target: Target,
}

/// The two logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    OAuth2,
    OAuth1,
}

/// The field by which a login by OAuth 1.0a is known.
pub(crate) const CONSUMER_KEY: &str = "oauth1_consumer_key";

/// What a field sets.
pub(crate) enum Target {
    Identity,
    Config(fn(Config, &Value) -> Result<Config, Problem>),
    Retry(fn(Retry, &Value) -> Result<Retry, Problem>),
    Transport(fn(Transport, &Value, &Env) -> Result<Transport, Problem>),
    Gateway(fn(GatewaySettings, &Value, &Env) -> Result<GatewaySettings, Problem>),
    OAuth1(fn(oauth1::Draft, &Value, &Env) -> Result<oauth1::Draft, Problem>),
    KeyFile,
    KeyBlock,
    PassphraseFile,
    PassphraseVariable,
}

impl Field {
    const fn required(name: &'static str, target: Target) -> Self {
        Self { name, required: true, login: None, instead: None, target }
    }

    const fn optional(name: &'static str, target: Target) -> Self {
        Self { name, required: false, login: None, instead: None, target }
    }

    const fn instead_of(self, other: &'static str) -> Self {
        Self { instead: Some(other), ..self }
    }

    const fn of(self, login: Kind) -> Self {
        Self { login: Some(login), ..self }
    }

    /// Whether it says anything about this login.
    pub(crate) fn is_of(&self, login: Kind) -> bool {
        self.login.is_none_or(|own| own == login)
    }

    /// Whether the two set the same thing, so that only one of them can be given.
    pub(crate) fn rivals(&self, other: &Self) -> bool {
        self.name == other.name || self.instead == Some(other.name)
    }
}

pub(crate) const ALL: &[Field] = &[
    Field::required("client_id", Target::Identity).of(Kind::OAuth2).instead_of(CONSUMER_KEY),
    Field::required("client_key_id", Target::Identity).of(Kind::OAuth2),
    Field::required("credential", Target::Identity).of(Kind::OAuth2),
    Field::required(CONSUMER_KEY, Target::Identity).of(Kind::OAuth1).instead_of("client_id"),
    Field::required("oauth1_access_token", Target::Identity).of(Kind::OAuth1),
    Field::required("oauth1_access_token_secret", Target::Identity).of(Kind::OAuth1),
    Field::required("oauth1_encryption_key_file", Target::OAuth1(oauth1::Draft::with_encryption_key))
        .of(Kind::OAuth1),
    Field::optional(
        "oauth1_encryption_key_passphrase_file",
        Target::OAuth1(oauth1::Draft::with_passphrase_file),
    )
    .of(Kind::OAuth1)
    .instead_of("oauth1_encryption_key_passphrase_env"),
    Field::optional(
        "oauth1_encryption_key_passphrase_env",
        Target::OAuth1(oauth1::Draft::with_passphrase_variable),
    )
    .of(Kind::OAuth1)
    .instead_of("oauth1_encryption_key_passphrase_file"),
    Field::required("oauth1_dh_param_file", Target::OAuth1(oauth1::Draft::with_dh_file))
        .of(Kind::OAuth1)
        .instead_of("oauth1_dh_prime"),
    Field::optional("oauth1_dh_prime", Target::OAuth1(oauth1::Draft::with_dh_prime))
        .of(Kind::OAuth1)
        .instead_of("oauth1_dh_param_file"),
    Field::optional("oauth1_dh_generator", Target::OAuth1(oauth1::Draft::with_dh_generator)).of(Kind::OAuth1),
    Field::optional("oauth1_query", Target::OAuth1(oauth1::Draft::with_query)).of(Kind::OAuth1),
    Field::required("private_key_file", Target::KeyFile).instead_of("private_key"),
    Field::optional("private_key", Target::KeyBlock).instead_of("private_key_file"),
    Field::optional("private_key_passphrase_file", Target::PassphraseFile)
        .instead_of("private_key_passphrase_env"),
    Field::optional("private_key_passphrase_env", Target::PassphraseVariable)
        .instead_of("private_key_passphrase_file"),
    Field::optional("domain", Target::Config(|config, value| Ok(config.with_host(value.text()?.parse()?))))
        .instead_of("base_url"),
    Field::optional(
        "base_url",
        Target::Config(|config, value| Ok(config.with_host(Host::custom(value.text()?)?))),
    )
    .instead_of("domain"),
    Field::optional("tier", Target::Config(|config, value| Ok(config.with_tier(tier(value)?)))),
    Field::optional("compete", Target::Config(|config, value| Ok(config.with_compete(value.truth()?)))),
    Field::optional(
        "public_ip",
        Target::Config(|config, value| Ok(config.with_public_ip(ip(value.text()?)?)?)),
    )
    .of(Kind::OAuth2)
    .instead_of("ip_services"),
    Field::optional(
        "ip_services",
        Target::Config(|config, value| Ok(config.with_ip_services(value.list()?)?)),
    )
    .of(Kind::OAuth2)
    .instead_of("public_ip"),
    Field::optional(
        "alternative_ips",
        Target::Config(|config, value| Ok(config.with_alternative_ips(ips(value)?)?)),
    )
    .of(Kind::OAuth2),
    Field::optional("scope", Target::Config(|config, value| Ok(config.with_scope(value.list()?.join(" "))?)))
        .of(Kind::OAuth2),
    Field::optional("service", Target::Config(|config, value| Ok(config.with_service(value.text()?)?)))
        .of(Kind::OAuth2),
    Field::optional("user_agent", Target::Config(|config, value| Ok(config.with_user_agent(value.text()?)?))),
    Field::optional("timeout", Target::Config(|config, value| Ok(config.with_timeout(value.duration()?)?))),
    Field::optional(
        "establish_within",
        Target::Config(|config, value| Ok(config.with_establish_within(value.duration()?)?)),
    ),
    Field::optional(
        "retry_attempts",
        Target::Retry(|retry, value| Ok(Retry { attempts: attempts(value)?, ..retry })),
    ),
    Field::optional(
        "retry_first",
        Target::Retry(|retry, value| Ok(Retry { first: value.duration()?, ..retry })),
    ),
    Field::optional(
        "retry_longest",
        Target::Retry(|retry, value| Ok(Retry { longest: value.duration()?, ..retry })),
    ),
    Field::optional(
        "ca_file",
        Target::Transport(|transport, value, env| {
            Ok(Transport { ca_file: Some(value.path(env)?), ..transport })
        }),
    ),
    Field::optional(
        "ca_only",
        Target::Transport(|transport, value, _| Ok(Transport { ca_only: value.truth()?, ..transport })),
    ),
    Field::optional(
        "proxy",
        Target::Transport(|transport, value, _| {
            Ok(Transport { proxy: Some(Proxy::parse(value.text()?)?), ..transport })
        }),
    ),
    Field::optional(
        "gateway_listen",
        Target::Gateway(|settings, value, _| {
            Ok(GatewaySettings { listen: gateway::listen(value)?, ..settings })
        }),
    ),
    Field::optional(
        "gateway_prefix",
        Target::Gateway(|settings, value, _| {
            Ok(GatewaySettings { prefix: gateway::prefix(value)?, ..settings })
        }),
    ),
    Field::optional(
        "gateway_plain",
        Target::Gateway(|settings, value, _| Ok(GatewaySettings { plain: value.truth()?, ..settings })),
    ),
    Field::optional(
        "gateway_certificate",
        Target::Gateway(|settings, value, env| {
            Ok(GatewaySettings { certificate: Some(value.path(env)?), ..settings })
        }),
    ),
    Field::optional(
        "gateway_certificate_key",
        Target::Gateway(|settings, value, env| {
            Ok(GatewaySettings { certificate_key: Some(value.path(env)?), ..settings })
        }),
    ),
    Field::optional(
        "gateway_certificate_passphrase_file",
        Target::Gateway(|settings, value, env| {
            Ok(GatewaySettings { certificate_passphrase: Some(Passphrase::of_file(value, env)?), ..settings })
        }),
    )
    .instead_of("gateway_certificate_passphrase_env"),
    Field::optional(
        "gateway_certificate_passphrase_env",
        Target::Gateway(|settings, value, env| {
            Ok(GatewaySettings {
                certificate_passphrase: Some(Passphrase::of_variable(value, env)?),
                ..settings
            })
        }),
    )
    .instead_of("gateway_certificate_passphrase_file"),
    Field::optional(
        "gateway_allow_addresses",
        Target::Gateway(|settings, value, _| {
            Ok(GatewaySettings { allow_addresses: gateway::addresses(value)?, ..settings })
        }),
    ),
    Field::optional(
        "gateway_allow_hosts",
        Target::Gateway(|settings, value, _| {
            Ok(GatewaySettings { allow_hosts: gateway::hosts(value)?, ..settings })
        }),
    ),
    Field::optional(
        "gateway_allow_origins",
        Target::Gateway(|settings, value, _| {
            Ok(GatewaySettings { allow_origins: gateway::origins(value)?, ..settings })
        }),
    ),
    Field::optional(
        "gateway_client_token_file",
        Target::Gateway(|settings, value, env| {
            Ok(GatewaySettings { client_token_file: Some(value.path(env)?), ..settings })
        }),
    ),
    Field::optional(
        "gateway_client_ca_file",
        Target::Gateway(|settings, value, env| {
            Ok(GatewaySettings { client_ca_file: Some(value.path(env)?), ..settings })
        }),
    ),
    Field::optional(
        "gateway_read_only",
        Target::Gateway(|settings, value, _| Ok(GatewaySettings { read_only: value.truth()?, ..settings })),
    ),
    Field::optional(
        "gateway_beyond",
        Target::Gateway(|settings, value, _| Ok(GatewaySettings { beyond: value.truth()?, ..settings })),
    ),
    Field::optional(
        "gateway_share_stream",
        Target::Gateway(|settings, value, _| {
            Ok(GatewaySettings { share_stream: value.truth()?, ..settings })
        }),
    ),
    Field::optional(
        "gateway_wait",
        Target::Gateway(|settings, value, _| Ok(GatewaySettings { wait: value.duration()?, ..settings })),
    ),
    Field::optional(
        "gateway_answer_within",
        Target::Gateway(|settings, value, _| {
            Ok(GatewaySettings { answer_within: value.duration()?, ..settings })
        }),
    ),
    Field::optional(
        "gateway_on_logout",
        Target::Gateway(|settings, value, _| {
            Ok(GatewaySettings { on_logout: gateway::on_logout(value)?, ..settings })
        }),
    ),
    Field::optional(
        "gateway_health_port",
        Target::Gateway(|settings, value, _| {
            Ok(GatewaySettings { health_port: Some(gateway::port(value)?), ..settings })
        }),
    ),
    Field::optional(
        "gateway_audit_file",
        Target::Gateway(|settings, value, env| {
            Ok(GatewaySettings { audit_file: Some(value.path(env)?), ..settings })
        }),
    ),
];

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

/// What to write in place of an unknown name. `others` are known there besides the fields; `spell` is how
/// names are written there.
pub(crate) fn advice(unknown: &str, others: &[&str], spell: impl Fn(&str) -> String) -> Option<String> {
    let normal = unknown.to_ascii_lowercase().replace(['-', ' '], "_");
    let opened = match normal.as_str() {
        "private_key_passphrase" | "passphrase" | "private_key_password" | "password" => {
            Some("private_key_passphrase")
        }
        "gateway_certificate_passphrase" | "gateway_certificate_password" => {
            Some("gateway_certificate_passphrase")
        }
        _ => None,
    };
    if let Some(start) = opened {
        let by: Vec<String> =
            ALL.iter().map(|field| field.name).filter(|name| name.starts_with(start)).map(&spell).collect();
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
mod tests {
    use super::*;

    #[test]
    fn the_documented_table_is_this_table() {
        let (documented, _profiles) = crate::KEYS.split_once("\n## ").unwrap();
        let rows = documented.strip_prefix("| key | value | meaning |\n|---|---|---|\n").unwrap();
        let rows: Vec<&str> = rows.lines().collect();
        assert_eq!(rows.len(), ALL.len());
        for (row, field) in rows.into_iter().zip(ALL) {
            let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
            assert!(cells.len() == 3 && cells.iter().all(|cell| !cell.is_empty()), "{row}");
            assert_eq!(cells[0], format!("`{}`", field.name));
            let needed = match (field.required, field.login) {
                (false, _) => "",
                (true, None) => " **Required.**",
                (true, Some(Kind::OAuth2)) => " **Required with OAuth 2.0.**",
                (true, Some(Kind::OAuth1)) => " **Required with OAuth 1.0a.**",
            };
            let instead = field.instead.map(|other| format!(" Excludes `{other}`.")).unwrap_or_default();
            let about = cells[2].strip_suffix(&format!("{needed}{instead}")).unwrap_or_default();
            assert!(
                about.ends_with('.') && !about.contains("Required") && !about.contains("Excludes"),
                "{row}"
            );
        }
    }

    #[test]
    fn the_example_names_every_key() {
        let example = include_str!("../config.example.yaml");
        for field in ALL {
            let written =
                |line: &&str| line.trim_start_matches("# ").starts_with(&format!("{}: ", field.name));
            assert_eq!(example.lines().filter(written).count(), 1, "{}", field.name);
        }
    }

    #[test]
    fn partners_name_each_other() {
        for field in ALL {
            if let Some(other) = field.instead {
                assert_eq!(find(other).and_then(|other| other.instead), Some(field.name));
            }
        }
    }

    #[test]
    fn near_misses_find_their_key() {
        let near = |unknown: &str| advice(unknown, &[], str::to_owned);
        for (unknown, meant) in [
            ("privat_key_file", "private_key_file"),
            ("clientId", "client_id"),
            ("client-id", "client_id"),
            ("Client ID", "client_id"),
            ("credentials", "credential"),
            ("domian", "domain"),
            ("time_out", "timeout"),
            ("ip_service", "ip_services"),
            ("privatekey", "private_key"),
            ("scopes", "scope"),
        ] {
            assert_eq!(near(unknown), Some(format!("did you mean {meant}?")), "{unknown}");
        }
        for far in ["", "x", "username", "kid", "colour"] {
            assert_eq!(near(far), None, "{far}");
        }
    }
}
