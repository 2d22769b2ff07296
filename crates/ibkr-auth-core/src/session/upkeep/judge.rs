//! What the outcome of a deed means: the one table of reactions.
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
//! | one step goes on failing so while others are answered, or a server answers everything so for 10 minutes | a new bearer token once, then the whole login; rarer each time, and not while IBKR is closed |
//! | another login has the session, or IBKR opens it with `compete` alone | as the policy says |
//! | the client, its key, its scope or the user is refused | once more if the key's file has changed; else stop, unless IBKR knew them before: then again after 30 s, 5, 15, 30 and 60 minutes; while IBKR is closed for longer |
//! | the proxy refuses its credentials, the key cannot sign | the same |
//! | this machine's clock is wrong by more than is corrected | again when it has been set, or after 15 minutes |

use std::time::{Duration, Instant, SystemTime};

use super::{
    BETWEEN_TICKLES, Deed, EXTEND_BEFORE, Left, OnCompeting, Phase, Reach, Session, Trouble, Upkeep,
    VALIDATE_EVERY, WrongClock, trouble::HOST_IS_DEAD,
};
use crate::{
    Advice, AuthStatus, Error, ErrorKind, Event, Now, Step, Tier,
    clock::CORRECTED,
    session::{known::VALIDATE_PAUSE, ticket::Done},
};

/// While another login has the session, it is asked for politely: often at first, rarely later.
const ASK_SOON: Duration = Duration::from_secs(60);
const ASK_RARELY: Duration = Duration::from_secs(600);
/// A brokerage session that is being established is looked at again.
const ESTABLISHING: Duration = Duration::from_secs(2);
/// Two ends of a session that differ by less are the same: answers take time.
const SAME_END: Duration = Duration::from_secs(15);
/// Beyond a session's end, so that IBKR's clock has passed it too.
const AFTER_END: Duration = Duration::from_millis(500);
/// However soon the next end is announced, it is not looked at more often.
const BETWEEN_ENDS: Duration = Duration::from_secs(10);
/// A session that has been forbidden for so long, under one new bearer token after the other, is refused.
const BARRED: Duration = Duration::from_secs(120);
/// Before each further try of what was refused although IBKR knew it before.
const AGAIN: [Duration; 5] = [
    Duration::from_secs(30),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(60 * 60),
];
/// A clock that is wrong is looked at so often, and for so long without asking IBKR again.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(30);
const CLOCK_BELIEVED: Duration = Duration::from_secs(900);
/// Beyond the time between two tickles: a session that was ours so lately, and whose bearer token has ended since, is
/// still ours.
const JUST_NOW: Duration = Duration::from_secs(30);

impl Session {
    pub(super) fn judge_success(&mut self, now: Now, deed: Deed, done: &Done) {
        let Some(upkeep) = &mut self.upkeep else { return };
        upkeep.server_works = true;
        if let Some(trouble) = &mut upkeep.trouble {
            trouble.hears(deed);
        }
        match deed {
            // Whatever it says, IBKR has answered the bearer token.
            Deed::Tickle | Deed::Ask => (upkeep.unproven_logins, upkeep.escalations) = (0, 0),
            Deed::Validate => upkeep.unproven_logins = 0,
            // The last step of a login, which proves no more than the login did.
            Deed::Init => {}
            Deed::Renew | Deed::Login => upkeep.next_login = None,
        }
        match done {
            Done::Tickle(tickle) if self.config.tier == Tier::Brokerage => {
                self.judge_status(now, deed, &tickle.auth_status);
            }
            Done::AuthStatus(status) if deed == Deed::Ask => self.judge_status(now, deed, status),
            _ => self.healthy(now, deed),
        }
    }

    fn judge_status(&mut self, now: Now, deed: Deed, status: &AuthStatus) {
        let left = self.upkeep.as_ref().and_then(|upkeep| upkeep.left);
        match left {
            _ if status.is_ready() => self.healthy(now, deed),
            // It was said that another login is there, and is so no more.
            Some(left) if left.is_said && !status.is_held() => {
                if let Some(upkeep) = &mut self.upkeep {
                    // Should that be contradicted, it is not believed again.
                    upkeep.left = Some(Left { is_said: false, ..left });
                }
                self.plan_deed(Deed::Init, None);
            }
            Some(_) => self.bide(now),
            None if status.is_held() => self.lost_to_another(now, status.competing, None),
            None => {
                self.broken(now, None);
                let patient = self.in_trouble_for(now) < self.config.establish_within;
                match status.authenticated && status.connected && patient {
                    true => self.plan_deed(Deed::Ask, Some(now.mono + ESTABLISHING)),
                    false if self.opened_in_vain() => {
                        self.known.refuse_bearer();
                        self.plan_deed(Deed::Renew, None);
                    }
                    false => self.plan_deed(Deed::Init, None),
                }
            }
        }
    }

    /// Whether `ssodh/init` has brought a session three times that the next look did not find.
    fn opened_in_vain(&mut self) -> bool {
        self.upkeep.as_mut().and_then(|upkeep| upkeep.reopened.take_if(|times| *times >= 3)).is_some()
    }

    fn in_trouble_for(&self, now: Now) -> Duration {
        let trouble = self.upkeep.as_ref().and_then(|upkeep| upkeep.trouble.as_ref());
        trouble.map_or(Duration::ZERO, |trouble| now.mono.saturating_duration_since(trouble.since))
    }

    fn healthy(&mut self, now: Now, deed: Deed) {
        let Some(upkeep) = &mut self.upkeep else { return };
        (upkeep.was_connected, upkeep.was_known, upkeep.is_first) = (true, true, false);
        (upkeep.left, upkeep.taking, upkeep.reclaims) = (None, None, false);
        upkeep.reopened = match deed {
            Deed::Init => Some(upkeep.reopened.unwrap_or_default() + 1),
            Deed::Tickle | Deed::Ask => None,
            _ => upkeep.reopened,
        };
        match deed {
            Deed::Renew | Deed::Login => upkeep.unproven_logins += 1,
            Deed::Tickle | Deed::Ask | Deed::Validate | Deed::Init => {
                (upkeep.barred_since, upkeep.refusals) = (None, 0);
            }
        }
        if let Some(trouble) = upkeep.trouble.take() {
            self.tell(Event::Recovered { after: now.mono.saturating_duration_since(trouble.since) });
        }
        self.enter(Phase::Connected, None);
        match deed {
            // A tickle tells how long the new session lives, and its id.
            Deed::Renew | Deed::Login => {
                let tickled = self.upkeep.as_ref().and_then(|upkeep| upkeep.tickled);
                self.plan_deed(Deed::Tickle, tickled.map(|last| last + BETWEEN_TICKLES));
            }
            Deed::Tickle | Deed::Ask | Deed::Validate | Deed::Init => self.plan_upkeep(now, deed),
        }
    }

    /// The next deed of a session without fault. It is extended before its announced end. A session that lives so short that
    /// this does not help is not given up for that: whether it has ended is asked when the end has passed.
    fn plan_upkeep(&mut self, now: Now, deed: Deed) {
        let Some(upkeep) = &mut self.upkeep else { return };
        let tickle =
            upkeep.tickled.map_or(now.mono, |last| (last + upkeep.policy.tickle_every).max(now.mono));
        let validated = self.known.last_validated(now);
        let may_validate = now.mono + VALIDATE_PAUSE.saturating_sub(validated.unwrap_or(VALIDATE_PAUSE));
        let validate_due = validated.is_none_or(|ago| ago >= VALIDATE_EVERY);
        let ends = self.known.bearer_ends;
        let left =
            ends.map(|ends| ends.mono.saturating_duration_since(now.mono).min(until(now.wall, ends.wall)));
        // Whoever answers after the end that he names knows it no better than we do.
        let Some((ends, left)) = ends.zip(left).filter(|(_, left)| !left.is_zero()) else {
            return match validate_due {
                true => self.plan_deed(Deed::Validate, None),
                false => self.plan_deed(Deed::Tickle, Some(tickle)),
            };
        };
        let corrected = self.known.clock.skew().correct(ends.wall);
        if deed == Deed::Validate {
            // The first extension of a short life moves its end by too little to be seen.
            let has_moved = upkeep.extended.replace(ends.wall).is_none_or(|before| !near(before, ends.wall));
            if left <= EXTEND_BEFORE && !has_moved {
                upkeep.hard_end = Some(ends.wall);
            }
        }
        let is_hard = upkeep.hard_end.is_some_and(|hard| near(hard, ends.wall));
        let region = self.region();
        let is_hard =
            is_hard || near(region.next_midnight(self.known.clock.skew().correct(now.wall)), corrected);
        if validate_due {
            return self.plan_deed(Deed::Validate, None);
        }
        let tickled = self.upkeep.as_ref().and_then(|upkeep| upkeep.tickled);
        let not_before = tickled.map_or(now.mono, |last| last + BETWEEN_ENDS);
        let next_tickle = tickle.min((now.mono + left + AFTER_END).max(not_before));
        if left <= EXTEND_BEFORE && !is_hard && may_validate <= next_tickle {
            self.plan_deed(Deed::Validate, Some(may_validate));
        } else {
            self.plan_deed(Deed::Tickle, Some(next_tickle));
        }
    }

    /// Another login has the session, or may have it: IBKR opens it with `compete` alone.
    fn lost_to_another(&mut self, now: Now, is_said: bool, because: Option<&Error>) {
        let Some(upkeep) = &mut self.upkeep else { return };
        let fresh = upkeep.policy.tickle_every + JUST_NOW;
        let is_ours = self.known.is_held_by_an_old_bearer(now, fresh);
        // Where IBKR merely does not open it, another login is a guess.
        let is_guess = because.is_some_and(|error| error.kind() == ErrorKind::NotEstablished);
        let longest = if is_guess { 2 * ASK_SOON } else { ASK_RARELY };
        let may_take = !is_guess && upkeep.takes.free_at(now.mono).is_none();
        let wait = match upkeep.policy.competing {
            OnCompeting::Take if may_take => Some(Duration::ZERO),
            OnCompeting::RetakeAfter(wait) if may_take => Some(wait),
            _ => None,
        };
        self.known.forget_who_held();
        (upkeep.is_first, upkeep.reclaims) = (false, false);
        // IBKR has just answered this bearer token.
        (upkeep.was_known, upkeep.refusals, upkeep.barred_since) = (true, 0, None);
        if is_ours && upkeep.policy.competing != OnCompeting::Never {
            (upkeep.ends_own, upkeep.left) = (true, None);
            self.broken(now, None);
            return self.plan_deed(Deed::Init, None);
        }
        // What is being waited for is not waited for anew.
        upkeep.taking = wait.map(|wait| upkeep.taking.unwrap_or(now.mono + wait));
        if upkeep.taking.is_some_and(|at| at <= now.mono) {
            upkeep.left = None;
            self.broken(now, None);
            return self.plan_deed(Deed::Init, None);
        }
        let since = upkeep.left.map_or(now.mono, |left| left.since);
        let is_said = is_said && upkeep.left.is_none_or(|left| left.is_said);
        let pause = (now.mono.saturating_duration_since(since) / 4).clamp(ASK_SOON, longest);
        let ask_at = upkeep.taking.unwrap_or(now.mono + pause);
        upkeep.left = Some(Left { since, is_said, ask_at });
        self.broken(now, because);
        self.bide(now);
    }

    /// What is done while the session is left to another login: a look each minute, and in time it is asked for politely, or
    /// taken. The bearer token may end meanwhile; a look finds that out, and gets a new one.
    fn bide(&mut self, now: Now) {
        let Some(Upkeep { left: Some(left), policy, .. }) = &self.upkeep else { return };
        let look = now.mono + policy.tickle_every;
        let (deed, at) = if left.ask_at <= look { (Deed::Init, left.ask_at) } else { (Deed::Ask, look) };
        self.plan_deed(deed, Some(at));
    }

    pub(super) fn judge_failure(&mut self, now: Now, deed: Deed, error: &Error, reach: Reach) {
        let may_be_held = self.may_be_held(now);
        let Some(upkeep) = &mut self.upkeep else { return };
        let silent = is_silent(error) || (error.kind() == ErrorKind::Gone && upkeep.hosts.len() > 1);
        upkeep.server_works = !silent;
        if deed >= Deed::Init && std::mem::take(&mut upkeep.is_take) && took_nothing(error) {
            upkeep.takes.refund();
        }
        match (error.kind(), error.step()) {
            _ if error.is_proxy_refusal() => {
                // `sso/validate` is one a minute.
                let again = if deed == Deed::Validate { Deed::Tickle } else { deed };
                return self.refused(now, again, error);
            }
            (ErrorKind::Competing | ErrorKind::NotEstablished, _)
                if error.kind() == ErrorKind::Competing || may_be_held =>
            {
                upkeep.unproven_logins += u32::from(deed >= Deed::Renew);
                let is_said = self.known.auth_status.as_ref().is_some_and(|status| status.competing);
                return self.lost_to_another(now, is_said, Some(error));
            }
            (ErrorKind::Config, _) => return self.stop(error),
            (ErrorKind::Clock, _) => return self.wait_for_the_clock(now, deed, error),
            (ErrorKind::Sign, _) | (ErrorKind::Rejected, Some(Step::GetAccessToken)) => {
                return self.refused(now, deed, error);
            }
            (ErrorKind::Rejected, Some(Step::GetBearerToken)) if deed == Deed::Renew => {
                self.known.drop_access_token();
            }
            (ErrorKind::Rejected, Some(Step::GetBearerToken)) => {
                return self.refused(now, Deed::Login, error);
            }
            (ErrorKind::Rejected, _) => {
                self.known.refuse_bearer();
                if let Some(since) = upkeep.barred_since {
                    if now.mono.saturating_duration_since(since) >= BARRED {
                        return self.refused(now, Deed::Renew, error);
                    }
                    // A new bearer token has not helped: the next one is not asked for at once.
                    upkeep.next_login = upkeep.next_login.max(Some(now.mono + BARRED / 4));
                } else {
                    upkeep.barred_since = Some(now.mono);
                }
            }
            // One a minute for all programs of the username: a real penalty box shows at the next tickle.
            (ErrorKind::RateLimited, Some(Step::ValidateSso)) if deed == Deed::Validate => {
                let tickle = now.mono + upkeep.policy.tickle_every;
                return self.plan_deed(Deed::Tickle, Some(tickle));
            }
            (ErrorKind::Unauthorized, _) => {
                self.known.refuse_bearer();
                // The bearer token before it ended like this too.
                if upkeep.unproven_logins > 0 {
                    self.known.drop_access_token();
                }
            }
            (ErrorKind::Order, _) => self.known.drop_access_token(),
            (ErrorKind::Gone, _) if upkeep.hosts.len() < 2 => self.known.refuse_bearer(),
            _ => {}
        }
        let trouble = upkeep.trouble.get_or_insert_with(|| Trouble::begin(now.mono));
        trouble.count(deed, silent, error.kind() == ErrorKind::PublicIp);
        self.broken(now, Some(error));
        self.heal(now, deed, error, reach);
    }

    /// Whether IBKR's silence over a session that it does not open may mean another login: one that is opened shows that it
    /// is authenticated before it is established.
    fn may_be_held(&self, now: Now) -> bool {
        let Some(status) = &self.known.auth_status else { return false };
        let closed = self.region().closed(self.known.clock.skew().correct(now.wall)).is_some();
        let competed = self.upkeep.as_ref().is_some_and(|upkeep| upkeep.competed);
        status.connected && !status.authenticated && !closed && !competed
    }

    /// Plans the cheapest deed that can still help.
    fn heal(&mut self, now: Now, deed: Deed, error: &Error, reach: Reach) {
        let is_closed = self.region().closed(self.known.clock.skew().correct(now.wall)).is_some();
        let Some(upkeep) = &mut self.upkeep else { return };
        let Some(trouble) = &mut upkeep.trouble else { return };
        let silent = trouble.silent > 0;
        let hosts = upkeep.hosts.len() as u32;
        let gone = silent && error.kind() == ErrorKind::Gone;
        let (turns, whole_round) = (trouble.turns(hosts), trouble.whole_round(hosts));
        let calls_for_more = error.kind() != ErrorKind::RateLimited && trouble.calls_for_more();
        // A login says something about what it builds on when a signed step got out, and failed.
        let signed = reach > Reach::Nowhere && error.step().is_some_and(Step::is_signed);
        let may_escalate = (deed < Deed::Renew || signed) && !is_closed && upkeep.left.is_none();
        let escalates =
            may_escalate && trouble.escalates(now.mono, deed, error.status().is_some(), upkeep.escalations);
        upkeep.escalations += u32::from(escalates);
        if silent && (turns || gone) {
            self.next_host();
            if gone && whole_round {
                self.known.refuse_bearer();
            }
        } else if calls_for_more || (escalates && deed >= Deed::Renew) {
            match deed {
                Deed::Tickle | Deed::Ask | Deed::Validate | Deed::Init => self.known.refuse_bearer(),
                Deed::Renew => self.known.drop_access_token(),
                Deed::Login => self.next_host(),
            }
        }
        // The bearer token is kept all the same, should that fail.
        let rung = self.rung(now);
        let next = if escalates { rung.max(Deed::Renew) } else { rung };
        self.plan_again(now, deed, next, error, reach);
    }

    /// When the next deed after a failure is due.
    fn plan_again(&mut self, now: Now, deed: Deed, next: Deed, error: &Error, reach: Reach) {
        let Some(upkeep) = &mut self.upkeep else { return };
        let Some(trouble) = &upkeep.trouble else { return };
        let asked = match error.advice() {
            Advice::RetryAfter(asked) => asked,
            Advice::Never | Advice::Reconnect | Advice::FindOut => Duration::ZERO,
        };
        let unproven = upkeep.unproven_logins;
        let is_promise = error.kind() == ErrorKind::RateLimited;
        let clear =
            trouble.silent == 0 && next > deed && asked.is_zero() && (unproven == 0 || next < Deed::Renew);
        let hosts = upkeep.hosts.len() as u32;
        // What has not even left the machine burdens nobody.
        let login_wait = match reach {
            Reach::Nowhere if deed >= Deed::Renew => trouble.wait(hosts),
            _ => trouble.login_wait(unproven),
        };
        let wait = match next {
            Deed::Renew | Deed::Login => login_wait.max(asked),
            _ if is_promise => trouble.wait(hosts).max(asked),
            _ => trouble.wait(hosts).max(asked.min(upkeep.policy.tickle_every)),
        };
        let wait = self.jitter.prolong(wait);
        // A clear answer that calls for something dearer needs no waiting.
        let at = (!clear).then(|| now.mono + wait);
        if deed >= Deed::Renew && !clear {
            let next_login = now.mono + self.jitter.prolong(login_wait.max(asked));
            upkeep.next_login = upkeep.next_login.max(Some(next_login));
        }
        if is_promise {
            upkeep.silent_until = Some(now.mono + wait);
        }
        match &mut upkeep.left {
            // It is looked at, and asked for, at its own pace.
            Some(left) if next < Deed::Renew && !is_promise => {
                left.ask_at = left.ask_at.max(now.mono + ASK_SOON);
                self.bide(now);
            }
            _ => self.plan_deed(next, at),
        }
        if is_promise {
            self.known.doubt_brokerage();
            self.enter(Phase::Waiting { about: wait }, Some(error));
        }
    }

    fn rung(&self, now: Now) -> Deed {
        let got_out = self.upkeep.as_ref().is_some_and(|upkeep| upkeep.login_reach > Reach::Nowhere);
        let probe = self.upkeep.as_ref().is_some_and(|upkeep| !upkeep.server_works);
        let trouble = self.upkeep.as_ref().and_then(|upkeep| upkeep.trouble.as_ref());
        let ready = self.known.is_connected(self.config.tier);
        match () {
            // Whether the server is back can be asked without logging in.
            () if probe && self.known.bearer_is_good() => {
                if trouble.is_some_and(Trouble::asks_otherwise) {
                    Deed::Ask
                } else {
                    Deed::Tickle
                }
            }
            // Even with a bearer token that was refused. A login that did not get out can be tried itself.
            () if probe && self.known.bearer.is_some() && got_out => Deed::Ask,
            () if !self.known.bearer_is_good() && self.known.access_token(now).is_some() => Deed::Renew,
            () if !self.known.bearer_is_good() => Deed::Login,
            () if !ready => Deed::Init,
            () => Deed::Tickle,
        }
    }

    /// Nothing signed can be accepted before this machine's clock is set. That is looked for on this machine.
    fn wait_for_the_clock(&mut self, now: Now, again: Deed, error: &Error) {
        let wrong = self.known.clock.beyond().unwrap_or_default();
        let Some(upkeep) = &mut self.upkeep else { return };
        upkeep.clock = Some(WrongClock {
            told: Now { mono: now.mono, wall: wrong.correct(now.wall) },
            believed_until: now.mono + CLOCK_BELIEVED,
        });
        upkeep.next_login = None;
        self.broken(now, Some(error));
        self.plan_deed(again, Some(now.mono + LOOK_AT_CLOCK));
    }

    /// When to look again whether this machine's clock has been set; `None` when it has, or nobody is to be believed so long.
    pub(super) fn clock_still_wrong(&mut self, now: Now) -> Option<Instant> {
        let upkeep = self.upkeep.as_mut()?;
        let WrongClock { told, believed_until } = upkeep.clock?;
        let told = told.wall + now.mono.saturating_duration_since(told.mono);
        let off = until(now.wall, told).max(until(told, now.wall));
        if off <= CORRECTED || now.mono >= believed_until {
            upkeep.clock = None;
            return None;
        }
        Some(now.mono + LOOK_AT_CLOCK)
    }

    /// Stops, unless IBKR knew us before: then again, slowly, and stops when that goes on. While IBKR is closed its refusals
    /// mean little.
    fn refused(&mut self, now: Now, again: Deed, error: &Error) {
        if error.kind() == ErrorKind::Rejected && self.key.reload() {
            self.broken(now, Some(error));
            return self.plan_deed(Deed::Login, None);
        }
        let is_closed = self.region().closed(self.known.clock.skew().correct(now.wall)).is_some();
        let Some(upkeep) = &mut self.upkeep else { return };
        let tries = match error.step() {
            _ if upkeep.was_known || self.known.bearer.is_some() => AGAIN.len(),
            // The token that was just issued has proved client and key.
            Some(Step::GetBearerToken) => 1,
            _ => 0,
        };
        if upkeep.refusals >= tries {
            return self.stop(error);
        }
        let wait = if is_closed { AGAIN[1].max(AGAIN[upkeep.refusals]) } else { AGAIN[upkeep.refusals] };
        upkeep.refusals += usize::from(!is_closed);
        let after = self.jitter.prolong(wait);
        upkeep.next_login = Some(now.mono + after);
        // Nobody looks at it for so long: it is more than one lost answer.
        self.known.doubt_brokerage();
        if let Some(trouble) = &mut upkeep.trouble {
            trouble.silent = 0;
        }
        self.broken(now, Some(error));
        self.plan_deed(again, Some(now.mono + after));
        if let Some(step) = error.step() {
            self.tell(Event::Retrying { step, after });
        }
    }

    fn stop(&mut self, error: &Error) {
        if let Some(upkeep) = &mut self.upkeep {
            (upkeep.due, upkeep.left) = (None, None);
        }
        self.stopped_by = Some(error.clone());
        self.enter(Phase::Stopped, Some(error));
    }

    fn broken(&mut self, now: Now, because: Option<&Error>) {
        let closed = self.region().closed(self.known.clock.skew().correct(now.wall));
        let Some(upkeep) = &mut self.upkeep else { return };
        let trouble = upkeep.trouble.get_or_insert_with(|| Trouble::begin(now.mono));
        let phase = match closed {
            _ if upkeep.left.is_some() => Phase::Yielded,
            Some((_, until)) => Phase::Maintenance { until },
            None if upkeep.was_connected => Phase::Recovering,
            None => Phase::Connecting,
        };
        // One lost answer is no lost session.
        let lost_answers = 1..HOST_IS_DEAD;
        if !(lost_answers.contains(&trouble.silent) && self.known.is_connected(self.config.tier)) {
            self.enter(phase, because);
        }
    }

    fn next_host(&mut self) {
        let Some(upkeep) = &mut self.upkeep else { return };
        if upkeep.hosts.len() > 1 {
            let here = upkeep.hosts.iter().position(|host| *host == self.config.host);
            let next = here.map_or(0, |here| (here + 1) % upkeep.hosts.len());
            let host = upkeep.hosts[next].clone();
            self.set_host(host);
        }
    }
}

/// No answer, or none that IBKR's systems behind the edge had a part in.
fn is_silent(error: &Error) -> bool {
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
    !opens || Reach::of::<()>(&Err(error.clone())) < Reach::Counted
}

fn until(now: SystemTime, then: SystemTime) -> Duration {
    then.duration_since(now).unwrap_or_default()
}

fn near(one: SystemTime, other: SystemTime) -> bool {
    until(one, other).max(until(other, one)) <= SAME_END
}
