//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueHint};
use clap_complete::Shell;

#[cfg(feature = "gateway")]
use crate::gateway::GatewayArgs;
use crate::{
    commands::{
        api::{GetArgs, PostArgs},
        authorize::AuthorizeArgs,
        guide::GuideArgs,
        login::LoginArgs,
        token::{SignArgs, TokenArgs},
    },
    doctor::DoctorArgs,
    help,
    init::InitArgs,
    keep::KeepArgs,
    options::Global,
};

/// Logs in to Interactive Brokers' Web API (OAuth 2.0 and 1.0a), and stays logged in.
#[derive(Debug, Parser)]
#[command(name = "ibkr-auth", version, after_help = help::short(), after_long_help = help::long())]
#[command(subcommand_required = true, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a working configuration: settings, RSA key, and what to upload to IBKR
    #[command(after_help = help::INIT)]
    Init(InitArgs),
    /// Ask a user for consent, as vendors do (OAuth 1.0a), and keep the access token
    #[command(after_help = help::AUTHORIZE)]
    Authorize(AuthorizeArgs),
    /// Check everything from the settings to the accounts, and say what to do
    #[command(after_help = help::DOCTOR)]
    Doctor(DoctorArgs),
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
    Keep(KeepArgs),
    #[cfg(feature = "gateway")]
    /// Stand in for IBKR's own gateway: localhost:5000 for every program, logged in and kept so
    #[command(after_help = help::GATEWAY)]
    Gateway(GatewayArgs),
    /// Print the headers of an authorised request, for scripts
    #[command(after_help = help::HEADER)]
    Header(TokenArgs),
    /// Print the bearer token, for scripts
    #[command(after_help = help::TOKEN)]
    Token(TokenArgs),
    /// Print the headers of one request, signed where it has to be (OAuth 1.0a)
    #[command(after_help = help::SIGN)]
    Sign(SignArgs),
    /// Make an authorised GET request
    #[command(after_help = help::GET)]
    Get(GetArgs),
    /// Make an authorised POST request, once
    #[command(after_help = help::POST)]
    Post(PostArgs),
    /// Make an authorised DELETE request, once
    #[command(after_help = help::DELETE)]
    Delete(GetArgs),
    #[cfg(feature = "simulator")]
    /// Show a whole login against a simulator inside this program
    #[command(after_help = help::DEMO)]
    Demo,
    #[cfg(feature = "simulator")]
    /// Run a strict simulator of IBKR's servers on this machine
    #[command(after_help = ibkr_sim::cli::EXAMPLES.replace("ibkr-sim", "ibkr-auth sim"))]
    Sim(ibkr_sim::cli::Args),
    /// List the profiles of the settings, and which of them have a kept session; asks nobody
    #[command(after_help = help::PROFILES)]
    Profiles,
    /// Print the guide to IBKR's OAuth, the quick start, or the table of settings
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

impl Command {
    /// Whether other programs are its clients.
    pub(crate) fn serves(&self) -> bool {
        #[cfg(feature = "gateway")]
        return matches!(self, Self::Gateway(_));
        #[cfg(not(feature = "gateway"))]
        false
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::sessions::LOGIN_WITHIN;

    #[test]
    fn a_profile_is_not_completed_as_a_file() {
        let args = Args::command();
        let profile = args.get_arguments().find(|arg| arg.get_id() == "profile").unwrap();
        assert_eq!(profile.get_value_hint(), clap::ValueHint::Other);
    }

    /// Longer lines are broken wherever they happen to end.
    #[test]
    fn no_line_behind_a_help_is_wider_than_the_help() {
        for command in Args::command().get_subcommands() {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(text.starts_with("Examples:\n"), "{}", command.get_name());
            for line in text.lines() {
                assert!(line.chars().count() <= 100, "{}: {line}", command.get_name());
            }
        }
    }

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
