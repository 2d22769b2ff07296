//! `ibkr-auth doctor`: checks everything from the inside out, stops nowhere, and says what to do.

mod address;
mod ask;
mod call;
mod checks;
mod context;
mod files;
mod finding;
mod kept;
mod key;
mod login;
mod meaning;
mod network;
mod oauth1;
mod report;
mod settings;
mod tiers;

use crate::{exit::Exit, failure::Failure, options::Global, output::Output};
use checks::End;
use report::Report;

/// What `doctor` may do.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Send nothing: check settings, files, key and kept session only
    #[arg(long, conflicts_with_all = ["fresh", "compete"])]
    pub(crate) offline: bool,
    /// End the kept session, even a good one, and check a whole new login, which is logged out again
    #[arg(long)]
    pub(crate) fresh: bool,
    /// End another brokerage session of the username, such as TWS. Without this it goes on, whatever the
    /// settings say
    #[arg(long)]
    pub(crate) compete: bool,
}

pub(crate) fn run(global: &Global, output: Output, args: &DoctorArgs) -> Result<(), Failure> {
    let mut report = Report::new(output);
    let end = checks::run(global, output, args, &mut report)?;
    let is_good = report.close(&end)?;
    match (end, is_good) {
        (End::Interrupted, _) => Err(Failure::told(Exit::Interrupted)),
        (End::Reached, false) => Err(Failure::told(Exit::Failed)),
        (End::Reached, true) => Ok(()),
    }
}
