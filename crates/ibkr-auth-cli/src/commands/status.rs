//! `ibkr-auth status`: the kept session as IBKR sees it.

use ibkr_auth_blocking::AuthStatus;
use ibkr_auth_core::{Login, Tier};
use serde_json::{Value, json};

use super::{ago, session_json, session_line, until};
use crate::{
    exit::Exit,
    failure::Failure,
    output::{BAD, GOOD},
    sessions::{Sessions, competing},
};

pub(crate) fn run(sessions: &Sessions) -> Result<(), Failure> {
    let Sessions { output, profile, store, .. } = sessions;
    let (status, snapshot) = sessions.with_kept(|client| client.status())?;
    let kept = sessions.kept()?;
    let is_good = snapshot.is_connected();
    let word = if is_good { format!("{GOOD}good{GOOD:#}") } else { format!("{BAD}not good{BAD:#}") };
    output.line(format_args!("Session   {word}, {}", session_line(&kept)))?;
    output.line(format_args!("Began     {} ago", ago(kept.began)))?;
    if let Some(at) = kept.expires {
        let then = match profile.config.login() {
            Login::OAuth2(_) => " unless it is extended",
            Login::OAuth1(_) => ", and then takes a new login",
        };
        output.line(format_args!("Ends in   {}{then}", until(at)))?;
    }
    output.line(format_args!("Brokerage {}", brokerage(profile.config.tier(), &status)))?;
    let keeper = store.keeper();
    if let Some(keeper) = keeper {
        output.line(format_args!("Kept by   {keeper}"))?;
    }
    if output.json {
        let mut told = session_json(&kept, profile.name.as_deref());
        told.insert("good".to_owned(), json!(is_good));
        told.insert("keeper".to_owned(), json!(keeper.map(|keeper| keeper.pid)));
        told.insert("brokerage".to_owned(), brokerage_json(&status));
        output.value(&Value::Object(told))?;
    }
    match (is_good, status.competing) {
        (true, _) => Ok(()),
        (false, true) => Err(competing()),
        (false, false) => Err(not_ready(sessions, "the brokerage session is not ready")),
    }
}

/// Who opens it again depends on whether a program keeps the session connected.
pub(super) fn not_ready(sessions: &Sessions, what: &str) -> Failure {
    let help = match sessions.store.keeper() {
        Some(keeper) => format!("wait: {keeper} opens it again at its next tickle"),
        None => "`ibkr-auth login` opens it again".to_owned(),
    };
    Failure::new(Exit::NoSession, what).help(help)
}

fn brokerage(tier: Tier, status: &AuthStatus) -> String {
    if tier == Tier::ReadOnly {
        return "not wanted (tier: read-only)".to_owned();
    }
    let flags = [
        ("authenticated", Some(status.authenticated)),
        ("connected", Some(status.connected)),
        ("established", status.established),
        ("competing", Some(status.competing)),
    ];
    let is_set = |flag: Option<bool>| if flag.unwrap_or(false) { "yes" } else { "no" };
    flags.map(|(name, flag)| format!("{name} {}", is_set(flag))).join(", ")
}

pub(super) fn brokerage_json(status: &AuthStatus) -> Value {
    json!({
        "ready": status.is_ready(),
        "authenticated": status.authenticated,
        "connected": status.connected,
        "established": status.established,
        "competing": status.competing,
        "message": status.message,
        "server": status.server_info.as_ref().and_then(|server| server.server_name.clone()),
    })
}
