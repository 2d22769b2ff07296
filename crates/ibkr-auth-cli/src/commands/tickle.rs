//! `ibkr-auth tickle`: keeps the session alive once.

use ibkr_auth_core::Tier;
use serde_json::json;

use super::{ago, status::brokerage_json, until};
use crate::{
    exit::Exit,
    failure::Failure,
    sessions::{Sessions, competing, is_kept_alive},
};

/// The program that keeps the session connected tickles it: a second one in the same second would be punished.
fn of_keeper(sessions: &Sessions, pid: u32) -> Result<(), Failure> {
    let (kept, output) = (sessions.kept()?, sessions.output);
    if !is_kept_alive(&kept) {
        return Err(sessions.none());
    }
    output.line(format_args!(
        "`ibkr-auth keep` (process {pid}) tickles this session; it was good {} ago.",
        ago(kept.good_at)
    ))?;
    if output.json {
        output.value(&json!({ "keeper": pid, "good_at": kept.good_at, "expires_at": kept.expires }))?;
    }
    Ok(())
}

pub(crate) fn run(sessions: &Sessions) -> Result<(), Failure> {
    let Sessions { output, profile, store, .. } = sessions;
    if let Some(pid) = store.keeper() {
        return of_keeper(sessions, pid);
    }
    let (tickle, snapshot) = sessions.with_kept(|client| client.tickle())?;
    let expires = sessions.kept()?.expires;
    if output.json {
        output.value(&json!({
            "good": snapshot.is_connected(),
            "expires_at": expires,
            "brokerage": brokerage_json(&tickle.auth_status),
        }))?;
    }
    if !snapshot.is_connected() && profile.config.tier() == Tier::Brokerage {
        return Err(match tickle.auth_status.competing {
            true => competing(),
            false => {
                Failure::new(Exit::NoSession, "IBKR was reached, but the brokerage session is not ready")
                    .todo("`ibkr-auth login` opens it again")
            }
        });
    }
    let end =
        expires.map_or_else(String::new, |at| format!(", it ends in {} unless it is extended", until(at)));
    output.line(format_args!("The session is good{end}."))
}
