//! `ibkr-auth tickle`: keeps the session alive once.

use ibkr_auth_core::Tier;
use ibkr_auth_store::{Keeper, KeptSession};
use serde_json::{Value, json};

use super::{
    ago,
    status::{brokerage_json, not_ready},
    until,
};
use crate::{
    failure::Failure,
    sessions::{Sessions, competing, is_kept_alive},
};

/// The program that keeps the session connected tickles it: a second one in the same second would be
/// punished.
fn of_keeper(sessions: &Sessions, keeper: Keeper) -> Result<(), Failure> {
    let (kept, output) = (sessions.kept()?, sessions.output);
    if !is_kept_alive(&kept) {
        return Err(sessions.none());
    }
    output.line(format_args!("{keeper} tickles this session; it was good {} ago.", ago(kept.good_at)))?;
    if output.json {
        output.value(&told(&kept, true, Some(keeper.pid), &Value::Null))?;
    }
    Ok(())
}

pub(crate) fn run(sessions: &Sessions) -> Result<(), Failure> {
    let Sessions { output, profile, store, .. } = sessions;
    if let Some(keeper) = store.keeper() {
        return of_keeper(sessions, keeper);
    }
    let (tickle, snapshot) = sessions.with_kept(|client| client.tickle())?;
    let kept = sessions.kept()?;
    if output.json {
        let brokerage = brokerage_json(&tickle.auth_status);
        output.value(&told(&kept, snapshot.is_connected(), None, &brokerage))?;
    }
    if !snapshot.is_connected() && profile.config.tier() == Tier::Brokerage {
        return Err(match tickle.auth_status.competing {
            true => competing(),
            false => not_ready(sessions, "IBKR was reached, but the brokerage session is not ready"),
        });
    }
    let end = kept
        .expires
        .map_or_else(String::new, |at| format!(", it ends in {} unless it is extended", until(at)));
    output.line(format_args!("The session is good{end}."))
}

/// The same members whoever tickled.
fn told(kept: &KeptSession, is_good: bool, keeper: Option<u32>, brokerage: &Value) -> Value {
    json!({
        "good": is_good,
        "good_at": Some(kept.good_at).filter(|at| *at > 0),
        "expires_at": kept.expires,
        "brokerage": brokerage,
        "keeper": keeper,
    })
}
