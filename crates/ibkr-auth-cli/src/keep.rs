//! `ibkr-auth keep`: stays logged in, and shows how that goes.

mod input;
mod keys;
mod leave;
mod lines;
mod page;
mod screen;
mod second;
pub(crate) mod start;
mod status;
pub(crate) mod systemd;
mod view;
mod watch;
pub(crate) mod words;
mod writer;

use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use ibkr_auth_blocking::{Host, KeepConnected, Region};

use crate::{failure::Failure, options::duration, sessions::Sessions};
use input::Source;
use status::Status;
use systemd::Systemd;
use view::View;
use watch::Watch;

#[derive(Debug, clap::Args)]
pub(crate) struct KeepArgs {
    /// End another brokerage session of the username, such as TWS, now and whenever one takes over, three
    /// times an hour at most. Without this it goes on, and ours comes back when it has ended; `compete: true`
    /// in the settings ends one at the first login alone
    #[arg(long)]
    compete: bool,
    /// Whose nightly reset, midnight and weekend maintenance count [default: what IBKR says of the username]
    #[arg(long, value_name = "PLACE", value_parser = places())]
    region: Option<Region>,
    /// Further hosts to turn to when one is dead, such as `1.api.ibkr.com,2.api.ibkr.com`
    #[arg(long, value_name = "HOST,…", value_delimiter = ',', value_parser = host)]
    hosts: Vec<Host>,
    /// Time between two tickles, 10s to 2m; IBKR ends a session that is idle for 5 minutes
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = tickle_every)]
    tickle_every: Duration,
    /// End the session at exit, instead of leaving it open for the next invocation
    #[arg(long)]
    logout: bool,
    /// Log in although IBKR has just refused the same settings, asked for a pause, or the hour's logins are
    /// spent
    #[arg(long)]
    force: bool,
    /// Lines on a terminal too, instead of the status screen
    #[arg(long)]
    plain: bool,
}

pub(crate) fn run(sessions: &Sessions, args: &KeepArgs) -> Result<(), Failure> {
    let _place = start::place(sessions)?;
    let (source, inputs) = Source::new();
    let policy = start::policy(args)?;
    let (handle, mut recorder) = start::start(sessions, args, &policy, &source)?;
    let config = &sessions.profile.config;
    let mut status = Status::new(
        sessions.profile.name.clone(),
        config.credential().expose(),
        args.tickle_every,
        handle.snapshot(),
    );
    (status.paper, status.takes) = (recorder.paper(), args.compete);
    let view = View::open(sessions.output, args.plain, source.clone());
    recorder.has_keys = view.has_keys();
    let systemd = Systemd::default();
    let mut watch = Watch { handle, policy, inputs, source, recorder, status, view, systemd };
    let cause = watch.run();
    watch.leave(cause, args.logout)
}

/// Where IBKR's servers nearest to the user are.
pub(crate) fn places() -> impl TypedValueParser<Value = Region> {
    let places = [("new-york", "America"), ("zug", "Europe"), ("hong-kong", "Asia")];
    let values = places.map(|(name, continent)| PossibleValue::new(name).help(continent));
    PossibleValuesParser::new(values).map(|name| match name.as_str() {
        "new-york" => Region::NewYork,
        "zug" => Region::Zug,
        _ => Region::HongKong,
    })
}

fn tickle_every(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    let policy = KeepConnected::default().with_tickle_every(time);
    policy.map(|_| time).map_err(|error| error.problem().to_owned())
}

pub(crate) fn host(text: &str) -> Result<Host, String> {
    let host = if text.contains("://") { Host::custom(text) } else { text.parse() };
    host.map_err(|_| {
        "is not one of IBKR's hosts (api.ibkr.com, 1.api.ibkr.com to 8.api.ibkr.com), nor a URL like https://host:port"
            .to_owned()
    })
}
