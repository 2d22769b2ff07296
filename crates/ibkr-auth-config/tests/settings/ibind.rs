//! The variables of ibind.

use ibkr_auth_config::{AddressRange, GatewaySettings, Imported};

fn imported(vars: &[(&str, &str)]) -> Imported {
    Imported::from_ibind(vars.iter().copied())
}

#[test]
fn the_address_of_this_machine_is_taken_over() {
    for (url, listen, plain, prefix) in [
        ("https://127.0.0.1:5000/v1/api/", "127.0.0.1:5000", false, ""),
        ("https://localhost:5055/v1/api", "127.0.0.1:5055", false, ""),
        ("http://[::1]:5001/v1/api/", "[::1]:5001", true, ""),
        ("https://localhost/v1/api/", "127.0.0.1:443", false, ""),
        ("http://localhost/paper/v1/api/", "127.0.0.1:80", true, "/paper"),
    ] {
        let imported = imported(&[("IBIND_REST_URL", url), ("IBIND_CACERT", "False"), ("PATH", "x")]);
        assert_eq!(imported.listen, Some(listen.parse().unwrap()), "{url}");
        assert_eq!((imported.plain, imported.prefix.as_deref()), (Some(plain), Some(prefix)), "{url}");
        assert!(imported.warnings.is_empty() && imported.host.is_none(), "{:?}", imported.warnings);
    }
}

#[test]
fn what_does_not_fit_is_told_without_its_value() {
    let default = format!("{:?}", GatewaySettings::default());
    for (name, value, begin) in [
        (
            "IBIND_REST_URL",
            "m4rk3d",
            "IBIND_REST_URL is not the address of a gateway: write it like https://127",
        ),
        ("IBIND_REST_URL", "ftp://localhost/v1/api", "IBIND_REST_URL is not the address of a gateway: "),
        (
            "IBIND_REST_URL",
            "https://localhost:99999/v1/api",
            "IBIND_REST_URL is not the address of a gateway: ",
        ),
        (
            "IBIND_REST_URL",
            "https://localhost:5000/v2/m4rk3d",
            "IBIND_REST_URL is not the address of a gateway: ",
        ),
        (
            "IBIND_REST_URL",
            "https://m4rk3d:5001/v1/api/",
            "IBIND_REST_URL does not name this machine: if the gateway shall be found there, set `gateway_listen: 0.0.0.0:5001`",
        ),
        (
            "IBIND_WS_URL",
            "wss://localhost:5001/v1/api/ws",
            "IBIND_WS_URL leads elsewhere than this gateway: ",
        ),
        ("IBIND_WS_URL", "ws://localhost:5000/v1/api/ws", "IBIND_WS_URL leads elsewhere than this gateway: "),
        (
            "IBIND_CACERT",
            "/home/m4rk3d/ca.pem",
            "IBIND_CACERT is what ibind trusts: let it name the certificate ",
        ),
        ("IBIND_USE_OAUTH", "True", "IBIND_USE_OAUTH lets ibind log in by itself"),
        (
            "IBIND_OAUTH1A_ACCESS_TOKEN",
            "m4rk3d",
            "the gateway's login takes these over with IBKR_AUTH_IMPORT_IBIND=true, and leaves them alone without: IBIND_O",
        ),
        ("IBIND_ACCOUNT_ID", "m4rk3d", "for ibind itself, and without a meaning here: IBIND_ACCOUNT_ID"),
    ] {
        let imported = imported(&[(name, value)]);
        assert_eq!(imported.warnings.len(), 1, "{:?}", imported.warnings);
        assert!(imported.warnings[0].starts_with(begin), "{}", imported.warnings[0]);
        assert!(!format!("{imported:?}").contains("m4rk3d"), "{imported:?}");
        assert_eq!(format!("{:?}", imported.over(GatewaySettings::default())), default);
    }
    let taken = imported(&[("IBIND_REST_URL", "https://localhost:5001/sso/v1/api")]);
    assert_eq!(
        taken.warnings,
        [
            "the path in IBIND_REST_URL begins with `/sso`, which has a meaning of its own: choose another name, such as \
          that of the profile"
        ]
    );
    assert_eq!(taken.listen.unwrap().port(), 5001);
}

#[test]
fn what_says_the_same_or_nothing_is_no_warning() {
    let imported = imported(&[
        ("IBIND_REST_URL", "https://127.0.0.1:5001/v1/api/"),
        ("IBIND_WS_URL", "wss://localhost:5001/v1/api/ws"),
        ("IBIND_USE_OAUTH", "0"),
        ("IBIND_OAUTH1A_CONSUMER_KEY", ""),
    ]);
    assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
}

#[test]
fn what_is_not_named_stays() {
    let own = GatewaySettings {
        listen: vec!["0.0.0.0:5055".parse().unwrap()],
        prefix: "/mine".into(),
        plain: true,
        certificate: Some("mine.pem".into()),
        certificate_key: Some("mine.key".into()),
        allow_addresses: vec![AddressRange::parse("10.0.0.0/8").unwrap()],
        allow_hosts: vec!["ib-gateway".into()],
        allow_origins: vec!["https://app.example".into()],
        ..GatewaySettings::default()
    };
    let nothing = imported(&[("IBIND_PORT", "5001")]);
    assert_eq!(format!("{:?}", nothing.over(own.clone())), format!("{own:?}"));
    let rest = |url| imported(&[("IBIND_REST_URL", url)]).over(own.clone());
    let elsewhere = rest("https://localhost:5001/v1/api/");
    assert_eq!(elsewhere.listen, ["127.0.0.1:5001".parse().unwrap()]);
    assert_eq!((elsewhere.prefix.as_str(), elsewhere.plain), ("", false));
    assert_eq!(elsewhere.allow_hosts, own.allow_hosts);
    let here = rest("http://localhost:5055/mine/v1/api/");
    assert_eq!(format!("{here:?}"), format!("{own:?}"), "who listens to all networks is reached");
}

proptest::proptest! {
    #[test]
    fn arbitrary_addresses_are_survived(url in "(https?://)?[a-z0-9:@/\\[\\]._-]{0,40}(/v1/api/?)?") {
        let imported = imported(&[("IBIND_REST_URL", &url), ("IBIND_WS_URL", &url)]);
        assert!(imported.listen.is_none_or(|address| address.ip().is_loopback()));
    }
}
