//! `cargo xtask check`: the rules this workspace is built by, checked on every push.

mod dependencies;
mod layers;
mod rust_version;
mod sources;
mod threats;
mod tools;
mod tree;

use crate::term;

pub(crate) const ABOUT: &str =
    "check the workspace's rules (--fast: only what compiles nothing; --update-allow)";

struct Rule {
    name: &'static str,
    holds: &'static str,
    /// What to do when the rule fails.
    advice: &'static str,
    compiles: bool,
    /// The problems found; an error means that the rule could not be checked, which counts as a failure.
    run: fn() -> Result<Vec<String>, String>,
}

/// Fast rules first.
const RULES: &[Rule] = &[
    Rule {
        name: "header",
        holds: "every source file says what it is for",
        advice: "start the file with a `//!` line",
        compiles: false,
        run: sources::headers,
    },
    Rule {
        name: "budget",
        holds: "no file is longer than 500 lines of code",
        advice: "split the file by concern",
        compiles: false,
        run: sources::budget,
    },
    Rule {
        name: "width",
        holds: "no comment is wider than 110 columns",
        advice: "break the line",
        compiles: false,
        run: sources::width,
    },
    Rule {
        name: "layers",
        holds: "workspace crates depend on lower layers only",
        advice: "move the code, or change LAYERS in xtask/src/check/layers.rs and docs/ARCHITECTURE.md together",
        compiles: false,
        run: layers::check,
    },
    Rule {
        name: "allowed",
        holds: "core, jws and oauth1 pull in the listed external crates and no others",
        advice: "if the change is meant: `cargo xtask check --update-allow`, and commit xtask/allow",
        compiles: false,
        run: dependencies::allowed,
    },
    Rule {
        name: "banned",
        holds: "ring is the only crypto provider, and no banned crate is pulled in",
        advice: "deny.toml says which; `cargo tree --workspace --target all --all-features -i <crate>` shows who pulls it in",
        compiles: false,
        run: dependencies::banned,
    },
    Rule {
        name: "optional",
        holds: "without `yaml` and `encrypted-pem` the clients pull in neither YAML nor PBES2",
        advice: "`cargo tree -p ibkr-auth-async --no-default-features -i <crate>` shows who pulls it in",
        compiles: false,
        run: dependencies::optional,
    },
    Rule {
        name: "msrv",
        holds: "no dependency asks for a newer Rust than we do",
        advice: "take an older release of it, or raise rust-version in Cargo.toml, README and CHANGELOG",
        compiles: false,
        run: rust_version::check,
    },
    Rule {
        name: "versions",
        holds: "no crate comes in two versions",
        advice: "`cargo tree -d` shows who; if it cannot be helped, name it in xtask/allow/duplicates.txt with a reason",
        compiles: false,
        run: dependencies::duplicates,
    },
    Rule {
        name: "threats",
        holds: "every line of docs/THREAT_MODEL.md names tests that exist, or says that it is not defended",
        advice: "name the test by its function, or write `not defended`",
        compiles: false,
        run: threats::check,
    },
    Rule {
        name: "format",
        holds: "rustfmt changes nothing",
        advice: "`cargo fmt --all`",
        compiles: false,
        run: tools::format,
    },
    Rule {
        name: "clippy",
        holds: "clippy has nothing to say",
        advice: "its output is above",
        compiles: true,
        run: tools::clippy,
    },
    Rule {
        name: "lean",
        holds: "clippy has nothing to say to clients and program without features either",
        advice: "its output is above",
        compiles: true,
        run: tools::lean,
    },
    Rule {
        name: "docs",
        holds: "rustdoc has nothing to say",
        advice: "its output is above",
        compiles: true,
        run: tools::docs,
    },
];

pub(crate) use layers::published;

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut fast = false;
    for argument in arguments {
        match argument.as_str() {
            "--fast" => fast = true,
            "--update-allow" => return dependencies::update(),
            other => return Err(format!("`check` has no option `{other}`: only --fast and --update-allow")),
        }
    }

    let rules: Vec<&Rule> = RULES.iter().filter(|rule| !(fast && rule.compiles)).collect();
    let failed: Vec<&str> = rules.iter().filter(|rule| !passes(rule)).map(|rule| rule.name).collect();
    if failed.is_empty() {
        println!("all {} rules pass", rules.len());
        Ok(())
    } else {
        Err(format!("{} of {} rules fail: {}", failed.len(), rules.len(), failed.join(", ")))
    }
}

fn passes(rule: &Rule) -> bool {
    if rule.compiles {
        println!("....  {:<9} compiling", rule.name);
    }
    let problems = (rule.run)().unwrap_or_else(|error| vec![error]);
    let verdict = if problems.is_empty() { term::green("pass") } else { term::red("FAIL") };
    println!("{verdict}  {:<9} {}", rule.name, rule.holds);
    for line in problems.iter().flat_map(|problem| problem.lines()) {
        println!("                {line}");
    }
    if !problems.is_empty() {
        println!("             -> {}", rule.advice);
    }
    problems.is_empty()
}
