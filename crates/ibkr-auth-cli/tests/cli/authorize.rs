//! `ibkr-auth authorize`: a user's consent, by a verifier that is typed in and by a browser that comes back.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use ibkr_sim::{Endpoint, demo};

use crate::common::{Ran, VENDOR, World};

const ALLOW: &str = "&decision=allow&username=demouser";

/// Begins a consent, has the user answer, and gives request token and verifier.
fn consented(world: &World) -> (String, String) {
    let begun = world.succeed(["authorize", "--no-input", "--json"]).json();
    let address = begun["address"].as_str().unwrap();
    let page = world.browse(&format!("{address}{ALLOW}"));
    let page = String::from_utf8(page.into_body()).unwrap();
    let verifier = page.split("<code>").nth(1).unwrap().split("</code>").next().unwrap();
    (begun["request_token"].as_str().unwrap().to_owned(), verifier.to_owned())
}

fn finish(world: &World, (token, verifier): (&str, &str), more: &[&str]) -> Ran {
    world.run([&["authorize", "--request-token", token, "--verifier", verifier], more].concat())
}

#[test]
fn a_verifier_brings_an_access_token_that_logs_in() {
    for consumer in [demo::testcons::CONSUMER_KEY, VENDOR] {
        let world = World::vendor(consumer, None);
        let before = world.read("config.yaml");
        let (token, verifier) = consented(&world);
        let ran = finish(&world, (&token, &verifier), &[]).done();
        assert!(ran.out.contains("of the paper account are in config.yaml") && ran.err.is_empty(), "{ran}");
        let text = world.read("config.yaml");
        assert!(text.starts_with(&before) && text.contains("\noauth1_access_token_secret: \""), "{text}");
        let ran = world.succeed(["login"]);
        assert!(ran.out.contains("Connected"), "{ran}");
        assert_eq!((world.count(Endpoint::RequestToken), world.count(Endpoint::AccessToken)), (1, 1));
        assert!(world.simulator.handle().counters().refusals.is_empty());
        // What stands there is not replaced, and nothing is asked in vain.
        world.run(["authorize"]).fails(2, &["they have one already", "--print"]);
        assert_eq!(world.count(Endpoint::RequestToken), 1);
    }
}

#[test]
fn what_is_printed_stands_in_no_file() {
    let world = World::vendor(VENDOR, None);
    let before = world.read("config.yaml");
    let (token, verifier) = consented(&world);
    let told = finish(&world, (&token, &verifier), &["--print", "--json"]).done().json();
    assert_eq!((told["access_token"].as_str().unwrap().len(), &told["is_paper"]), (20, &true.into()));
    assert_eq!(world.read("config.yaml"), before);
    let (token, verifier) = consented(&world);
    let ran = finish(&world, (&token, &verifier), &["--print"]).done();
    let line = format!("oauth1_access_token: {}\n", told["access_token"]);
    assert!(ran.out.starts_with(&line), "the same token: {ran}");
    assert!(!ran.out.contains(told["access_token_secret"].as_str().unwrap()), "and another secret: {ran}");
}

#[test]
fn spent_and_foreign_tokens_are_told_and_asked_once() {
    let world = World::vendor(VENDOR, None);
    let (token, verifier) = consented(&world);
    finish(&world, (&token, "0123456789"), &[]).fails(5, &["nobody has consented", "anew"]);
    finish(&world, (&token, &verifier), &["--print"]).done();
    finish(&world, (&token, &verifier), &["--print"]).fails(5, &["spent or too old"]);
    finish(&world, ("a b", &verifier), &["--print"]).fails(3, &["this is no request token"]);
    assert_eq!(world.count(Endpoint::AccessToken), 3);
    world.fault(r#"[{"on": "request_token", "do": {"status": 503}}]"#);
    world.run(["authorize", "--no-input"]).fails(8, &["request_token"]);
    assert_eq!(world.count(Endpoint::RequestToken), 2, "not repeated");
}

#[test]
fn a_consumer_of_ones_own_and_one_that_is_not_known_are_told() {
    let world = World::oauth1();
    world.run(["authorize", "--print", "--no-input"]).fails(5, &["invalid consumer", "self-service page"]);
    let world = World::vendor("UNKNOWNKY", None);
    world.run(["authorize", "--no-input"]).fails(5, &["does not know this consumer key, or not yet"]);
    let world = World::new();
    world.run(["authorize", "--print", "--no-input"]).fails(3, &["log in by OAuth 2.0"]);
    assert_eq!(world.requests(), 0);
}

/// A program that waits for a browser, and the address that it has printed.
struct Waiting {
    child: Child,
    address: String,
    port: u16,
}

impl Waiting {
    fn start(world: &World, more: &[&str]) -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let number = port.to_string();
        let mut command: Command = world.command([&["authorize", "--port", &number], more].concat());
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
        let address = lines.find_map(|line| line.unwrap().trim().strip_prefix("https").map(str::to_owned));
        Self { child, address: format!("https{}", address.unwrap()), port }
    }

    /// What is answered to a request for this.
    fn get(&self, target: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn end(self) -> Ran {
        self.child.wait_with_output().unwrap().into()
    }
}

#[test]
fn a_browser_comes_back() {
    let world = World::vendor(VENDOR, None);
    let waiting = Waiting::start(&world, &[]);
    let sent = world.browse(&format!("{}{ALLOW}", waiting.address));
    let back = sent.headers()["location"].to_str().unwrap().to_owned();
    let target = back.strip_prefix(&format!("http://127.0.0.1:{}", waiting.port)).unwrap();
    // Others do not end it.
    TcpStream::connect(("127.0.0.1", waiting.port)).unwrap();
    assert!(waiting.get("/favicon.ico").starts_with("HTTP/1.1 404 "));
    assert!(waiting.get("/?oauth_token=00&oauth_verifier=00").starts_with("HTTP/1.1 400 "));
    let answer = waiting.get(target);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("You can close this page"),
        "{answer}"
    );
    assert!(!answer.contains("oauth"), "{answer}");
    let ran = waiting.end();
    assert_eq!(ran.code, Some(0), "{ran}");
    world.succeed(["login"]);
    assert_eq!(world.mode_of_settings(), 0o600);
}

#[test]
fn a_browser_comes_back_to_the_registered_callback() {
    let world = World::vendor(VENDOR, Some("http://localhost:1/back"));
    let waiting = Waiting::start(&world, &["--callback", "http://localhost:1/back", "--print"]);
    let sent = world.browse(&format!("{}{ALLOW}", waiting.address));
    let back = sent.headers()["location"].to_str().unwrap().to_owned();
    assert!(waiting.get(back.strip_prefix("http://localhost:1").unwrap()).contains(" 200 OK"));
    assert_eq!(waiting.end().code, Some(0));
    world.run(["authorize", "--callback", "http://localhost:2/", "--no-input"]).fails(5, &["registered"]);
}

#[test]
fn who_refuses_is_heard_and_who_does_not_come_is_not_waited_for() {
    let world = World::vendor(VENDOR, None);
    let waiting = Waiting::start(&world, &[]);
    let token = waiting.address.split("oauth_token=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert!(
        waiting.get(&format!("/?oauth_token={token}&oauth_problem=refused")).contains("Nothing was allowed")
    );
    let ran = waiting.end();
    assert_eq!(ran.code, Some(5), "{ran}");
    assert_eq!(world.count(Endpoint::AccessToken), 0);
    let ran = Waiting::start(&world, &["--within", "200ms"]).end();
    assert_eq!(ran.code, Some(4), "{ran}");
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    world.run(["authorize", "--port", &port]).fails(2, &["cannot listen", "--port"]);
    assert_eq!(world.count(Endpoint::RequestToken), 2);
}

#[cfg(unix)]
mod on_a_terminal {
    use super::*;
    use crate::common::{Terminal, signal};

    #[test]
    fn the_verifier_is_asked_for() {
        let world = World::vendor(VENDOR, None);
        let mut terminal = Terminal::start(world.command(["authorize", "--print"]));
        let address = terminal.until("Verifier: ");
        let address = address.lines().find_map(|line| line.trim().strip_prefix("https")).unwrap();
        let page = world.browse(&format!("https{address}{ALLOW}"));
        let page = String::from_utf8(page.into_body()).unwrap();
        let verifier = page.split("<code>").nth(1).unwrap().split("</code>").next().unwrap();
        terminal.send_line("a b");
        terminal.answers("copy it whole", verifier).sees("oauth1_access_token: \"[redacted, 20 characters");
        assert!(terminal.ends(0).contains("--reveal"));
    }

    #[test]
    fn ctrl_c_gives_up() {
        let world = World::vendor(VENDOR, None);
        let waiting = Waiting::start(&world, &[]);
        signal(&waiting.child, rustix::process::Signal::INT);
        assert_eq!(waiting.end().code, Some(130));
    }
}

impl World {
    #[cfg(unix)]
    fn mode_of_settings(&self) -> u32 {
        self.mode("config.yaml")
    }

    #[cfg(not(unix))]
    fn mode_of_settings(&self) -> u32 {
        0o600
    }
}
