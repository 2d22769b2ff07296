//! What a session has learnt so far.

use core::net::Ipv4Addr;
use std::collections::BTreeMap;

use super::plan::Command;
use crate::{AccessToken, AuthStatus, BearerToken, ClockSkew, ErrorKind, Secret, SsoDetails, Step, Tier};

#[derive(Default)]
pub(super) struct Known {
    pub(super) access_token: Option<AccessToken>,
    pub(super) public_ip: Option<Ipv4Addr>,
    pub(super) bearer: Option<BearerToken>,
    pub(super) session_id: Option<Secret>,
    pub(super) sso: Option<SsoDetails>,
    pub(super) auth_status: Option<AuthStatus>,
    pub(super) skew: ClockSkew,
    signed: BTreeMap<Step, u64>,
}

impl Known {
    pub(super) fn is_connected(&self, tier: Tier) -> bool {
        match tier {
            Tier::ReadOnly => self.sso.is_some(),
            Tier::Brokerage => self.auth_status.as_ref().is_some_and(AuthStatus::is_ready),
        }
    }

    /// The step whose result `command` cannot do without.
    pub(super) fn missing_for(&self, command: Command) -> Option<Step> {
        match command {
            Command::Connect | Command::GetAccessToken => None,
            Command::GetBearerToken if self.access_token.is_none() => Some(Step::GetAccessToken),
            Command::GetBearerToken => None,
            _ if self.bearer.is_none() => Some(Step::GetBearerToken),
            _ => None,
        }
    }

    /// A new bearer token is a new session: what was known of the old one no longer holds.
    pub(super) fn start_over(&mut self, bearer: BearerToken) {
        self.forget_session();
        self.bearer = Some(bearer);
    }

    pub(super) fn forget_session(&mut self) {
        (self.bearer, self.session_id, self.sso, self.auth_status) = (None, None, None, None);
    }

    /// Whether `step` may be signed as of this second: signed again within one, a JWS would be the same bytes again.
    pub(super) fn claim_second(&mut self, step: Step, second: u64) -> bool {
        self.signed.insert(step, second) != Some(second)
    }

    /// What an error says about the session.
    pub(super) fn learn_from(&mut self, kind: ErrorKind) {
        match kind {
            ErrorKind::Unauthorized => (self.sso, self.auth_status) = (None, None),
            ErrorKind::NoBrokerageSession => self.auth_status = None,
            _ => {}
        }
    }
}
