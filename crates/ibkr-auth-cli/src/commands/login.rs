//! `ibkr-auth login`: a session for later invocations.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ago, session_json, session_line, steps::Steps};
use crate::{
    args::LoginArgs,
    failure::Failure,
    sessions::{Came, Sessions, Wish},
};

pub(crate) fn run(sessions: &Sessions, args: &LoginArgs) -> Result<(), Failure> {
    let Sessions { output, profile, .. } = sessions;
    let steps = Steps::new(*output);
    let LoginArgs { compete, no_login, within, fresh, force } = *args;
    // A person who logs in wants to know: what was seen a moment ago does not count.
    let wish = Wish { compete, no_login, max_age: Duration::ZERO, within, fresh, force, read_only: false };
    let is_kept = !fresh && sessions.kept().is_ok();
    let doing = if is_kept { "Checking the kept session" } else { "Logging in" };
    output.line(format_args!("{doing} at {}", profile.config.host()))?;
    let start = Instant::now();
    let outcome = sessions.ensure(&wish, steps.listener());
    steps.shown()?;
    let (kept, came) = outcome?;
    let seconds = start.elapsed().as_secs_f64();
    let line = session_line(&kept);
    match came {
        Came::LoggedIn => output.line(format_args!("Connected in {seconds:.1} s: {line}."))?,
        Came::Revived | Came::Kept => {
            output
                .line(format_args!("Logged in {} ago: {line}. `--fresh` logs in anew.", ago(kept.began)))?;
        }
    }
    output.line("The session is kept: `ibkr-auth status` shows it, `ibkr-auth logout` ends it.")?;
    if output.json {
        let mut told = session_json(&kept, profile.name.as_deref());
        told.insert("logged_in".to_owned(), json!(came == Came::LoggedIn));
        told.insert("steps".to_owned(), steps.json());
        output.value(&Value::Object(told))?;
    }
    Ok(())
}
