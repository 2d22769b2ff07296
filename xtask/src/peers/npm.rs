//! Packages of npm, pinned by digest, kept between runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// The folder in which is installed what `xtask/peers/npm` pins; `None` where there is no npm.
pub(super) fn packages(folder: &Path) -> Result<Option<PathBuf>, String> {
    if process::output(Command::new(npm()).arg("--version")).is_err() {
        return Ok(None);
    }
    let (pins, folder) = (process::root().join("xtask/peers/npm"), folder.join("npm"));
    let read = |path: PathBuf| fs::read(&path).map_err(|error| format!("{}: {error}", path.display()));
    let wanted = read(pins.join(FILES[1]))?;
    // What it was made of.
    let made_of = folder.join("pins.json");
    if fs::read(&made_of).is_ok_and(|installed| installed == wanted) {
        return Ok(Some(folder));
    }
    println!("installing ibkr-client from npm");
    let failed = |error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    for name in FILES {
        fs::write(folder.join(name), read(pins.join(name))?).map_err(failed)?;
    }
    // Whatever else npm hands out is refused, by the digest of each package; none runs a script of its own.
    let mut install = Command::new(npm());
    install.args(["ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    process::status(&mut install)
        .map_err(|error| format!("{error}\nnpm could not install ibkr-client: is its registry reachable?"))?;
    fs::write(&made_of, wanted).map_err(failed)?;
    Ok(Some(folder))
}

fn npm() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::process;

    #[test]
    fn every_package_of_npm_is_pinned_by_digest() {
        let path = process::root().join("xtask/peers/npm/package-lock.json");
        let text = fs::read_to_string(path).unwrap();
        let packages = text.matches("\"node_modules/").count();
        assert!(packages > 1 && text.contains("\"node_modules/ibkr-client\""), "{text}");
        assert_eq!(text.matches("\"integrity\": \"sha512-").count(), packages);
    }
}
