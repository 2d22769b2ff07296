//! `ibkr-auth completions` and `ibkr-auth man`.

use std::{fs, io::Write, path::Path};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{args::Args, exit::Exit, failure::Failure};

pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "ibkr-auth", &mut script);
    // clap_complete writes the `-` of the name in two ways into bash's script, which then finds no command.
    let script = String::from_utf8_lossy(&script).replace("ibkr__subcmd__auth", "ibkr__auth");
    print(script.as_bytes())
}

/// The manual page of the program, or those of all commands in a folder.
pub(crate) fn man(dir: Option<&Path>) -> Result<(), Failure> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        Man::new(Args::command()).render(&mut page).map_err(|error| Failure::output(&error))?;
        return print(&page);
    };
    let unwritable = |error: std::io::Error| {
        Failure::new(Exit::Failed, format!("the manual cannot be written into {}", dir.display()))
            .why(error.to_string())
            .todo("choose another folder")
    };
    fs::create_dir_all(dir).map_err(unwritable)?;
    clap_mangen::generate_to(Args::command(), dir).map_err(unwritable)
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}
