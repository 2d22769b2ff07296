//! `cargo xtask figures`: how large it all is, and how long it takes to build.

use std::{collections::BTreeSet, fs, time::Instant};

use crate::process;

pub(crate) const ABOUT: &str =
    "measure the sizes that docs/FIGURES.md quotes (minutes; --fast: without clean builds)";

const PACKAGES: [&str; 9] = [
    "ibkr-jws",
    "ibkr-oauth1",
    "ibkr-auth-core",
    "ibkr-auth-config",
    "ibkr-auth-async",
    "ibkr-auth-blocking",
    "ibkr-auth-store",
    "ibkr-auth-cli",
    "ibkr-sim",
];
const CLIENTS: [&str; 2] = ["ibkr-auth-async", "ibkr-auth-blocking"];

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let fast = match arguments {
        [] => false,
        [one] if one == "--fast" => true,
        [other, ..] => return Err(format!("`figures` takes --fast, not `{other}`")),
    };
    println!("## External crates on Linux, build scripts' own included\n");
    crates()?;
    println!("\n## The program\n");
    program()?;
    if !fast {
        println!("\n## Clean builds\n");
        clean_builds()?;
    }
    Ok(())
}

fn crates() -> Result<(), String> {
    println!("| package | crates |\n|---|---|");
    for package in PACKAGES {
        let arguments = ["tree", "--quiet", "--package", package, "-e", "normal,build", "--prefix", "none"];
        let tree = process::output(process::cargo().args(arguments).args(["--format", "{p}"]))?;
        // Those of the workspace show their path; `(*)` marks what was listed before.
        let names = tree.lines().filter(|line| !line.contains('/')).filter_map(|line| line.split(' ').next());
        let names: BTreeSet<&str> = names.filter(|name| !name.is_empty()).collect();
        println!("| {package} | {} |", names.len());
    }
    Ok(())
}

fn program() -> Result<(), String> {
    process::status(process::cargo().args(["build", "--quiet", "--release", "--package", "ibkr-auth-cli"]))?;
    let program = process::target().join("release/ibkr-auth");
    let size = fs::metadata(&program).map_err(|error| format!("{}: {error}", program.display()))?.len();
    println!("`ibkr-auth`, stripped: {:.1} MB", size as f64 / 1e6);
    Ok(())
}

fn clean_builds() -> Result<(), String> {
    println!("| package | debug | release |\n|---|---|---|");
    let target = process::root().join("target/figures");
    for package in CLIENTS {
        let mut row = format!("| {package} |");
        for profile in ["dev", "release"] {
            if target.exists() {
                fs::remove_dir_all(&target).map_err(|error| format!("{}: {error}", target.display()))?;
            }
            let start = Instant::now();
            let mut build = process::cargo();
            build
                .args(["build", "--quiet", "--package", package, "--profile", profile, "--target-dir"])
                .arg(&target);
            process::status(&mut build)?;
            row += &format!(" {:.0} s |", start.elapsed().as_secs_f64());
        }
        println!("{row}");
    }
    fs::remove_dir_all(&target).map_err(|error| format!("{}: {error}", target.display()))
}
