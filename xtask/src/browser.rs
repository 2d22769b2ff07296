//! `cargo xtask browser`: the gateway's status page in Chromium, and the pictures of it in the documentation.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{
    gateway::Gateway,
    peers::{self, venv},
    process, term,
};

pub(crate) const ABOUT: &str =
    "check the gateway's status page in Chromium, and write the pictures of docs/gateway";

/// What Debian calls the browser and what drives it, packages and programs.
const NEEDED: [&str; 2] = ["chromium", "chromium-driver"];
const PROGRAMS: [&str; 2] = ["chromium", "chromedriver"];

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(other) = arguments.first() {
        return Err(format!("`browser` takes no argument, not `{other}`"));
    }
    check(&browser()?, Some(&process::root().join("docs/gateway")))
}

/// The checks alone, where there is a browser.
pub(crate) fn if_there() -> Result<(), String> {
    match browser() {
        Ok(programs) => check(&programs, None),
        Err(why) => {
            println!("the status page is not checked: {why}");
            Ok(())
        }
    }
}

fn check(programs: &[PathBuf], pictures: Option<&Path>) -> Result<(), String> {
    peers::build()?;
    let mut demo = Command::new(process::program("ibkr-auth")?);
    let gateway = Gateway::start(demo.args(["gateway", "--demo", "--plain"]))?;
    println!("\nthe gateway's status page");
    let mut script = Command::new(venv::system_python());
    script.arg(process::root().join("xtask/browser/check_page.py")).arg(gateway.port.to_string());
    script.args(programs).args(pictures).env("PYTHONDONTWRITEBYTECODE", "1");
    let outcome = process::status(&mut script);
    let (ended, said) = gateway.stop()?;
    if outcome.is_err() || !ended.success() {
        println!("  {} the gateway ended with {ended}, and said:\n{}", term::red("FAIL"), said.join("\n"));
        return Err("the status page does not do what it should".to_owned());
    }
    println!("  {} {}", term::green("pass"), pictures.map_or(String::new(), |to| to.display().to_string()));
    Ok(())
}

/// The browser and what drives it, installed if that is possible.
fn browser() -> Result<Vec<PathBuf>, String> {
    if let Some(found) = found() {
        return Ok(found);
    }
    println!("installing {}", NEEDED.join(" and "));
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]).args(NEEDED);
    let outcome = install.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()).status();
    match (outcome, found()) {
        (Ok(status), Some(found)) if status.success() => Ok(found),
        _ => Err(format!(
            "{} are needed, and could not be installed (Debian: apt-get install {})",
            PROGRAMS.join(" and "),
            NEEDED.join(" ")
        )),
    }
}

fn found() -> Option<Vec<PathBuf>> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let find = |name: &&str| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    PROGRAMS.iter().map(find).collect()
}
