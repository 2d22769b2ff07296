//! `ibkr-auth login`: a session for later invocations.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ago, session_json, session_line, steps::Steps};
use crate::{
    failure::Failure,
    options::duration,
    sessions::{SessionOptions, SessionOrigin, Sessions},
};

#[derive(Debug, clap::Args)]
pub(crate) struct LoginArgs {
    /// End another brokerage session of the username, such as TWS. Without this it goes on, unless the
    /// settings say `compete: true`
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
    /// Log in although IBKR has just refused the same settings, has asked for a pause, or the hour's logins
    /// are spent
    #[arg(long)]
    pub(crate) force: bool,
}

pub(crate) fn run(sessions: &Sessions, args: &LoginArgs) -> Result<(), Failure> {
    let Sessions { output, profile, .. } = sessions;
    let steps = Steps::new(*output);
    let LoginArgs { compete, no_login, within, fresh, force } = *args;
    // A person who logs in wants to know: what was seen a moment ago does not count.
    let options = SessionOptions {
        compete,
        no_login,
        max_age: Duration::ZERO,
        within,
        fresh,
        force,
        read_only: false,
        tells_kind: true,
    };
    let is_kept = !fresh && sessions.kept().is_ok();
    let doing = if is_kept { "Checking the kept session" } else { "Logging in" };
    output.line(format_args!("{doing} at {}", profile.config.host()))?;
    let start = Instant::now();
    let outcome = sessions.ensure(&options, steps.listener());
    steps.shown()?;
    let (kept, came) = outcome?;
    let seconds = start.elapsed().as_secs_f64();
    let line = session_line(&kept);
    match came {
        SessionOrigin::LoggedIn => output.line(format_args!("Connected in {seconds:.1} s: {line}."))?,
        SessionOrigin::Revived | SessionOrigin::Kept => {
            output
                .line(format_args!("Logged in {} ago: {line}. `--fresh` logs in anew.", ago(kept.began)))?;
        }
    }
    output.line("The session is kept: `ibkr-auth status` shows it, `ibkr-auth logout` ends it.")?;
    if output.json {
        let mut told = session_json(&kept, profile.name.as_deref());
        told.insert("logged_in".to_owned(), json!(came == SessionOrigin::LoggedIn));
        told.insert("steps".to_owned(), steps.json());
        output.value(&Value::Object(told))?;
    }
    Ok(())
}
