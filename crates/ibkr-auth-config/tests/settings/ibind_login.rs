//! A login by the variables of ibind, where it is asked for.

use ibkr_auth_config::{Reader, Settings};

use crate::folder::Folder;

const CONSUMER_KEY: &str = "MYCONSUMR";
const SIGNATURE_KEY: &str = include_str!("../../../ibkr-jws/tests/keys/rsa2048.pem");
const ENCRYPTION_KEY: &str = include_str!("../../../ibkr-oauth1/tests/files/rsa2048.pem");
const SECRET: &str = include_str!("../../../ibkr-oauth1/tests/files/rsa2048.secret");

const ASKED: (&str, &str) = ("IBKR_AUTH_IMPORT_IBIND", "true");

/// Those that a user of ibind has.
fn variables(folder: &Folder) -> Vec<(String, String)> {
    folder.write("signature.pem", SIGNATURE_KEY);
    folder.write("encryption.pem", ENCRYPTION_KEY);
    let path = |name: &str| folder.path().join(name).display().to_string();
    [
        ("CONSUMER_KEY", CONSUMER_KEY.to_owned()),
        ("ACCESS_TOKEN", "0123456789abcdef0123".to_owned()),
        ("ACCESS_TOKEN_SECRET", SECRET.split_whitespace().collect()),
        ("SIGNATURE_KEY_FP", path("signature.pem")),
        ("ENCRYPTION_KEY_FP", path("encryption.pem")),
        ("DH_PRIME", ibkr_auth_core::oauth1::DhParameters::GROUP_14.to_owned()),
        ("DH_GENERATOR", "2".to_owned()),
        ("REALM", "limited_poa".to_owned()),
        ("REST_URL", "https://1.api.ibkr.com/v1/api/".to_owned()),
    ]
    .map(|(name, value)| (format!("IBIND_OAUTH1A_{name}"), value))
    .into()
}

fn asked(mut variables: Vec<(String, String)>) -> Vec<(String, String)> {
    variables.push((ASKED.0.to_owned(), ASKED.1.to_owned()));
    variables
}

#[test]
fn they_are_a_whole_login_once_they_are_asked_for() {
    let folder = Folder::new();
    let variables = variables(&folder);
    let error = Settings::from_env_with(variables.clone()).unwrap_err().to_string();
    assert!(error.contains("not set: IBKR_AUTH_CLIENT_ID"), "{error}");
    let settings = Settings::from_env_with(asked(variables.clone())).unwrap();
    assert_eq!(settings.config.login().user(), CONSUMER_KEY);
    assert_eq!(settings.config.host().base_url(), "https://1.api.ibkr.com");
    assert!(settings.warnings().is_empty(), "{:?}", settings.warnings());
    let settings = Reader::new().vars(variables).ibind().read().unwrap();
    assert!(settings.config.login().oauth1().is_some());
}

#[test]
fn ours_take_precedence_key_by_key() {
    let folder = Folder::new();
    let mut variables = asked(variables(&folder));
    variables.push(("IBKR_AUTH_OAUTH1_CONSUMER_KEY".to_owned(), "ANOTHERKY".to_owned()));
    let settings = Reader::new().vars(variables.clone()).read().unwrap();
    assert_eq!(settings.config.login().user(), "ANOTHERKY");
    folder.write(
        "config.yaml",
        "client_id: a\nclient_key_id: b\ncredential: c\nprivate_key_file: signature.pem\n",
    );
    variables.pop();
    let file = folder.path().join("config.yaml");
    let settings = Reader::new().file(&file).vars(variables.clone()).read().unwrap();
    assert!(settings.config.login().oauth2().is_some());
    folder.write("config.yaml", "oauth1_dh_prime: ff\n");
    let error = Reader::new().file(file).vars(variables).read().unwrap_err().to_string();
    assert!(error.contains("config.yaml:1"), "{error}");
}

#[test]
fn what_cannot_be_taken_over_is_told_by_its_own_name() {
    let folder = Folder::new();
    let usual = asked(variables(&folder));
    let with = |name: &str, value: &str| {
        let mut variables = usual.clone();
        variables.retain(|(own, _)| own != name);
        variables.push((name.to_owned(), value.to_owned()));
        Reader::new().vars(variables).read()
    };
    for (name, value, words) in [
        ("IBIND_OAUTH1A_REST_URL", "https://m4rk3d/v2", "IBIND_OAUTH1A_REST_URL is not the address of IBKR"),
        ("IBIND_OAUTH1A_DH_PRIME", "m4rk3d", "IBIND_OAUTH1A_DH_PRIME"),
        ("IBIND_OAUTH1A_ACCESS_TOKEN", "m4rk3d!", "IBIND_OAUTH1A_ACCESS_TOKEN holds something else"),
        ("IBIND_OAUTH1A_CONSUMER_KEY", "", "not set: "),
        ("IBKR_AUTH_IMPORT_IBIND", "perhaps", "IBKR_AUTH_IMPORT_IBIND is neither true nor false"),
    ] {
        let error = with(name, value).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("m4rk3d"), "{name}: {error}");
    }
    for (name, value, words) in [
        ("IBIND_OAUTH1A_REALM", "other", "the consumer key says which realm"),
        (
            "IBIND_OAUTH1A_WS_URL",
            "wss://api.ibkr.com/v1/api/ws",
            "without a meaning here: IBIND_OAUTH1A_WS_URL",
        ),
    ] {
        let settings = with(name, value).unwrap();
        assert!(
            settings.warnings().iter().any(|warning| warning.contains(words)),
            "{:?}",
            settings.warnings()
        );
    }
    let mut variables = usual.clone();
    for (name, value) in &mut variables {
        if name == "IBIND_OAUTH1A_SIGNATURE_KEY_FP" {
            (*name, *value) = ("IBIND_OAUTH1A_SIGNATURE_KEY".into(), SIGNATURE_KEY.into());
        }
    }
    Reader::new().vars(variables).read().unwrap().with_key().unwrap();
}
