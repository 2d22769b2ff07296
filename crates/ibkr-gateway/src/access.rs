//! Which requests read, and which change something. What is not known to read changes something.

use http::Method;
use ibkr_auth_async::core::wire::path_segments;

use crate::route::Route;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Reads,
    Changes,
}

/// `POST`s below `/v1/api` that only read (IBKR's OpenAPI). `*` stands for one name.
const READING: &[&[&str]] = &[
    &["iserver", "auth", "status"],
    &["iserver", "secdef", "search"],
    &["iserver", "scanner", "run"],
    &["iserver", "account", "*", "orders", "whatif"],
    &["trsrv", "secdef"],
    &["hmds", "scanner"],
    &["hmds", "auth", "init"],
    &["pa", "performance"],
    &["pa", "summary"],
    &["pa", "transactions"],
    &["pa", "allperiods"],
    &["portfolio", "allocation"],
    &["portfolio", "*", "positions", "invalidate"],
];

impl Access {
    pub(crate) fn of(method: &Method, route: &Route) -> Self {
        let path = match route {
            Route::Api(path) => path,
            // Only questions end so.
            Route::Beyond(path) if method.is_safe() || path.path().ends_with("/query") => return Self::Reads,
            Route::Beyond(_) => return Self::Changes,
            _ => return Self::Reads,
        };
        if method.is_safe() {
            return Self::Reads;
        }
        let names = path_segments(path.path());
        let names: Vec<&str> =
            names.iter().map(AsRef::as_ref).filter(|name| !name.is_empty()).skip(2).collect();
        let fits = |pattern: &&[&str]| {
            pattern.len() == names.len()
                && pattern.iter().zip(&names).all(|(part, name)| *part == "*" || part == name)
        };
        match *method == Method::POST && READING.iter().any(fits) {
            true => Self::Reads,
            false => Self::Changes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(method: Method, path: &str) -> Access {
        let route = Route::of(&method, &path.parse().unwrap());
        Access::of(&method, &route)
    }

    #[test]
    fn orders_change_and_questions_do_not() {
        for (method, path, changes) in [
            (Method::POST, "/v1/api/iserver/account/U1/orders", true),
            (Method::POST, "//v1/portal/iserver/account/U1/orders", true),
            (Method::POST, "/v1/api/iserver/reply/abc", true),
            (Method::DELETE, "/v1/api/iserver/account/U1/order/7", true),
            (Method::POST, "/v1/api/iserver/account", true),
            (Method::PUT, "/v1/api/iserver/auth/status", true),
            (Method::POST, "/v1/api/iserver/account/U1/orders/whatif", false),
            (Method::GET, "/v1/api/iserver/account/orders", false),
            (Method::POST, "/v1/api/iserver/secdef/search", false),
            (Method::POST, "/v1/api/tickle", false),
        ] {
            let expected = if changes { Access::Changes } else { Access::Reads };
            assert_eq!(access(method.clone(), path), expected, "{method} {path}");
        }
    }
}
