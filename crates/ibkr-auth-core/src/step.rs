//! The steps of a login, by the names that `ibauth` gave them.

use std::fmt;

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
            Self::ValidateSso => "validate_sso",
            Self::SsodhInit => "ssodh_init",
            Self::Status => "status",
            Self::Tickle => "tickle",
            Self::Logout => "logout",
        }
    }

    /// Whether the request carries a JWS that proves who we are: what it gets back decides over the whole login.
    pub(crate) fn is_signed(self) -> bool {
        matches!(self, Self::GetAccessToken | Self::GetBearerToken)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
