//! From what is kept to a session that is kept connected.

use ibkr_auth_blocking::{Client, Error, Handle, KeepConnected};
use ibkr_auth_store::{Keeper, KeeperPlace, Locked, Program, Recorder};

use super::{
    KeepArgs,
    input::{Input, Source},
};
use crate::{
    exit::Exit,
    failure::Failure,
    interrupt,
    progress::Progress,
    sessions::{LOGIN_WITHIN, Sessions, not_refused, pace_or_force},
};

/// The place of the one keeper.
pub(crate) fn place(sessions: &Sessions) -> Result<KeeperPlace, Failure> {
    sessions.store.become_keeper()?.ok_or_else(|| {
        let who = match sessions.store.keeper() {
            Some(keeper @ Keeper { program: Program::Keep, .. }) => format!("another {keeper}"),
            Some(keeper) => keeper.to_string(),
            None => format!("another {}", Program::Keep),
        };
        Failure::new(Exit::Failed, format!("{who} keeps this session already"))
            .help("use its session, or stop it first; other settings have sessions of their own")
    })
}

/// A session that begins to be kept, and what the store is told of it.
pub(super) fn start(
    sessions: &Sessions,
    args: &KeepArgs,
    policy: &KeepConnected,
    source: &Source,
) -> Result<(Handle, Recorder), Failure> {
    // The passphrase of the key is asked for before anything is sent.
    let settings = sessions.settings_digest()?;
    let mut locked = lock(sessions)?;
    sessions.warn_of_damage(&locked.record);
    pace_or_force(&mut locked.record, args.force)?;
    let may_log_in = if args.force { Ok(()) } else { not_refused(&locked.record, &settings) };
    let mut client = client(sessions, args, &locked)?;
    if args.force {
        client.override_guard();
    }
    if let Err(forbidden) = may_log_in {
        // Without a login, only a session that is good already can be kept.
        let is_good = client.session().has_session() && client.tickle().is_ok() && client.is_connected();
        if !is_good {
            // A service manager may start it again: it is the next try that has to wait.
            return Err(Failure { exit: Exit::Server as u8, ..forbidden });
        }
    }
    client.on_event(source.listener());
    // After the questions, which a Ctrl-C should end as ever.
    let signals = source.clone();
    interrupt::tell(move |signal| signals.send(Input::Signal(signal)));
    let recorder = Recorder::new(Program::Keep, settings, locked);
    Ok((client.keep_connected(policy.clone()), recorder))
}

pub(crate) fn lock(sessions: &Sessions) -> Result<Locked, Failure> {
    let progress = Progress::start(sessions.output, "starting");
    sessions.lock(LOGIN_WITHIN, || progress.say("another ibkr-auth is at work on this session"))
}

/// With the kept session, if there is one that can be used.
fn client(sessions: &Sessions, args: &KeepArgs, locked: &Locked) -> Result<Client, Failure> {
    let compete = args.keeping.compete || sessions.profile.config.compete();
    let Some(kept) = &locked.record.kept else { return sessions.new_client(&locked.record, compete) };
    sessions.client(&locked.record, kept, compete).or_else(|unusable| {
        sessions.output.warning(format_args!("{}: logging in anew", unusable.what));
        sessions.new_client(&locked.record, compete)
    })
}

pub(super) fn policy(args: &KeepArgs) -> Result<KeepConnected, Failure> {
    Ok(args.keeping.policy().with_tickle_every(args.tickle_every).map_err(Error::from)?)
}
