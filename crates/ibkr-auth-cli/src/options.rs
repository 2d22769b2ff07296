//! Options that several commands take.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args as ClapArgs, ColorChoice, ValueHint};

/// What every command takes.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Settings; also IBKR_AUTH_CONFIG. Without both `config.yaml` in your configuration folder, else the
    /// variables IBKR_AUTH_… alone; one in the current folder is not read
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
    /// Print JSON for programs, errors too, to standard output; an error that follows a result goes to
    /// standard error
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
    /// End another brokerage session of the username, such as TWS. Without this it goes on, unless the
    /// settings say `compete: true`
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
