//! `cargo xtask deny`: licences, bans, sources and advisories, by cargo-deny and deny.toml.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{process, tool::Tool};

pub(crate) const ABOUT: &str = "licences, bans, sources and advisories of all dependencies (cargo-deny)";

const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// The RustSec database for machines that do not reach GitHub, beside the workspace.
const SNAPSHOT: &str = "../shared/advisory-db.tar.xz";

/// The folder in which cargo-deny looks for the database of its default URL.
const DATABASE: &str = "advisory-db-3157b0e258782691";

/// For `ci`: building cargo-deny takes longer than all of our tests.
pub(crate) fn if_built() -> Result<(), String> {
    match CARGO_DENY.is_built() {
        true => run(&[]),
        false => {
            println!("cargo-deny is not here: `cargo xtask deny` builds it");
            Ok(())
        }
    }
}

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(other) = arguments.first() {
        return Err(format!("`deny` takes no argument, not `{other}`"));
    }
    let program = CARGO_DENY.ready()?;
    let mut deny = Command::new(program);
    deny.current_dir(process::root()).arg("deny");
    let snapshot = process::root().join(SNAPSHOT);
    if snapshot.exists() {
        println!("advisories as of {SNAPSHOT}");
        deny.args(["--offline", "--config"]).arg(unpacked(&snapshot)?);
    }
    process::status(deny.arg("check"))
}

/// A copy of deny.toml that names a database made of the snapshot.
fn unpacked(snapshot: &Path) -> Result<PathBuf, String> {
    let databases = process::root().join("target/advisories");
    let database = databases.join(DATABASE);
    let failed = |error: std::io::Error| format!("{}: {error}", database.display());
    if databases.exists() {
        fs::remove_dir_all(&databases).map_err(failed)?;
    }
    fs::create_dir_all(&database).map_err(failed)?;
    process::status(Command::new("tar").arg("xJf").arg(snapshot).arg("-C").arg(&database))?;
    // cargo-deny takes a database for one only if it is a repository with a commit.
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &["-c", "user.name=snapshot", "-c", "user.email=", "commit", "--quiet", "--message", "snapshot"],
    ] {
        process::status(Command::new("git").current_dir(&database).args(arguments))?;
    }
    let rules = fs::read_to_string(process::root().join("deny.toml")).map_err(failed)?;
    let place = format!("[advisories]\ndb-path = {:?}", databases.display().to_string());
    let config = databases.join("deny.toml");
    fs::write(&config, rules.replacen("[advisories]", &place, 1)).map_err(failed)?;
    Ok(config)
}
