//! What the documentation tells a newcomer to copy compiles in a package of their own: the `[dependencies]`
//! that a page shows, and each of its examples that uses them.

use std::{fs, path::Path, process::Command};

const CRATES: [&str; 2] = ["ibkr-auth-async", "ibkr-auth-blocking"];
/// Where the pages suppose a clone of the repository to be.
const CLONE: &str = "../ibkr-auth/";

/// What the clients' methods take, give and nest can be named with this one dependency.
const NAMES: &str = "
    #![allow(unused_imports)]
    use client::{
        AccessToken, Advice, AuthStatus, Authorization, BearerToken, Client, ClockSkew, Config, ConfigError, Connected,
        Error, ErrorKind, Event, Events, Expiry, FileError, Handle, Host, Http, Identity, KeepConnected, KeyError, KeySource, LoginBudget,
        NoProxy, Now, OnCompeting, Outcome, Output, Phase, Proxy, PublicIp, Reader, Region, Request, RequestId, Response,
        Retry, RsaKey, SavedSession, Secret, ServerInfo, Session, Settings, Sign, SignError, Snapshot, SsoDetails, Step,
        Ticket, Tickle, Tier, Transmit, Transport, TransportError, TransportKind, Unkeyed, Wait, core::wire,
        http::{HeaderMap, Method, StatusCode}, request,
    };
    fn main() {}";

#[test]
fn the_readme_works_as_it_is_copied() {
    let root = root();
    let page = fs::read_to_string(root.join("README.md")).unwrap();
    for name in CRATES {
        compiles(name, &page);
    }
}

#[test]
fn the_crates_documentation_works_as_it_is_copied() {
    for name in CRATES {
        compiles(name, &fs::read_to_string(root().join("crates").join(name).join("README.md")).unwrap());
    }
}

fn compiles(name: &str, page: &str) {
    let of_crate = |fence: &str, text: &str| {
        let blocks = blocks(page).filter(|(language, _)| language.split(',').next() == Some(fence));
        blocks.filter(|(_, block)| block.contains(text)).map(|(_, block)| block).collect::<Vec<_>>()
    };
    let dependencies = of_crate("toml", name).concat();
    assert!(dependencies.contains("[dependencies]"), "{name}: no dependencies on the page");
    let mut examples = of_crate("rust", &name.replace('-', "_"));
    // The kit for tests is a feature, which the block does not ask for.
    examples.retain(|example| !example.contains("testing"));
    assert!(!examples.is_empty(), "{name}: no example on the page");

    let package = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = package.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let clone = format!("{}/", root().display());
    let manifest = "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    write("Cargo.toml", &format!("{manifest}\n{}", dependencies.replace(CLONE, &clone)));
    write("src/bin/names.rs", &NAMES.replace("client", &name.replace('-', "_")));
    // The same versions, which are on this machine.
    write("Cargo.lock", &fs::read_to_string(root().join("Cargo.lock")).unwrap());
    for (number, example) in examples.iter().enumerate() {
        write(&format!("src/bin/example{number}.rs"), &program(example));
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["check", "--quiet", "--offline"])
        .current_dir(package.path())
        .env("CARGO_TARGET_DIR", root().join("target"))
        .env("RUSTFLAGS", "")
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An example with a `main`; what is async is spawned, as most programs do with it.
fn program(example: &str) -> String {
    let shown: Vec<&str> = example.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect();
    let example = shown.join("\n");
    let main = match example.contains("async fn run") {
        true => "#[tokio::main]\nasync fn main() { let _ = tokio::spawn(run()).await; }",
        false => "fn main() { let _ = run(); }",
    };
    format!("{example}\n\n{main}\n")
}

/// Language and text of each fenced block.
fn blocks(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
