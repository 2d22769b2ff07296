//! What the outcome of a deed means: the one table of reactions.
//!
//! | what happened | reaction |
//! |---|---|
//! | the session is good | tickle in a minute; extend or renew the bearer token before it ends |
//! | not authenticated, `no bridge`, `not authenticated` | `ssodh/init` |
//! | 401, 403, `no session`, `RESULT:false` | a new bearer token; if that is refused too, the whole login; stop when 403 goes on for 2 minutes |
//! | 410 | another host, with the same bearer token; a new one when no other host is left |
//! | 429 | nothing until `Retry-After`, or 10 minutes, has passed |
//! | 500 to `ssodh/init`, not established in time | the same again; every third time what it builds on is renewed |
//! | no answer, 5xx, 3xx, HTML, truncated or unreadable, `Please query /accounts first` | tickle until a server answers, from the second time on at one host after the other; no login before |
//! | another login has the session | as the policy says |
//! | the client, its key or its scope is refused | stop |
//! | the user is refused | stop; once more after half a minute if it was good before, because the address may have changed meanwhile |
//! | the proxy refuses its credentials | stop; once more after half a minute if it was good before |
//! | the key cannot sign | stop |

use std::time::{Duration, SystemTime};

use super::{
    BETWEEN_TICKLES, Deed, NOTABLE_WAIT, OnCompeting, Phase, RENEW_BEFORE, Session, Trouble, VALIDATE_EVERY,
    trouble::HOST_IS_DEAD,
};
use crate::{Advice, AuthStatus, Error, ErrorKind, Event, Now, Step, Tier, session::ticket::Done};

/// While another login has the session, it is asked for politely this often.
const ASK_AGAIN: Duration = Duration::from_secs(120);
/// A brokerage session that is being established is looked at again.
const ESTABLISHING: Duration = Duration::from_secs(2);
/// Two ends of a session that differ by less are the same: answers take time.
const SAME_END: Duration = Duration::from_secs(15);
/// Beyond a session's end, so that IBKR's clock has passed it too.
const AFTER_END: Duration = Duration::from_millis(500);
/// A session that has been forbidden for so long, under one new bearer token after the other, will not be allowed.
const BARRED: Duration = Duration::from_secs(120);
/// Before what was refused is tried once more.
const SECOND_TRY: Duration = Duration::from_secs(30);

impl Session {
    pub(super) fn judge_success(&mut self, now: Now, deed: Deed, done: &Done) {
        let Some(upkeep) = &mut self.upkeep else { return };
        upkeep.server_works = true;
        if let Some(trouble) = &mut upkeep.trouble {
            trouble.hears();
        }
        if deed >= Deed::Renew {
            upkeep.next_login = None;
        }
        if deed >= Deed::Init && upkeep.taking.take_if(|at| *at <= now.mono).is_some() {
            upkeep.takes.spend(now.mono);
        }
        match done {
            Done::Tickle(tickle) if self.config.tier == Tier::Brokerage => {
                self.judge_status(now, &tickle.auth_status);
            }
            _ => self.healthy(now, deed),
        }
    }

    fn judge_status(&mut self, now: Now, status: &AuthStatus) {
        if status.is_ready() {
            self.healthy(now, Deed::Tickle);
        } else if status.competing {
            self.lost_to_another(now);
        } else {
            self.broken(now, Deed::Tickle, None);
            let patient = self.in_trouble_for(now) < self.config.establish_within;
            match status.authenticated && status.connected && patient {
                true => self.plan_deed(Deed::Tickle, Some(now.mono + ESTABLISHING)),
                false => self.plan_deed(Deed::Init, None),
            }
        }
    }

    fn in_trouble_for(&self, now: Now) -> Duration {
        let trouble = self.upkeep.as_ref().and_then(|upkeep| upkeep.trouble);
        trouble.map_or(Duration::ZERO, |trouble| now.mono.saturating_duration_since(trouble.since))
    }

    fn healthy(&mut self, now: Now, deed: Deed) {
        let Some(upkeep) = &mut self.upkeep else { return };
        (upkeep.was_connected, upkeep.refused_once) = (true, false);
        (upkeep.yielded, upkeep.taking, upkeep.reclaims) = (false, None, false);
        match deed {
            Deed::Renew | Deed::Login => upkeep.unproven_logins += 1,
            Deed::Tickle | Deed::Validate | Deed::Init => {
                (upkeep.unproven_logins, upkeep.barred_since) = (0, None);
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
            Deed::Tickle | Deed::Validate | Deed::Init => self.plan_upkeep(now),
        }
    }

    /// The next deed of a session without fault.
    fn plan_upkeep(&mut self, now: Now) {
        let Some(upkeep) = &mut self.upkeep else { return };
        let tickle = now.mono + upkeep.policy.tickle_every;
        let may_validate = self.known.may_validate(now);
        let validate_due = self.known.last_validated(now).is_none_or(|ago| ago >= VALIDATE_EVERY);
        let Some(ends) = self.known.bearer_ends else {
            return match validate_due {
                true => self.plan_deed(Deed::Validate, None),
                false => self.plan_deed(Deed::Tickle, Some(tickle)),
            };
        };
        let left = ends.mono.saturating_duration_since(now.mono).min(until(now.wall, ends.wall));
        let midnight = upkeep.policy.region.next_midnight(self.known.skew.correct(now.wall));
        let is_hard = upkeep.hard_end.is_some_and(|hard| near(hard, ends.wall))
            || near(midnight, self.known.skew.correct(ends.wall));
        if is_hard {
            upkeep.hard_end = Some(ends.wall);
            let end = now.mono + left + AFTER_END;
            match () {
                () if end <= tickle => self.plan_deed(Deed::Renew, Some(end)),
                () if validate_due => self.plan_deed(Deed::Validate, None),
                () => self.plan_deed(Deed::Tickle, Some(tickle)),
            }
        } else if validate_due || (left <= RENEW_BEFORE && may_validate) {
            self.plan_deed(Deed::Validate, None);
        } else if left <= RENEW_BEFORE {
            // Extending did not help. If renewing does not either, this is the hard end.
            upkeep.hard_end = Some(ends.wall);
            self.plan_deed(Deed::Renew, None);
        } else {
            self.plan_deed(Deed::Tickle, Some(tickle));
        }
    }

    fn lost_to_another(&mut self, now: Now) {
        self.broken(now, Deed::Tickle, None);
        let Some(upkeep) = &mut self.upkeep else { return };
        let may_take = upkeep.takes.free_at(now.mono).is_none();
        let wait = match upkeep.policy.competing {
            OnCompeting::Take if may_take => Some(Duration::ZERO),
            OnCompeting::RetakeAfter(wait) if may_take => Some(wait),
            _ => None,
        };
        (upkeep.yielded, upkeep.reclaims) = (wait.is_none(), false);
        // What has been waited for before a take that failed is not waited for again.
        let take_at = wait.map(|wait| upkeep.taking.unwrap_or(now.mono + wait));
        upkeep.taking = take_at;
        self.bide(now);
        if take_at.is_none_or(|at| at > now.mono) {
            self.enter(Phase::Yielded, None);
        }
    }

    /// What is done while another login has the session: it is asked for politely, or taken in time. The bearer token is
    /// renewed meanwhile, and not extended: `sso/validate` is one a minute for both.
    fn bide(&mut self, now: Now) {
        let taking = self.upkeep.as_ref().and_then(|upkeep| upkeep.taking);
        let init = taking.unwrap_or(now.mono + ASK_AGAIN);
        let renew =
            self.known.bearer_ends.map(|ends| ends.mono.checked_sub(RENEW_BEFORE).unwrap_or(now.mono));
        match renew {
            Some(renew) if renew < init => self.plan_deed(Deed::Renew, Some(renew)),
            // A tickle tells when it ends.
            None if now.mono + ASK_AGAIN <= init => self.plan_deed(Deed::Tickle, Some(now.mono + ASK_AGAIN)),
            _ => self.plan_deed(Deed::Init, Some(init)),
        }
    }

    pub(super) fn judge_failure(&mut self, now: Now, deed: Deed, error: &Error) {
        let Some(upkeep) = &mut self.upkeep else { return };
        let silent = is_silent(error) || (error.kind() == ErrorKind::Gone && upkeep.hosts.len() > 1);
        upkeep.server_works = !silent;
        if deed >= Deed::Renew && had_no_effect(deed, error) {
            upkeep.logins.refund();
        }
        match (error.kind(), error.step()) {
            _ if error.is_proxy_refusal() => {
                // `sso/validate` is one a minute.
                let again = if deed == Deed::Validate { Deed::Tickle } else { deed };
                return self.refused(now, again, error, true);
            }
            (ErrorKind::Competing, _) => {
                if upkeep.taking.take_if(|at| *at <= now.mono).is_some() {
                    upkeep.takes.spend(now.mono);
                }
                return self.lost_to_another(now);
            }
            (ErrorKind::Sign | ErrorKind::Config, _) | (ErrorKind::Rejected, Some(Step::GetAccessToken)) => {
                return self.stop(error);
            }
            (ErrorKind::Rejected, Some(Step::GetBearerToken)) if deed == Deed::Renew => {
                self.known.drop_access_token();
            }
            (ErrorKind::Rejected, Some(Step::GetBearerToken)) => {
                return self.refused(now, Deed::Login, error, self.looks_up_ip());
            }
            (ErrorKind::Rejected, _) => {
                let since = *upkeep.barred_since.get_or_insert(now.mono);
                if now.mono.saturating_duration_since(since) >= BARRED {
                    return self.stop(error);
                }
                self.known.refuse_bearer();
            }
            (ErrorKind::Unauthorized, _) => self.known.refuse_bearer(),
            (ErrorKind::Order, _) => self.known.drop_access_token(),
            (ErrorKind::Gone, _) if upkeep.hosts.len() < 2 => self.known.refuse_bearer(),
            _ => {}
        }
        let trouble = self.count_failure(now, deed, silent);
        self.broken(now, deed, Some(error));
        self.heal(now, deed, error, trouble);
    }

    fn count_failure(&mut self, now: Now, deed: Deed, silent: bool) -> Trouble {
        let known = self.upkeep.as_ref().and_then(|upkeep| upkeep.trouble);
        let mut trouble = known.unwrap_or_else(|| Trouble::begin(now.mono, deed));
        trouble.count(deed, silent);
        if let Some(upkeep) = &mut self.upkeep {
            upkeep.trouble = Some(trouble);
        }
        trouble
    }

    /// Plans the cheapest deed that can still help.
    fn heal(&mut self, now: Now, deed: Deed, error: &Error, trouble: Trouble) {
        let silent = trouble.silent > 0;
        let hosts = self.upkeep.as_ref().map_or(1, |upkeep| upkeep.hosts.len() as u32);
        let gone = silent && error.kind() == ErrorKind::Gone;
        if silent && (trouble.turns(hosts) || gone) {
            self.next_host();
            if gone && trouble.whole_round(hosts) {
                self.known.refuse_bearer();
            }
        } else if error.kind() != ErrorKind::RateLimited && trouble.calls_for_more() {
            match deed {
                Deed::Tickle | Deed::Validate | Deed::Init => self.known.refuse_bearer(),
                Deed::Renew => self.known.drop_access_token(),
                Deed::Login => self.next_host(),
            }
        }
        let next = self.rung(now);
        let asked = match error.advice() {
            Advice::RetryAfter(asked) => asked,
            Advice::Never | Advice::Reconnect | Advice::FindOut => Duration::ZERO,
        };
        let unproven = self.upkeep.as_ref().map_or(0, |upkeep| upkeep.unproven_logins);
        let clear = !silent && next > deed && asked.is_zero() && (unproven == 0 || next < Deed::Renew);
        let wait = if next >= Deed::Renew { trouble.login_wait(unproven) } else { trouble.wait(hosts) };
        let wait = self.jitter.prolong(wait.max(asked));
        let is_promise = error.kind() == ErrorKind::RateLimited || asked > NOTABLE_WAIT;
        // A clear answer that calls for something dearer needs no waiting.
        let at = (!clear).then(|| now.mono + wait);
        if let Some(upkeep) = &mut self.upkeep
            && deed >= Deed::Renew
            && !clear
        {
            upkeep.next_login = Some(now.mono + self.jitter.prolong(trouble.login_wait(unproven).max(asked)));
        }
        self.plan_deed(next, at);
        if is_promise {
            if let Some(upkeep) = &mut self.upkeep {
                upkeep.silent_until = Some(now.mono + wait);
            }
            self.known.doubt_brokerage();
            self.enter(Phase::Waiting { about: wait }, Some(error));
        }
    }

    fn rung(&self, now: Now) -> Deed {
        let probe = self.upkeep.as_ref().is_some_and(|upkeep| !upkeep.server_works);
        let ready = self.known.is_connected(self.config.tier);
        match () {
            // Whether the server is back can be asked without logging in.
            () if probe && self.known.bearer.is_some() => Deed::Tickle,
            () if !self.known.bearer_is_good() && self.known.access_token(now).is_some() => Deed::Renew,
            () if !self.known.bearer_is_good() => Deed::Login,
            () if !ready => Deed::Init,
            () => Deed::Tickle,
        }
    }

    /// Stops, unless it was good before and `may_pass`: then once more.
    fn refused(&mut self, now: Now, again: Deed, error: &Error, may_pass: bool) {
        let Some(upkeep) = &mut self.upkeep else { return };
        if upkeep.was_connected && may_pass && !upkeep.refused_once {
            upkeep.refused_once = true;
            self.broken(now, again, Some(error));
            self.plan_deed(again, Some(now.mono + SECOND_TRY));
        } else {
            self.stop(error);
        }
    }

    fn stop(&mut self, error: &Error) {
        if let Some(upkeep) = &mut self.upkeep {
            (upkeep.due, upkeep.yielded) = (None, false);
        }
        self.stopped_by = Some(error.clone());
        self.enter(Phase::Stopped, Some(error));
    }

    fn broken(&mut self, now: Now, deed: Deed, because: Option<&Error>) {
        let Some(upkeep) = &mut self.upkeep else { return };
        upkeep.trouble.get_or_insert_with(|| Trouble::begin(now.mono, deed));
        let closed = upkeep.policy.region.closed(self.known.skew.correct(now.wall));
        let phase = match closed {
            _ if upkeep.yielded => Phase::Yielded,
            Some((_, until)) => Phase::Maintenance { until },
            None if upkeep.was_connected => Phase::Recovering,
            None => Phase::Connecting,
        };
        // One lost answer is no lost session.
        let silent = upkeep.trouble.map_or(0, |trouble| trouble.silent);
        if !(self.known.is_connected(self.config.tier) && (1..HOST_IS_DEAD).contains(&silent)) {
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

/// Whether a login that failed so cannot have reached the systems that count logins.
fn had_no_effect(deed: Deed, error: &Error) -> bool {
    let closed = error.status().is_some_and(|status| matches!(status.as_u16(), 502..=504));
    match error.step() {
        Some(Step::PublicIp) => deed == Deed::Renew,
        Some(Step::GetAccessToken) => closed || !error.may_have_been_executed(),
        _ => false,
    }
}

fn until(now: SystemTime, then: SystemTime) -> Duration {
    then.duration_since(now).unwrap_or_default()
}

fn near(one: SystemTime, other: SystemTime) -> bool {
    until(one, other).max(until(other, one)) <= SAME_END
}
