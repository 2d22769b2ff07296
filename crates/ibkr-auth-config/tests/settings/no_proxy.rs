//! What goes through a proxy, and what goes past it.

use ibkr_auth_config::{NoProxy, Proxy};
use ibkr_auth_core::Secret;

#[track_caller]
fn covers(list: &str, hits: &[&str], misses: &[&str]) {
    let list = NoProxy::new(list);
    for (urls, expected) in [(hits, true), (misses, false)] {
        for url in urls {
            assert_eq!(list.covers(&url.parse().unwrap()), expected, "{list:?}: {url}");
        }
    }
}

#[test]
fn a_domain_stands_for_its_hosts() {
    for list in ["ibkr.com", ".ibkr.com", "*.ibkr.com", "x.example, IBKR.com.", "ibkr.com:443"] {
        covers(
            list,
            &["https://ibkr.com", "https://api.ibkr.com/x", "https://API.IBKR.COM:443"],
            &["https://notibkr.com", "https://ibkr.com.example"],
        );
    }
    covers("api.ibkr.com:8443", &["https://api.ibkr.com:8443"], &["https://api.ibkr.com"]);
    covers("api.ibkr.com", &["https://api.ibkr.com:8443"], &["https://ibkr.com", "https://1.ibkr.com"]);
}

#[test]
fn addresses_and_networks() {
    covers("192.0.2.7", &["https://192.0.2.7"], &["https://192.0.2.70", "https://[2001:db8::1]"]);
    covers("10.0.0.0/8", &["https://10.255.0.1"], &["https://11.0.0.1", "https://x.example"]);
    covers("0.0.0.0/0", &["https://192.0.2.7"], &["https://[2001:db8::1]"]);
    covers("2001:db8::/32", &["https://[2001:db8::1]:1"], &["https://[2001:db9::1]"]);
    covers("[2001:db8::1]:443", &["https://[2001:db8::1]"], &["https://[2001:db8::1]:8443"]);
}

#[test]
fn everything_and_nothing() {
    covers("*", &["https://api.ibkr.com", "https://192.0.2.7"], &[]);
    covers("a.example,*", &["https://api.ibkr.com"], &[]);
    for list in ["a.example api.ibkr.com", "a.example,\tapi.ibkr.com\n", "a.example , api.ibkr.com x"] {
        covers(list, &["https://api.ibkr.com", "https://a.example"], &["https://ibkr.com"]);
    }
    for list in ["", ",", " ", ".", "10.0.0.0/33", "api.ibkr.com:x", "/", ":", "api.ibkr.com:99999"] {
        covers(list, &[], &["https://api.ibkr.com", "https://10.0.0.1"]);
    }
}

#[test]
fn this_machine_is_always_covered() {
    covers("", &["http://localhost:1", "https://127.0.0.1", "http://127.9.9.9:1", "https://[::1]:1"], &[]);
    covers("", &[], &["https://localhost.example"]);
}

#[test]
fn plain_http_goes_through_no_proxy() {
    let url = || Secret::new("http://proxy.example:3128");
    for proxy in [Proxy::Url(url()), Proxy::UrlExcept(url(), NoProxy::default())] {
        for plain in ["http://localhost:1/x", "http://127.0.0.1", "http://api.ibkr.com"] {
            assert!(!proxy.takes(&plain.parse().unwrap()), "{plain}");
        }
        assert!(proxy.takes(&"https://api.ibkr.com/x".parse().unwrap()));
    }
}
