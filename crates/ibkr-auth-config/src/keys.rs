//! The one table of keys. Reading, variables, suggestions and the documentation all come from it.

use std::num::NonZeroU32;

use ibkr_auth_core::{Host, Tier};

use crate::{
    Proxy,
    draft::Draft,
    error::Problem,
    given::{self, Given},
};

/// Every variable of ours is `IBKR_AUTH_` and a key's name in capitals.
pub(crate) const PREFIX: &str = "IBKR_AUTH_";

/// A key of `config.yaml`, which is also a variable.
#[cfg_attr(not(test), expect(dead_code, reason = "a test makes KEYS.md of `takes` and `about`"))]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// What is written behind it, for the documentation.
    pub(crate) takes: &'static str,
    pub(crate) about: &'static str,
    pub(crate) required: bool,
    /// The key that takes its place; the two exclude each other.
    pub(crate) instead: Option<&'static str>,
    pub(crate) read: Read,
}

pub(crate) type Read = fn(&mut Draft, &Given<'_>) -> Result<(), Problem>;

impl Key {
    const fn required(name: &'static str, takes: &'static str, about: &'static str, read: Read) -> Self {
        Self { name, takes, about, required: true, instead: None, read }
    }

    const fn optional(name: &'static str, takes: &'static str, about: &'static str, read: Read) -> Self {
        Self { name, takes, about, required: false, instead: None, read }
    }

    const fn instead_of(self, other: &'static str) -> Self {
        Self { instead: Some(other), ..self }
    }

    pub(crate) fn variable(&self) -> String {
        variable(self.name)
    }

    /// Whether the two set the same thing, so that only one of them can be given.
    pub(crate) fn rivals(&self, other: &Self) -> bool {
        self.name == other.name || self.instead == Some(other.name)
    }
}

pub(crate) const ALL: &[Key] = &[
    Key::required("client_id", TEXT, "The client id that IBKR gave you.", nothing),
    Key::required("client_key_id", TEXT, "The id of the key that IBKR registered, often `main`.", nothing),
    Key::required("credential", TEXT, "Your IBKR username.", nothing),
    Key::required("private_key_file", PATH, "The RSA private key, a PEM file; 2048, 3072 or 4096 bits.", Draft::key_file)
        .instead_of("private_key"),
    Key::optional("private_key", "PEM block", "The RSA private key itself; line breaks may be written `\\n`, and the base64 of the whole file will do.", Draft::key_block)
        .instead_of("private_key_file"),
    Key::optional(
        "private_key_passphrase_file",
        PATH,
        "A file that holds the passphrase of an encrypted key. One line break at its end does not count.",
        Draft::passphrase_file,
    )
    .instead_of("private_key_passphrase_env"),
    Key::optional(
        "private_key_passphrase_env",
        "name of a variable",
        "The environment variable that holds the passphrase of an encrypted key.",
        Draft::passphrase_variable,
    )
    .instead_of("private_key_passphrase_file"),
    Key::optional(
        "domain",
        "host name",
        "IBKR's host: `api.ibkr.com` (default), `1.api.ibkr.com` to `8.api.ibkr.com`, `qa.interactivebrokers.com`.",
        |draft, given| {
            let host: Host = given.text()?.parse()?;
            draft.set(|config| Ok(config.with_host(host)))
        },
    )
    .instead_of("base_url"),
    Key::optional(
        "base_url",
        URL,
        "Any other server: a simulator, a proxy of your own. It is sent your tokens. One on this machine is taken for a simulator: logins are not limited.",
        |draft, given| {
            let host = Host::custom(given.text()?)?;
            draft.set(|config| Ok(config.with_host(host)))
        },
    )
    .instead_of("domain"),
    Key::optional("tier", "`read-only` or `brokerage`", "What to log in to. Default: `brokerage`.", |draft, given| {
        let tier = match given.text()? {
            "read-only" => Tier::ReadOnly,
            "brokerage" => Tier::Brokerage,
            _ => return Err(Problem::new("is no tier of IBKR's", "write `read-only` or `brokerage`")),
        };
        draft.set(|config| Ok(config.with_tier(tier)))
    }),
    Key::optional(
        "compete",
        TRUTH,
        "Whether to end another brokerage session of the username, such as a TWS that is logged in. Default: `false`. In the program `--compete` says it for once.",
        |draft, given| {
            let compete = given.truth()?;
            draft.set(|config| Ok(config.with_compete(compete)))
        },
    ),
    Key::optional("public_ip", IP, "Your public address. Default: it is looked up.", |draft, given| {
        let ip = given.parse(NO_IP, WRITE_IP)?;
        draft.set(|config| config.with_public_ip(ip))
    })
    .instead_of("ip_services"),
    Key::optional(
        "ip_services",
        "URL, or list of URLs",
        "Services that tell your public address, asked in this order. Default: ipify, AWS, ipinfo, ifconfig.me.",
        |draft, given| {
            let services = given.list()?;
            draft.set(|config| config.with_ip_services(services))
        },
    )
    .instead_of("public_ip"),
    Key::optional(
        "alternative_ips",
        "IPv4 address, or list of them",
        "Further addresses that the session may be used from. Default: none.",
        |draft, given| {
            let ips: Result<Vec<_>, _> =
                given.list()?.into_iter().map(|ip| given::parse(ip, NO_IP, WRITE_IP)).collect();
            let ips = ips?;
            draft.set(|config| Ok(config.with_alternative_ips(ips)))
        },
    ),
    Key::optional(
        "scope",
        "text, or list of texts",
        "Scopes to ask for. Default: `sso-sessions.write`, which a login needs.",
        |draft, given| {
            let scope = given.list()?.join(" ");
            draft.set(|config| config.with_scope(scope))
        },
    ),
    Key::optional(
        "service",
        TEXT,
        "The `service` claim of the SSO request; IBKR's C# sample sends `AM.LOGIN`. Default: none.",
        |draft, given| {
            let service = given.text()?;
            draft.set(|config| config.with_service(service))
        },
    ),
    Key::optional("user_agent", TEXT, "The `User-Agent` of every request. Default: `ibkr-auth/<version>`.", |draft, given| {
        let user_agent = given.text()?;
        draft.set(|config| config.with_user_agent(user_agent))
    }),
    Key::optional("timeout", TIME, "How long one request may take, 1 s to 5 min. Default: `15s`; of that 5 s for a look-up of the address and 10 s for a tickle, which a longer value prolongs alike.", |draft, given| {
        let timeout = given.duration()?;
        draft.set(|config| config.with_timeout(timeout))
    }),
    Key::optional(
        "establish_within",
        TIME,
        "How long a login waits for the brokerage session to be ready, 10 min at most. Default: `30s`.",
        |draft, given| {
            let longest = given.duration()?;
            draft.set(|config| config.with_establish_within(longest))
        },
    ),
    Key::optional(
        "retry_attempts",
        "whole number",
        "How often a step of a login is tried, the first time included. Default: `5`.",
        |draft, given| {
            let attempts: NonZeroU32 = given.parse("is not a whole number above zero", "write it like `5`")?;
            draft.retry.attempts = attempts.get();
            Ok(())
        },
    ),
    Key::optional("retry_first", TIME, "The first wait; each further one is twice as long. Default: `1s`, the least.", |draft, given| {
        draft.retry.first = given.duration()?;
        Ok(())
    }),
    Key::optional("retry_longest", TIME, "No wait is longer. Default: `60s`.", |draft, given| {
        draft.retry.longest = given.duration()?;
        Ok(())
    }),
    Key::optional("ca_file", PATH, "A PEM file of certificates to trust besides the system's.", |draft, given| {
        draft.transport.ca_file = Some(given.path()?);
        Ok(())
    }),
    Key::optional("ca_only", TRUTH, "Trust `ca_file` alone. Default: `false`.", |draft, given| {
        draft.transport.ca_only = given.truth()?;
        Ok(())
    }),
    Key::optional(
        "proxy",
        "URL, or `none`",
        "The proxy; user name and password may stand in it, special characters like `%40`. `none` ignores `HTTPS_PROXY` and its like. Default: what those say.",
        |draft, given| {
            draft.transport.proxy = Some(Proxy::parse(given.text()?)?);
            Ok(())
        },
    ),
];

const TEXT: &str = "text";
const PATH: &str = "path";
const URL: &str = "URL";
const TRUTH: &str = "`true` or `false`";
const IP: &str = "IPv4 address";
const TIME: &str = "seconds, or text like `500ms`, `10s`, `2m`";
const NO_IP: &str = "is not an IPv4 address";
const WRITE_IP: &str = "write it like 203.0.113.7";

/// The identities are read before the table's turn: nothing can be set without them.
fn nothing(_draft: &mut Draft, _given: &Given<'_>) -> Result<(), Problem> {
    Ok(())
}

#[cfg(feature = "yaml")]
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    ALL.iter().find(|key| key.name == name)
}

pub(crate) fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}

/// Where a user finds all of them.
pub(crate) const LIST: &str =
    "`ibkr-auth help keys` lists what there is, as the documentation of ibkr-auth-config does";

/// What to write in place of an unknown name. `others` are known there besides the keys; `spell` is how names
/// are written there.
pub(crate) fn advice(unknown: &str, others: &[&str], spell: impl Fn(&str) -> String) -> Option<String> {
    let normal = unknown.to_ascii_lowercase().replace(['-', ' '], "_");
    if matches!(
        normal.as_str(),
        "private_key_passphrase" | "passphrase" | "private_key_password" | "password"
    ) {
        let by = ALL.iter().filter(|key| key.name.contains("passphrase")).map(|key| spell(key.name));
        let by: Vec<String> = by.collect();
        return Some(format!("a passphrase is not written here; set {}", by.join(" or ")));
    }
    let known = ALL.iter().map(|key| key.name).chain(others.iter().copied());
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
