//! What the outcome of an action means: the one table of reactions.
//!
//! | what happened | reaction |
//! |---|---|
//! | the session is good | tickle in a minute; extend the bearer token before it ends, look right after its end |
//! | not authenticated, `no bridge`, `not authenticated` | `ssodh/init` without `compete` |
//! | 401, `no session`, `RESULT:false` | a new bearer token; if that is refused too, the whole login |
//! | 403 | a new bearer token; when it goes on for 2 minutes, as a refusal |
//! | 410 | another host, with the same bearer token; a new one when no other host is left |
//! | 429 | nothing until `Retry-After`, or 15 minutes, has passed; to `sso/validate` alone: tickles go on |
//! | 500 to `ssodh/init`, not established in time | the same again; every third time what it builds on is renewed |
//! | no answer, 5xx, 3xx, HTML, truncated or unreadable, `Please query /accounts first` | tickle, now and then `auth/status`, until a server answers, from the second time on at one host after the other; no login before |
//! | the same under a bearer token that was refused | `auth/status`, now and then a tickle; no login before either, unless none has got out |
//! | one step goes on failing so while others are answered, or a server answers everything so for 10 minutes | a new bearer token once, then the whole login; rarer each time, and not while IBKR is closed |
//! | another login has the session, or IBKR opens it with `compete` alone | as the policy says |
//! | the client, its key, its scope or the user is refused | once more if the key's file has changed; else stop, unless IBKR knew them before: then again after 30 s, 5, 15, 30 and 60 minutes; while IBKR is closed for longer |
//! | the proxy refuses its credentials, the key cannot sign, a live session token does not prove itself twice | the same |
//! | this machine's clock is wrong by more than is corrected | again when it has been set, or after 15 minutes |
//! | a live session token is lost within 10 minutes, the second in a row or a later one | a new one after 30 s, 5, 15, 30 and 60 minutes |
//! | a request is refused for its time alone (OAuth 1.0a) | the same again after 30 s: the session is as good as it was |

use std::time::{Duration, Instant};

use super::{
    Action, Attempt, Keeper, Mode, OnCompeting, Outage, View, WrongClock,
    contest::{Contest, Left},
    expiry::until,
};
use crate::{
    Advice, AuthStatus, Error, ErrorKind, Event, Host, Now, Step, Tier,
    clock::CORRECTED,
    session::{guard::Reach, ticket::Done},
};

/// While another login has the session, it is asked for politely: often at first, rarely later.
const ASK_SOON: Duration = Duration::from_secs(60);
const ASK_RARELY: Duration = Duration::from_secs(600);
/// A brokerage session that is being established is looked at again.
const ESTABLISHING: Duration = Duration::from_secs(2);
/// How often `ssodh/init` may bring a session that the next look does not find.
const REOPENED_IN_VAIN: u32 = 3;
/// A session that has been forbidden for so long, under one new bearer token after the other, is refused.
const FORBIDDEN: Duration = Duration::from_secs(120);
/// Before each further try of what was refused although IBKR knew it before.
const AFTER_REFUSAL: [Duration; 5] = [
    Duration::from_secs(30),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(60 * 60),
];
/// A live session token lives for a day: one that is lost sooner than this may have been replaced by another
/// program's.
const SHORT_LIFE: Duration = Duration::from_secs(600);
/// A clock that is wrong is looked at so often, and for so long without asking IBKR again.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(30);
const CLOCK_BELIEVED: Duration = Duration::from_secs(900);
/// Beyond the time between two tickles: a session that was ours so lately, and whose bearer token has ended
/// since, is still ours.
const JUST_NOW: Duration = Duration::from_secs(30);

/// What the session has to do about an outcome, beside what is due next.
#[derive(Debug, Default)]
pub(in crate::session) struct Effects {
    /// The bearer token counts as refused.
    pub(in crate::session) refuse_bearer: bool,
    pub(in crate::session) drop_access_token: bool,
    /// Nobody knows how the brokerage session is.
    pub(in crate::session) doubt_status: bool,
    /// It is not known any more that the session was ours a moment ago.
    pub(in crate::session) forget_holder: bool,
    /// The session was not taken from another login after all.
    pub(in crate::session) took_nothing: bool,
    /// IBKR wants to be left alone until then.
    pub(in crate::session) quiet_until: Option<Instant>,
    /// Another server is used from now on.
    pub(in crate::session) host: Option<Host>,
    pub(in crate::session) events: Vec<Event>,
}

/// The facts as they will be after these effects.
impl Effects {
    fn bearer_is_good(&self, view: View<'_>) -> bool {
        view.facts.bearer_is_good() && !self.refuse_bearer
    }

    fn has_access_token(&self, view: View<'_>) -> bool {
        view.facts.access_token(view.now).is_some() && !self.drop_access_token
    }

    fn is_ready(&self, view: View<'_>) -> bool {
        view.is_connected() && self.bearer_is_good(view)
    }
}

impl Keeper {
    /// Takes the outcome of an action in, and how far its signed requests came: plans the next one.
    pub(in crate::session) fn react(
        &mut self,
        view: View<'_>,
        attempt: Attempt,
        outcome: &Result<Done, Error>,
        reach: Reach,
        reload_key: impl FnOnce() -> bool,
    ) -> Effects {
        let mut effects = Effects::default();
        self.spent_until = None;
        if attempt.action.logs_in() {
            self.login_reach = reach;
        }
        match outcome {
            Ok(done) => self.on_success(view, &mut effects, attempt.action, done),
            Err(error) => self.on_failure(view, &mut effects, attempt, error, reach, reload_key),
        }
        effects
    }

    fn on_success(&mut self, view: View<'_>, effects: &mut Effects, action: Action, done: &Done) {
        self.server_works = true;
        if view.facts.clock.beyond().is_none() {
            self.clock = None;
        }
        if let Some(outage) = &mut self.outage {
            outage.host_answered(action);
        }
        match action {
            // Whatever it says, IBKR has answered the bearer token.
            Action::Tickle | Action::Status => {
                (self.standing.unproven_logins, self.escalations) = (0, 0);
                self.was_good_since_login = true;
                if self.expiries.last_replaced().is_some_and(|made| view.now.mono - made >= SHORT_LIFE) {
                    self.standing.short_lives = 0;
                }
            }
            Action::ValidateSso => self.standing.unproven_logins = 0,
            // The last step of a login, which proves no more than the login did.
            Action::SsodhInit => {}
            Action::Renew | Action::Login => {
                self.next_login = None;
                self.expiries.replaced(view.now.mono);
            }
        }
        match done {
            Done::Tickle(tickle) if view.config.tier == Tier::Brokerage => {
                self.on_status(view, effects, action, &tickle.auth_status);
            }
            Done::AuthStatus(status) if action == Action::Status => {
                self.on_status(view, effects, action, status);
            }
            _ => self.on_good_session(view, effects, action),
        }
    }

    fn on_status(&mut self, view: View<'_>, effects: &mut Effects, action: Action, status: &AuthStatus) {
        match self.contest.left() {
            _ if status.is_ready() => self.on_good_session(view, effects, action),
            // It was said that another login is there, and is so no more.
            Some(left) if left.is_said && !status.is_held() => {
                // Should that be contradicted, it is not believed again.
                self.contest = Contest::Left(Left { is_said: false, ..left });
                self.plan(Action::SsodhInit, None);
            }
            Some(left) => self.wait_for_rival(view.now, left),
            None if status.is_held() => self.on_rival(view, effects, status.competing, None),
            None => {
                let since = self.outage(view.now).since;
                let waited = view.now.mono.saturating_duration_since(since);
                let is_being_opened = status.authenticated && status.connected;
                if is_being_opened && waited < view.config.establish_within {
                    self.plan(Action::Status, Some(view.now.mono + ESTABLISHING));
                } else if self.reopened.take_if(|times| *times >= REOPENED_IN_VAIN).is_some() {
                    effects.refuse_bearer = true;
                    self.plan(Action::Renew, None);
                } else {
                    self.plan(Action::SsodhInit, None);
                }
            }
        }
    }

    fn on_good_session(&mut self, view: View<'_>, effects: &mut Effects, action: Action) {
        (self.was_good, self.is_first, self.contest) = (true, false, Contest::Nobody);
        self.standing.is_known = true;
        match action {
            Action::SsodhInit => *self.reopened.get_or_insert(0) += 1,
            Action::Tickle | Action::Status => self.reopened = None,
            Action::ValidateSso | Action::Renew | Action::Login => {}
        }
        if let Some(outage) = self.outage.take() {
            let after = view.now.mono.saturating_duration_since(outage.since);
            effects.events.push(Event::Recovered { after });
        }
        if action.logs_in() {
            self.standing.unproven_logins += 1;
            // A tickle tells how long the new session lives, and its id.
            self.plan(Action::Tickle, None);
        } else {
            (self.standing.forbidden_since, self.standing.refusals) = (None, 0);
            let region = self.region(view);
            let (next, at) =
                self.expiries.next(view, action, region, self.asked.tickle, self.policy.tickle_every);
            self.plan(next, at);
        }
    }

    /// Another login has the session, or may have it: IBKR opens it with `compete` alone.
    fn on_rival(&mut self, view: View<'_>, effects: &mut Effects, is_said: bool, because: Option<&Error>) {
        let now = view.now.mono;
        let was_ours = view.facts.is_held_by_an_old_bearer(view.now, self.policy.tickle_every + JUST_NOW);
        // Where IBKR merely does not open it, another login is a guess.
        let is_guess = because.is_some_and(|error| error.kind() == ErrorKind::NotEstablished);
        effects.forget_holder = true;
        self.is_first = false;
        // IBKR has just answered this bearer token.
        (self.standing.is_known, self.standing.refusals, self.standing.forbidden_since) = (true, 0, None);
        self.outage(view.now);
        if was_ours && self.policy.competing != OnCompeting::Never {
            self.contest = Contest::Own;
            return self.plan(Action::SsodhInit, None);
        }
        let before = self.contest.left();
        let retake_at = self.retake_at(view, is_guess, before);
        if retake_at.is_some_and(|at| at <= now) {
            self.contest = Contest::Retake;
            return self.plan(Action::SsodhInit, None);
        }
        let since = before.map_or(now, |left| left.since);
        let longest = if is_guess { 2 * ASK_SOON } else { ASK_RARELY };
        let pause = (now.saturating_duration_since(since) / 4).clamp(ASK_SOON, longest);
        let left = Left {
            since,
            is_said: is_said && before.is_none_or(|left| left.is_said),
            ask_at: retake_at.unwrap_or(now + pause),
            retake_at,
        };
        self.contest = Contest::Left(left);
        self.wait_for_rival(view.now, left);
    }

    /// When the policy takes the session back. What is being waited for is not waited for anew.
    fn retake_at(&self, view: View<'_>, is_guess: bool, before: Option<Left>) -> Option<Instant> {
        let now = view.now.mono;
        let may_retake = !is_guess && view.guard.may_retake(now);
        let wait = match self.policy.competing {
            OnCompeting::Take if may_retake => Duration::ZERO,
            OnCompeting::RetakeAfter(wait) if may_retake => wait,
            _ => return None,
        };
        Some(before.and_then(|left| left.retake_at).unwrap_or(now + wait))
    }

    /// What is done while the session is left to another login: a look each minute, and in time it is asked
    /// for politely, or taken. The bearer token may end meanwhile; a look finds that out, and gets a new one.
    fn wait_for_rival(&mut self, now: Now, left: Left) {
        let look = now.mono + self.policy.tickle_every;
        match left.ask_at <= look {
            true => self.plan(Action::SsodhInit, Some(left.ask_at)),
            false => self.plan(Action::Status, Some(look)),
        }
    }

    fn on_failure(
        &mut self,
        view: View<'_>,
        effects: &mut Effects,
        attempt: Attempt,
        error: &Error,
        reach: Reach,
        reload_key: impl FnOnce() -> bool,
    ) {
        let action = attempt.action;
        let is_unanswered = is_unanswered(error) || (error.kind() == ErrorKind::Gone && self.hosts.len() > 1);
        self.server_works = !is_unanswered;
        effects.took_nothing = attempt.is_retake && took_nothing(error);
        match (error.kind(), error.step()) {
            _ if error.is_proxy_refusal() => {
                // `sso/validate` is one a minute.
                let again = if action == Action::ValidateSso { Action::Tickle } else { action };
                return self.on_refusal(view, effects, again, error, reload_key);
            }
            (ErrorKind::Competing | ErrorKind::NotEstablished, _)
                if error.kind() == ErrorKind::Competing || self.may_be_held(view, attempt) =>
            {
                self.standing.unproven_logins += u32::from(action.logs_in());
                let is_said = view.facts.auth_status.as_ref().is_some_and(|status| status.competing);
                return self.on_rival(view, effects, is_said, Some(error));
            }
            (ErrorKind::Config, _) => return self.stop(error),
            // Nothing was sent, and it waits until that is allowed.
            (ErrorKind::LoginsSpent, _) => return self.plan(action, None),
            (ErrorKind::Clock, _) => return self.wait_for_the_clock(view, action),
            (ErrorKind::Sign | ErrorKind::Unproven, _)
            | (ErrorKind::Rejected, Some(Step::GetAccessToken | Step::GetLiveSessionToken)) => {
                return self.on_refusal(view, effects, action, error, reload_key);
            }
            (ErrorKind::Rejected, Some(Step::GetBearerToken)) if action == Action::Renew => {
                effects.drop_access_token = true;
            }
            (ErrorKind::Rejected, Some(Step::GetBearerToken)) => {
                return self.on_refusal(view, effects, Action::Login, error, reload_key);
            }
            (ErrorKind::Rejected, _) => {
                effects.refuse_bearer = true;
                let now = view.now.mono;
                match self.standing.forbidden_since {
                    None => self.standing.forbidden_since = Some(now),
                    Some(since) if now.saturating_duration_since(since) >= FORBIDDEN => {
                        return self.on_refusal(view, effects, Action::Renew, error, reload_key);
                    }
                    // A new bearer token has not helped: the next one is not asked for at once.
                    Some(_) => self.next_login = self.next_login.max(Some(now + FORBIDDEN / 4)),
                }
            }
            // One a minute for all programs of the username: a real penalty box shows at the next tickle.
            (ErrorKind::RateLimited, Some(Step::ValidateSso)) if action == Action::ValidateSso => {
                return self.plan(Action::Tickle, Some(view.now.mono + self.policy.tickle_every));
            }
            (ErrorKind::Unauthorized, _) => {
                effects.refuse_bearer = true;
                self.count_short_life(view);
                // The bearer token before it ended like this too.
                effects.drop_access_token = self.standing.unproven_logins > 0;
            }
            (ErrorKind::OutOfOrder, _) => effects.drop_access_token = true,
            (ErrorKind::Gone, _) if self.hosts.len() < 2 => effects.refuse_bearer = true,
            _ => {}
        }
        let is_look_up = error.kind() == ErrorKind::PublicIp;
        self.outage(view.now).count(action, is_unanswered, is_look_up);
        self.plan_repair(view, effects, action, error, reach);
    }

    /// Whether IBKR's silence over a session that it does not open may mean another login: one that is opened
    /// shows that it is authenticated before it is established.
    fn may_be_held(&self, view: View<'_>, attempt: Attempt) -> bool {
        let status = view.facts.auth_status.as_ref();
        status.is_some_and(|status| status.connected && !status.authenticated)
            && !self.is_closed(view)
            && !attempt.compete
    }

    /// Plans the cheapest action that can still help.
    fn plan_repair(
        &mut self,
        view: View<'_>,
        effects: &mut Effects,
        action: Action,
        error: &Error,
        reach: Reach,
    ) {
        let hosts = self.hosts.len() as u32;
        let is_closed = self.is_closed(view);
        let is_left = self.contest.is_left();
        let before = self.escalations;
        let outage = self.outage(view.now);
        let unanswered = outage.unanswered > 0;
        let gone = unanswered && error.kind() == ErrorKind::Gone;
        let switches = outage.should_switch_host(hosts);
        let all_hosts_failed = outage.all_hosts_failed(hosts);
        let gives_up_ground = error.kind() != ErrorKind::RateLimited && outage.gives_up_ground();
        // A login says something about what it builds on when a signed step got out, and failed.
        let signed = reach > Reach::Nowhere && error.step().is_some_and(Step::is_signed);
        let may_escalate = (!action.logs_in() || signed) && !is_closed && !is_left;
        let escalates =
            may_escalate && outage.escalates(view.now.mono, action, error.status().is_some(), before);
        self.escalations += u32::from(escalates);
        if unanswered && (switches || gone) {
            effects.host = self.next_host(view);
            effects.refuse_bearer |= gone && all_hosts_failed;
        } else if gives_up_ground || (escalates && action.logs_in()) {
            match action {
                Action::Tickle | Action::Status | Action::ValidateSso | Action::SsodhInit => {
                    effects.refuse_bearer = true;
                }
                Action::Renew => effects.drop_access_token = true,
                Action::Login => effects.host = self.next_host(view),
            }
        }
        // The bearer token is kept all the same, should that fail.
        let next = self.cheapest_that_can_help(view, effects);
        let next = if escalates { next.max(Action::Renew) } else { next };
        self.plan_after_failure(view, effects, action, next, error, reach);
    }

    fn cheapest_that_can_help(&self, view: View<'_>, effects: &Effects) -> Action {
        let bearer_is_good = effects.bearer_is_good(view);
        let asks_otherwise = self.outage.as_ref().is_some_and(Outage::should_ask_otherwise);
        // A login that did not get out can be tried itself.
        let got_out = self.login_reach > Reach::Nowhere;
        match () {
            // Whether the server is back can be asked without logging in, even with a bearer token that was
            // refused.
            () if !self.server_works && (bearer_is_good || (view.facts.bearer.is_some() && got_out)) => {
                let (usual, other) = match bearer_is_good {
                    true => (Action::Tickle, Action::Status),
                    false => (Action::Status, Action::Tickle),
                };
                if asks_otherwise { other } else { usual }
            }
            () if !bearer_is_good && effects.has_access_token(view) => Action::Renew,
            () if !bearer_is_good => Action::Login,
            () if !effects.is_ready(view) => Action::SsodhInit,
            () => Action::Tickle,
        }
    }

    /// When the next action after a failure is due.
    fn plan_after_failure(
        &mut self,
        view: View<'_>,
        effects: &mut Effects,
        failed: Action,
        next: Action,
        error: &Error,
        reach: Reach,
    ) {
        let now = view.now.mono;
        let asked = match error.advice() {
            Advice::RetryAfter(asked) => asked,
            Advice::DoNotRetry | Advice::Reconnect | Advice::FindOut => Duration::ZERO,
        };
        let unproven = self.standing.unproven_logins;
        let hosts = self.hosts.len() as u32;
        let outage = self.outage(view.now);
        let is_promise = error.kind() == ErrorKind::RateLimited;
        // A clear answer that calls for something dearer needs no waiting.
        let at_once =
            outage.unanswered == 0 && next > failed && asked.is_zero() && (unproven == 0 || !next.logs_in());
        // What has not even left the machine burdens nobody.
        let login_wait = match reach {
            Reach::Nowhere if failed.logs_in() => outage.wait(hosts),
            _ => outage.login_wait(unproven),
        };
        let wait = if next.logs_in() {
            login_wait.max(asked)
        } else if is_promise {
            outage.wait(hosts).max(asked)
        } else {
            outage.wait(hosts).max(asked.min(self.policy.tickle_every))
        };
        let wait = self.jitter.prolong(wait);
        if failed.logs_in() && !at_once {
            let next_login = now + self.jitter.prolong(login_wait.max(asked));
            self.next_login = self.next_login.max(Some(next_login));
        }
        if is_promise {
            effects.quiet_until = Some(now + wait);
            effects.doubt_status = true;
        }
        match &mut self.contest {
            // It is looked at, and asked for, at its own pace.
            Contest::Left(left) if !next.logs_in() && !is_promise => {
                left.ask_at = left.ask_at.max(now + ASK_SOON);
                let left = *left;
                self.wait_for_rival(view.now, left);
            }
            _ => self.plan(next, (!at_once).then(|| now + wait)),
        }
    }

    /// Nothing signed can be accepted before this machine's clock is set. That is looked for on this machine.
    fn wait_for_the_clock(&mut self, view: View<'_>, again: Action) {
        let now = view.now;
        let wrong = view.facts.clock.beyond().unwrap_or_default();
        self.clock = Some(WrongClock {
            told: Now { mono: now.mono, wall: wrong.correct(now.wall) },
            believed_until: now.mono + CLOCK_BELIEVED,
        });
        self.next_login = None;
        self.outage(now);
        self.plan(again, Some(now.mono + LOOK_AT_CLOCK));
    }

    /// When to look again whether this machine's clock has been set; `None` when it has, or nobody is to be
    /// believed so long.
    pub(super) fn clock_still_wrong(&mut self, now: Now) -> Option<Instant> {
        let WrongClock { told, believed_until } = self.clock?;
        let told = told.wall + now.mono.saturating_duration_since(told.mono);
        let off = until(now.wall, told).max(until(told, now.wall));
        if off <= CORRECTED || now.mono >= believed_until {
            self.clock = None;
            return None;
        }
        Some(now.mono + LOOK_AT_CLOCK)
    }

    /// Stops, unless IBKR knew us before: then again, slowly, and stops when that goes on. While IBKR is
    /// closed its refusals mean little.
    fn on_refusal(
        &mut self,
        view: View<'_>,
        effects: &mut Effects,
        again: Action,
        error: &Error,
        reload_key: impl FnOnce() -> bool,
    ) {
        if error.kind() == ErrorKind::Rejected && reload_key() {
            self.outage(view.now);
            return self.plan(Action::Login, None);
        }
        let tries = match error.step() {
            _ if self.standing.is_known || view.facts.bearer.is_some() => AFTER_REFUSAL.len(),
            // The token that was just issued has proved client and key.
            Some(Step::GetBearerToken) => 1,
            _ => 0,
        };
        let is_closed = self.is_closed(view);
        let refusals = self.standing.refusals;
        if refusals >= tries {
            return self.stop(error);
        }
        let wait = AFTER_REFUSAL[refusals].max(if is_closed { AFTER_REFUSAL[1] } else { Duration::ZERO });
        self.standing.refusals += usize::from(!is_closed);
        let after = self.jitter.prolong(wait);
        self.next_login = Some(view.now.mono + after);
        // Nobody looks at it for so long: it is more than one lost answer.
        effects.doubt_status = true;
        self.outage(view.now).refuse();
        self.plan(again, Some(view.now.mono + after));
        effects.events.extend(error.step().map(|step| Event::Retrying { step, after }));
    }

    /// A live session token is replaced by the next login with the same access token, so two programs may
    /// throw each other out in turn: whoever is thrown out twice soon after a login waits, longer each time.
    fn count_short_life(&mut self, view: View<'_>) {
        let Some(made) = self.expiries.last_replaced().filter(|_| view.config.login.oauth1().is_some())
        else {
            return;
        };
        if !std::mem::take(&mut self.was_good_since_login) {
            return;
        }
        let now = view.now.mono;
        let is_short = now.saturating_duration_since(made) < SHORT_LIFE;
        self.standing.short_lives += usize::from(is_short);
        if let Some(index) = self.standing.short_lives.checked_sub(2) {
            let wait = AFTER_REFUSAL[index.min(AFTER_REFUSAL.len() - 1)];
            self.next_login = self.next_login.max(Some(now + self.jitter.prolong(wait)));
        }
    }

    fn stop(&mut self, error: &Error) {
        (self.mode, self.contest) = (Mode::Stopped(error.clone()), Contest::Nobody);
    }

    /// The outage that there is, or begins now.
    fn outage(&mut self, now: Now) -> &mut Outage {
        self.outage.get_or_insert_with(|| Outage::begin(now.mono))
    }

    fn is_closed(&self, view: View<'_>) -> bool {
        self.closed_until(view).is_some()
    }

    fn next_host(&self, view: View<'_>) -> Option<Host> {
        let here = self.hosts.iter().position(|host| *host == view.config.host);
        let next = here.map_or(0, |here| (here + 1) % self.hosts.len());
        (self.hosts.len() > 1).then(|| self.hosts[next].clone())
    }
}

/// No answer, or none that IBKR's systems behind the edge had a part in.
fn is_unanswered(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Transport
        | ErrorKind::Timeout
        | ErrorKind::Panicked
        | ErrorKind::Unreadable
        | ErrorKind::PublicIp => true,
        ErrorKind::Server => {
            !(error.step() == Some(Step::SsodhInit) && error.status().is_some_and(|s| s == 500))
        }
        _ => false,
    }
}

/// Whether `ssodh/init` cannot have ended another login.
fn took_nothing(error: &Error) -> bool {
    let opens = matches!(error.step(), Some(Step::SsodhInit | Step::Status));
    !opens || Reach::of_failure(error) < Reach::Counted
}
