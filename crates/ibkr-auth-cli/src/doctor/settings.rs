//! Which settings count, and whether they can be read.

use std::{env, sync::Arc};

use ibkr_auth_blocking::Http;
use ibkr_auth_core::{Login, Tier, text::masked_username};
use ibkr_auth_store::Store;

use super::{
    context::{Context, Need},
    finding::Finding,
};
use crate::{
    failure::Failure,
    mask,
    profile::{self, Profile},
    sessions::Sessions,
};

/// These say where settings and sessions are; they are none.
const NO_SETTINGS: [&str; 3] = ["IBKR_AUTH_CONFIG", "IBKR_AUTH_PROFILE", "IBKR_AUTH_STATE_DIR"];

pub(super) fn settings(context: &mut Context<'_>) -> Finding {
    match read(context) {
        Ok(finding) => finding,
        Err(Failure { what, why, help, .. }) => {
            let means = match why {
                Some(why) => why,
                None => "nothing can be signed without settings: what follows is checked as far as it needs none, \
                         against api.ibkr.com"
                    .to_owned(),
            };
            Finding::fail(what, means, help.unwrap_or_else(|| "correct them".to_owned()))
        }
    }
}

fn read(context: &mut Context<'_>) -> Result<Finding, Failure> {
    let file = profile::file(context.global)?;
    let unkeyed = profile::reader(context.global)?.read()?;
    let profile = Profile::read(context.global)?;
    let config = profile.config.clone();
    context.secrets.add(config.login().secret());
    let proxy = unkeyed.transport.chosen_proxy()?.url().cloned();
    if let Some((login, _)) =
        proxy.as_ref().and_then(|url| url.expose().split("://").nth(1)?.rsplit_once('@'))
    {
        login.split(':').for_each(|half| context.secrets.add(half));
    }

    let mut text = mask::path(std::path::Path::new(&profile::shown(file.as_deref())));
    if let Some(name) = &profile.name {
        text += &format!(", profile {name}");
    }
    if let (Some(_), overriding @ [_, ..]) = (&file, &variables()[..]) {
        text += &format!(", overridden by {}", overriding.join(", "));
    }
    let tier = match config.tier() {
        Tier::ReadOnly => "read-only tier",
        Tier::Brokerage => "brokerage tier",
    };
    let who = match config.login() {
        Login::OAuth2(login) => {
            let username = masked_username(login.credential().expose());
            format!("client id {}, key id {}, username {username}", login.client_id(), login.client_key_id())
        }
        Login::OAuth1(login) => format!("OAuth 1.0a, consumer key {}", login.consumer_key()),
    };
    text += &format!(": {who}, {}, {tier}", config.host());

    let http = Http::new(&profile.transport).map(Arc::new);
    let trust = http.as_ref().err().cloned();
    let damaged = profile.transport.warnings();
    (context.http, context.transport, context.config) =
        (http, profile.transport.clone(), config.with_compete(context.args.compete));
    context.settings = Some(unkeyed);
    let store = Store::new(context.global.state_dir.as_deref(), &profile.identity())?;
    context.sessions = Some(Sessions::new(context.output, profile, store));
    context.there.insert(Need::Settings);
    Ok(match (trust, damaged.first()) {
        (None, None) => Finding::pass(text),
        (None, Some(damaged)) => Finding::warn(
            format!("{text}; but {damaged}"),
            "who is vouched for by that certificate alone is not trusted",
            "get that certificate anew, or take it out of the file",
        ),
        (Some(error), _) => Finding::fail(
            format!("{text}; but {}", error.message()),
            "no secure connection can be made without a trust store",
            error.help(),
        ),
    })
}

/// The names of the variables that set something.
fn variables() -> Vec<String> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut names: Vec<_> = names
        .filter(|name| name.starts_with("IBKR_AUTH_") && !NO_SETTINGS.contains(&name.as_str()))
        .collect();
    names.sort();
    names
}
