//! `ibkr-auth validate`: who is logged in, and until when.

use std::{
    io::{self, IsTerminal},
    thread,
    time::{Duration, Instant},
};

use ibkr_auth_blocking::{Client, Error, SsoDetails};
use ibkr_auth_core::text::masked_username;
use serde_json::json;

use super::until;
use crate::{
    exit::Exit,
    failure::Failure,
    mask,
    progress::Progress,
    sessions::{Sessions, moment},
};

/// Beyond the minute after somebody else's.
const LONGEST: Duration = Duration::from_secs(150);

pub(crate) fn run(sessions: &Sessions) -> Result<(), Failure> {
    let output = sessions.output;
    // A terminal shows the countdown.
    let mut is_told = io::stderr().is_terminal();
    let (sso, snapshot) = loop {
        await_minute(sessions, &mut is_told)?;
        // Another invocation may have been faster.
        if let (Some(sso), snapshot) = sessions.with_kept(validate)? {
            break (sso, snapshot);
        }
    };
    let expires = snapshot.bearer_ends().map(ibkr_auth_store::seconds);
    let user = sso.user_name.as_ref().map(|name| name.expose());
    let account = match sso.paper {
        Some(true) => "paper account",
        Some(false) => "live account",
        None => "account",
    };
    let region = sso.region.as_deref().map_or_else(|| "unknown".to_owned(), mask::said);
    // The username is half of a login: people see its ends.
    let name = user.map_or_else(|| "the user".to_owned(), masked_username);
    output.line(format_args!("{name} is logged in: {account}, region {region}."))?;
    if let Some(at) = expires {
        output.line(format_args!("The session ends in {} unless it is extended.", until(at)))?;
    }
    if output.json {
        output.value(&json!({
            "user": user,
            "paper": sso.paper,
            "region": sso.region,
            "expires_at": expires,
        }))?;
    }
    Ok(())
}

fn validate(client: &mut Client) -> Result<Option<SsoDetails>, Error> {
    match client.session().validate_allowed_in(moment()).is_zero() {
        true => client.validate_sso().map(Some),
        false => Ok(None),
    }
}

/// Waits until IBKR takes the next one, and notes that it is asked now.
pub(super) fn await_validate(sessions: &Sessions) -> Result<(), Failure> {
    let mut is_told = io::stderr().is_terminal();
    loop {
        await_minute(sessions, &mut is_told)?;
        // Another invocation may have been faster.
        if sessions.claim_validation()? {
            return Ok(());
        }
    }
}

/// IBKR takes one a minute, a login's included, and punishes the second.
fn await_minute(sessions: &Sessions, is_told: &mut bool) -> Result<(), Failure> {
    let begin = Instant::now();
    let progress = Progress::countdown(sessions.output);
    loop {
        let left = {
            sessions.kept()?;
            sessions.validate_allowed_in()?
        };
        if left.is_zero() {
            return Ok(());
        }
        if begin.elapsed() > LONGEST {
            return Err(Failure::new(Exit::Failed, "others ask IBKR about this session all the time")
                .help("try again when they rest"));
        }
        let text = format!("IBKR takes one `sso/validate` a minute: {} s left", left.as_secs() + 1);
        if !std::mem::replace(is_told, true) {
            sessions.output.note(&text);
        }
        progress.say(text);
        thread::sleep(left.min(Duration::from_millis(500)));
    }
}
