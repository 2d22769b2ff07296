//! The endpoints, by IBKR's own names, and who answers which host.

use std::fmt;

use http::Method;
use serde::{Deserialize, Serialize};

/// An endpoint of the simulated servers. Its name, in fault scripts and counters, is what stands in brackets;
/// fault scripts may also use the step names of the clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Endpoint {
    /// `POST /oauth2/api/v1/token` \[`token`\]
    #[serde(rename = "token", alias = "get_access_token")]
    Token,
    /// `POST /gw/api/v1/sso-sessions` \[`sso-sessions`\]
    #[serde(rename = "sso-sessions", alias = "get_bearer_token")]
    SsoSessions,
    /// `GET /gw/api/v1/echo/https` \[`echo/https`\]
    #[serde(rename = "echo/https")]
    EchoHttps,
    /// `POST /gw/api/v1/echo/signed-jwt` \[`echo/signed-jwt`\]
    #[serde(rename = "echo/signed-jwt")]
    EchoSignedJwt,
    /// `GET` or `POST /v1/api/sso/validate` \[`sso/validate`\]
    #[serde(rename = "sso/validate", alias = "validate_sso")]
    Validate,
    /// `POST /v1/api/iserver/auth/ssodh/init` \[`ssodh/init`\]
    #[serde(rename = "ssodh/init", alias = "ssodh_init")]
    Init,
    /// `POST` or `GET /v1/api/iserver/auth/status` \[`auth/status`\]
    #[serde(rename = "auth/status", alias = "status")]
    Status,
    /// `POST` or `GET /v1/api/tickle` \[`tickle`\]
    #[serde(rename = "tickle")]
    Tickle,
    /// `POST /v1/api/logout` \[`logout`\]
    #[serde(rename = "logout")]
    Logout,
    /// `POST` or `GET /v1/api/iserver/reauthenticate` \[`reauthenticate`\]
    #[serde(rename = "reauthenticate")]
    Reauthenticate,
    /// `GET /v1/api/iserver/accounts` \[`iserver/accounts`\]
    #[serde(rename = "iserver/accounts")]
    Accounts,
    /// `GET /v1/api/portfolio/accounts` \[`portfolio/accounts`\]
    #[serde(rename = "portfolio/accounts")]
    PortfolioAccounts,
    /// `GET /v1/api/portfolio/subaccounts` \[`portfolio/subaccounts`\]
    #[serde(rename = "portfolio/subaccounts")]
    Subaccounts,
    /// `GET /v1/api/one/user` \[`one/user`\]
    #[serde(rename = "one/user")]
    User,
    /// `POST /v1/api/iserver/account` \[`iserver/account`\]
    #[serde(rename = "iserver/account")]
    SelectAccount,
    /// `GET /v1/api/iserver/account/trades` \[`trades`\]
    #[serde(rename = "trades")]
    Trades,
    /// `GET /v1/api/iserver/account/pnl/partitioned` \[`pnl`\]
    #[serde(rename = "pnl")]
    Pnl,
    /// `GET /v1/api/iserver/account/orders` \[`orders`\]
    #[serde(rename = "orders")]
    Orders,
    /// `POST /v1/api/iserver/account/{accountId}/orders` \[`place-order`\]
    #[serde(rename = "place-order")]
    PlaceOrder,
    /// `POST /v1/api/iserver/reply/{replyId}` \[`order-reply`\]
    #[serde(rename = "order-reply")]
    OrderReply,
    /// `DELETE /v1/api/iserver/account/{accountId}/order/{orderId}` \[`cancel-order`\]
    #[serde(rename = "cancel-order")]
    CancelOrder,
    /// `GET /v1/api/portfolio/{accountId}/positions/{pageId}` \[`positions`\]
    #[serde(rename = "positions")]
    Positions,
    /// `GET /v1/api/portfolio/{accountId}/ledger` \[`ledger`\]
    #[serde(rename = "ledger")]
    Ledger,
    /// `GET` or `POST /v1/api/iserver/secdef/search` \[`secdef/search`\]
    #[serde(rename = "secdef/search")]
    SecdefSearch,
    /// `GET` or `POST /v1/api/trsrv/secdef` \[`trsrv/secdef`\]
    #[serde(rename = "trsrv/secdef")]
    Secdef,
    /// `GET /v1/api/iserver/marketdata/snapshot` \[`snapshot`\]
    #[serde(rename = "snapshot")]
    Snapshot,
    /// `GET /v1/api/iserver/marketdata/history` \[`history`\]
    #[serde(rename = "history")]
    History,
    /// `POST /v1/api/iserver/questions/suppress` \[`questions/suppress`\]
    #[serde(rename = "questions/suppress")]
    Suppress,
    /// `POST /v1/api/oauth/request_token` \[`request_token`\]
    #[serde(rename = "request_token")]
    RequestToken,
    /// `POST /v1/api/oauth/access_token` \[`access_token`\]
    #[serde(rename = "access_token")]
    AccessToken,
    /// `POST /v1/api/oauth/live_session_token` \[`live_session_token`\]
    #[serde(rename = "live_session_token")]
    LiveSessionToken,
    /// `GET /authorize` on interactivebrokers.com, or on this machine \[`authorize`\]
    #[serde(rename = "authorize")]
    Authorize,
    /// `GET /v1/api/ws` with an upgrade to a WebSocket \[`ws`\]
    #[serde(rename = "ws")]
    Socket,
    /// Any path on a host that tells callers their address \[`lookup`\]
    #[serde(rename = "lookup", alias = "public_ip")]
    Lookup,
    /// Whatever is none of the above \[`unknown`\]
    #[serde(rename = "unknown")]
    Unknown,
}

impl Endpoint {
    const ALL: [(Self, &str); 35] = [
        (Self::Token, "token"),
        (Self::SsoSessions, "sso-sessions"),
        (Self::EchoHttps, "echo/https"),
        (Self::EchoSignedJwt, "echo/signed-jwt"),
        (Self::Validate, "sso/validate"),
        (Self::Init, "ssodh/init"),
        (Self::Status, "auth/status"),
        (Self::Tickle, "tickle"),
        (Self::Logout, "logout"),
        (Self::Reauthenticate, "reauthenticate"),
        (Self::Accounts, "iserver/accounts"),
        (Self::PortfolioAccounts, "portfolio/accounts"),
        (Self::Subaccounts, "portfolio/subaccounts"),
        (Self::User, "one/user"),
        (Self::SelectAccount, "iserver/account"),
        (Self::Trades, "trades"),
        (Self::Pnl, "pnl"),
        (Self::Orders, "orders"),
        (Self::PlaceOrder, "place-order"),
        (Self::OrderReply, "order-reply"),
        (Self::CancelOrder, "cancel-order"),
        (Self::Positions, "positions"),
        (Self::Ledger, "ledger"),
        (Self::SecdefSearch, "secdef/search"),
        (Self::Secdef, "trsrv/secdef"),
        (Self::Snapshot, "snapshot"),
        (Self::History, "history"),
        (Self::Suppress, "questions/suppress"),
        (Self::RequestToken, "request_token"),
        (Self::AccessToken, "access_token"),
        (Self::LiveSessionToken, "live_session_token"),
        (Self::Authorize, "authorize"),
        (Self::Socket, "ws"),
        (Self::Lookup, "lookup"),
        (Self::Unknown, "unknown"),
    ];

    /// The name in fault scripts and counters.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(endpoint, _)| *endpoint == self).map_or("unknown", |(_, name)| name)
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|(_, name)| *name)
    }

    /// The endpoint at a path of the API hosts, and whether it takes this method.
    pub(crate) fn find(method: &Method, path: &str) -> (Self, bool) {
        let get = method == Method::GET;
        let post = method == Method::POST;
        // Both prefixes are in IBKR's OpenAPI.
        let trading = path.strip_prefix("/v1/api").or_else(|| path.strip_prefix("/alpha/api"));
        match trading {
            Some("/sso/validate") => (Self::Validate, get || post),
            Some("/iserver/auth/ssodh/init") => (Self::Init, post),
            Some("/iserver/auth/status") => (Self::Status, get || post),
            Some("/tickle") => (Self::Tickle, get || post),
            Some("/logout") => (Self::Logout, post),
            Some("/iserver/reauthenticate") => (Self::Reauthenticate, get || post),
            Some("/iserver/accounts") => (Self::Accounts, get),
            Some("/portfolio/accounts") => (Self::PortfolioAccounts, get),
            Some("/portfolio/subaccounts") => (Self::Subaccounts, get),
            Some("/one/user") => (Self::User, get),
            Some("/iserver/account") => (Self::SelectAccount, post),
            Some("/iserver/account/trades") => (Self::Trades, get),
            Some("/iserver/account/pnl/partitioned") => (Self::Pnl, get),
            Some("/iserver/account/orders") => (Self::Orders, get),
            Some("/iserver/marketdata/snapshot") => (Self::Snapshot, get),
            Some("/iserver/marketdata/history") => (Self::History, get),
            Some("/iserver/questions/suppress") => (Self::Suppress, post),
            Some("/oauth/request_token") => (Self::RequestToken, post),
            Some("/oauth/access_token") => (Self::AccessToken, post),
            Some("/oauth/live_session_token") => (Self::LiveSessionToken, post),
            Some("/ws") => (Self::Socket, get),
            Some("/trsrv/secdef") => (Self::Secdef, get || post),
            Some("/iserver/secdef/search") => (Self::SecdefSearch, get || post),
            Some(rest) => match rest.split('/').skip(1).collect::<Vec<_>>()[..] {
                ["iserver", "account", _, "orders"] => (Self::PlaceOrder, post),
                ["iserver", "account", _, "order", _] => (Self::CancelOrder, method == Method::DELETE),
                ["iserver", "reply", _] => (Self::OrderReply, post),
                ["portfolio", _, "positions"] | ["portfolio", _, "positions", _] => (Self::Positions, get),
                ["portfolio", _, "ledger"] => (Self::Ledger, get),
                _ => (Self::Unknown, true),
            },
            None => match path {
                "/oauth2/api/v1/token" => (Self::Token, post),
                "/gw/api/v1/sso-sessions" => (Self::SsoSessions, post),
                "/gw/api/v1/echo/https" => (Self::EchoHttps, get),
                "/gw/api/v1/echo/signed-jwt" => (Self::EchoSignedJwt, post),
                _ => (Self::Unknown, true),
            },
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The account in a path that names one.
pub(crate) fn account(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/iserver/account/").or_else(|| path.split_once("/portfolio/"))?;
    rest.split('/').next()
}

/// The contract number of AAPL.
pub(crate) const AAPL: u64 = 265_598;
