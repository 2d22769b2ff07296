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

use ibkr_auth_blocking::KeepConnected;

use crate::{failure::Failure, keeping::Keeping, options::duration, sessions::Sessions};
use input::Source;
use status::Status;
use systemd::Systemd;
use view::View;
use watch::Watch;

#[derive(Debug, clap::Args)]
pub(crate) struct KeepArgs {
    #[command(flatten)]
    keeping: Keeping,
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
        config.login().user(),
        args.tickle_every,
        handle.snapshot(),
    );
    (status.paper, status.takes) = (recorder.paper(), args.keeping.compete);
    let view = View::open(sessions.output, args.plain, source.clone());
    recorder.has_keys = view.has_keys();
    let systemd = Systemd::default();
    let mut watch = Watch { handle, policy, inputs, source, recorder, status, view, systemd };
    let cause = watch.run();
    watch.leave(cause, args.logout)
}

fn tickle_every(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    let policy = KeepConnected::default().with_tickle_every(time);
    policy.map(|_| time).map_err(|error| error.problem().to_owned())
}
