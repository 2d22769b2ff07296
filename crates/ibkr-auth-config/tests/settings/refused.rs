//! Settings that are wrong: place, key, reason and remedy, never the value.

use crate::folder::{Folder, KEYLESS, MINIMAL};

/// The error of one more line, which is line 5.
fn error(line: &str) -> String {
    Folder::new().error(format!("{MINIMAL}{line}\n"))
}

#[test]
fn unknown_keys_get_the_nearest_right_one() {
    assert_eq!(
        Folder::new().error(format!("{KEYLESS}privat_key_file: x\n")),
        "config.yaml:4: unknown key `privat_key_file`: did you mean `private_key_file`?"
    );
    assert_eq!(
        Folder::new().error("# one\n\n{ \"Client-ID\": a,\n credential: b}"),
        "config.yaml:3: unknown key `Client-ID`: did you mean `client_id`?"
    );
    assert_eq!(
        error("colour: blue"),
        "config.yaml:5: unknown key `colour`: \
         remove it; `ibkr-auth help keys` lists what there is, as the documentation of ibkr-auth-config does"
    );
}

#[test]
fn what_does_not_look_like_a_key_is_not_repeated() {
    for secret in ["hunter2", "eyJhbGciOi.x", "p&ss", &"a".repeat(41)] {
        let error = error(&format!("{secret}: x"));
        assert!(error.starts_with("config.yaml:5: unknown key: remove it"), "{error}");
    }
    assert!(error("? [a, b]\n: c").starts_with("config.yaml:5: this cannot be read"));
    assert!(error("<<: {domain: x}").starts_with("config.yaml:5: unknown key: "));
}

#[test]
fn a_passphrase_is_refused_with_the_way_to_do_it() {
    for key in ["private_key_passphrase", "passphrase", "private-key-passphrase", "password"] {
        assert_eq!(
            error(&format!("{key}: hunter2")),
            format!(
                "config.yaml:5: unknown key `{key}`: a passphrase is not written here; \
                 set `private_key_passphrase_file` or `private_key_passphrase_env`"
            )
        );
    }
}

#[test]
fn a_key_stands_once() {
    assert_eq!(
        error("# again\nclient_id: other"),
        "config.yaml:6: `client_id` is here for the second time: keep one of the two"
    );
}

#[test]
fn everything_missing_is_told_at_once() {
    assert_eq!(
        Folder::new().error("credential: a\ndomain: api.ibkr.com\n"),
        "config.yaml lacks `client_id`, `client_key_id`, `private_key_file`: add what is missing, or set \
         IBKR_AUTH_CLIENT_ID, IBKR_AUTH_CLIENT_KEY_ID, IBKR_AUTH_PRIVATE_KEY_FILE"
    );
}

#[test]
fn rivals_are_refused() {
    for (lines, what) in [
        (
            "domain: api.ibkr.com\nbase_url: https://a.example",
            "config.yaml:6: `base_url` cannot stand beside `domain`",
        ),
        (
            "base_url: https://a.example\ndomain: api.ibkr.com",
            "config.yaml:6: `domain` cannot stand beside `base_url`",
        ),
        ("private_key: x", "config.yaml:5: `private_key` cannot stand beside `private_key_file`"),
        (
            "public_ip: 203.0.113.7\nip_services: https://a.example",
            "config.yaml:6: `ip_services` cannot stand beside `public_ip`",
        ),
        (
            "private_key_passphrase_env: A\nprivate_key_passphrase_file: b",
            "config.yaml:6: `private_key_passphrase_file` cannot stand beside `private_key_passphrase_env`",
        ),
    ] {
        assert_eq!(error(lines), format!("{what}: remove one of the two"));
    }
}

#[test]
fn values_of_the_wrong_shape() {
    for key in [
        "service",
        "timeout",
        "tier",
        "compete",
        "domain",
        "proxy",
        "ca_file",
        "retry_attempts",
        "user_agent",
    ] {
        for (value, line, what) in [
            ("", 5, "is empty: give it a value, or leave it out"),
            (" ~", 5, "is empty: give it a value, or leave it out"),
            (" null", 5, "is empty: give it a value, or leave it out"),
            (" ''", 5, "is empty: give it a value, or leave it out"),
            (" '  '", 5, "is empty: give it a value, or leave it out"),
            (" # comment", 5, "is empty: give it a value, or leave it out"),
            (" [a, b]", 5, "is a list: write a single value"),
            (" []", 5, "is a list: write a single value"),
            (" {a: b}", 5, "holds keys of its own: write a single value"),
            ("\n  a: b", 6, "holds keys of its own: write a single value"),
            (" [[a]]", 5, "holds a list within a list: write one list"),
            (" [{a: b}]", 5, "holds keys of its own: write a single value"),
        ] {
            assert_eq!(
                error(&format!("{key}:{value}")),
                format!("config.yaml:{line}: `{key}` {what}"),
                "{value:?}"
            );
        }
    }
    assert_eq!(
        Folder::new().error(MINIMAL.replace("someone", "")),
        "config.yaml:3: `credential` is empty: give it a value, or leave it out"
    );
    assert_eq!(error("scope:\n - a\n -\n"), "config.yaml:7: `scope` has an empty item: remove that item");
    assert_eq!(error("scope: [a, '']"), "config.yaml:5: `scope` has an empty item: remove that item");
    assert!(error("service: !secret x").starts_with("config.yaml:5: this has a YAML tag"));
}

#[test]
fn values_that_cannot_be_used() {
    for (line, what) in [
        ("domain: evil.example", "`domain` is not one of IBKR's ("),
        ("domain: 9.api.ibkr.com", "`domain` has a number that IBKR does not use: 1.api"),
        ("base_url: example.com", "`base_url` must be https: write it like https://"),
        ("base_url: http://example.com", "`base_url` must be https: plain http is for this machine alone"),
        ("base_url: https://u:p@example.com", "`base_url` must not hold a user name or password: change it"),
        ("base_url: https://example.com/v1", "`base_url` must not have a path: give scheme"),
        ("public_ip: localhost", "`public_ip` is not an IPv4 address: write it like 203.0.113.7"),
        ("public_ip: ::1", "`public_ip` is not an IPv4 address: "),
        ("alternative_ips: [203.0.113.7, x]", "`alternative_ips` is not an IPv4 address: "),
        ("ip_services: []", "`ip_services` is empty: name a service, or set public_ip"),
        ("ip_services: http://a.example", "`ip_services` must be https: "),
        ("scope: []", "`scope` is empty"),
        ("service: ' x'", "`service` holds a line break, another control character, or space around it"),
        ("user_agent: \"a\\nb\"", "`user_agent` holds a line break"),
        ("tier: gold", "`tier` is no tier of IBKR's: write `read-only` or `brokerage`"),
        ("compete: maybe", "`compete` is neither true nor false: write `true` or `false`"),
        ("timeout: 0", "`timeout` must be between 1 s and 5 min: change it"),
        ("timeout: 6m", "`timeout` must be between 1 s and 5 min: change it"),
        ("timeout: soon", "`timeout` has an unknown unit: write it like `10s`"),
        ("timeout: 10h", "`timeout` has an unknown unit: "),
        ("timeout: -1", "`timeout` is not a time: "),
        ("timeout: 1.2.3", "`timeout` is not a time: "),
        ("timeout: s", "`timeout` is not a time: "),
        ("timeout: 1e3", "`timeout` has an unknown unit: "),
        ("timeout: .inf", "`timeout` has an unknown unit: "),
        ("timeout: 10 s s", "`timeout` has an unknown unit: "),
        ("timeout: '١٠'", "`timeout` is not a time: "),
        ("establish_within: 99999999999999999999999999", "`establish_within` is longer than a day: "),
        ("establish_within: 1441m", "`establish_within` is longer than a day: "),
        ("retry_attempts: 0", "`retry_attempts` is not a whole number above zero: write it like `5`"),
        ("retry_attempts: 1.5", "`retry_attempts` is not a whole number above zero: "),
        ("retry_attempts: 99999999999", "`retry_attempts` is not a whole number above zero: "),
        ("retry_first: 10ms", "`retry_first` needs attempts of at least 1, a first wait of at least 1 s, "),
        ("retry_longest: 10ms", "`retry_longest` needs attempts of at least 1, "),
        ("proxy: proxy.example:3128", "`proxy` does not start with http:// or https://: write it like "),
        ("proxy: socks5://proxy.example", "`proxy` is a SOCKS proxy, which cannot be used: "),
        ("proxy: http://proxy.example/path", "`proxy` has a path: "),
        (
            "proxy: http://user name@proxy.example",
            "`proxy` has a special character in its user name or password: write it as % and two digits: ",
        ),
        (
            "proxy: http://proxy.example:99999",
            "`proxy` has a port that is none: they go from 1 to 65535: write it like ",
        ),
        ("proxy: 'http:// '", "`proxy` is not a URL: "),
        ("ca_only: true", "`ca_only` needs `ca_file`: set that too, or remove this"),
        (
            "private_key_passphrase_env: NO_SUCH",
            "`private_key_passphrase_env` names a variable that is not set: ",
        ),
        (
            "private_key_passphrase_file: no_such",
            "`private_key_passphrase_file` does not exist: check the path",
        ),
        (
            "ca_file: ~/ca.pem",
            "`ca_file` starts with `~/`, and the variable HOME is not set: write the whole path",
        ),
        ("ca_file: \"a\\nb\"", "`ca_file` is not a path: "),
    ] {
        let error = error(line);
        assert!(error.starts_with(&format!("config.yaml:5: {what}")), "{line}: {error}");
    }
}

#[test]
fn a_wrong_identity_is_blamed_on_its_line() {
    assert_eq!(
        Folder::new().error(MINIMAL.replace("someone", "' someone'")),
        "config.yaml:3: `credential` holds a line break, another control character, or space around it: change it"
    );
}

#[test]
fn a_username_is_one_word() {
    let error = Folder::new().error(MINIMAL.replace("someone", "someone or other"));
    assert_eq!(error, "config.yaml:3: `credential` holds a space: write the username alone, which has none");
    assert!(Folder::new().read(MINIMAL.replace("your-client-id", "a client id")).is_ok());
}

#[test]
fn the_line_is_right_wherever_the_key_stands() {
    let folder = Folder::new();
    let block = format!("\n# timeout: 1\n{MINIMAL}service: >-\n  timeout: 2\n  more\n\"timeout\": 0\n");
    assert!(folder.error(block).starts_with("config.yaml:10: `timeout` must be"));
    let crlf = format!("\u{feff}{MINIMAL}\ntimeout: 0\n").replace('\n', "\r\n");
    assert!(folder.error(crlf).starts_with("config.yaml:6: `timeout` must be"));
    let flow = format!("{{{},\n  timeout:\n 0}}", MINIMAL.trim_end().replace('\n', ",\n"));
    assert!(folder.error(flow).starts_with("config.yaml:5: `timeout` must be"));
}

#[test]
fn cores_error_keeps_both_halves() {
    let error = Folder::new().read(format!("{MINIMAL}timeout: 0\n")).unwrap_err();
    assert!(error.message().ends_with("config.yaml:5: `timeout` must be between 1 s and 5 min"));
    assert_eq!(error.help(), "change it");
    let (what, core) = (error.message().to_owned(), ibkr_auth_core::Error::from(error));
    assert_eq!(core.kind(), ibkr_auth_core::ErrorKind::Config);
    assert_eq!(core.to_string(), format!("{what}; change it"));
}

#[test]
fn a_proxy_does_not_stand_before_plain_http() {
    let error = error("base_url: http://localhost:5000\nproxy: http://proxy.example:3128");
    assert_eq!(
        error,
        "config.yaml:6: `proxy` cannot be used with a plain http `base_url`, which is reached without a proxy: \
         write `none`, or take https for `base_url`"
    );
    assert!(Folder::new().read(format!("{MINIMAL}base_url: http://localhost:5000\nproxy: none\n")).is_ok());
}
