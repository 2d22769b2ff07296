//! Paths of the API: how they may be written, and what they mean.

use ibkr_auth_core::wire::{is_plain_path, path_segments};

use crate::{exit::Exit, failure::Failure};

/// A path below `/v1/api`, however it was written, also as a URL of our own host.
pub(crate) fn normal(path: &str, host: &str) -> Result<String, Failure> {
    let path = path.trim();
    let path = match of_host(path, host) {
        // What is named whole is meant as it stands.
        Some(rest) if !rest.starts_with("/v1/api/") => {
            return Err(no_path().why("the session opens what is below /v1/api alone"));
        }
        Some(rest) => rest,
        None => path,
    };
    if path.is_empty() || path.contains(char::is_whitespace) || path.contains(char::is_control) {
        return Err(no_path());
    }
    if let Some((scheme, rest)) = path.split_once("://")
        && scheme.chars().all(char::is_alphanumeric)
    {
        let other = rest.split(['/', '?', '#']).next().unwrap_or_default();
        return Err(Failure::new(Exit::Usage, format!("{other} is not the host of the session"))
            .why(format!("the token goes to {host} alone"))
            .help("give a path, such as /portfolio/accounts"));
    }
    // Core refuses it too, and cannot say that it is a slip of the command line.
    if !is_plain_path(before_query(path)) {
        return Err(no_path().why("it holds `.` or `..` between slashes, or a backslash"));
    }
    let path = path.trim_start_matches('/');
    Ok(match path.starts_with("v1/api/") {
        true => format!("/{path}"),
        false => format!("/v1/api/{path}"),
    })
}

/// What a path below `/v1/api` may mean to IBKR, as far as that can be told: without query, in small letters,
/// `%74` read as `t`, no empty segments.
pub(super) fn meaning(path: &str) -> String {
    let segments = path_segments(before_query(path));
    let segments: Vec<_> =
        segments.iter().filter(|name| !name.is_empty()).map(|name| name.to_lowercase()).collect();
    let meaning = segments.join("/");
    meaning.strip_prefix("v1/api/").unwrap_or(&meaning).to_owned()
}

/// The endpoint: what has a digit in it, such as an account, is one of many.
pub(super) fn endpoint(meaning: &str) -> String {
    let general = |segment| if str::contains(segment, |c: char| c.is_ascii_digit()) { "*" } else { segment };
    meaning.split('/').map(general).collect::<Vec<_>>().join("/")
}

fn before_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

/// What follows the session's own host in a URL.
fn of_host<'a>(url: &'a str, host: &str) -> Option<&'a str> {
    let (start, rest) = url.split_at_checked(host.len())?;
    let rest = match rest.strip_prefix(":443") {
        Some(rest) if host.starts_with("https:") => rest,
        _ => rest,
    };
    (start.eq_ignore_ascii_case(host) && rest.starts_with('/')).then_some(rest)
}

pub(super) fn no_path() -> Failure {
    Failure::new(Exit::Usage, "this is no path of the API").help(
        "write it like /portfolio/accounts, with `%20` for a space, and in quotes if it holds `?` or `&`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "https://api.ibkr.com";

    #[test]
    fn paths_may_be_written_in_several_ways() {
        for written in [
            "/portfolio/accounts",
            "portfolio/accounts",
            "/v1/api/portfolio/accounts",
            "v1/api/portfolio/accounts",
            "https://api.ibkr.com/v1/api/portfolio/accounts",
            "HTTPS://API.ibkr.com:443/v1/api/portfolio/accounts",
        ] {
            assert_eq!(normal(written, HOST).unwrap(), "/v1/api/portfolio/accounts", "{written}");
        }
        for wrong in
            ["", "  ", "/a b", "/a\nb", "https://evil.example/v1/api/x", "https://api.ibkr.com.evil.example/"]
        {
            assert!(normal(wrong, HOST).unwrap_err().is(Exit::Usage), "{wrong:?}");
        }
        assert_eq!(normal("/x?url=https://a", HOST).unwrap(), "/v1/api/x?url=https://a");
    }

    #[test]
    fn no_path_leads_out_of_the_api() {
        for wrong in [
            "/../x",
            "/..;/x",
            "/a/./b",
            "/a/..",
            "/%2e%2E/x",
            "/.%2e/x",
            "/a\\..\\b",
            "/a%5c..%5cb",
            "/./tickle?a=b",
        ] {
            assert!(normal(wrong, HOST).unwrap_err().is(Exit::Usage), "{wrong:?}");
        }
        for right in ["/a.b/..c/d...", "/a?b=../c", "/a%2eb", "/..."] {
            normal(right, HOST).unwrap();
        }
    }

    #[test]
    fn a_path_means_the_same_however_it_is_written() {
        for written in [
            "/v1/api/portfolio/accounts",
            "/V1/api//Portfolio///accounts/?a=b#c",
            "/v1/%61pi/portfolio/%41ccounts",
        ] {
            assert_eq!(meaning(written), "portfolio/accounts", "{written}");
        }
        for written in ["/logout;x", "/logout%00", "/logout%20", "/v1/api/logout;a/?b"] {
            assert_eq!(meaning(written), "logout", "{written}");
        }
        assert_eq!(meaning("/v1/api/%zz/%"), "%zz/%");
        assert_eq!(endpoint("iserver/account/u1234567/orders"), "iserver/account/*/orders");
    }
}
