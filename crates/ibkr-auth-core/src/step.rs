//! The steps of a login, by the names that `ibauth` gave them.

use std::fmt;

use crate::Request;

/// One request to IBKR, or the look-up of the public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Step {
    /// `POST /oauth2/api/v1/token`: signed assertion for access token.
    GetAccessToken,
    /// `GET` at an address look-up service.
    PublicIp,
    /// `POST /gw/api/v1/sso-sessions`: access token and public address for SSO bearer token.
    GetBearerToken,
    /// `POST /v1/api/oauth/request_token`: with what a user is asked for consent (OAuth 1.0a, third parties).
    RequestToken,
    /// `POST /v1/api/oauth/access_token`: request token and verifier for access token and secret.
    ConsentedToken,
    /// `POST /v1/api/oauth/live_session_token`: what requests of OAuth 1.0a are signed with.
    GetLiveSessionToken,
    /// `GET /v1/api/sso/validate`.
    ValidateSso,
    /// `POST /v1/api/iserver/auth/ssodh/init`: opens the brokerage session.
    SsodhInit,
    /// `POST /v1/api/iserver/auth/status`.
    Status,
    /// `POST /v1/api/tickle`.
    Tickle,
    /// `POST /v1/api/logout`.
    Logout,
}

impl Step {
    /// The method's name in both clients, and in `ibauth`.
    pub fn name(self) -> &'static str {
        match self {
            Self::GetAccessToken => "get_access_token",
            Self::PublicIp => "public_ip",
            Self::GetBearerToken => "get_bearer_token",
            Self::RequestToken => "request_token",
            Self::ConsentedToken => "consented_token",
            Self::GetLiveSessionToken => "get_live_session_token",
            Self::ValidateSso => "validate_sso",
            Self::SsodhInit => "ssodh_init",
            Self::Status => "status",
            Self::Tickle => "tickle",
            Self::Logout => "logout",
        }
    }

    /// The step of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::AT_IBKR.into_iter().chain([Self::PublicIp]).find(|step| step.name() == name)
    }

    /// Which step a request is, for whoever sends it: see `Client::with_http`. `None` for a request of your
    /// own to `/v1/api`; what goes to none of IBKR's paths is the look-up.
    pub fn of(request: &Request) -> Option<Self> {
        let path = request.uri().path();
        let step = Self::AT_IBKR.into_iter().find(|step| step.path() == path);
        step.or_else(|| (!path.starts_with("/v1/api/")).then_some(Self::PublicIp))
    }

    const AT_IBKR: [Self; 10] = [
        Self::GetAccessToken,
        Self::GetBearerToken,
        Self::RequestToken,
        Self::ConsentedToken,
        Self::GetLiveSessionToken,
        Self::ValidateSso,
        Self::SsodhInit,
        Self::Status,
        Self::Tickle,
        Self::Logout,
    ];

    /// The path at IBKR; empty for the look-up, whose services are elsewhere.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::GetAccessToken => "/oauth2/api/v1/token",
            Self::PublicIp => "",
            Self::GetBearerToken => "/gw/api/v1/sso-sessions",
            Self::RequestToken => "/v1/api/oauth/request_token",
            Self::ConsentedToken => "/v1/api/oauth/access_token",
            Self::GetLiveSessionToken => "/v1/api/oauth/live_session_token",
            Self::ValidateSso => "/v1/api/sso/validate",
            Self::SsodhInit => "/v1/api/iserver/auth/ssodh/init",
            Self::Status => "/v1/api/iserver/auth/status",
            Self::Tickle => "/v1/api/tickle",
            Self::Logout => "/v1/api/logout",
        }
    }

    /// Whether the request is signed with the key that proves who we are: it may count as a login.
    pub fn is_signed(self) -> bool {
        let of_consent = matches!(self, Self::RequestToken | Self::ConsentedToken);
        matches!(self, Self::GetAccessToken | Self::GetBearerToken | Self::GetLiveSessionToken) || of_consent
    }

    /// Whether it carries a JWS, which would be the same bytes if it were signed again within its second.
    pub(crate) fn has_assertion(self) -> bool {
        matches!(self, Self::GetAccessToken | Self::GetBearerToken)
    }

    /// Whether it brings what opens `/v1/api`: IBKR makes a session for it.
    pub(crate) fn brings_session(self) -> bool {
        matches!(self, Self::GetBearerToken | Self::GetLiveSessionToken)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
