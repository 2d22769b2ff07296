//! Which steps a command takes, and which wait for which: data, not code.

use crate::{Config, Error, Login, PublicIp, Step, Tier};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Connect,
    /// A new bearer token, and what hangs on it, with the access token that is there.
    Renew,
    /// The brokerage session alone, until it is established.
    Reinit,
    GetAccessToken,
    GetBearerToken,
    GetLiveSessionToken,
    ValidateSso,
    SsodhInit,
    Status,
    Tickle,
    Logout,
}

/// A step, and the steps of the same plan that must be done before.
pub(super) type Planned = (Step, &'static [Step]);

const READ_ONLY: &[Planned] = &[
    (Step::GetAccessToken, &[]),
    (Step::PublicIp, &[]),
    (Step::GetBearerToken, &[Step::GetAccessToken, Step::PublicIp]),
    (Step::ValidateSso, &[Step::GetBearerToken]),
];

/// `Status` is asked until the session is established, and not at all if `SsodhInit` says so already.
/// `ValidateSso` fills that time: see [`Command::is_optional`].
const BROKERAGE: &[Planned] = &[
    (Step::GetAccessToken, &[]),
    (Step::PublicIp, &[]),
    (Step::GetBearerToken, &[Step::GetAccessToken, Step::PublicIp]),
    (Step::SsodhInit, &[Step::GetBearerToken]),
    (Step::ValidateSso, &[Step::SsodhInit]),
    (Step::Status, &[Step::SsodhInit]),
];

const BEARER: &[Planned] = &[(Step::PublicIp, &[]), (Step::GetBearerToken, &[Step::PublicIp])];

const BEARER_AND_BROKERAGE: &[Planned] = &[
    (Step::PublicIp, &[]),
    (Step::GetBearerToken, &[Step::PublicIp]),
    (Step::SsodhInit, &[Step::GetBearerToken]),
    (Step::Status, &[Step::SsodhInit]),
];

/// OAuth 1.0a: no address, and one token in place of two.
const LIVE_SESSION: &[Planned] = &[(Step::GetLiveSessionToken, &[])];

const LIVE_SESSION_AND_BROKERAGE: &[Planned] = &[
    (Step::GetLiveSessionToken, &[]),
    (Step::SsodhInit, &[Step::GetLiveSessionToken]),
    (Step::Status, &[Step::SsodhInit]),
];

const REINIT: &[Planned] = &[(Step::SsodhInit, &[]), (Step::Status, &[Step::SsodhInit])];

impl Command {
    /// Whether it waits until the brokerage session is established.
    pub(super) fn waits_until_ready(self) -> bool {
        matches!(self, Self::Connect | Self::Renew | Self::Reinit)
    }

    /// A step that is taken while something else is waited for, and is not waited for itself: an established
    /// session is proof enough. If it is refused meanwhile, that ends the login all the same.
    pub(super) fn is_optional(self, step: Step, config: &Config) -> bool {
        (self, config.tier, step) == (Self::Connect, Tier::Brokerage, Step::ValidateSso)
    }

    /// The login that it belongs to, where that is one of the two: what is asked of the other is an error.
    pub(super) fn belongs_to(self, login: &Login) -> Result<(), Error> {
        match self {
            Self::GetAccessToken => login.needs_oauth2(Some(Step::GetAccessToken)).map(drop),
            Self::GetBearerToken => login.needs_oauth2(Some(Step::GetBearerToken)).map(drop),
            Self::ValidateSso => login.needs_oauth2(Some(Step::ValidateSso)).map(drop),
            Self::GetLiveSessionToken => login.needs_oauth1(Some(Step::GetLiveSessionToken)).map(drop),
            _ => Ok(()),
        }
    }

    pub(super) fn plan(self, config: &Config) -> &'static [Planned] {
        match (self, &config.login, config.tier) {
            (Self::Connect, Login::OAuth2(_), Tier::ReadOnly) => READ_ONLY,
            (Self::Connect, Login::OAuth2(_), Tier::Brokerage) => BROKERAGE,
            (Self::Renew, Login::OAuth2(_), Tier::ReadOnly) => BEARER,
            (Self::Renew, Login::OAuth2(_), Tier::Brokerage) => BEARER_AND_BROKERAGE,
            (Self::Connect | Self::Renew, Login::OAuth1(_), Tier::ReadOnly) => LIVE_SESSION,
            (Self::Connect | Self::Renew, Login::OAuth1(_), Tier::Brokerage) => LIVE_SESSION_AND_BROKERAGE,
            (Self::Reinit, ..) => REINIT,
            (Self::GetAccessToken, ..) => &[(Step::GetAccessToken, &[])],
            (Self::GetBearerToken, ..) => BEARER,
            (Self::GetLiveSessionToken, ..) => LIVE_SESSION,
            (Self::ValidateSso, ..) => &[(Step::ValidateSso, &[])],
            (Self::SsodhInit, ..) => &[(Step::SsodhInit, &[])],
            (Self::Status, ..) => &[(Step::Status, &[])],
            (Self::Tickle, ..) => &[(Step::Tickle, &[])],
            (Self::Logout, ..) => &[(Step::Logout, &[])],
        }
    }
}

/// A step that needs no request: a fixed address is known.
pub(super) fn is_given(step: Step, config: &Config) -> bool {
    step == Step::PublicIp && matches!(config.login.public_ip(), Some(PublicIp::Fixed(_)))
}
