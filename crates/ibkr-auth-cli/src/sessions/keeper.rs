//! The session of a program that keeps it connected.

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

use ibkr_auth_blocking::Error;
use ibkr_auth_store::{
    FailureKind, Keeper, KeeperNote, KeptSession, PhaseName, Program, Record, Rest, Wait, span,
};

use super::{SessionOptions, Sessions, none};
use crate::{exit::Exit, failure::Failure, progress::Progress};

const READ_EVERY: Duration = Duration::from_millis(200);
/// A program that keeps the session connected sees once a minute that it is good.
const MAX_AGE: Duration = Duration::from_secs(150);
/// A wait that is as good as over.
const MOMENT: u64 = 2;

impl Sessions {
    /// The session of the program that keeps it connected, as soon as it is good.
    pub(super) fn kept_by(&self, keeper: Keeper, options: &SessionOptions) -> Result<KeptSession, Failure> {
        if options.fresh {
            return Err(Failure::new(Exit::Failed, format!("{keeper} keeps this session"))
                .help("stop it before you log in anew"));
        }
        let _progress = Progress::start(self.output, format!("waiting for {keeper} to connect"));
        let begin = Instant::now();
        loop {
            let Record { kept, keeper: note, .. } = self.record()?;
            let is_left = note.as_ref().is_some_and(|note| note.waits == Some(FailureKind::Competing));
            if let Some(kept) = kept.filter(|kept| is_kept_alive(kept) || (options.read_only && is_left)) {
                return Ok(kept);
            }
            let left = options.within.saturating_sub(begin.elapsed());
            let is_pointless = note
                .as_ref()
                .is_some_and(|note| note.waits.is_some() || rests(note) > left.as_secs() + MOMENT);
            let is_gone = self.store.keeper().is_none();
            if is_pointless || options.no_login || options.compete || is_gone || left.is_zero() {
                return Err(not_connected(keeper, note));
            }
            thread::sleep(READ_EVERY);
        }
    }

    /// Why there is no session: a program that keeps it may know.
    pub(crate) fn none(&self) -> Failure {
        match (self.store.keeper(), self.record()) {
            (Some(keeper), Ok(record)) => not_connected(keeper, record.keeper),
            _ => none(),
        }
    }

    /// What an error means here: the session of a program that keeps it connected is that program's to heal.
    pub(super) fn told(&self, error: Error) -> Failure {
        let failure = Failure::from(error);
        match self.store.keeper().filter(|_| failure.is(Exit::NoSession)) {
            Some(keeper) => failure.help(self.outlook(keeper)),
            None => failure,
        }
    }

    /// What to do about a session that is not good and that a program keeps.
    pub(crate) fn outlook(&self, keeper: Keeper) -> String {
        let note = self.record().ok().and_then(|record| record.keeper);
        match note.as_ref().and_then(|note| way_out(note, keeper.pid)) {
            Some(way_out) => way_out,
            None => format!("wait: {keeper} heals it at its next tickle"),
        }
    }
}

/// Whether a session that a program keeps connected was seen to be good lately.
pub(crate) fn is_kept_alive(kept: &KeptSession) -> bool {
    kept.is_fresh(SystemTime::now(), MAX_AGE)
}

/// A program keeps the session, and it is not good.
fn not_connected(keeper: Keeper, note: Option<KeeperNote>) -> Failure {
    let what = format!("{keeper} keeps this session, and it is not good now");
    let help = "see its output for the reason, or stop it first";
    let Some(note) = note else { return Failure::new(Exit::Server, what).help(help) };
    let why = match note.phase {
        PhaseName::Connected => {
            format!("IBKR has just refused it; {} notices at its next tickle", short(keeper.program))
        }
        phase => match &note.rest {
            Some(rest) => format!("its phase: waiting, because {}", rest.why),
            None => format!("its phase: {phase}"),
        },
    };
    let help = way_out(&note, keeper.pid).unwrap_or_else(|| help.to_owned());
    let mut failure = Failure::new(Exit::Server, what).why(why).help(help);
    failure.exit = note.waits.map_or(failure.exit, u8::from);
    match rests(&note) {
        0 => failure,
        rests => failure.left(rests),
    }
}

/// A program that was named in full just before.
fn short(program: Program) -> &'static str {
    match program {
        Program::Keep => "`keep`",
        Program::Gateway => "`gateway`",
        _ => "that program",
    }
}

fn rests(note: &KeeperNote) -> u64 {
    note.rests(SystemTime::now())
}

/// What to do where the session does not come back at the next tickle.
fn way_out(note: &KeeperNote, pid: u32) -> Option<String> {
    let stop = format!("stop it with `kill {pid}`");
    if let Some(kind) = note.waits {
        return Some(match (note.has_keys, kind == FailureKind::Competing) {
            (true, _) => format!("press `r` in its terminal, or {stop}"),
            (false, true) => format!(
                "wait: it comes back when that login has ended; or {stop} and start it with `--compete`, which ends \
                 that login"
            ),
            (false, false) => stop,
        });
    }
    let Rest { why, .. } = note.rest.as_ref()?;
    let left = Some(rests(note)).filter(|left| *left > 0)?;
    let sooner = match why {
        Wait::Asked => "going on gets your address blocked".to_owned(),
        Wait::LoginsSpent => format!("or {stop} and start it with `--force`"),
    };
    Some(format!("wait {}; {sooner}", span(left)))
}
