//! Which settings share a session, and which do not.

use ibkr_sim::{Client, demo};

use crate::common::{OTHER, World, run};

fn logins(world: &World) -> u64 {
    world.simulator.handle().counters().bearers
}

#[test]
fn profiles_of_one_file_have_sessions_of_their_own() {
    // A client of its own: assertions of one client within seconds of each other may be the same bytes.
    let world = World::with(|config| {
        let other = Client { client_id: "OtherClient".to_owned(), ..config.clients[0].clone() };
        config.clients.push(other);
    });
    world.configure(&format!(
        "default_profile: paper\nprofiles:\n  paper:\n    credential: {}\n  live:\n    client_id: OtherClient\n    \
         credential: {OTHER}\n",
        demo::CREDENTIAL
    ));
    let tokens = [["--profile", "live"], ["--profile", "paper"]].map(|profile| {
        world.succeed([&profile[..], &["login"]].concat());
        world.succeed([&profile[..], &["token"]].concat()).out
    });
    assert_ne!(tokens[0], tokens[1]);
    assert_eq!(world.records().len(), 2);
    let live = world.succeed(["status", "--profile", "live"]);
    assert!(live.out.contains("live account"), "{live}");
    let paper = world.succeed(["status"]);
    assert!(paper.out.contains("paper account"), "{paper}");

    world.succeed(["logout", "--profile", "live"]);
    assert_eq!(world.succeed(["token"]).out, tokens[1], "the other goes on");
    assert_eq!(logins(&world), 2);
}

#[test]
fn the_variable_chooses_a_profile_and_json_names_it() {
    let world = World::new();
    world.configure(&format!("profiles:\n  live:\n    credential: {OTHER}\n"));
    let ran = world.run_with([("IBKR_AUTH_PROFILE", "live")], ["login", "--json"]);
    assert_eq!(ran.json()["profile"], "live");
    assert_eq!(world.succeed(["status", "--profile", "live", "--json"]).json()["profile"], "live");
}

#[test]
fn another_username_or_tier_or_host_is_another_session() {
    let world = World::new();
    world.succeed(["token"]);
    let other_host = world.simulator.base_url().replace("localhost", "127.0.0.1");
    for (number, (name, value)) in
        [("CREDENTIAL", OTHER), ("TIER", "read-only"), ("BASE_URL", &other_host)].into_iter().enumerate()
    {
        // Else it remembers the assertions and the brokerage session of the login before.
        world.simulator.handle().restart();
        assert_eq!(world.run_with([(format!("IBKR_AUTH_{name}"), value)], ["token"]).code, Some(0), "{name}");
        assert_eq!(world.records().len(), number + 2, "{name}");
    }
}

#[test]
fn what_does_not_matter_for_a_session_shares_it() {
    let world = World::new();
    let token = world.succeed(["token"]).out;
    for more in ["timeout: 7s\n", "compete: true\n", "user_agent: mine\n", "retry_attempts: 2\n"] {
        world.configure(more);
        assert_eq!(world.succeed(["token"]).out, token, "{more}");
    }
    assert_eq!(logins(&world), 1);
}

#[test]
fn a_session_is_not_used_through_another_proxy_or_other_certificates() {
    let world = World::new();
    world.configure("tier: read-only\n");
    let token = world.succeed(["token"]).out;
    world.write("other.pem", world.read("ca.pem"));
    let proxy = format!("proxy: {}\n", world.simulator.proxy_url());
    for more in ["ca_file: other.pem\n", "ca_only: false\n", &proxy] {
        world.configure(&format!("tier: read-only\n{more}"));
        for command in ["token", "get"] {
            let path = if command == "get" { &["/portfolio/accounts"][..] } else { &[] };
            world.run([&[command, "--no-login"], path].concat()).fails(4, &["there is no session"]);
        }
    }
    // However the path of the certificates is written.
    world.configure(&format!("tier: read-only\nca_file: {}\n", world.path("./ca.pem").display()));
    assert_eq!(world.succeed(["token", "--no-login"]).out, token);
    assert_eq!(logins(&world), 1);
}

#[test]
fn a_simulator_that_stands_for_ibkr_shares_no_session_with_it() {
    let world = World::behind_proxy();
    world.succeed(["login"]);
    let real = world.run_with([("HTTPS_PROXY", "")], ["token", "--no-login"]);
    real.fails(4, &["there is no session"]);
    // A proxy of the network is there in one shell and not in the next.
    let company = world.run_with([("HTTPS_PROXY", "http://proxy.example:3128")], ["token", "--no-login"]);
    company.fails(4, &["there is no session"]);
    assert_eq!(world.records().len(), 1);
    world.succeed(["token", "--no-login"]);
}

#[test]
fn another_state_folder_is_another_world() {
    let world = World::new();
    let token = world.succeed(["token"]).out;
    world.simulator.handle().restart();
    assert_ne!(world.succeed(["token", "--state-dir", "other"]).out, token);
    assert!(world.path("other").is_dir());
}

#[test]
fn without_a_choice_the_platform_says_where_sessions_are() {
    let world = World::new();
    let mut command = world.command(["login"]);
    command.env_remove("IBKR_AUTH_STATE_DIR");
    assert_eq!(run(command).code, Some(0));
    assert!(world.records().is_empty());
    #[cfg(target_os = "linux")]
    assert!(world.path("state/ibkr-auth").is_dir());
}
