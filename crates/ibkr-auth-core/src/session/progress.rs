//! What an answer means for its command: the next step, the same again, or the end.

use std::time::{Duration, Instant};

use super::{
    Events,
    exchange::Exchange,
    facts::Facts,
    guard::Guard,
    plan::Command,
    retry::Jitter,
    task::{Doubted, JobState, Task},
    ticket::{Connected, Done},
};
use crate::{Advice, AuthStatus, Config, Error, ErrorKind, Event, Now, PublicIp, Step, Tier};

/// A request that another one has overtaken is signed anew after this.
const OVERTAKEN: Duration = Duration::from_secs(2);
const ESTABLISHED_POLL: Duration = Duration::from_secs(1);
/// On connections that break one after the other.
const LOGOUT_TRIES: u32 = 3;

/// How a command ends; `None` while it goes on.
pub(super) type Ended = Option<Result<Done, Error>>;

/// What a command works with, beside its own state.
pub(super) struct Context<'a> {
    pub(super) now: Now,
    pub(super) config: &'a Config,
    pub(super) facts: &'a mut Facts,
    pub(super) jitter: &'a mut Jitter,
    pub(super) events: &'a mut Events,
    pub(super) guard: &'a Guard,
}

impl Context<'_> {
    fn lookup_services(&self) -> usize {
        match self.config.login.public_ip() {
            Some(PublicIp::Lookup(services)) => services.len(),
            Some(PublicIp::Fixed(_)) | None => 0,
        }
    }
}

impl Task {
    pub(super) fn on_success(&mut self, cx: &mut Context<'_>, step: Step, done: Done) -> Ended {
        if let (Done::PublicIp(ip), Some(doubted)) = (&done, &self.doubted) {
            if doubted.ip == *ip {
                return self.ask_another_service(cx);
            }
            if !self.may_sign_again(cx) {
                return self.end_by_refusal(cx);
            }
        }
        // The service whose address IBKR has taken is asked first from now on.
        if let (Step::GetBearerToken, Some(job)) = (step, self.job(Step::PublicIp)) {
            cx.facts.ip_service = job.service;
        }
        match &done {
            Done::AuthStatus(status) if self.command().waits_until_ready() => {
                let deadline = cx.now.mono + cx.config.establish_within;
                let establish_by = *self.establish_by.get_or_insert(deadline);
                self.set(Step::SsodhInit, JobState::Done);
                if status.is_ready() {
                    self.set(Step::Status, JobState::Done);
                } else if let Some(error) = self.gives_up_waiting(cx, status, establish_by) {
                    cx.events.emit(Event::Failed { error: error.clone(), took: Duration::ZERO });
                    return Some(Err(error));
                } else {
                    self.set(Step::Status, JobState::Waiting(Some(cx.now.mono + ESTABLISHED_POLL)));
                }
            }
            _ => self.set(step, JobState::Done),
        }
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        self.last = Some(done);
        self.ended(cx)
    }

    /// What to do about a failed step: ask another service, correct the clock, go on without it, wait and try
    /// again, or give up.
    pub(super) fn on_failure(&mut self, cx: &mut Context<'_>, exchange: &Exchange, error: Error) -> Ended {
        let step = exchange.step;
        let services = cx.lookup_services();
        let clock_was_wrong = exchange.is_refused_for_its_time(&error, cx.config, cx.facts);
        let refuses_address = step == Step::GetBearerToken
            && error.kind() == ErrorKind::Rejected
            && self.command() == Command::Connect
            && services > 0
            && !clock_was_wrong;
        if refuses_address {
            return self.doubt_address(cx, services, error);
        }
        if step == Step::PublicIp && self.doubted.is_some() {
            return self.ask_another_service(cx);
        }
        let is_login = self.command().waits_until_ready();
        let corrects = clock_was_wrong
            && match step.is_signed() {
                true => exchange.was_signed_by_a_wrong_clock(cx.facts),
                false => matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Clock),
            }
            && self.job(step).is_some_and(|job| !job.clock_corrected);
        if let (true, Err(spent)) =
            (corrects && step.is_signed(), cx.guard.may_log_in(&cx.config.host, cx.now.mono))
        {
            return self.give_up(step, spent);
        }
        // With another exponent: chance alone may have spoiled the last.
        let mints_again = error.kind() == ErrorKind::Unproven
            && is_login
            && self.job(step).is_some_and(|job| !job.minted_again)
            && self.may_sign_again(cx);
        let reconnects = error.is_break() && self.may_reconnect(cx, step);
        let retries =
            self.retries() && self.failed.is_none() && (!step.is_signed() || self.may_sign_again(cx));
        let job = self.job_mut(step)?;

        if step == Step::PublicIp && job.asked + 1 < services && !error.is_proxy_refusal() {
            job.service = (job.service + 1) % services;
            job.asked += 1;
            job.state = JobState::Waiting(None);
        } else if corrects {
            job.clock_corrected = true;
            // Whatever was stamped later is no longer ahead then.
            let later = (!exchange.was_signed_by_a_wrong_clock(cx.facts)).then(|| cx.now.mono + OVERTAKEN);
            job.state = JobState::Waiting(later);
        } else if mints_again {
            job.minted_again = true;
            job.state = JobState::Waiting(None);
        } else if is_login && step == Step::SsodhInit && error.kind() == ErrorKind::Gone {
            job.state = JobState::Done;
            self.doubt = Some(error);
        } else if is_login && step == Step::ValidateSso && error.kind() != ErrorKind::Unauthorized {
            // A login does not depend on it, and IBKR takes one a minute.
            job.state = JobState::Done;
            return self.ended(cx);
        } else if reconnects {
            (job.reconnected, job.failures) = (true, job.failures + 1);
            job.state = JobState::Waiting(None);
            cx.events.emit(Event::Retrying { step, after: Duration::ZERO });
        } else if let (true, Some(asked)) = (retries, worth_waiting(&error)) {
            job.failures += 1;
            job.asked = 0;
            let Some(wait) = cx.config.retry.wait(job.failures, asked) else {
                return self.give_up(step, error);
            };
            let after = cx.jitter.prolong(wait);
            job.state = JobState::Waiting(Some(cx.now.mono + after));
            cx.events.emit(Event::Retrying { step, after });
        } else {
            return self.give_up(step, error);
        }
        None
    }

    /// The outcome, once every step is done.
    pub(super) fn ended(&mut self, cx: &mut Context<'_>) -> Ended {
        if !self.is_done() {
            return None;
        }
        match self.command() {
            Command::Connect => Some(connected(cx)),
            _ => self.last.take().map(Ok),
        }
    }

    /// A refusal of a bearer token counts when every look-up service knows the same address for us: one that
    /// lies, or an address that has just changed, must not end a session.
    fn doubt_address(&mut self, cx: &mut Context<'_>, services: usize, refusal: Error) -> Ended {
        let Some(ip) = cx.facts.own_ip(cx.config) else { return Some(Err(refusal)) };
        let unheard = self.doubted.take().map_or(services, |before| before.unheard);
        self.doubted = Some(Doubted { refusal, ip, unheard });
        self.ask_another_service(cx)
    }

    fn ask_another_service(&mut self, cx: &mut Context<'_>) -> Ended {
        let services = cx.lookup_services().max(1);
        match &mut self.doubted {
            Some(doubted) if doubted.unheard > 0 => doubted.unheard -= 1,
            _ => return self.end_by_refusal(cx),
        }
        self.set(Step::GetBearerToken, JobState::Waiting(None));
        if let Some(job) = self.job_mut(Step::PublicIp) {
            job.service = (job.service + 1) % services;
            job.state = JobState::Waiting(None);
        }
        None
    }

    fn end_by_refusal(&mut self, cx: &mut Context<'_>) -> Ended {
        let refusal = self.doubted.take()?.refusal;
        Some(Err(cx.facts.explain_addresses(refusal, cx.now)))
    }

    /// Whether a signed step may be repeated: it counts as a login of its own, because the one before may
    /// have arrived.
    fn may_sign_again(&self, cx: &Context<'_>) -> bool {
        cx.guard.login_free_at(&cx.config.host, cx.now.mono).is_none()
    }

    /// Whether a step whose connection broke is sent once more, at once: mostly the server had closed a kept
    /// connection, and on a new one nothing need be waited for.
    fn may_reconnect(&self, cx: &Context<'_>, step: Step) -> bool {
        // IBKR takes these only so often, and the one that broke may have arrived.
        let is_rare = matches!(step, Step::Tickle | Step::ValidateSso);
        // A logout harms nobody by coming again, and one that is lost leaves a session behind.
        let may_again = |failures| step == Step::Logout && failures < LOGOUT_TRIES;
        let is_first = self.job(step).is_some_and(|job| !job.reconnected || may_again(job.failures));
        let may = self.reconnects(cx.config) && self.failed.is_none() && is_first && !is_rare;
        may && (!step.is_signed() || self.may_sign_again(cx))
    }

    /// Ends a command by the failure of a step. What IBKR says to an assertion that is out is still heard: it
    /// counts as a login, and may be a refusal.
    fn give_up(&mut self, step: Step, error: Error) -> Ended {
        if step == Step::PublicIp && self.has_sent(Step::GetAccessToken) {
            self.set(step, JobState::Failed);
            self.failed = Some(error);
            return None;
        }
        Some(Err(error))
    }

    /// Why a login must not wait any longer for the brokerage session.
    fn gives_up_waiting(&mut self, cx: &Context<'_>, status: &AuthStatus, until: Instant) -> Option<Error> {
        if !status.authenticated
            && let Some(gone) = self.doubt.take()
        {
            return Some(gone);
        }
        let overdue = cx.now.mono >= until;
        if status.is_held() && (overdue || !self.compete) {
            return Some(held_elsewhere(status.competing, status.reason(cx.config)));
        }
        overdue.then(|| not_established(status.reason(cx.config)))
    }
}

fn connected(cx: &mut Context<'_>) -> Result<Done, Error> {
    let public_ip = cx.facts.own_ip(cx.config);
    let auth_status = match cx.config.tier {
        Tier::ReadOnly => None,
        Tier::Brokerage => cx.facts.auth_status.clone(),
    };
    cx.events.emit(Event::Connected);
    Ok(Done::Connected(Connected { public_ip, sso: cx.facts.sso.clone(), auth_status }))
}

fn held_elsewhere(is_said: bool, reason: Option<String>) -> Error {
    let (what, help) = match is_said {
        true => (
            "another login of this username holds the brokerage session",
            "log out there, or let connect end it with compete",
        ),
        false => (
            "IBKR opens the brokerage session with compete alone, without saying who holds it",
            "log out of TWS and every other program of this username; if there is none, or it may be ended, connect with \
             compete",
        ),
    };
    let what = reason.map_or_else(|| what.to_owned(), |reason| format!("{what} ({reason})"));
    Error::plain(ErrorKind::Competing, Some(Step::SsodhInit), what, help, Advice::DoNotRetry)
}

fn not_established(reason: Option<String>) -> Error {
    let what = match reason {
        Some(reason) => format!("the brokerage session was not established in time ({reason})"),
        None => "the brokerage session was not established in time".to_owned(),
    };
    let help =
        "try again later; at night it may be maintenance, and another login of the username may hold it";
    Error::plain(
        ErrorKind::NotEstablished,
        Some(Step::SsodhInit),
        what,
        help,
        Advice::RetryAfter(ESTABLISHED_POLL),
    )
}

/// How long to wait at least before the same again makes sense; `None` when it never does.
fn worth_waiting(error: &Error) -> Option<Duration> {
    match error.advice() {
        Advice::RetryAfter(asked) => Some(asked),
        // No service gave an address: the network may come back.
        Advice::DoNotRetry if error.step() == Some(Step::PublicIp) && !error.is_proxy_refusal() => {
            Some(Duration::ZERO)
        }
        Advice::DoNotRetry | Advice::Reconnect | Advice::FindOut => None,
    }
}
