//! Settings made by `init` log in.

use ibkr_sim::{Client, Server, SimConfig, User};

use crate::support::{Case, isolate, openssl, run};

#[test]
fn settings_log_in_once_ibkr_has_the_public_key() {
    let case = Case::new();
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../ibkr-sim/demo/demo-client.pem");
    let mut first = case.command(&["--new-key", "--openssl", &openssl("knows-one-key")]);
    first.env("FAKE_KEY", demo);
    run(first).done();

    let public = case.read("public.pem");
    let client = Client::new("My: Firm").with_key("main", public.as_bytes()).unwrap().with_credential("007");
    let mut config = SimConfig::without_clients();
    config.clients.push(client);
    config.users.push(User::paper("007"));
    let server = Server::start(config).unwrap();
    case.init(&["--client-id", "My: Firm", "--credential", "007"]).done();

    case.write("ca.pem", server.ca_pem());
    let mut login = assert_cmd::Command::cargo_bin("ibkr-auth").unwrap();
    isolate(case.path(), |name, value| match value {
        Some(value) => _ = login.env(name, value),
        None => _ = login.env_remove(name),
    });
    login
        .arg("login")
        .current_dir(case.path())
        .env("IBKR_AUTH_BASE_URL", server.base_url())
        .env("IBKR_AUTH_IP_SERVICES", server.lookup_url())
        .env("IBKR_AUTH_CA_FILE", case.file("ca.pem"))
        .env("IBKR_AUTH_PROXY", "none")
        .env("IBKR_AUTH_STATE_DIR", case.file("state"));
    let ran = run(login).done();
    assert!(ran.out.contains("paper account"), "{}{}", ran.out, ran.err);
    assert!(server.handle().counters().refusals.is_empty());
}
