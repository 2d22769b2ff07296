//! What HTTP stacks, proxies and servers may make of a path.

/// Whether a path means the same to everybody: no dot segment and no backslash, however they are spelt. The one HTTP stack takes
/// them away before it sends, the other leaves that to the server; either way the request would arrive outside `/v1/api`.
pub(super) fn is_plain(path: &str) -> bool {
    let path = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
    // Some servers cut off what follows a semicolon before they look at the dots.
    let name = |segment: &str| segment.split(';').next().map(str::to_owned);
    !path.contains('\\')
        && !path.split('/').filter_map(name).any(|segment| matches!(segment.as_str(), "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_backslashes_are_seen_in_any_spelling() {
        for path in [
            "/v1/api/../../gw/api/v1/accounts",
            "/v1/api/..",
            "/v1/api/.",
            "/v1/api/./tickle",
            "/v1/api/%2e%2e/%2E./oauth2/x",
            "/v1/api/.%2e%2f%2e%2E/x",
            "/v1/api/..%2fx",
            "/v1/api/..;a=b/x",
            r"/v1/api/\..\..\..\evil",
            "/v1/api/%5C..%5cevil",
            r"/v1/api/a\b",
        ] {
            assert!(!is_plain(path), "{path}");
        }
        for path in
            ["/v1/api/tickle", "/v1/api/a..b/...", "/v1/api/.hidden", "/v1/api/BRK%2FB", "/v1/api/a%20b;c/"]
        {
            assert!(is_plain(path), "{path}");
        }
    }
}
