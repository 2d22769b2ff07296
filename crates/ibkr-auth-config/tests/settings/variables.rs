//! What the environment overrides, and its own mistakes.

use base64::{Engine, engine::general_purpose::STANDARD};
use ibkr_auth_config::Settings;

use crate::folder::{Folder, KEYLESS, MINIMAL, test_key};

fn shown(vars: &[(&str, &str)]) -> String {
    let settings = Folder::new().read_with(MINIMAL, vars).unwrap();
    format!("{:?} {:?}", settings.config, settings.config.timeout())
}

fn error(vars: &[(&str, &str)]) -> String {
    Folder::new().error_with(MINIMAL, vars)
}

#[test]
fn variables_override_the_file() {
    assert!(shown(&[("IBKR_AUTH_CLIENT_ID", "007")]).contains("client_id: \"007\""));
    assert!(shown(&[("IBKR_AUTH_TIMEOUT", "20s")]).ends_with(" 20s"));
    assert!(shown(&[("IBKR_AUTH_SCOPE", "a,b")]).contains("scope: \"a b\""));
    assert!(
        shown(&[("IBKR_AUTH_IP_SERVICES", "https://a.example/, https://b.example/")])
            .contains("Lookup([https://a.example/, https://b.example/])")
    );
    // Even what is wrong in the file.
    let wrong = MINIMAL.replace("someone", "");
    assert!(Folder::new().read_with(wrong, &[("IBKR_AUTH_CREDENTIAL", "other")]).is_ok());
    // And what is missing there.
    assert!(
        Folder::new()
            .read_with(
                "domain: api.ibkr.com",
                &[
                    ("IBKR_AUTH_CLIENT_ID", "a"),
                    ("IBKR_AUTH_CLIENT_KEY_ID", "b"),
                    ("IBKR_AUTH_CREDENTIAL", "c"),
                    ("IBKR_AUTH_PRIVATE_KEY", std::str::from_utf8(&test_key("rsa2048.pem")).unwrap()),
                ]
            )
            .is_ok()
    );
}

#[test]
fn variables_replace_the_rival_in_the_file() {
    let folder = Folder::new();
    let key = folder.path().join("private.pem").display().to_string();
    let read = |line: &str, name: &str, value: &str| {
        let settings = folder
            .read_with(format!("{KEYLESS}{line}\n"), &[(name, value), ("IBKR_AUTH_PRIVATE_KEY_FILE", &key)]);
        format!("{:?}", settings.unwrap().config)
    };
    assert!(
        read("domain: 1.api.ibkr.com", "IBKR_AUTH_BASE_URL", "http://localhost:1")
            .contains("Host(http://localhost:1)")
    );
    assert!(
        read("base_url: http://localhost:1", "IBKR_AUTH_DOMAIN", "1.api.ibkr.com")
            .contains("Host(1.api.ibkr.com)")
    );
    assert!(read("public_ip: 203.0.113.7", "IBKR_AUTH_IP_SERVICES", "https://a.example").contains("Lookup("));
    assert!(
        read("ip_services: https://a.example", "IBKR_AUTH_PUBLIC_IP", "203.0.113.7")
            .contains("Fixed(203.0.113.7)")
    );

    let pem = String::from_utf8(test_key("rsa3072.pem")).unwrap();
    for pem in [
        pem.clone(),
        pem.replace('\n', "\\n"),
        pem.replace('\n', "\\n") + "\n",
        pem.replace('\n', "\\r\\n"),
        pem.replace('\n', "\r\n"),
        format!("\"{}\"", pem.replace('\n', "\\n")),
        STANDARD.encode(&pem) + "\n",
    ] {
        let settings = folder.read_with(MINIMAL, &[("IBKR_AUTH_PRIVATE_KEY", &pem)]).unwrap();
        assert_eq!(settings.key.bits(), 3072);
        let quoted = pem.replace('\'', "''").replace('\n', "\n\n  ");
        let settings = folder.read(format!("{KEYLESS}private_key: '{quoted}'\n")).unwrap();
        assert_eq!(settings.key.bits(), 3072);
        folder.write("key.pem", &pem);
        let settings = folder.read(format!("{KEYLESS}private_key_file: key.pem\n")).unwrap();
        assert_eq!(settings.key.bits(), 3072);
    }
    folder.write("private.pem", test_key("encrypted.pem"));
    let vars = [("IBKR_AUTH_PRIVATE_KEY_PASSPHRASE_ENV", "SECRET"), ("SECRET", "secret")];
    assert!(folder.read_with(format!("{MINIMAL}private_key_passphrase_file: none.txt\n"), &vars).is_ok());
}

#[test]
fn no_file_is_needed() {
    let folder = Folder::new();
    let key = folder.path().join("private.pem").display().to_string();
    let vars = [
        ("IBKR_AUTH_CLIENT_ID", "a"),
        ("IBKR_AUTH_CLIENT_KEY_ID", "b"),
        ("IBKR_AUTH_CREDENTIAL", "c"),
        ("IBKR_AUTH_PRIVATE_KEY_FILE", &key),
        ("IBKR_AUTH_CA_FILE", "ca.pem"),
    ];
    let settings = Settings::from_env_with(vars).unwrap();
    assert_eq!(settings.transport.ca_file.unwrap().to_str(), Some("ca.pem"));
    assert_eq!(
        Settings::from_env_with(vars.into_iter().skip(2).take(1)).unwrap_err().to_string(),
        "not set: IBKR_AUTH_CLIENT_ID, IBKR_AUTH_CLIENT_KEY_ID, IBKR_AUTH_PRIVATE_KEY_FILE: set these variables"
    );
}

#[test]
fn errors_name_the_variable() {
    for (name, value, what) in [
        ("IBKR_AUTH_TIMEOUT", "0", "must be between 1 s and 5 min: change it"),
        ("IBKR_AUTH_CREDENTIAL", "", "is empty: give it a value, or leave it out"),
        (
            "IBKR_AUTH_CREDENTIAL",
            " x",
            "holds a line break, another control character, or space around it: change it",
        ),
        ("IBKR_AUTH_ALTERNATIVE_IPS", "203.0.113.7,", "has an empty item: remove that item"),
        ("IBKR_AUTH_CA_ONLY", "true", "needs `ca_file`: set that too, or remove this"),
        (
            "IBKR_AUTH_RETRY_FIRST",
            "5m",
            "needs attempts of at least 1, a first wait of at least 1 s, and a longest wait between that and 1 h: change it",
        ),
        ("IBKR_AUTH_CA_FILE", "ca.pem\r\n", "begins or ends with a line break: remove that"),
        (
            "IBKR_AUTH_CA_FILE",
            "~/x",
            "starts with `~/`, and the variable HOME is not set: write the whole path, or set HOME",
        ),
        (
            "IBKR_AUTH_PRIVATE_KEY",
            "x",
            "cannot be used: no PEM section in the key: it should hold a block that starts with `-----BEGIN PRIVATE KEY-----` or `-----BEGIN RSA PRIVATE KEY-----`",
        ),
    ] {
        assert_eq!(error(&[(name, value)]), format!("{name} {what}"));
    }
    assert_eq!(
        error(&[("IBKR_AUTH_DOMAIN", "api.ibkr.com"), ("IBKR_AUTH_BASE_URL", "https://a.example")]),
        "IBKR_AUTH_BASE_URL cannot stand beside IBKR_AUTH_DOMAIN: remove one of the two"
    );
}

#[test]
fn what_a_shell_or_a_template_should_have_finished_is_refused() {
    let quotes = "stands in quotes that are part of the value: write it without them";
    let unfilled = "holds a variable that nothing has filled in: \
                    write the value itself, variables are not filled in here";
    for (name, value, what) in [
        ("CLIENT_ID", "\"DemoClient\"", quotes),
        ("CREDENTIAL", "'someone'", quotes),
        ("PRIVATE_KEY_FILE", "\"private.pem\"", quotes),
        ("SCOPE", "'a,b'", quotes),
        ("SCOPE", "a,\"b\"", quotes),
        ("PROXY", "\"http://proxy.example\"", quotes),
        ("CLIENT_ID", "${CLIENT_ID}", unfilled),
        ("CLIENT_ID", "$CLIENT_ID", unfilled),
        ("PRIVATE_KEY_FILE", "${HOME:-/root}/private.pem", unfilled),
        ("PRIVATE_KEY_FILE", "$HOME/private.pem", unfilled),
        ("CREDENTIAL", "{{ ibkr_user }}", unfilled),
    ] {
        let name = format!("IBKR_AUTH_{name}");
        assert_eq!(error(&[(&name, value)]), format!("{name} {what}"), "{value}");
    }
    let error = Folder::new().error(MINIMAL.replace("your-client-id", "${CLIENT_ID}"));
    assert_eq!(error, format!("config.yaml:1: `client_id` {unfilled}"));
    for fine in ["O'Brien", "\"", "a${", "5$", "{a}", "a \"quoted\" word"] {
        assert!(Folder::new().read_with(MINIMAL, &[("IBKR_AUTH_SERVICE", fine)]).is_ok(), "{fine}");
    }
}

#[test]
fn unknown_variables_are_refused() {
    assert_eq!(
        error(&[("IBKR_AUTH_CLIENTID", "x")]),
        "unknown variable IBKR_AUTH_CLIENTID: did you mean IBKR_AUTH_CLIENT_ID?"
    );
    assert_eq!(
        error(&[("IBKR_AUTH_PRIVATE_KEY_PASSPHRASE", "x")]),
        "unknown variable IBKR_AUTH_PRIVATE_KEY_PASSPHRASE: a passphrase is not written here; \
         set IBKR_AUTH_PRIVATE_KEY_PASSPHRASE_FILE or IBKR_AUTH_PRIVATE_KEY_PASSPHRASE_ENV"
    );
    for name in ["IBKR_AUTH_", "IBKR_AUTH_COLOUR", "IBKR_AUTH_timeout"] {
        assert!(error(&[(name, "x")]).starts_with(&format!("unknown variable {name}: ")));
    }
    // Others' variables, and one that the settings name, are none of our business.
    let folder = Folder::new();
    folder.write("private.pem", test_key("encrypted.pem"));
    let vars = [("IBKR_AUTH_KEY_WORD", "secret"), ("IBKR_HOME", "x"), ("ibkr_auth_x", "x"), ("PATH", "")];
    assert!(
        folder.read_with(format!("{MINIMAL}private_key_passphrase_env: IBKR_AUTH_KEY_WORD\n"), &vars).is_ok()
    );
}

#[cfg(unix)]
#[test]
fn variables_are_utf8() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};

    let folder = Folder::new();
    let path = folder.write("config.yaml", MINIMAL);
    let bytes = || OsString::from_vec(b"\xFFx".to_vec());
    let error =
        Settings::from_yaml_with(&path, [(OsString::from("IBKR_AUTH_CREDENTIAL"), bytes())]).unwrap_err();
    assert_eq!(error.to_string(), "IBKR_AUTH_CREDENTIAL is not valid UTF-8: set it to plain text");
    assert!(Settings::from_yaml_with(&path, [(bytes(), bytes())]).is_ok());
}
