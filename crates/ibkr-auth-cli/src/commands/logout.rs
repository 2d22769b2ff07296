//! `ibkr-auth logout`: the end of the kept session.

use serde_json::json;

use crate::{
    exit::Exit,
    failure::Failure,
    progress::Progress,
    sessions::{LOGIN_WITHIN, Sessions},
};

pub(crate) fn run(sessions: &Sessions) -> Result<(), Failure> {
    let Sessions { output, .. } = sessions;
    not_kept_connected(sessions)?;
    let progress = Progress::start(*output, "logging out");
    let mut locked =
        sessions.lock(LOGIN_WITHIN, || progress.say("another ibkr-auth is at work on this session"))?;
    // One may have begun meanwhile.
    not_kept_connected(sessions)?;
    sessions.warn_of_damage(&locked.record);
    let was_there = sessions.end_kept(&mut locked)?;
    drop(progress);
    match was_there {
        true => output.line("Logged out.")?,
        false => output.line("There was no session.")?,
    }
    if output.json {
        output.value(&json!({ "logged_out": was_there }))?;
    }
    Ok(())
}

pub(super) fn not_kept_connected(sessions: &Sessions) -> Result<(), Failure> {
    let Some(keeper) = sessions.store.keeper() else { return Ok(()) };
    Err(Failure::new(Exit::Failed, format!("{keeper} keeps this session"))
        .why("it would log in again at once")
        .help(format!("stop it with `kill {}`, then log out", keeper.pid)))
}
