//! `ibkr-auth login`: the whole flow with one's own credentials.

use std::{path::Path, time::Instant};

use ibkr_auth_blocking::{Client, Connected, Error};

use crate::report;

pub(crate) fn run(config: &Path) -> Result<(), Error> {
    let mut client = Client::from_yaml(config)?;
    report::line(format_args!("Logging in at {}", client.session().config().host()));
    log_in(&mut client)?;
    client.tickle()?;
    client.logout()?;
    report::line("Logged out again: it works.");
    Ok(())
}

/// Logs in and shows each step.
pub(crate) fn log_in(client: &mut Client) -> Result<(), Error> {
    client.on_event(report::event);
    let start = Instant::now();
    let connected = client.connect()?;
    report::line(format_args!(
        "Connected in {:.1} s, {}.",
        start.elapsed().as_secs_f64(),
        describe(&connected)
    ));
    Ok(())
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
