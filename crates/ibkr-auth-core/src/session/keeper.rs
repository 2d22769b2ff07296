//! The automatic mode: what is due, when, and what an outcome means for it.
//!
//! There is one action at a time. Which one is derived from what is known: a bearer token that IBKR refused
//! must be renewed, a brokerage session that is gone must be opened, a session without fault must be tickled.
//! What is known is given up step by step when an action keeps failing, so the next one is always the
//! cheapest that can still help.
//!
//! A [`Keeper`] owns its state and sees the session's facts. It says what to begin ([`Keeper::due`]), and
//! after an outcome what to forget ([`Keeper::react`]); the [`Session`](super::Session) does both.

#[cfg(test)]
mod beginnings;
mod contest;
mod expiry;
mod outage;
mod phase;
mod policy;
mod react;
#[cfg(test)]
mod reactions;

use std::time::{Duration, Instant};

pub use phase::Phase;
pub(super) use policy::{ASSERTIONS, RETAKES};
pub use policy::{KeepConnected, LoginBudget, OnCompeting};
pub(super) use react::Effects;

use super::{
    facts::Facts,
    guard::{Guard, Reach},
    plan::Command,
    retry::Jitter,
};
use crate::{AuthStatus, Config, Error, Host, Now, Region, Tier};
use contest::Contest;
use expiry::Expiries;
use outage::Outage;

/// A longer wait for a login is a phase of its own.
const NOTABLE_WAIT: Duration = Duration::from_secs(60);
/// Two looks that a user wishes for are so far apart.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// And so far where a person wishes to know whether another login has ended, which `ssodh/init` tells.
const BETWEEN_INITS: Duration = Duration::from_secs(10);
/// How far the two clocks may part before a suspend or a set clock is assumed.
const CLOCK_JUMP: Duration = Duration::from_secs(5);

/// From the cheapest to the dearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Tickle,
    /// `auth/status`, which no other program of the username is in the way of: tickles are one a second for
    /// all.
    Status,
    ValidateSso,
    /// `ssodh/init` alone.
    SsodhInit,
    /// A new bearer token with the access token that is there.
    Renew,
    /// The whole flow.
    Login,
}

impl Action {
    pub(super) fn command(self) -> Command {
        match self {
            Self::Tickle => Command::Tickle,
            Self::Status => Command::Status,
            Self::ValidateSso => Command::ValidateSso,
            Self::SsodhInit => Command::Reinit,
            Self::Renew => Command::Renew,
            Self::Login => Command::Connect,
        }
    }

    /// Whether it ends in `ssodh/init`, which opens the brokerage session.
    fn opens(self) -> bool {
        self >= Self::SsodhInit
    }

    /// Whether it signs anything, and so may count as a login.
    fn logs_in(self) -> bool {
        self >= Self::Renew
    }
}

/// An action that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) action: Action,
    /// Whether it may end another session of the username.
    pub(super) compete: bool,
    /// And that is paid from the budget for taking the session back.
    pub(super) is_retake: bool,
}

/// What the keeper sees.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) now: Now,
    pub(super) config: &'a Config,
    pub(super) facts: &'a Facts,
    pub(super) guard: &'a Guard,
}

impl View<'_> {
    fn is_connected(&self) -> bool {
        self.facts.is_connected(self.config.tier)
    }
}

/// What excludes each other.
#[derive(Debug)]
enum Mode {
    /// The next action, and when; `None`: at once.
    Due(Action, Option<Instant>),
    Busy(Attempt),
    Paused,
    /// Repeating cannot help.
    Stopped(Error),
}

/// A machine's clock that IBKR contradicts.
#[derive(Debug, Clone, Copy)]
struct WrongClock {
    /// What IBKR's clock showed.
    told: Now,
    /// Until when that is not asked for again.
    believed_until: Instant,
}

/// When it was last asked.
#[derive(Debug, Default)]
struct Asked {
    /// A tickle.
    tickle: Option<Instant>,
    /// How the session is: `auth/status`, or the tickle of the read-only tier.
    look: Option<Instant>,
    /// Anything that opens a session.
    open: Option<Instant>,
}

/// What IBKR has said of this client, key and user.
#[derive(Debug, Default)]
struct Standing {
    /// It has known them.
    is_known: bool,
    /// How often it has refused them in a row all the same.
    refusals: usize,
    /// Since when every bearer token has been forbidden what it is for.
    forbidden_since: Option<Instant>,
    /// Live session tokens in a row that were good, and lost soon after they were made.
    short_lives: usize,
    /// Logins that succeeded since a tickle did.
    unproven_logins: u32,
}

pub(super) struct Keeper {
    policy: KeepConnected,
    mode: Mode,
    contest: Contest,
    outage: Option<Outage>,
    standing: Standing,
    expiries: Expiries,
    asked: Asked,
    /// The session is looked at once the extension that is under way has been answered.
    looks_next: bool,
    /// How far the last login came.
    login_reach: Reach,
    /// The last answer came from a server at work, not from a closed door or a broken road.
    server_works: bool,
    /// Nothing has come of the first login yet: whether that may end another session is the configuration's
    /// word.
    is_first: bool,
    /// IBKR has answered the session of the last login.
    was_good_since_login: bool,
    /// The session was good since the mode began, or was resumed.
    was_good: bool,
    /// No login before: the last one failed.
    next_login: Option<Instant>,
    /// No login before: those of late are as many as are safe.
    spent_until: Option<Instant>,
    clock: Option<WrongClock>,
    /// How often something dearer was tried, because an action went on failing, since a look succeeded.
    escalations: u32,
    /// How often `ssodh/init` has opened a session since a look found it good.
    reopened: Option<u32>,
    /// Hosts in the order in which they are turned to.
    hosts: Vec<Host>,
    jitter: Jitter,
    last_poll: Option<Now>,
    /// What was last told of where it stands.
    told: Phase,
}

impl Keeper {
    /// Begins, or goes on with another policy. `connecting` is a `connect` that is under way, and becomes the
    /// first login.
    pub(super) fn new(
        policy: KeepConnected,
        connecting: bool,
        home: &Host,
        (config, facts): (&Config, &Facts),
        jitter: Jitter,
    ) -> Self {
        let mode = if connecting {
            let compete = config.compete && policy.competing != OnCompeting::Never;
            Mode::Busy(Attempt { action: Action::Login, compete, is_retake: false })
        } else {
            Mode::Due(first_action(config, facts), None)
        };
        let mut hosts = vec![config.host.clone()];
        for host in policy.hosts.iter().chain([home]) {
            if !hosts.contains(host) {
                hosts.push(host.clone());
            }
        }
        Self {
            policy,
            mode,
            contest: Contest::Nobody,
            outage: None,
            standing: Standing { is_known: facts.bearer.is_some(), ..Standing::default() },
            expiries: Expiries::default(),
            asked: Asked::default(),
            looks_next: false,
            login_reach: Reach::Nowhere,
            server_works: true,
            is_first: true,
            was_good: false,
            was_good_since_login: false,
            next_login: None,
            spent_until: None,
            clock: None,
            escalations: 0,
            reopened: None,
            hosts,
            jitter,
            last_poll: None,
            told: Phase::Off,
        }
    }

    /// The action that is under way.
    pub(super) fn attempt(&self) -> Option<Attempt> {
        match self.mode {
            Mode::Busy(attempt) => Some(attempt),
            Mode::Due(..) | Mode::Paused | Mode::Stopped(_) => None,
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        matches!(self.mode, Mode::Paused)
    }

    pub(super) fn stopped_by(&self) -> Option<&Error> {
        match &self.mode {
            Mode::Stopped(error) => Some(error),
            Mode::Due(..) | Mode::Busy(_) | Mode::Paused => None,
        }
    }

    /// Whoever logs in meanwhile is not taken from, nor for what we have left behind. What has stopped stays
    /// so: nothing that was refused is tried again by coming back. Says whether it pauses.
    pub(super) fn pause(&mut self) -> bool {
        let pauses = self.stopped_by().is_none();
        if pauses {
            (self.mode, self.contest, self.outage) = (Mode::Paused, Contest::Nobody, None);
        }
        pauses
    }

    /// Whether there was anything to come back from.
    pub(super) fn resume(&mut self, has_bearer: bool) -> bool {
        let is_left = self.contest.is_left();
        let resumes = is_left || self.is_paused();
        if resumes {
            let action = if has_bearer { Action::SsodhInit } else { Action::Login };
            self.mode = Mode::Due(action, None);
            self.contest = if is_left { Contest::Claimed } else { Contest::Nobody };
            self.was_good = false;
        }
        resumes
    }

    /// Has the session looked at now, unless it was just now. An extension tells nothing of the brokerage
    /// session: the look comes after it.
    pub(super) fn check(&mut self) {
        if self.contest.is_left() {
            return;
        }
        match self.mode {
            Mode::Due(Action::ValidateSso, None)
            | Mode::Busy(Attempt { action: Action::ValidateSso, .. }) => {
                self.looks_next = true;
            }
            Mode::Due(action, at) => self.mode = self.sooner_look(action, at),
            Mode::Busy(_) | Mode::Paused | Mode::Stopped(_) => {}
        }
    }

    fn sooner_look(&self, action: Action, at: Option<Instant>) -> Mode {
        let soonest = self.asked.look.map(|last| last + BETWEEN_LOOKS);
        match action <= Action::ValidateSso && soonest < at {
            true => Mode::Due(Action::Status, soonest),
            false => Mode::Due(action, at),
        }
    }

    /// Has a session that is left to another login asked for now, unless it was just now.
    pub(super) fn ask_again(&mut self) {
        if let (Mode::Due(action, at), true) = (&mut self.mode, self.contest.is_left()) {
            let soonest = self.asked.open.map(|last| last + BETWEEN_INITS);
            if !action.logs_in() && soonest < *at {
                (*action, *at) = (Action::SsodhInit, soonest);
            }
        }
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        match self.mode {
            Mode::Due(_, at) => at,
            Mode::Busy(_) | Mode::Paused | Mode::Stopped(_) => None,
        }
    }

    /// Whether the machine slept, or its clock was set, since this was asked last: what the timers knew no
    /// longer holds.
    pub(super) fn clock_jumped(&mut self, now: Now) -> bool {
        let Some(last) = self.last_poll.replace(now) else { return false };
        let ran = now.mono.saturating_duration_since(last.mono);
        let apart = match now.wall.duration_since(last.wall) {
            Ok(shown) => shown.abs_diff(ran),
            Err(back) => back.duration() + ran,
        };
        apart >= CLOCK_JUMP
    }

    /// Begins what is due, unless something holds it back: then it is due later.
    pub(super) fn due(&mut self, view: View<'_>) -> Option<Attempt> {
        let now = view.now.mono;
        let action = match self.mode {
            Mode::Due(action, at) if at.is_none_or(|at| at <= now) => action,
            _ => return None,
        };
        if let Some(at) = view.guard.quiet_until(now) {
            self.plan(action, Some(at));
            return None;
        }
        let action = prerequisite_of(action, view);
        if action.logs_in() {
            if let Some(at) = self.clock_still_wrong(view.now) {
                return self.wait_for_login(view, action, at);
            }
            let spent = view.guard.login_free_at(&view.config.host, now);
            self.spent_until = spent.filter(|at| *at > now + NOTABLE_WAIT);
            if let Some(at) = spent.max(self.next_login.filter(|at| *at > now)) {
                return self.wait_for_login(view, action, at);
            }
        }
        Some(self.begin(view, action))
    }

    /// Until a login is allowed again. A session that IBKR has not refused may live on meanwhile: it is still
    /// tickled.
    fn wait_for_login(&mut self, view: View<'_>, action: Action, at: Instant) -> Option<Attempt> {
        let now = view.now.mono;
        let tickle = self.asked.tickle.map_or(now, |last| last + self.policy.tickle_every);
        match view.facts.bearer_is_good() && tickle < at {
            true if tickle <= now => return Some(self.begin(view, Action::Tickle)),
            true => self.plan(Action::Tickle, Some(tickle)),
            false => self.plan(action, Some(at)),
        }
        None
    }

    fn begin(&mut self, view: View<'_>, action: Action) -> Attempt {
        let now = view.now.mono;
        let compete = self.may_compete(view);
        let is_retake = action.opens() && self.contest.begin_opening(now);
        let asked = &mut self.asked;
        match action {
            // In the read-only tier it is the only look there is.
            Action::Tickle if view.config.tier == Tier::ReadOnly => {
                (asked.tickle, asked.look) = (Some(now), Some(now));
            }
            Action::Tickle => asked.tickle = Some(now),
            Action::Status => asked.look = Some(now),
            Action::ValidateSso => {}
            Action::SsodhInit | Action::Renew | Action::Login => asked.open = Some(now),
        }
        let attempt = Attempt { action, compete, is_retake };
        self.mode = Mode::Busy(attempt);
        attempt
    }

    /// Whether `ssodh/init` may end another session of the username: never unless the user or the policy has
    /// said so.
    fn may_compete(&self, view: View<'_>) -> bool {
        match self.policy.competing {
            OnCompeting::Never => false,
            _ => self.contest.may_take(view.now.mono) || (self.is_first && view.config.compete),
        }
    }

    fn plan(&mut self, action: Action, at: Option<Instant>) {
        self.mode = match std::mem::take(&mut self.looks_next) {
            true => self.sooner_look(action, at),
            false => Mode::Due(action, at),
        };
    }

    /// Whose clock on the wall counts.
    fn region(&self, view: View<'_>) -> Region {
        self.policy.region.or(view.facts.region).unwrap_or_default()
    }
}

/// What IBKR has said already is not asked again.
fn first_action(config: &Config, facts: &Facts) -> Action {
    let known = facts.auth_status.as_ref().filter(|_| config.tier == Tier::Brokerage);
    let may_open = |status: &AuthStatus| !status.is_held() || config.compete;
    match known {
        _ if facts.bearer.is_none() => Action::Login,
        _ if !facts.bearer_is_good() => Action::Renew,
        Some(status) if status.is_ready() => Action::Tickle,
        Some(status) if may_open(status) => Action::SsodhInit,
        Some(_) => Action::Status,
        None => Action::Tickle,
    }
}

/// The action itself, or the one that must come first because its ground is missing.
fn prerequisite_of(action: Action, view: View<'_>) -> Action {
    let has_access_token = view.facts.access_token(view.now).is_some();
    let needs_bearer = !action.logs_in() && view.facts.bearer.is_none();
    match action {
        _ if needs_bearer && has_access_token => Action::Renew,
        _ if needs_bearer => Action::Login,
        Action::Renew if !has_access_token => Action::Login,
        Action::Status | Action::SsodhInit if view.config.tier == Tier::ReadOnly => Action::Tickle,
        action => action,
    }
}
