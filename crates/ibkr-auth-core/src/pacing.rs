//! How often IBKR takes a request (its documentation, "pacing limitations", and its changelog). Whoever sends
//! more is answered 429, and after some of those the address is blocked for a quarter of an hour.

use std::time::Duration;

use http::Method;

use crate::wire::path_segments;

/// So many requests in any stretch of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub requests: usize,
    /// In how long.
    pub per: Duration,
}

impl Limit {
    const fn new(requests: usize, seconds: u64) -> Self {
        Self { requests, per: Duration::from_secs(seconds) }
    }
}

/// All requests of one username together.
pub const TOTAL: Limit = Limit::new(10, 1);

/// Requests that are counted together, beside [`TOTAL`].
#[derive(Debug, PartialEq, Eq)]
pub struct Paced {
    /// What they are called: the path of the first of them below `/v1/api`.
    pub name: &'static str,
    /// Each of these holds.
    pub limits: &'static [Limit],
    method: Option<Method>,
    paths: &'static [&'static str],
}

const ONCE_A_SECOND: &[Limit] = &[Limit::new(1, 1)];
const ONCE_IN_5_S: &[Limit] = &[Limit::new(1, 5)];
const ONCE_A_MINUTE: &[Limit] = &[Limit::new(1, 60)];
const ONCE_IN_15_MIN: &[Limit] = &[Limit::new(1, 900)];
const TEN_A_SECOND: &[Limit] = &[Limit::new(10, 1)];
/// Since 2026-09-09.
const HISTORY: &[Limit] = &[Limit::new(10, 1), Limit::new(50, 60)];

/// Every row. A path that ends in `*` stands for all that begin so.
pub const ALL: &[Paced] = &[
    row("tickle", None, ONCE_A_SECOND, &["tickle"]),
    row("sso/validate", None, ONCE_A_MINUTE, &["sso/validate"]),
    row("portfolio/accounts", None, ONCE_IN_5_S, &["portfolio/accounts", "portfolio/subaccounts"]),
    row(
        "iserver/account/orders",
        Some(Method::GET),
        ONCE_IN_5_S,
        &["iserver/account/orders", "iserver/orders"],
    ),
    row("iserver/account/trades", None, ONCE_IN_5_S, &["iserver/account/trades", "iserver/trades"]),
    row("iserver/account/pnl/partitioned", None, ONCE_IN_5_S, &["iserver/account/pnl/partitioned"]),
    row("iserver/marketdata/snapshot", None, TEN_A_SECOND, &["iserver/marketdata/snapshot"]),
    row("iserver/marketdata/history", None, HISTORY, &["iserver/marketdata/history"]),
    row("iserver/scanner/params", None, ONCE_IN_15_MIN, &["iserver/scanner/params"]),
    row("iserver/scanner/run", None, ONCE_A_SECOND, &["iserver/scanner/run"]),
    row("pa/performance", None, ONCE_IN_15_MIN, &["pa/performance"]),
    row("pa/summary", None, ONCE_IN_15_MIN, &["pa/summary"]),
    row("pa/transactions", None, ONCE_IN_15_MIN, &["pa/transactions"]),
    row("fyi", None, ONCE_A_SECOND, &["fyi/*"]),
];

const fn row(
    name: &'static str,
    method: Option<Method>,
    limits: &'static [Limit],
    paths: &'static [&'static str],
) -> Paced {
    Paced { name, limits, method, paths }
}

/// The row of a request, by its path below `/v1/api`, however that is spelt.
pub fn of(method: &Method, path: &str) -> Option<&'static Paced> {
    let names = path_segments(path);
    let path = names.iter().filter(|name| !name.is_empty()).map(AsRef::as_ref).collect::<Vec<_>>().join("/");
    let fits = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(begin) => path.starts_with(begin),
        None => path == **pattern,
    };
    let is_method = |row: &Paced| row.method.as_ref().is_none_or(|only| only == method);
    ALL.iter().find(|row| is_method(row) && row.paths.iter().any(&fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(method: &Method, path: &str) -> Option<&'static str> {
        of(method, path).map(|row| row.name)
    }

    #[test]
    fn a_path_finds_its_row_however_it_is_spelt() {
        for path in ["tickle", "/tickle", "//tickle/", "/%74ickle", "/tickle;a=b"] {
            assert_eq!(name(&Method::POST, path), Some("tickle"), "{path}");
        }
        assert_eq!(name(&Method::GET, "/portfolio/subaccounts"), Some("portfolio/accounts"));
        assert_eq!(name(&Method::GET, "/fyi/settings/x"), Some("fyi"));
        assert_eq!(name(&Method::GET, "/iserver/orders"), Some("iserver/account/orders"));
        assert_eq!(name(&Method::GET, "/portfolio/U1/ledger"), None);
    }

    #[test]
    fn sending_orders_is_not_listing_them() {
        assert_eq!(name(&Method::POST, "/iserver/account/orders"), None);
    }

    #[test]
    fn a_row_is_called_after_its_first_path() {
        for row in ALL {
            assert_eq!(row.paths[0].trim_end_matches("/*"), row.name);
        }
    }
}
