//! `cargo xtask package`: each crate that is published builds from its own package, and has what belongs into
//! one.

use crate::{check, process};

pub(crate) const ABOUT: &str = "build every published crate from its package";

/// What a package must hold beside its sources: licences ask that their text goes along.
const NEEDED: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(other) = arguments.first() {
        return Err(format!("`package` takes no argument, not `{other}`"));
    }
    list()?;
    // All at once: cargo lays those that crates.io does not have yet over its index.
    let mut package = process::cargo();
    package.args(["package", "--locked", "--allow-dirty"]);
    for name in check::published() {
        package.args(["-p", name]);
    }
    process::status(&mut package)
}

/// Whether each package would hold what belongs into one.
pub(crate) fn list() -> Result<(), String> {
    for name in check::published() {
        let list =
            process::output(process::cargo().args(["package", "--list", "--allow-dirty", "-p", name]))?;
        if let Some(missing) = NEEDED.iter().find(|needed| !list.lines().any(|line| line == **needed)) {
            return Err(format!("the package of {name} has no {missing}"));
        }
    }
    Ok(())
}
