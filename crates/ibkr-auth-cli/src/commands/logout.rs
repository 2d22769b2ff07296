//! `ibkr-auth logout`: the end of the kept session.

use serde_json::json;

use crate::{exit::Exit, failure::Failure, progress::Progress, sessions::Sessions};

pub(crate) fn run(sessions: &Sessions) -> Result<(), Failure> {
    let Sessions { output, store, .. } = sessions;
    if let Some(pid) = store.keeper() {
        return Err(Failure::new(
            Exit::Failed,
            format!("`ibkr-auth keep` (process {pid}) keeps this session"),
        )
        .why("it would log in again at once")
        .todo(format!("stop it with `kill {pid}`, then log out")));
    }
    let progress = Progress::start(*output, "logging out");
    let lock =
        store.lock(sessions.profile.config.timeout(), || progress.say("another ibkr-auth is at work"))?;
    let mut record = store.read()?;
    sessions.warn_of_damage(&record);
    let was_there = record.kept.is_some();
    if let Some(kept) = &record.kept {
        sessions.client(kept, false)?.logout()?;
        record.kept = None;
        store.write(&lock, &record)?;
    }
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
