//! `ibkr-auth init --oauth1`: from nothing to a login, in the two rounds that IBKR's page makes of it.

use ibkr_auth_core::{Tier, oauth1::DecryptionKey};
use ibkr_sim::{Consumer, Server, SimConfig, demo};

use super::run::openssl;
use crate::common::{Folder, Ran, Terminal, key, run};

const FILES: [&str; 6] = [
    "config.yaml",
    "dhparam.pem",
    "private_encryption.pem",
    "private_signature.pem",
    "public_encryption.pem",
    "public_signature.pem",
];
const TOKEN: &str = "0123456789abcdef0123";

/// The first round, by a real key each time that a fake openssl has.
fn first_round(folder: &Folder) -> Ran {
    run(folder.init_with_openssl(&["--dir", ".", "--oauth1", "--no-input"])).done()
}

/// What IBKR's page does with the uploaded files: a consumer, and the secret that it shows.
fn uploaded(folder: &Folder) -> (Consumer, String) {
    let [signature, encryption, dh] =
        ["public_signature.pem", "public_encryption.pem", "dhparam.pem"].map(|name| folder.read(name));
    let files = [&signature, &encryption, &dh];
    assert!(files.iter().all(|file| !file.contains('\r')), "IBKR's page takes no CRLF");
    let consumer = Consumer::new("MYCONSUMR", signature.as_bytes(), encryption.as_bytes(), dh.as_bytes());
    let consumer = consumer.unwrap().with_access_token(TOKEN, [7; 32], demo::CREDENTIAL);
    let secret = consumer.encrypted_secret(TOKEN).unwrap();
    (consumer, secret)
}

#[test]
fn two_rounds_lead_from_nothing_to_a_login() {
    let folder = Folder::new();
    let ran = first_round(&folder);
    assert_eq!(folder.names(), FILES);
    let private = ["config.yaml", "private_encryption.pem", "private_signature.pem"];
    for name in FILES {
        let mode = if private.contains(&name) { 0o600 } else { 0o644 };
        assert_eq!(folder.mode(name), mode, "{name}");
    }
    assert_eq!(folder.read("dhparam.pem"), demo::oauth1::DH_PARAM_PEM);
    for word in
        ["sso/Login?action=OAUTH", "nine capital letters", "public_signature.pem", "two weeks", "CRLF"]
    {
        assert!(ran.out.contains(word), "{word}: {ran}");
    }
    assert!(!ran.out.contains("PRIVATE"), "{ran}");
    let before = folder.read("config.yaml");
    assert!(before.contains("private_key_file: \"private_signature.pem\""), "{before}");

    let (consumer, secret) = uploaded(&folder);
    // No flag says which login: the settings do.
    let answers = ["--consumer-key", "MYCONSUMR", "--access-token", TOKEN, "--access-token-secret", &secret];
    let ran = folder.init(&[&["--no-input"], &answers[..]].concat()).done();
    assert!(ran.out.contains("Next:") && !ran.out.contains(&secret) && ran.err.is_empty(), "{ran}");
    assert!(folder.read("config.yaml").starts_with(&before));
    assert_eq!(folder.names(), FILES);

    let mut config = SimConfig::default();
    config.consumers.push(consumer);
    let server = Server::start(config).unwrap();
    folder.write("ca.pem", server.ca_pem());
    let mut login = folder.command(["login", "--config", "config.yaml"]);
    login.env("IBKR_AUTH_BASE_URL", server.base_url());
    login.env("IBKR_AUTH_CA_FILE", folder.path("ca.pem")).env("IBKR_AUTH_PROXY", "none");
    let ran = run(login).done();
    assert!(ran.out.contains("Connected"), "{ran}");
    assert!(server.handle().counters().refusals.is_empty());

    let text = folder.read("config.yaml");
    let ran = folder.init(&[]).done();
    assert!(ran.out.contains("right already"), "{ran}");
    assert_eq!((folder.read("config.yaml"), folder.names().len()), (text, 8));
}

#[test]
fn programs_are_told_what_goes_where() {
    let folder = Folder::new();
    let ran = run(folder.init_with_openssl(&["--dir", ".", "--oauth1", "--json"])).done();
    let told = ran.json();
    assert_eq!(told["complete"], false);
    assert_eq!(told["missing"].as_array().unwrap().len(), 3);
    for (name, file) in
        [("signature_key", "public_signature.pem"), ("encryption_key", "public_encryption.pem")]
    {
        assert_eq!(told[name]["public_key_pem"].as_str().unwrap(), folder.read(file), "{name}");
        assert_eq!((&told[name]["is_new"], &told[name]["public_key"]), (&true.into(), &file.into()));
    }
    assert_eq!(told["dh_param"], "dhparam.pem");
}

#[test]
fn files_that_are_there_are_taken() {
    let folder = Folder::new();
    folder.write("private_signature.pem", std::fs::read(key("rsa3072")).unwrap());
    folder.write("enc.pem", std::fs::read(key("rsa2048")).unwrap());
    folder.write("own.pem", demo::oauth1::DH_PARAM_PEM);
    let ran = folder.init(&["--oauth1", "--encryption-key", "enc.pem", "--dh-param", "own.pem"]).done();
    let names = ["config.yaml", "enc.pem", "own.pem", "private_signature.pem"];
    assert_eq!(folder.names(), [&names[..], &["public_encryption.pem", "public_signature.pem"]].concat());
    assert!(!ran.out.contains("new private"), "{ran}");
    let public = DecryptionKey::from_pem(folder.read("enc.pem").as_bytes()).unwrap().public_key_pem();
    assert_eq!(folder.read("public_encryption.pem"), public);
}

#[test]
fn nothing_is_replaced_and_what_says_otherwise_is_told() {
    let folder = Folder::new();
    first_round(&folder);
    folder.write("other.pem", std::fs::read(key("rsa2048")).unwrap());
    let (text, names) = (folder.read("config.yaml"), folder.names());
    for flag in ["--key", "--encryption-key"] {
        folder
            .init(&[flag, "other.pem", "--oauth1"])
            .refused(2, &["config.yaml already has another `", "by hand"]);
    }
    folder.init(&["--oauth1", "--new-key"]).refused(2, &["private_signature.pem is there already"]);
    folder.init(&["--client-id", "a"]).refused(2, &["logs in by OAuth 1.0a", "--dir"]);
    folder.init(&["--consumer-key", "A B"]).refused(2, &["--consumer-key holds something else"]);
    folder.init(&["--access-token-secret", "a b"]).refused(2, &["--access-token-secret is no base64"]);
    folder.init(&["--oauth1", "--credential", "a"]).fails(2, &["cannot be used with"]);
    assert_eq!((folder.read("config.yaml"), folder.names()), (text, names));

    let other = Folder::with_key();
    let ids = ["--client-id", "a", "--credential", "b", "--key", "private.pem"];
    other.init(&ids).done();
    other.init(&["--oauth1"]).refused(2, &["logs in by OAuth 2.0"]);
}

#[test]
fn a_secret_of_another_key_is_refused_before_anything_is_written() {
    let folder = Folder::new();
    first_round(&folder);
    let text = folder.read("config.yaml");
    let secret = demo::oauth1::ACCESS_TOKEN_SECRET;
    let answers = ["--consumer-key", "MYCONSUMR", "--access-token", TOKEN, "--access-token-secret", secret];
    folder.init(&answers).refused(3, &["the access token secret cannot be used", "--encryption-key"]);
    assert_eq!(folder.read("config.yaml"), text);
}

#[test]
fn settings_that_lead_elsewhere_are_not_completed() {
    let folder = Folder::new();
    first_round(&folder);
    let text = folder.read("config.yaml") + "base_url: https://localhost:9443\n";
    folder.write("config.yaml", &text);
    folder.init(&["--consumer-key", "MYCONSUMR"]).refused(2, &["leads logins elsewhere", "base_url"]);
    folder.write("config.yaml", "oauth1_query: sideways\n");
    folder.init(&[]).refused(3, &["cannot be completed", "is no way to sign"]);
}

#[test]
fn the_simulators_signature_key_is_no_key_for_ibkr() {
    let folder = Folder::new();
    folder.write("private_signature.pem", demo::oauth1::SIGNATURE_KEY_PEM);
    folder.init(&["--oauth1"]).refused(3, &["is the simulator's demo key"]);
    assert_eq!(folder.names(), ["private_signature.pem"]);
}

#[test]
fn a_consumer_key_that_looks_odd_is_told() {
    let folder = Folder::new();
    first_round(&folder);
    let ran = folder.init(&["--consumer-key", "TESTCONS"]).done();
    assert!(ran.err.contains("warning: the consumer key is not nine capital letters"), "{ran}");
}

#[test]
fn both_rounds_by_questions() {
    let folder = Folder::new();
    let start = || Terminal::start(folder.init_with_openssl(&["--dir", ".", "--oauth1"]));
    let mut terminal = start();
    terminal
        .sees("--encryption-key")
        .sees("nine capital letters")
        .answers("Consumer key: ", "")
        .answers("Tier [brokerage]: ", "gold")
        .answers("type brokerage or read-only", "read-only")
        .sees("Not there yet: oauth1_consumer_key");
    terminal.ends(0);

    let (_, secret) = uploaded(&folder);
    let mut terminal = start();
    terminal
        .answers("Consumer key: ", "MY CONSUM")
        .answers("holds something else", "MYCONSUMR")
        .answers("Access token: ", TOKEN)
        .answers("Access token secret: ", &secret[1..])
        .answers("copy", &secret)
        .sees("Next:");
    terminal.ends(0);
    let settings = folder.written_settings();
    assert_eq!(settings.config.login().user(), "MYCONSUMR");
    assert_eq!(settings.config.tier(), Tier::ReadOnly);
    settings.with_key().unwrap();
}

#[test]
fn private_people_are_told_where_to_go() {
    let mut terminal = Terminal::start(Folder::new().init_with_openssl(&["--dir", "."]));
    terminal.sees("--oauth1").types("Private key [new]: ", "\u{4}");
    terminal.ends(2);
}

#[test]
fn an_openssl_that_fails_leaves_nothing_behind() {
    let folder = Folder::new();
    folder.init(&["--oauth1", "--openssl", &openssl("fails")]).refused(1, &["--oauth1 --key"]);
    assert!(folder.names().is_empty());
}
