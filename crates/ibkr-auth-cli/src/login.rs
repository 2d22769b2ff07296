//! `ibkr-auth login`: the whole flow with one's own credentials.

use std::{path::Path, time::Instant};

use ibkr_auth_blocking::{Client, Connected, Error, ErrorKind, Settings};

use crate::report;

pub(crate) fn run(config: &Path, compete: bool) -> Result<(), Error> {
    // Told here, and so not logged too.
    let settings = Settings::from_yaml_with(config, std::env::vars_os())?;
    settings.warnings().iter().for_each(report::warning);
    let Settings { config, key, transport, .. } = settings;
    let mut client = Client::new(config.with_compete(compete), key, &transport)?;
    report::line(format_args!("Logging in at {}", client.session().config().host()));
    in_session(&mut client, |client| client.tickle().map(drop)).map_err(name_the_flag)?;
    report::line("Logged out again: it works.");
    Ok(())
}

/// Logs in, works, and logs out even when something has failed: a session that is left open may be in the way of others.
pub(crate) fn in_session(
    client: &mut Client,
    work: impl FnOnce(&mut Client) -> Result<(), Error>,
) -> Result<(), Error> {
    let outcome = log_in(client).and_then(|()| work(client));
    client.on_event(report::steps());
    let left = if client.headers().is_some() { client.logout() } else { Ok(()) };
    outcome.and(left)
}

/// Logs in and shows each step.
fn log_in(client: &mut Client) -> Result<(), Error> {
    client.on_event(report::steps());
    let start = Instant::now();
    let connected = client.connect()?;
    report::line(format_args!(
        "Connected in {:.1} s, {}.",
        start.elapsed().as_secs_f64(),
        describe(&connected)
    ));
    Ok(())
}

fn name_the_flag(error: Error) -> Error {
    if error.kind() != ErrorKind::Competing {
        return error;
    }
    Error::config(
        "another login of this username, such as TWS, holds the brokerage session",
        "log out there, or end that session with `ibkr-auth login --compete`",
    )
}

fn describe(connected: &Connected) -> String {
    let account = match connected.sso.as_ref().and_then(|sso| sso.paper) {
        Some(true) => "paper account",
        Some(false) => "live account",
        None => "account",
    };
    let tier = match &connected.auth_status {
        Some(_) => "brokerage session established",
        None => "read-only",
    };
    format!("{account}, {tier}, seen at {}", connected.public_ip)
}
