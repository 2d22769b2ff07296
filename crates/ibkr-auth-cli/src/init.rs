//! `ibkr-auth init`: from nothing to settings, an RSA key, and what to upload to IBKR.

mod answers;
mod ask;
mod earlier;
mod folder;
mod interrupt;
mod key;
mod key_choice;
mod openssl;
mod plan;
mod report;
mod settings;
mod staged;
mod wrap;
mod yaml;

use std::path::PathBuf;

use clap::{
    ValueEnum, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::{exit::Exit, failure::Failure, options::Global, output::Output};

#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// Where config.yaml and the key go. Default: the folder of --config, else your configuration folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
    /// The client id that IBKR gave; with --new-key it may wait until there is one
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The id of the key that IBKR registered [default: main]
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
    /// The IBKR username that is logged in
    #[arg(long, value_name = "USERNAME")]
    credential: Option<String>,
    /// What to log in to [default: brokerage]
    #[arg(long, value_name = "TIER")]
    tier: Option<TierName>,
    /// Use this RSA private key
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["new_key", "bits"])]
    key: Option<PathBuf>,
    /// Make an RSA key; FILE is private.pem in the folder unless it is given
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    new_key: Option<Option<PathBuf>>,
    /// Length of a new key; IBKR asks for at least 3072
    #[arg(long, value_name = "N", default_value = "3072", value_parser = lengths())]
    bits: u32,
    /// The program that makes the key
    #[arg(long, value_name = "PATH", default_value = "openssl", value_hint = ValueHint::CommandName)]
    openssl: PathBuf,
    /// Replace what is there already and says otherwise; it is kept as ….bak. Private keys are never replaced
    #[arg(long)]
    force: bool,
    /// Ask nothing, as without a terminal
    #[arg(long)]
    no_input: bool,
}

/// A tier as it is written in config.yaml.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TierName {
    /// Everything outside /iserver; TWS and the phone stay logged in
    ReadOnly,
    /// Trading and market data too
    Brokerage,
}

impl TierName {
    const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Brokerage => "brokerage",
        }
    }
}

/// Those that a login can sign with.
fn lengths() -> impl TypedValueParser<Value = u32> {
    PossibleValuesParser::new(["2048", "3072", "4096"]).try_map(|bits| bits.parse::<u32>())
}

pub(crate) fn run(global: &Global, output: Output, args: &InitArgs) -> Result<(), Failure> {
    if global.profile.is_some() {
        return Err(Failure::new(Exit::Usage, "`init` writes no profiles").help(
            "run it without --profile, then add the profile to config.yaml by hand: `ibkr-auth help keys` shows how",
        ));
    }
    let interrupt = interrupt::Interrupt::at_once()?;
    let plan = plan::make(global, output, args)?;
    let done = plan.carry_out(output, args, &interrupt)?;
    report::show(output, &done)
}
