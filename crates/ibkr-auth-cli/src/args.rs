//! What can be said on the command line.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args as ClapArgs, ColorChoice, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use crate::help;

/// Logs in to Interactive Brokers' Web API (OAuth 2.0), and stays logged in.
#[derive(Debug, Parser)]
#[command(name = "ibkr-auth", version, after_help = help::PROGRAM, after_long_help = help::program())]
#[command(subcommand_required = true, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Settings; also IBKR_AUTH_CONFIG. Without both `config.yaml` in your configuration folder, else the variables
    /// IBKR_AUTH_… alone; one in the current folder is not read
    #[arg(short, long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// The part of `profiles` in the settings to use; also IBKR_AUTH_PROFILE
    #[arg(short, long, global = true, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) profile: Option<String>,
    /// Where sessions are kept between invocations, instead of your state folder; also IBKR_AUTH_STATE_DIR
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
    /// Read the passphrase of the private key from this file descriptor
    #[arg(long, global = true, value_name = "N")]
    pub(crate) passphrase_fd: Option<u32>,
    /// Print JSON for programs, errors too, to standard output; an error that follows a result goes to standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print nothing but errors, tokens and answers of the API
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Log what happens to standard error; twice for what the HTTP stack does too. No secret is logged
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// Colours; `auto` is on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = false)]
    pub(crate) color: ColorChoice,
}

impl Global {
    /// What the options leave open. An empty variable is none.
    pub(crate) fn add_variables(&mut self) {
        let path = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        self.config = self.config.take().or_else(|| path("IBKR_AUTH_CONFIG"));
        self.state_dir = self.state_dir.take().or_else(|| path("IBKR_AUTH_STATE_DIR"));
    }
}

/// What may happen before a command has a session to work with.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct SessionArgs {
    /// End another brokerage session of the username, such as TWS. Without this it goes on, unless the settings say
    /// `compete: true`
    #[arg(long)]
    pub(crate) compete: bool,
    /// Fail if the kept session is not good, instead of logging in
    #[arg(long)]
    pub(crate) no_login: bool,
    /// Ask IBKR whether the session is good when that was seen longer ago than this
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) max_age: Duration,
    /// Give up when there is no good session after this time
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = duration)]
    pub(crate) within: Duration,
}

/// Which secrets may be shown.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct RevealArgs {
    /// Show the token on a terminal too
    #[arg(long)]
    pub(crate) reveal: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a working configuration: settings, RSA key, and what to upload to IBKR
    #[command(after_help = help::INIT)]
    Init(crate::init::InitArgs),
    /// Check everything from the settings to the accounts, and say what to do
    #[command(after_help = help::DOCTOR)]
    Doctor(crate::doctor::DoctorArgs),
    /// Log in and keep the session for later invocations
    #[command(after_help = help::LOGIN)]
    Login(LoginArgs),
    /// Show the kept session as IBKR sees it; log in nowhere
    #[command(after_help = help::STATUS)]
    Status,
    /// Keep the session alive once
    #[command(after_help = help::TICKLE)]
    Tickle,
    /// Ask IBKR about the session, which extends it too; once a minute at most
    #[command(after_help = help::VALIDATE)]
    Validate,
    /// End the kept session
    #[command(after_help = help::LOGOUT)]
    Logout,
    /// Stay logged in, in the foreground, and heal what breaks
    #[command(after_help = help::KEEP)]
    Keep(crate::keep::KeepArgs),
    /// Print the headers of an authorised request, for scripts
    #[command(after_help = help::HEADER)]
    Header(TokenArgs),
    /// Print the bearer token, for scripts
    #[command(after_help = help::TOKEN)]
    Token(TokenArgs),
    /// Make an authorised GET request
    #[command(after_help = help::GET)]
    Get(GetArgs),
    /// Make an authorised POST request, once
    #[command(after_help = help::POST)]
    Post(PostArgs),
    /// Make an authorised DELETE request, once
    #[command(after_help = help::DELETE)]
    Delete(GetArgs),
    /// Show a whole login against a simulator inside this program
    #[command(after_help = help::DEMO)]
    Demo,
    /// Run a strict simulator of IBKR's servers on this machine
    #[command(after_help = ibkr_sim::cli::EXAMPLES.replace("ibkr-sim", "ibkr-auth sim"))]
    Sim(ibkr_sim::cli::Args),
    /// List the profiles of the settings, and which of them have a kept session; asks nobody
    #[command(after_help = help::PROFILES)]
    Profiles,
    /// Print the guide to IBKR's OAuth 2.0, the quick start, or the table of settings
    #[command(after_help = help::GUIDE)]
    Guide(GuideArgs),
    /// Print the completion script of a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page, or write those of all commands into a folder
    #[command(after_help = help::MAN)]
    Man {
        /// Write ibkr-auth.1, ibkr-auth-login.1, … into this folder
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct GuideArgs {
    /// `onboarding`, one of its sections by number, `quickstart` or `settings`
    #[arg(default_value = "onboarding", value_hint = ValueHint::Other)]
    pub(crate) topic: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LoginArgs {
    /// End another brokerage session of the username, such as TWS. Without this it goes on, unless the settings say
    /// `compete: true`
    #[arg(long)]
    pub(crate) compete: bool,
    /// Fail if the kept session is not good, instead of logging in
    #[arg(long)]
    pub(crate) no_login: bool,
    /// Give up when there is no good session after this time
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = duration)]
    pub(crate) within: Duration,
    /// End the kept session, even a good one, and log in anew
    #[arg(long, conflicts_with = "no_login")]
    pub(crate) fresh: bool,
    /// Log in although IBKR has just refused the same settings, has asked for a pause, or the hour's logins are spent
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct GetArgs {
    /// Path below /v1/api, such as /portfolio/accounts
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PostArgs {
    /// Path below /v1/api, such as /iserver/account/U1234567/orders
    pub(crate) path: String,
    /// The body: JSON, `@FILE`, or `@-` for standard input
    #[arg(short, long, value_name = "JSON")]
    pub(crate) data: Option<String>,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

/// Seconds, or a number with its unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(format!("`{unit}` is no unit: write it like 500ms, 90s, 5m or 1h")),
    };
    let number: f64 = number.parse().map_err(|_| "write it like 500ms, 90s, 5m or 1h".to_owned())?;
    Duration::try_from_secs_f64(number * seconds)
        .ok()
        .filter(|time| *time <= Duration::from_secs(7 * 86_400))
        .ok_or_else(|| "must be between 0 and a week".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::LOGIN_WITHIN;

    #[test]
    fn a_command_waits_as_long_as_a_login_takes() {
        for name in ["login", "header"] {
            let within = match Args::parse_from(["ibkr-auth", name]).command {
                Command::Login(args) => args.within,
                Command::Header(args) => args.session.within,
                other => panic!("{other:?}"),
            };
            assert_eq!(within, LOGIN_WITHIN);
        }
    }
}
