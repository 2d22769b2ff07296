//! What can be said on the command line.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  ibkr-auth demo
      See a whole login against a simulator; needs no account and no configuration.
  ibkr-auth login --config config.yaml
      Try your own credentials.
  HTTPS_PROXY=http://127.0.0.1:8445 SSL_CERT_FILE=ca.pem ibkr-auth login --config config.yaml
      Through a proxy, trusting another authority: here a running ibkr-sim.

Exit codes: 0 success, 1 failure, 2 wrong usage.";

/// Logs in to Interactive Brokers' Web API (OAuth 2.0).
#[derive(Debug, Parser)]
#[command(name = "ibkr-auth", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Log what happens to standard error; twice for what the HTTP stack does too. No secret is logged
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a whole login against a simulator inside this program
    Demo,
    /// Log in, show each step, and log out again; leaves other sessions of the username alone
    Login {
        /// Settings, as `ibauth` has them; variables IBKR_AUTH_… override them
        #[arg(long, default_value = "config.yaml", value_name = "FILE")]
        config: PathBuf,
        /// End another brokerage session of the username, such as TWS. Without this it goes on, whatever `compete` in
        /// the settings says
        #[arg(long)]
        compete: bool,
    },
}
