//! `ibkr-auth completions` and `ibkr-auth man`.

use std::{fs, io::Write, path::Path};

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{exit::Exit, failure::Failure};

pub(crate) fn completions(mut program: Command, shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, "ibkr-auth", &mut script);
    // clap_complete writes the `-` of the name in two ways into bash's script, which then finds no command.
    let script = String::from_utf8_lossy(&script).replace("ibkr__subcmd__auth", "ibkr__auth");
    let script = if shell == Shell::Fish { mended_for_fish(&script) } else { script };
    print(script.as_bytes())
}

/// clap_complete asks whether `help` has a command by a list with `help` in it, takes an option without its
/// value for a mistake, and knows no arguments without a name: fish offers files then.
fn mended_for_fish(script: &str) -> String {
    let shells = Shell::value_variants().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let rule = |command: &str, words: &str| {
        format!(
            "complete -c ibkr-auth -n \"__fish_ibkr_auth_using_subcommand {command}\" -f -a \"{words}\"\n"
        )
    };
    script
        .replace(" man help\" -f", " man\" -f")
        .replace("2>/dev/null\n    or return\n", "2>/dev/null\n    or return 0\n")
        + &rule("completions", &shells)
        + &rule("guide", "onboarding quickstart settings")
}

/// The manual page of the program, or those of all commands in a folder.
pub(crate) fn man(program: Command, dir: Option<&Path>) -> Result<(), Failure> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        Man::new(program).render(&mut page).map_err(|error| Failure::output(&error))?;
        return print(&page);
    };
    let unwritable = |error: std::io::Error| {
        Failure::new(Exit::Failed, format!("the manual cannot be written into {}", dir.display()))
            .why(error.to_string())
            .help("choose another folder")
    };
    fs::create_dir_all(dir).map_err(unwritable)?;
    clap_mangen::generate_to(program, dir).map_err(unwritable)
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}
