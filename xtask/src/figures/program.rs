//! What the program costs: its size, and the processor time of `header` with a kept session.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{peers::simulator::Simulator, process};

const RUNS: u64 = 300;

/// Linux tells the processor time of ended children in ticks: these fields, behind the name in parentheses.
const CHILDREN_USER: usize = 13;
const CHILDREN_SYSTEM: usize = 14;

pub(super) fn run() -> Result<(), String> {
    process::status(process::cargo().args(["build", "--quiet", "--release", "--package", "ibkr-auth-cli"]))?;
    process::status(process::cargo().args(["build", "--quiet", "--package", "ibkr-sim"]))?;
    let program = built("release/ibkr-auth");
    let size = fs::metadata(&program).map_err(|error| format!("{}: {error}", program.display()))?.len();
    println!("`ibkr-auth`, stripped: {:.1} MB\n", size as f64 / 1e6);

    let folder = built("figures-program");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let _simulator = Simulator::start(&built("debug/ibkr-sim"), &folder, &[])?;
    let times = [&["login"][..], &["header"], &["--version"]].map(|arguments| {
        let runs = if arguments == ["login"] { 1 } else { RUNS };
        cost(&program, &folder, arguments, runs)
    });
    let [_login, header, version] = times;
    println!("| command | processor time |\n|---|---|");
    println!("| `ibkr-auth header`, kept session | {:.1} ms |", header?);
    println!("| `ibkr-auth --version` | {:.1} ms |", version?);
    fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Milliseconds of processor time that a run takes on average.
fn cost(program: &Path, folder: &Path, arguments: &[&str], runs: u64) -> Result<f64, String> {
    let before = children()?;
    for _ in 0..runs {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env("IBKR_AUTH_STATE_DIR", folder.join("state"));
        process::status(command.stdout(Stdio::null()))?;
    }
    let second: f64 = process::output(Command::new("getconf").arg("CLK_TCK"))?
        .trim()
        .parse()
        .map_err(|_| "getconf CLK_TCK gives no number".to_owned())?;
    Ok((children()? - before) / second * 1_000.0 / runs as f64)
}

/// Ticks that ended children of this process have used.
fn children() -> Result<f64, String> {
    let stat = fs::read_to_string("/proc/self/stat").map_err(|error| format!("/proc/self/stat: {error}"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok());
    match (ticks(CHILDREN_USER), ticks(CHILDREN_SYSTEM)) {
        (Some(user), Some(system)) => Ok(user + system),
        _ => Err("/proc/self/stat cannot be read: these figures need Linux".to_owned()),
    }
}

fn built(path: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| process::root().join("target")).join(path)
}
