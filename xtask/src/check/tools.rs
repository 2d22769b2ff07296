//! The rules that cargo's own tools check.

use std::process::Command;

use crate::{process, term};

pub(crate) fn format() -> Result<Vec<String>, String> {
    // `--files-with-diff` names the files; their differences are one `cargo fmt` away.
    let mut command = process::cargo();
    command.args(["fmt", "--all", "--check", "--", "--files-with-diff"]);
    let result = command.output().map_err(|error| format!("cargo fmt: {error}"))?;
    let text =
        String::from_utf8_lossy(if result.stdout.is_empty() { &result.stderr } else { &result.stdout });
    Ok(if result.status.success() { Vec::new() } else { text.lines().map(within_workspace).collect() })
}

pub(crate) fn clippy() -> Result<Vec<String>, String> {
    let mut command = compiling("clippy");
    command.args(["--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]);
    process::status(&mut command).map(|()| Vec::new())
}

/// Clippy for the clients of those who read neither files nor encrypted keys.
pub(crate) fn lean() -> Result<Vec<String>, String> {
    let mut command = compiling("clippy");
    command.args([
        "-p",
        "ibkr-auth-async",
        "-p",
        "ibkr-auth-blocking",
        "-p",
        "ibkr-auth-cli",
        "--no-default-features",
    ]);
    process::status(command.args(["--", "-D", "warnings"])).map(|()| Vec::new())
}

pub(crate) fn docs() -> Result<Vec<String>, String> {
    let mut command = compiling("doc");
    command.args(["--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "-Dwarnings");
    process::status(&mut command).map(|()| Vec::new())
}

/// A person sees cargo's progress, a log file only what is wrong.
fn compiling(subcommand: &str) -> Command {
    let mut command = process::cargo();
    command.arg(subcommand);
    if !term::is_terminal() {
        command.arg("--quiet");
    }
    command
}

fn within_workspace(path: &str) -> String {
    let root = process::root();
    let shown = std::path::Path::new(path).strip_prefix(&root).map(|path| path.display().to_string());
    shown.unwrap_or_else(|_| path.to_owned())
}
