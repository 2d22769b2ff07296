//! `ibkr-auth sim`: the simulator, with the errors and exit codes of this program.

use std::{error::Error, io};

use crate::{exit::Exit, failure::Failure, output::Output};

pub(crate) fn run(args: &ibkr_sim::cli::Args, output: Output) -> Result<(), Failure> {
    ibkr_sim::cli::run(args, output.json).map_err(|error| failure(error.as_ref()))
}

fn failure(error: &(dyn Error + 'static)) -> Failure {
    if let Some(unwritable) = error.downcast_ref::<io::Error>().filter(|error| error.raw_os_error().is_some())
    {
        // Whatever else fails is told in words of the simulator's own.
        return Failure::output(unwritable);
    }
    let text = error.to_string();
    if text.starts_with("--") {
        return Failure::new(Exit::Usage, text).help("correct it; `--help` shows examples");
    }
    match parts(&text) {
        Some((what, why, help)) => Failure::new(Exit::Failed, what).why(why).help(help),
        None => Failure::new(Exit::Failed, text),
    }
}

/// `what: why; help`, as the simulator says it in one line.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (happened, help) = text.rsplit_once("; ")?;
    let (what, why) = happened.split_once(": ")?;
    Some((what, why, help))
}
