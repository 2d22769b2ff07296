//! `ibkr-auth validate`: who is logged in, and until when.

use serde_json::json;

use super::until;
use crate::{failure::Failure, output::Output, sessions::Sessions};

pub(crate) fn run(sessions: &Sessions) -> Result<(), Failure> {
    let output = sessions.output;
    let (sso, snapshot) = sessions.with_kept(|client| client.validate_sso())?;
    let expires = snapshot.bearer_ends().map(crate::store::seconds);
    let user = sso.user_name.as_ref().map(|name| shown(name.expose()));
    let account = match sso.paper {
        Some(true) => "paper account",
        Some(false) => "live account",
        None => "account",
    };
    let region = sso.region.as_deref().unwrap_or("unknown");
    let name = user.as_deref().unwrap_or("the user");
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

/// The username is half of a login: a terminal shows its ends.
fn shown(name: &str) -> String {
    if !Output::is_seen() {
        return name.to_owned();
    }
    match (name.chars().next(), name.chars().last()) {
        (Some(first), Some(last)) if name.chars().count() > 3 => format!("{first}…{last}"),
        _ => "…".to_owned(),
    }
}
