//! The proxy that the environment names.

use ibkr_auth_config::{Proxy, Transport};
use ibkr_auth_core::Secret;

use crate::folder::{Folder, MINIMAL};

const IBKR: &str = "https://api.ibkr.com/v1/api/tickle";

/// The proxy on the way to a target.
fn way(vars: &[(&str, &str)], target: &str) -> Option<String> {
    let settings = Folder::new().read_with(MINIMAL, vars).unwrap();
    let proxy = settings.transport.proxy.expect("settings have decided");
    let url = proxy.url().map(|url| url.expose().to_owned());
    url.filter(|_| proxy.takes(&target.parse().unwrap()))
}

#[test]
fn https_comes_before_all_and_http_does_not_count() {
    let (https, all, http) = ("http://https.example", "http://all.example", "http://http.example");
    let named = |vars: &[(&str, &str)]| way(vars, IBKR);
    assert_eq!(named(&[]), None);
    assert_eq!(named(&[("HTTP_PROXY", http), ("http_proxy", http)]), None);
    for names in [["HTTPS_PROXY", "ALL_PROXY"], ["https_proxy", "ALL_PROXY"], ["https_proxy", "all_proxy"]] {
        let vars = [("HTTP_PROXY", http), (names[1], all), (names[0], https)];
        assert_eq!(named(&vars).as_deref(), Some(https), "{names:?}");
        assert_eq!(named(&vars[..2]).as_deref(), Some(all), "{names:?}");
    }
    assert_eq!(named(&[("HTTPS_PROXY", ""), ("https_proxy", https)]).as_deref(), Some(https));
    assert_eq!(named(&[("HTTPS_PROXY", ""), ("ALL_PROXY", "")]), None);
    assert_eq!(
        named(&[("HTTPS_PROXY", " user:p%40@proxy.example:3128 ")]).as_deref(),
        Some("http://user:p%40@proxy.example:3128")
    );
}

#[test]
fn exceptions_and_this_machine_are_reached_directly() {
    let with = |no_proxy: &'static str| [("ALL_PROXY", "http://proxy.example"), ("no_proxy", no_proxy)];
    assert!(way(&with("example.com, ipify.org"), IBKR).is_some());
    assert_eq!(way(&with("example.com, ipify.org"), "https://api.ipify.org/"), None);
    assert_eq!(way(&with("*"), IBKR), None);
    assert!(way(&[with("")[0], ("NO_PROXY", ""), ("no_proxy", "ibkr.com")], IBKR).is_none());
    for loopback in ["http://localhost:8444", "https://localhost:8443", "http://127.0.0.1:1", "http://[::1]/"]
    {
        assert_eq!(way(&with(""), loopback), None, "{loopback}");
    }
}

#[test]
fn the_settings_own_proxy_wins() {
    let socks = [("HTTPS_PROXY", "socks5://proxy.example"), ("NO_PROXY", "*")];
    let read = |proxy: &str| Folder::new().read_with(format!("{MINIMAL}proxy: {proxy}\n"), &socks).unwrap();
    assert!(matches!(read("none").transport.proxy, Some(Proxy::Off)));
    assert!(matches!(read("http://proxy.example").transport.proxy, Some(Proxy::Url(_))));
}

#[test]
fn a_password_is_taken_as_it_is_or_refused_with_the_way_to_write_it() {
    let folder = Folder::new();
    let error = |value: &str| folder.error_with(MINIMAL, &[("HTTPS_PROXY", value)]);
    for special in ['/', '?', '#', '\\', ' ', 'ä', '"', '<', '|'] {
        for value in
            [format!("http://alice:m4{special}rk@127.0.0.1:1"), format!("al{special}ce:m4rk@127.0.0.1")]
        {
            let error = error(&value);
            let told = "HTTPS_PROXY has a special character in its user name or password: write it as % and two digits: \
                        `/` is %2F, ";
            assert!(error.starts_with(told) && !error.contains("m4"), "{error}");
        }
    }
    for user in ["u:%2F%3F%23%5C%20%C3%A4%22", "u:a@b", "u:a:b", "u:a%zz", "u:$!&*()", "u"] {
        for host in ["proxy.example", "proxy.example:1", "[::1]:3128", "[::1]"] {
            let value = format!("{user}@{host}");
            let settings = folder.read_with(MINIMAL, &[("HTTPS_PROXY", &value)]);
            assert!(settings.is_ok(), "{value}");
        }
    }
    for value in
        ["alice:m4rk", "proxy.example:99999", "proxy.example:0", "http://proxy.example:", "u:p@[::1]:65536"]
    {
        assert!(error(value).starts_with("HTTPS_PROXY has a port that is none: "), "{}", error(value));
    }
    for value in ["http://proxy.example#m4rk", "http://proxy.example:1?m4rk", "http://proxy.example//"] {
        assert!(error(value).starts_with("HTTPS_PROXY has a path: "), "{}", error(value));
    }
}

#[test]
fn a_proxy_that_a_program_has_chosen_is_looked_at_too() {
    let chosen = |url: &str| {
        let proxy = Some(Proxy::Url(Secret::new(url.to_owned())));
        let transport = Transport { proxy, ..Transport::default() };
        transport.chosen_proxy().map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(chosen("http://alice:m4rk@127.0.0.1:19000"), Ok(()));
    let error = chosen("http://alice:m4#rk@127.0.0.1:19000").unwrap_err();
    assert!(error.starts_with("proxy has a special character in its user name or password: "), "{error}");
}

#[test]
fn what_cannot_be_used_is_refused_without_showing_it() {
    let folder = Folder::new();
    for (name, value, what) in [
        ("ALL_PROXY", "socks5://m4rk3d:m4rk3d@proxy.example", "is a SOCKS proxy, which cannot be used: "),
        ("all_proxy", "socks5h://m4rk3d", "is a SOCKS proxy, which cannot be used: "),
        ("HTTPS_PROXY", "ftp://m4rk3d", "does not start with http:// or https://: "),
        ("https_proxy", "http://m4rk3d m4rk3d", "is not a URL: "),
        ("https_proxy", "https://m4rk3d/m4rk3d", "has a path: "),
        ("https_proxy", "http://", "is not a URL: "),
    ] {
        let error = folder.error_with(MINIMAL, &[(name, value)]);
        assert!(error.starts_with(&format!("{name} {what}")), "{error}");
        assert!(error.contains("IBKR_AUTH_PROXY") && !error.contains("m4rk3d"), "{error}");
    }
    let settings = folder.read_with(MINIMAL, &[("ALL_PROXY", "http://m4rk3d:m4rk3d@proxy.example")]);
    assert!(!format!("{settings:?}").contains("m4rk3d"), "{settings:?}");
}
