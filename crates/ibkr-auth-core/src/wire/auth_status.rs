//! The state of the brokerage session, as `ssodh_init`, `status` and `tickle` report it.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::answer;
use crate::{Config, Error, Response, Step, excerpt};

/// State of the brokerage session (`brokerageSessionStatus` in IBKR's OpenAPI, where no member is required:
/// IBKR leaves several out when there is no session).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuthStatus {
    /// The brokerage session is logged in.
    #[serde(deserialize_with = "null_is_default")]
    pub authenticated: bool,
    /// Its login is complete, the accounts are loaded. Before that, account data come back empty rather than
    /// failing. `None` when IBKR leaves it out.
    pub established: Option<bool>,
    /// Another login of the same username holds, or wants, the brokerage session.
    #[serde(deserialize_with = "null_is_default")]
    pub competing: bool,
    /// IBKR's systems behind the API are connected.
    #[serde(deserialize_with = "null_is_default")]
    pub connected: bool,
    /// Whether `ssodh_init` has opened it. `None` when IBKR leaves it out, as it mostly does.
    pub passed: Option<bool>,
    /// What IBKR says about it; mostly empty.
    pub message: Option<String>,
    /// Why the login failed; mostly empty.
    pub fail: Option<String>,
    /// The server that holds the session.
    pub server_info: Option<ServerInfo>,
}

/// The server that holds a brokerage session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct ServerInfo {
    /// Such as `JifN19053`.
    pub server_name: Option<String>,
    /// Such as `Build 10.25.0p, Dec 5, 2023 5:48:12 PM`.
    pub server_version: Option<String>,
}

impl AuthStatus {
    /// Whether orders and market data will work: authenticated, connected, not competing, and established
    /// unless IBKR leaves that out.
    pub fn is_ready(&self) -> bool {
        self.authenticated && self.connected && !self.competing && self.established != Some(false)
    }

    /// Whether another login holds the session, or IBKR opens it with `compete` alone: then it may not say
    /// that somebody is there (seen with TWS logged in: `passed`, `authenticated` and `competing` false,
    /// `connected` true).
    pub fn is_held(&self) -> bool {
        let says = |text: &Option<String>| {
            text.as_deref().is_some_and(|text| text.to_ascii_lowercase().contains("compete"))
        };
        let refused =
            (self.passed == Some(false) && self.connected) || says(&self.fail) || says(&self.message);
        self.competing || (!self.authenticated && refused)
    }

    /// The answer of `ssodh_init` and `status`: the state itself, or `{"error": …}` with status 200.
    pub(super) fn read(step: Step, config: &Config, response: &Response) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            error: Option<Value>,
            #[serde(flatten)]
            status: AuthStatus,
        }
        let body: Body = answer::json(step, config, response)?;
        if body.error.is_some() { Err(answer::error_in_success(step)) } else { Ok(body.status) }
    }

    /// What IBKR says against the session, fit to be shown.
    pub(crate) fn reason(&self, config: &Config) -> Option<String> {
        let said = [&self.fail, &self.message].into_iter().flatten().find(|text| !text.is_empty())?;
        Some(excerpt::redact(said, &config.secrets()))
    }
}

/// `null` for what has a default.
pub(super) fn null_is_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A count that some of IBKR's services write as a string.
pub(super) fn lenient_u64(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ibkr_leaves_out_means_no_session() {
        let status: AuthStatus =
            serde_json::from_str(r#"{"MAC":"AA","authenticated":false,"competing":false,"connected":false}"#)
                .unwrap();
        assert_eq!(status, AuthStatus::default());
        assert!(!status.is_ready());
    }

    #[test]
    fn ready_needs_every_flag() {
        let ready = AuthStatus { authenticated: true, connected: true, ..AuthStatus::default() };
        assert!(ready.is_ready());
        assert!(AuthStatus { established: Some(true), ..ready.clone() }.is_ready());
        assert!(!AuthStatus { established: Some(false), ..ready.clone() }.is_ready());
        assert!(!AuthStatus { competing: true, ..ready.clone() }.is_ready());
        assert!(!AuthStatus { connected: false, ..ready }.is_ready());
    }
}
