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

pub(super) use budget::Reach;
pub use phase::Phase;
pub use policy::{KeepConnected, LoginBudget, OnCompeting};

use super::{Session, plan::Command, task::Task, ticket::Done};
use crate::{AuthStatus, Error, Event, Host, Now, Region, Tier};
use budget::Budget;
use trouble::Trouble;

/// `sso/validate` extends the SSO session; IBKR takes one a minute.
const VALIDATE_EVERY: Duration = Duration::from_secs(300);
/// A bearer token that ends within this time is extended.
const EXTEND_BEFORE: Duration = Duration::from_secs(150);
/// A longer wait is a phase of its own.
const NOTABLE_WAIT: Duration = Duration::from_secs(60);
/// IBKR takes one tickle a second of a username.
const BETWEEN_TICKLES: Duration = Duration::from_secs(2);
/// Two looks that a user wishes for are so far apart.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// And so far where a person wishes to know whether another login has ended, which `ssodh/init` tells.
const BETWEEN_INITS: Duration = Duration::from_secs(10);
/// How far the two clocks may part before a suspend or a set clock is assumed.
const CLOCK_JUMP: Duration = Duration::from_secs(5);

/// From the cheapest to the dearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    Tickle,
    /// `auth/status`, which no other program of the username is in the way of: tickles are one a second for all.
    Ask,
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
    /// Another login has, or may have, the brokerage session, and we leave it there.
    left: Option<Left>,
    trouble: Option<Trouble>,
    /// The last answer came from a server at work, not from a closed door or a broken road.
    server_works: bool,
    logins: Budget,
    /// How far the last login came.
    login_reach: Reach,
    /// Everything signed that left this machine.
    assertions: Budget,
    takes: Budget,
    /// From when on the session is taken back from another login.
    taking: Option<Instant>,
    /// The request that opened the session last could end another one.
    competed: bool,
    /// And that was a take of the policy's.
    is_take: bool,
    /// What holds the session is what we have left behind.
    ends_own: bool,
    /// The user has it taken back now.
    reclaims: bool,
    /// Nothing has come of the first login yet: whether that may end another session is the configuration's word.
    is_first: bool,
    /// No login before: the last one failed.
    next_login: Option<Instant>,
    /// Nothing is sent before: the server asked for it.
    silent_until: Option<Instant>,
    /// Since when every bearer token has been forbidden what it is for.
    barred_since: Option<Instant>,
    /// This machine's clock is wrong by more than is corrected.
    clock: Option<WrongClock>,
    /// How often something dearer was tried, because a deed went on failing, since a look succeeded.
    escalations: u32,
    /// How often `ssodh/init` has opened a session since a look found it good.
    reopened: Option<u32>,
    /// How often IBKR has refused in a row whom it knew before.
    refusals: usize,
    /// IBKR has known this client, key and user.
    was_known: bool,
    was_connected: bool,
    /// Logins that succeeded since a tickle did.
    unproven_logins: u32,
    /// When the last tickle went out.
    tickled: Option<Instant>,
    /// When the last look went out, and the last request that opens a session.
    asked: Option<Instant>,
    opened: Option<Instant>,
    /// The session's end as it was announced last.
    end: Option<SystemTime>,
    /// An end that extending has not moved, such as IBKR's midnight.
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

/// A brokerage session that is left to another login.
#[derive(Debug, Clone, Copy)]
struct Left {
    since: Instant,
    /// IBKR says that another login is there. Else it only refuses to open the session.
    is_said: bool,
    /// When it is asked for again, without `compete`.
    ask_at: Instant,
}

/// A clock on the wall that IBKR contradicts.
#[derive(Debug, Clone, Copy)]
struct WrongClock {
    /// What IBKR's clock showed.
    told: Now,
    /// Until when that is not asked for again.
    believed_until: Instant,
}

struct Due {
    /// `None`: at once.
    at: Option<Instant>,
    deed: Deed,
}

impl Session {
    /// Whether one more assertion of the login that is under way may go out. It counts like a login: the one before may have
    /// arrived.
    pub(super) fn may_log_in_once_more(&mut self, now: Now) -> bool {
        let may = self.logins_spent_until(now).is_none();
        if let (true, Some(upkeep)) = (may, &mut self.upkeep) {
            upkeep.logins.spend(now.mono);
            upkeep.assertions.spend(now.mono);
        }
        may
    }

    /// Logs in, unless that is done, and stays logged in: tickles, extends, renews, and heals what breaks with the
    /// cheapest step that can. It goes on for ever, or until [`logout`](Self::logout), unless IBKR refuses the client, its key
    /// or the user: then it stops at once, because repeating that gets accounts locked; or, where IBKR knew them before, after
    /// a few tries over two hours.
    pub fn keep_connected(&mut self, mut policy: KeepConnected) {
        let deed = self.first_deed();
        self.stopped_by = None;
        self.cancel_upkeep();
        // Called again, it does not get a new budget, and heeds the wait that it was asked for.
        let before = self
            .upkeep
            .take()
            .map(|before| (before.logins, before.assertions, before.takes, before.silent_until));
        let (mut logins, assertions, takes, silent_until) = before.unwrap_or_else(|| {
            (
                Budget::brake(policy.logins),
                Budget::brake(LoginBudget::ASSERTIONS),
                Budget::wall(policy::TAKES),
                None,
            )
        });
        logins.set_limit(policy.logins);
        let running = self.adopt_connect(&policy);
        if running.is_some() {
            // It counts against the budget too.
            policy.past_logins.push(Duration::ZERO);
        }
        let hosts = self.hosts(&policy);
        self.upkeep = Some(Upkeep {
            due: running.is_none().then_some(Due { at: None, deed }),
            running,
            paused: false,
            left: None,
            trouble: None,
            server_works: true,
            logins,
            login_reach: Reach::Nowhere,
            assertions,
            takes,
            taking: None,
            competed: running.is_some() && self.config.compete,
            is_take: false,
            ends_own: false,
            reclaims: false,
            is_first: true,
            next_login: None,
            silent_until,
            barred_since: None,
            clock: None,
            escalations: 0,
            reopened: None,
            refusals: 0,
            was_known: self.known.bearer.is_some(),
            was_connected: self.known.is_connected(self.config.tier),
            unproven_logins: 0,
            tickled: None,
            asked: None,
            opened: None,
            end: None,
            hard_end: None,
            hosts,
            last_poll: None,
            phase: Phase::Off,
            policy,
        });
        self.enter(Phase::Connecting, None);
    }

    /// A `connect` that is under way becomes the first login.
    fn adopt_connect(&mut self, policy: &KeepConnected) -> Option<Deed> {
        let connect = self.tasks.iter_mut().find(|task| task.command() == Command::Connect)?;
        connect.is_upkeep = true;
        connect.compete &= policy.competing != OnCompeting::Never;
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
        let known = self.known.auth_status.as_ref().filter(|_| self.config.tier == Tier::Brokerage);
        let may_open = |status: &AuthStatus| !status.is_held() || self.config.compete;
        if self.known.bearer.is_none() {
            Deed::Login
        } else if !self.known.bearer_is_good() {
            Deed::Renew
        } else {
            match known {
                Some(status) if status.is_ready() => Deed::Tickle,
                Some(status) if may_open(status) => Deed::Init,
                Some(_) => Deed::Ask,
                None => Deed::Tickle,
            }
        }
    }

    /// Logs out, so that the user can log in elsewhere, and waits for [`resume`](Self::resume). Without the automatic mode
    /// it does nothing.
    pub fn pause(&mut self) {
        if let Some(mut upkeep) = self.upkeep.take() {
            upkeep.paused = true;
            self.stopped_by = None;
            (upkeep.due, upkeep.running, upkeep.trouble, upkeep.left) = (None, None, None, None);
            self.cancel_all();
            // Whoever logs in meanwhile is not to be taken for what we have left behind, nor taken from.
            self.known.forget_who_held();
            (upkeep.ends_own, upkeep.taking, upkeep.reclaims) = (false, None, false);
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

    /// Comes back after [`pause`](Self::pause), leaving another login alone as the policy says; and takes the brokerage session
    /// back from another login that it was left to.
    pub fn resume(&mut self) {
        let deed = if self.known.bearer.is_some() { Deed::Init } else { Deed::Login };
        if let Some(upkeep) = &mut self.upkeep
            && (upkeep.paused || upkeep.left.is_some())
        {
            upkeep.reclaims = upkeep.left.is_some();
            (upkeep.paused, upkeep.left) = (false, None);
            (upkeep.running, upkeep.taking) = (None, None);
            upkeep.due = Some(Due { at: None, deed });
            self.stopped_by = None;
            self.cancel_upkeep();
            self.enter(Phase::Connecting, None);
        }
    }

    /// Looks now instead of at its time: for when a request of your own was refused. However often it is called, two looks are
    /// 2 s apart. While the session is left to another login it does nothing: see [`ask_again`](Self::ask_again).
    pub fn check(&mut self) {
        if !self.known.bearer_is_good() {
            return;
        }
        let Some(Upkeep { due: Some(due), left: None, asked, .. }) = &mut self.upkeep else { return };
        let at = asked.map(|last| last + BETWEEN_LOOKS);
        if due.deed <= Deed::Validate && at < due.at {
            *due = Due { at, deed: Deed::Ask };
        }
    }

    /// Asks now, instead of at its time, whether another login still has the session that was left to it, and takes
    /// nothing. It is for a person: IBKR refuses logins of programs that ask over and over, so two are 10 s apart.
    pub fn ask_again(&mut self) {
        if let Some(Upkeep { due: Some(due), left: Some(_), opened, .. }) = &mut self.upkeep {
            let at = opened.map(|last| last + BETWEEN_INITS);
            if due.deed < Deed::Renew && at < due.at {
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
            upkeep.logins.recall(&std::mem::take(&mut upkeep.policy.past_logins), now.mono);
            upkeep.assertions.recall(&std::mem::take(&mut upkeep.policy.past_assertions), now.mono);
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
        if deed >= Deed::Renew {
            if let Some(at) = self.clock_still_wrong(now) {
                return self.plan_deed(deed, Some(at));
            }
            let spent = self.logins_spent_until(now);
            let next = self.upkeep.as_ref().and_then(|upkeep| upkeep.next_login);
            if let Some(at) = spent.max(next.filter(|at| *at > now.mono)) {
                return self.wait_for_login(now, deed, at, spent == Some(at));
            }
        }
        self.start(deed, now);
    }

    /// Until a login is allowed again. A session that IBKR has not refused may live on meanwhile: it is still tickled.
    fn wait_for_login(&mut self, now: Now, deed: Deed, at: Instant, is_spent: bool) {
        let tickle =
            now.mono + self.upkeep.as_ref().map_or(NOTABLE_WAIT, |upkeep| upkeep.policy.tickle_every);
        match self.known.bearer_is_good() && tickle < at {
            true => self.plan_deed(Deed::Tickle, Some(tickle)),
            false => self.plan_deed(deed, Some(at)),
        }
        let about = at.saturating_duration_since(now.mono);
        if is_spent && about > NOTABLE_WAIT && !self.is_connected() {
            self.enter(Phase::LoginsSpent { about }, None);
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
            Deed::Ask | Deed::Init if self.config.tier == Tier::ReadOnly => Deed::Tickle,
            deed => deed,
        }
    }

    /// Until the logins of late are fewer. A server on this machine locks nobody out.
    fn logins_spent_until(&mut self, now: Now) -> Option<Instant> {
        if self.config.host.is_loopback() {
            return None;
        }
        let upkeep = self.upkeep.as_mut()?;
        upkeep.logins.free_at(now.mono).max(upkeep.assertions.free_at(now.mono))
    }

    fn start(&mut self, deed: Deed, now: Now) {
        let command = match deed {
            Deed::Tickle => Command::Tickle,
            Deed::Ask => Command::Status,
            Deed::Validate => Command::ValidateSso,
            Deed::Init => Command::Reinit,
            Deed::Renew => Command::Renew,
            Deed::Login => Command::Connect,
        };
        let compete = self.may_compete(now);
        let Some(upkeep) = &mut self.upkeep else { return };
        (upkeep.due, upkeep.running) = (None, Some(deed));
        if deed >= Deed::Init {
            upkeep.competed = compete;
            upkeep.ends_own = false;
            upkeep.is_take = upkeep.taking.take_if(|at| *at <= now.mono).is_some();
            if upkeep.is_take {
                upkeep.takes.spend(now.mono);
            }
        }
        match deed {
            // In the read-only tier it is the only look there is.
            Deed::Tickle if self.config.tier == Tier::ReadOnly => {
                (upkeep.tickled, upkeep.asked) = (Some(now.mono), Some(now.mono));
            }
            Deed::Tickle => upkeep.tickled = Some(now.mono),
            Deed::Ask => upkeep.asked = Some(now.mono),
            Deed::Validate => {}
            Deed::Init | Deed::Renew | Deed::Login => upkeep.opened = Some(now.mono),
        }
        if deed >= Deed::Renew {
            upkeep.logins.spend(now.mono);
            upkeep.assertions.spend(now.mono);
        }
        let task = Task::for_upkeep(command, &self.config, compete);
        self.tasks.push(task.asking_first(self.known.ip_service));
    }

    /// Whether `ssodh/init` may end another session of the username: never unless the user or the policy has said so.
    fn may_compete(&self, now: Now) -> bool {
        let Some(upkeep) = &self.upkeep else { return self.config.compete };
        let takes = upkeep.reclaims || upkeep.ends_own || upkeep.taking.is_some_and(|at| at <= now.mono);
        match upkeep.policy.competing {
            OnCompeting::Never => false,
            _ => takes || (upkeep.is_first && self.config.compete),
        }
    }

    /// The outcome of a deed, and how far its signed requests came.
    pub(super) fn deed_done(&mut self, now: Now, outcome: &Result<Done, Error>, reach: Reach) {
        let Some(upkeep) = &mut self.upkeep else { return };
        let Some(deed) = upkeep.running.take() else { return };
        if deed >= Deed::Renew {
            upkeep.login_reach = reach;
            if reach < Reach::Counted {
                upkeep.logins.refund();
            }
            if reach == Reach::Nowhere {
                upkeep.assertions.refund();
            }
        }
        match outcome {
            Ok(done) => self.judge_success(now, deed, done),
            Err(error) => self.judge_failure(now, deed, error, reach),
        }
    }

    /// Whose clock on the wall counts.
    fn region(&self) -> Region {
        let policy = self.upkeep.as_ref().and_then(|upkeep| upkeep.policy.region);
        policy.or(self.known.region).unwrap_or_default()
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
}
