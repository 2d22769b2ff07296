//! Running other programs, and where the workspace is.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command};
use std::sync::mpsc::{self, Receiver};
use std::thread;

/// The folder that holds the workspace's Cargo.toml.
pub(crate) fn root() -> PathBuf {
    // `cargo run` tells where the source is now: with a shared target folder, a copy may have been compiled
    // elsewhere.
    let now = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let xtask = now.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    xtask.parent().unwrap_or(&xtask).to_path_buf()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    chosen.unwrap_or_else(|| root().join("target"))
}

/// The folder of the programs that cargo builds: this one is there too.
pub(crate) fn programs() -> Result<PathBuf, String> {
    let xtask = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(xtask.parent().unwrap_or(Path::new(".")).to_owned())
}

/// A program of the workspace, once it is built.
pub(crate) fn program(name: &str) -> Result<PathBuf, String> {
    Ok(programs()?.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// The cargo that runs this task, in the workspace's folder.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// What the program writes to its standard output; an error holds what it wrote to the other one.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let result = command.output().map_err(|error| format!("{}: {error}", shown(command)))?;
    if result.status.success() {
        String::from_utf8(result.stdout).map_err(|_| format!("{}: output is not UTF-8", shown(command)))
    } else {
        let stderr = String::from_utf8_lossy(&result.stderr);
        Err(format!("{}: {}\n{}", shown(command), result.status, stderr.trim_end()))
    }
}

/// Runs the program with its output going straight to the terminal.
pub(crate) fn status(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", shown(command))) }
}

/// The lines that a program writes, as it writes them, so that whoever waits for one may lose patience.
pub(crate) fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}
