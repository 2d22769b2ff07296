//! The proxy that the environment names.

use ibkr_auth_config::Proxy;

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
