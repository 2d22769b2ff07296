//! Settings made by `init` log in.

use ibkr_sim::{Client, Server, SimConfig, User};

use crate::common::{Folder, run};

#[test]
fn settings_log_in_once_ibkr_has_the_public_key() {
    let folder = Folder::new();
    run(folder.init_with_openssl(&["--dir", ".", "--new-key"])).done();

    let public = folder.read("public.pem");
    let client = Client::new("My: Firm").with_key("main", public.as_bytes()).unwrap().with_credential("007");
    let mut config = SimConfig::without_clients();
    config.clients.push(client);
    config.users.push(User::paper("007"));
    let server = Server::start(config).unwrap();
    folder.init(&["--client-id", "My: Firm", "--credential", "007"]).done();

    folder.write("ca.pem", server.ca_pem());
    let mut login = folder.command(["login", "--config", "config.yaml"]);
    login
        .env("IBKR_AUTH_BASE_URL", server.base_url())
        .env("IBKR_AUTH_IP_SERVICES", server.lookup_url())
        .env("IBKR_AUTH_CA_FILE", folder.path("ca.pem"))
        .env("IBKR_AUTH_PROXY", "none");
    let ran = run(login).done();
    assert!(ran.out.contains("paper account"), "{}{}", ran.out, ran.err);
    assert!(server.handle().counters().refusals.is_empty());
}
