//! `cargo xtask api`: what has changed in the public API since a revision, and whether the version says so.

use std::process::Command;

use crate::{check, process, tool::Tool};

pub(crate) const ABOUT: &str =
    "compare the public API with the newest tag, or with a revision (cargo-semver-checks)";

const SEMVER_CHECKS: Tool = Tool { name: "cargo-semver-checks", version: "0.51.0" };

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let revision = match arguments {
        [] => newest_tag()?,
        [revision] => revision.clone(),
        [_, other, ..] => return Err(format!("`api` takes one revision; `{other}` is too much")),
    };
    let mut checks = Command::new(SEMVER_CHECKS.ready()?);
    checks.current_dir(process::root()).args([
        "semver-checks",
        "--all-features",
        "--baseline-rev",
        &revision,
    ]);
    for name in check::published() {
        // A program has no API.
        if process::root().join("crates").join(name).join("src/lib.rs").exists() {
            checks.args(["-p", name]);
        }
    }
    process::status(&mut checks)
}

fn newest_tag() -> Result<String, String> {
    let mut git = Command::new("git");
    git.current_dir(process::root()).args(["describe", "--tags", "--abbrev=0", "--match", "v*"]);
    match process::output(&mut git) {
        Ok(tag) => Ok(tag.trim().to_owned()),
        Err(_) => Err("no release is tagged yet: name the revision to compare with".to_owned()),
    }
}
