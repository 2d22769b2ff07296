//! The automatic mode: what is due, when, and what an outcome means for it.
//!
//! There is one deed at a time. Which one is derived from what is known: a bearer token that IBKR refused must be renewed,
//! a brokerage session that is gone must be opened, a session without fault must be tickled. What is known is given up step
//! by step when a deed keeps failing, so the next deed is always the cheapest that can still help.

mod budget;
mod judge;
mod phase;
mod policy;
mod trouble;

use std::time::{Duration, Instant, SystemTime};

pub use phase::Phase;
pub use policy::{KeepConnected, LoginBudget, OnCompeting};

use super::{Session, plan::Command, task::Task, ticket::Done};
use crate::{AuthStatus, Error, Event, Host, Now, PublicIp, Tier};
use budget::Budget;
use trouble::Trouble;

/// `sso/validate` extends the SSO session; IBKR takes one a minute.
const VALIDATE_EVERY: Duration = Duration::from_secs(300);
/// A bearer token that ends within this time is extended, or else renewed.
const RENEW_BEFORE: Duration = Duration::from_secs(150);
/// A longer wait is a phase of its own.
const NOTABLE_WAIT: Duration = Duration::from_secs(60);
/// IBKR takes one tickle a second.
const BETWEEN_TICKLES: Duration = Duration::from_secs(2);
/// So far apart another login may be asked whether it is still there.
const BETWEEN_ASKS: Duration = Duration::from_secs(10);
/// How far the two clocks may part before a suspend or a set clock is assumed.
const CLOCK_JUMP: Duration = Duration::from_secs(5);

/// From the cheapest to the dearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    Tickle,
    Validate,
    /// `ssodh/init` alone.
    Init,
    /// A new bearer token with the access token that is there.
    Renew,
    /// The whole flow.
    Login,
}

pub(super) struct Upkeep {
    policy: KeepConnected,
    /// What happens next, unless it is under way or the user has paused.
    due: Option<Due>,
    running: Option<Deed>,
    paused: bool,
    /// Another login has the brokerage session, and we leave it there.
    yielded: bool,
    trouble: Option<Trouble>,
    /// The last answer came from a server at work, not from a closed door or a broken road.
    server_works: bool,
    logins: Budget,
    takes: Budget,
    /// From when on the session is taken back from another login.
    taking: Option<Instant>,
    /// The user has it taken back now.
    reclaims: bool,
    /// No login before: the last one failed.
    next_login: Option<Instant>,
    /// Nothing is sent before: the server asked for it.
    silent_until: Option<Instant>,
    /// Since when every bearer token has been forbidden what it is for.
    barred_since: Option<Instant>,
    /// IBKR refused a user whom it knew before; the second time is final.
    refused_once: bool,
    was_connected: bool,
    /// Logins that succeeded since a tickle did.
    unproven_logins: u32,
    /// When the last tickle went out.
    tickled: Option<Instant>,
    /// When the last `ssodh/init` of its own went out.
    asked: Option<Instant>,
    /// A session's end that no renewal has moved: IBKR's midnight.
    hard_end: Option<SystemTime>,
    /// Hosts in the order in which they are turned to.
    hosts: Vec<Host>,
    last_poll: Option<Now>,
    phase: Phase,
}

impl Upkeep {
    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }
}

struct Due {
    /// `None`: at once.
    at: Option<Instant>,
    deed: Deed,
}

impl Session {
    /// Logs in, unless that is done, and stays logged in: tickles, extends, renews, and heals what breaks with the
    /// cheapest step that can. It goes on for ever, or until [`logout`](Self::logout), unless IBKR refuses the client, its key
    /// or the user: then it stops at once, because repeating that gets accounts locked.
    pub fn keep_connected(&mut self, mut policy: KeepConnected) {
        let deed = self.first_deed();
        self.stopped_by = None;
        self.cancel_upkeep();
        // Called again, it does not get a new budget, and heeds the wait that it was asked for.
        let before = self.upkeep.take().map(|before| (before.logins, before.takes, before.silent_until));
        let (mut logins, takes, silent_until) =
            before.unwrap_or_else(|| (Budget::new(policy.logins), Budget::new(policy::TAKES), None));
        logins.set_limit(policy.logins);
        let running = self.adopt_connect();
        if running.is_some() {
            // It counts against the budget too.
            policy.past_logins.push(Duration::ZERO);
        }
        let hosts = self.hosts(&policy);
        self.upkeep = Some(Upkeep {
            due: running.is_none().then_some(Due { at: None, deed }),
            running,
            paused: false,
            yielded: false,
            trouble: None,
            server_works: true,
            logins,
            takes,
            taking: None,
            reclaims: false,
            next_login: None,
            silent_until,
            barred_since: None,
            refused_once: false,
            was_connected: self.known.is_connected(self.config.tier),
            unproven_logins: 0,
            tickled: None,
            asked: None,
            hard_end: None,
            hosts,
            last_poll: None,
            phase: Phase::Off,
            policy,
        });
        self.enter(Phase::Connecting, None);
    }

    /// A `connect` that is under way becomes the first login.
    fn adopt_connect(&mut self) -> Option<Deed> {
        let connect = self.tasks.iter_mut().find(|task| task.command() == Command::Connect)?;
        connect.is_upkeep = true;
        Some(Deed::Login)
    }

    /// The hosts to turn to: the one in use, those of the policy, and the one that was configured.
    fn hosts(&self, policy: &KeepConnected) -> Vec<Host> {
        let mut hosts = vec![self.config.host.clone()];
        for host in policy.hosts.iter().chain([&self.home]) {
            if !hosts.contains(host) {
                hosts.push(host.clone());
            }
        }
        hosts
    }

    /// What IBKR has said already is not asked again.
    fn first_deed(&self) -> Deed {
        let lost = |status: &AuthStatus| !status.is_ready() && (self.config.compete || !status.competing);
        if self.known.bearer.is_none() {
            Deed::Login
        } else if !self.known.bearer_is_good() {
            Deed::Renew
        } else if self.config.tier == Tier::Brokerage && self.known.auth_status.as_ref().is_some_and(lost) {
            Deed::Init
        } else {
            Deed::Tickle
        }
    }

    /// Logs out, so that the user can log in elsewhere, and waits for [`resume`](Self::resume). Without the automatic mode
    /// it does nothing.
    pub fn pause(&mut self) {
        if let Some(mut upkeep) = self.upkeep.take() {
            upkeep.paused = true;
            self.stopped_by = None;
            (upkeep.due, upkeep.running, upkeep.trouble, upkeep.yielded) = (None, None, None, false);
            self.cancel_all();
            self.upkeep = Some(upkeep);
            // It waits for a bearer token that is on its way, and sends nothing where there is none.
            self.tasks.push(Task::persistent_logout(&self.config));
            self.enter(Phase::Paused, None);
        }
    }

    /// Ends the automatic mode and leaves the session as it is, for another process to go on with: see
    /// [`save`](Self::save). A bearer token that is on its way is still taken.
    pub fn detach(&mut self) {
        (self.upkeep, self.stopped_by) = (None, None);
        self.cancel_all();
    }

    /// Comes back after [`pause`](Self::pause), and takes the brokerage session back from another login that it was left to.
    pub fn resume(&mut self) {
        let deed = if self.known.bearer.is_some() { Deed::Init } else { Deed::Login };
        if let Some(upkeep) = &mut self.upkeep
            && (upkeep.paused || upkeep.yielded)
        {
            upkeep.reclaims = upkeep.yielded;
            (upkeep.paused, upkeep.yielded) = (false, false);
            (upkeep.running, upkeep.taking) = (None, None);
            upkeep.due = Some(Due { at: None, deed });
            self.stopped_by = None;
            self.cancel_upkeep();
            self.enter(Phase::Connecting, None);
        }
    }

    /// Tickles now instead of at its time: for when a request of your own was refused. However often it is called, two
    /// tickles are 2 s apart.
    pub fn check(&mut self) {
        if let Some(Upkeep { due: Some(due), tickled, .. }) = &mut self.upkeep
            && due.deed <= Deed::Validate
        {
            due.at = due.at.min(tickled.map(|last| last + BETWEEN_TICKLES));
        }
    }

    /// Asks now, instead of at its time, whether another login still has the session that was left to it, and takes
    /// nothing. It is for a person: IBKR refuses logins of programs that ask over and over, so two are 10 s apart.
    pub fn ask_again(&mut self) {
        if let Some(Upkeep { due: Some(due), yielded: true, asked, .. }) = &mut self.upkeep {
            let at = asked.map(|last| last + BETWEEN_ASKS);
            if due.at > at {
                *due = Due { at, deed: Deed::Init };
            }
        }
    }

    /// Where the automatic mode stands.
    pub fn phase(&self) -> Phase {
        self.upkeep.as_ref().map_or(Phase::Off, |upkeep| upkeep.phase)
    }

    /// Why the automatic mode stopped by itself, if it did.
    pub fn stopped_by(&self) -> Option<&Error> {
        self.stopped_by.as_ref()
    }

    /// Begins what is due.
    pub(super) fn keep_up(&mut self, now: Now) {
        self.notice_clock_jump(now);
        if let Some(upkeep) = &mut self.upkeep {
            upkeep.logins.recall(std::mem::take(&mut upkeep.policy.past_logins), now.mono);
        }
        let Some(upkeep) = &self.upkeep else { return };
        let Some(due) = &upkeep.due else { return };
        if upkeep.running.is_some() || due.at.is_some_and(|at| at > now.mono) {
            return;
        }
        if let Some(at) = upkeep.silent_until.filter(|at| *at > now.mono) {
            self.plan_deed(due.deed, Some(at));
            return self.enter(Phase::Waiting { about: at - now.mono }, None);
        }
        let deed = self.able(due.deed, now);
        if deed >= Deed::Renew
            && let Some(at) = self.login_forbidden_until(now)
        {
            return self.wait_for_login(now, deed, at);
        }
        self.start(deed, now);
    }

    /// Until a login is allowed again. The session may live on meanwhile: it is still tickled.
    fn wait_for_login(&mut self, now: Now, deed: Deed, at: Instant) {
        let tickle =
            now.mono + self.upkeep.as_ref().map_or(NOTABLE_WAIT, |upkeep| upkeep.policy.tickle_every);
        match self.known.bearer.is_some() && tickle < at {
            true => self.plan_deed(Deed::Tickle, Some(tickle)),
            false => self.plan_deed(deed, Some(at)),
        }
        let wait = at.saturating_duration_since(now.mono);
        if wait > NOTABLE_WAIT && !self.is_connected() {
            self.enter(Phase::Waiting { about: wait }, None);
        }
    }

    pub(super) fn upkeep_wake(&self) -> Option<Instant> {
        let upkeep = self.upkeep.as_ref()?;
        upkeep.due.as_ref().filter(|_| upkeep.running.is_none())?.at
    }

    /// The deed itself, or the one that must come first because its ground is missing.
    fn able(&self, deed: Deed, now: Now) -> Deed {
        let needs_bearer = deed < Deed::Renew && self.known.bearer.is_none();
        match deed {
            _ if needs_bearer && self.known.access_token(now).is_some() => Deed::Renew,
            _ if needs_bearer => Deed::Login,
            Deed::Renew if self.known.access_token(now).is_none() => Deed::Login,
            Deed::Init if self.config.tier == Tier::ReadOnly => Deed::Tickle,
            deed => deed,
        }
    }

    fn login_forbidden_until(&mut self, now: Now) -> Option<Instant> {
        let upkeep = self.upkeep.as_mut()?;
        let waits = [upkeep.next_login, upkeep.logins.free_at(now.mono)];
        waits.into_iter().flatten().max().filter(|at| *at > now.mono)
    }

    fn start(&mut self, deed: Deed, now: Now) {
        let command = match deed {
            Deed::Tickle => Command::Tickle,
            Deed::Validate => Command::ValidateSso,
            Deed::Init => Command::Reinit,
            Deed::Renew => Command::Renew,
            Deed::Login => Command::Connect,
        };
        let compete = self.may_compete(now);
        let Some(upkeep) = &mut self.upkeep else { return };
        (upkeep.due, upkeep.running) = (None, Some(deed));
        match deed {
            Deed::Tickle => upkeep.tickled = Some(now.mono),
            Deed::Renew | Deed::Login => upkeep.logins.spend(now.mono),
            Deed::Init => upkeep.asked = Some(now.mono),
            Deed::Validate => {}
        }
        self.tasks.push(Task::for_upkeep(command, &self.config, compete));
    }

    /// Whether `ssodh/init` may end another session of the username. One that we held and lost without hearing of another
    /// login is our own.
    fn may_compete(&self, now: Now) -> bool {
        let Some(upkeep) = &self.upkeep else { return self.config.compete };
        match upkeep.policy.competing {
            OnCompeting::Never => false,
            _ if upkeep.yielded || upkeep.taking.is_some_and(|at| at > now.mono) => false,
            _ => upkeep.was_connected || upkeep.reclaims || upkeep.taking.is_some() || self.config.compete,
        }
    }

    /// The outcome of a deed.
    pub(super) fn deed_done(&mut self, now: Now, outcome: &Result<Done, Error>) {
        let Some(deed) = self.upkeep.as_mut().and_then(|upkeep| upkeep.running.take()) else { return };
        match outcome {
            Ok(done) => self.judge_success(now, deed, done),
            Err(error) => self.judge_failure(now, deed, error),
        }
    }

    /// A suspend, or a clock that was set: what the timers knew no longer holds.
    fn notice_clock_jump(&mut self, now: Now) {
        let Some(last) = self.upkeep.as_mut().and_then(|upkeep| upkeep.last_poll.replace(now)) else {
            return;
        };
        let ran = now.mono.saturating_duration_since(last.mono);
        let shown = now.wall.duration_since(last.wall);
        let apart = match shown {
            Ok(shown) => shown.abs_diff(ran),
            Err(back) => back.duration() + ran,
        };
        if apart >= CLOCK_JUMP {
            self.tell(Event::ClockJumped);
            self.check();
        }
    }

    fn plan_deed(&mut self, deed: Deed, at: Option<Instant>) {
        if let Some(upkeep) = &mut self.upkeep {
            upkeep.due = (!upkeep.paused).then_some(Due { at, deed });
        }
    }

    fn looks_up_ip(&self) -> bool {
        matches!(self.config.public_ip, PublicIp::Lookup(_))
    }
}
