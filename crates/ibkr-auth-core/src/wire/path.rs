//! What HTTP stacks, proxies and servers may make of a path.

use std::borrow::Cow;

/// Whether a path means the same to everybody: no dot segment and no backslash, however they are spelt. The
/// one HTTP stack takes them away before it sends, the other leaves that to the server; either way the
/// request would arrive outside `/v1/api`.
pub fn is_plain_path(path: &str) -> bool {
    let path = decoded(path);
    !path.contains('\\') && !names(&path).any(|name| matches!(name, "." | ".."))
}

/// The names between slashes as the most lenient server reads them: decoded as often as that can be done, and
/// without what some cut off, which begins with a semicolon, a NUL or the mark of a query.
pub fn path_segments(path: &str) -> Vec<Cow<'_, str>> {
    match decoded(path) {
        Cow::Borrowed(path) => names(path).map(Cow::Borrowed).collect(),
        Cow::Owned(path) => names(&path).map(|name| Cow::Owned(name.to_owned())).collect(),
    }
}

/// The same of a path that is decoded.
fn names(decoded: &str) -> impl Iterator<Item = &str> {
    decoded.split('/').map(|segment| {
        let name = segment.split([';', '\0', '?', '#']).next().unwrap_or_default();
        name.trim_matches(|c: char| c.is_whitespace() || c.is_control())
    })
}

/// Each round makes it shorter; what holds no `%` needs none.
fn decoded(path: &str) -> Cow<'_, str> {
    let mut path = Cow::Borrowed(path);
    while path.contains('%') {
        let once = decoded_once(&path);
        if once.len() == path.len() {
            break;
        }
        path = Cow::Owned(once);
    }
    path
}

/// With `%` and two digits read as the character that they stand for.
fn decoded_once(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => (bytes.push(byte), rest = &after[2..]).0,
            None => (bytes.push(*first), rest = after).0,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
            "/v1/api/..%3bx/x",
            "/v1/api/..%00/x",
            "/v1/api/..%20/x",
            "/v1/api/%252e%252e/x",
            "/v1/api/..%252f..%25252fx",
            r"/v1/api/\..\..\..\evil",
            "/v1/api/%5C..%5cevil",
            "/v1/api/a%255cb",
            r"/v1/api/a\b",
        ] {
            assert!(!is_plain_path(path), "{path}");
        }
        for path in [
            "/v1/api/tickle",
            "/v1/api/a..b/...",
            "/v1/api/.hidden",
            "/v1/api/BRK%2FB",
            "/v1/api/a%20b;c/",
            "/v1/api/100%25/%e9%ff%zz/%+1",
        ] {
            assert!(is_plain_path(path), "{path}");
        }
    }

    #[test]
    fn a_name_ends_where_some_server_ends_it() {
        for path in ["/logout;x", "/logout%3bx", "/logout%00", "/logout%2500x", "/logout%20", "/logout%3f"] {
            assert_eq!(path_segments(path), ["", "logout"], "{path}");
        }
    }
}
