//! Which steps a command takes, and which wait for which: data, not code.

use crate::{Config, PublicIp, Step, Tier};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Connect,
    /// A new bearer token, and what hangs on it, with the access token that is there.
    Renew,
    /// The brokerage session alone, until it is established.
    Reinit,
    GetAccessToken,
    GetBearerToken,
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

    pub(super) fn plan(self, config: &Config) -> &'static [Planned] {
        match (self, config.tier) {
            (Self::Connect, Tier::ReadOnly) => READ_ONLY,
            (Self::Connect, Tier::Brokerage) => BROKERAGE,
            (Self::Renew, Tier::ReadOnly) => BEARER,
            (Self::Renew, Tier::Brokerage) => BEARER_AND_BROKERAGE,
            (Self::Reinit, _) => REINIT,
            (Self::GetAccessToken, _) => &[(Step::GetAccessToken, &[])],
            (Self::GetBearerToken, _) => BEARER,
            (Self::ValidateSso, _) => &[(Step::ValidateSso, &[])],
            (Self::SsodhInit, _) => &[(Step::SsodhInit, &[])],
            (Self::Status, _) => &[(Step::Status, &[])],
            (Self::Tickle, _) => &[(Step::Tickle, &[])],
            (Self::Logout, _) => &[(Step::Logout, &[])],
        }
    }
}

/// A step that needs no request: a fixed address is known.
pub(super) fn is_given(step: Step, config: &Config) -> bool {
    step == Step::PublicIp && matches!(config.public_ip, PublicIp::Fixed(_))
}
