//! What an answer means for its command: the next step, the same again, or the end.

use std::time::{Duration, Instant};

use super::{
    Session,
    plan::Command,
    send::Exchange,
    task::{Doubted, JobState, Task, out_of_order},
    ticket::{Connected, Done},
};
use crate::{Advice, AuthStatus, Error, ErrorKind, Event, Now, PublicIp, Step, Tier};

const ESTABLISHED_POLL: Duration = Duration::from_secs(1);
/// On connections that break one after the other.
const LOGOUT_TRIES: u32 = 3;

impl Session {
    pub(super) fn succeed(&mut self, now: Now, index: usize, step: Step, done: Done) {
        if let Done::PublicIp(ip) = done
            && let Some(doubted) = &self.tasks[index].doubted
        {
            if doubted.ip == ip {
                return self.ask_another_service(now, index);
            }
            if !self.may_sign_again(now, index) {
                return self.conclude_doubt(now, index);
            }
        }
        if step == Step::GetBearerToken {
            self.remember_service(index);
        }
        let establish_within = self.config.establish_within;
        let task = &mut self.tasks[index];
        if let (true, Done::AuthStatus(status)) = (task.command().establishes(), &done) {
            let establish_by = *task.establish_by.get_or_insert(now.mono + establish_within);
            task.set(Step::SsodhInit, JobState::Done);
            if status.is_ready() {
                task.set(Step::Status, JobState::Done);
            } else if let Some(error) = self.give_up_waiting(now, index, status, establish_by) {
                self.tell(Event::Failed { error: error.clone(), took: Duration::ZERO });
                return self.conclude(now, index, Err(error));
            } else {
                self.tasks[index].set(Step::Status, JobState::Waiting(Some(now.mono + ESTABLISHED_POLL)));
            }
        } else {
            task.set(step, JobState::Done);
        }
        if let Some(error) = self.tasks[index].failed.take() {
            return self.conclude(now, index, Err(error));
        }
        self.tasks[index].last = Some(done);
        if self.tasks[index].is_upkeep {
            self.doubt_phase();
        }
        self.finish_if_done(now, index);
    }

    /// What to do about a failed step: ask another service, correct the clock, go on without it, wait and try again, or
    /// give up.
    pub(super) fn endure(&mut self, now: Now, index: usize, exchange: &Exchange, error: Error) {
        let step = exchange.step;
        let services = match &self.config.public_ip {
            PublicIp::Lookup(services) => services.len(),
            PublicIp::Fixed(_) => 0,
        };
        let clock_was_wrong = error.kind() == ErrorKind::Rejected
            && self.known.clock.skew().differs_notably_from(exchange.skew);
        let may_doubt = self.tasks[index].command() == Command::Connect && services > 0;
        if may_doubt
            && step == Step::GetBearerToken
            && error.kind() == ErrorKind::Rejected
            && !clock_was_wrong
        {
            return self.doubt_address(now, index, services, error);
        }
        if step == Step::PublicIp && self.tasks[index].doubted.is_some() {
            return self.ask_another_service(now, index);
        }
        let corrects = step.is_signed()
            && clock_was_wrong
            && self.tasks[index].job_mut(step).is_some_and(|job| !job.clock_corrected)
            && self.may_sign_again(now, index);
        let reconnects = error.is_break() && self.may_reconnect(now, index, step);
        let task = &mut self.tasks[index];
        let (patient, is_login) = (task.is_patient() && task.failed.is_none(), task.command().establishes());
        let Some(job) = task.job_mut(step) else { return };

        if step == Step::PublicIp && job.asked + 1 < services && !error.is_proxy_refusal() {
            job.service = (job.service + 1) % services;
            job.asked += 1;
            job.state = JobState::Waiting(None);
        } else if corrects {
            job.clock_corrected = true;
            job.state = JobState::Waiting(None);
        } else if is_login && step == Step::SsodhInit && error.kind() == ErrorKind::Gone {
            job.state = JobState::Done;
            task.doubt = Some(error);
        } else if is_login && step == Step::ValidateSso && !tells_of_the_session(error.kind()) {
            // A login does not depend on it, and IBKR takes one a minute.
            job.state = JobState::Done;
            self.finish_if_done(now, index);
        } else if reconnects {
            (job.reconnected, job.failures) = (true, job.failures + 1);
            job.state = JobState::Waiting(None);
            self.tell(Event::Retrying { step, after: Duration::ZERO });
        } else if let (true, Some(asked)) = (patient, worth_waiting(&error)) {
            job.failures += 1;
            job.asked = 0;
            match self.config.retry.wait(job.failures, asked) {
                Some(wait) => {
                    let after = self.jitter.prolong(wait);
                    job.state = JobState::Waiting(Some(now.mono + after));
                    self.tell(Event::Retrying { step, after });
                }
                None => self.give_up(now, index, step, error),
            }
        } else {
            self.give_up(now, index, step, error);
        }
    }

    /// A refusal of a bearer token counts when every look-up service knows the same address for us: one that lies, or an
    /// address that has just changed, must not end a session.
    fn doubt_address(&mut self, now: Now, index: usize, services: usize, refusal: Error) {
        let Some(ip) = self.own_ip() else { return self.conclude(now, index, Err(refusal)) };
        let unheard = match self.tasks[index].doubted.take() {
            Some(before) => before.unheard,
            None => services,
        };
        self.tasks[index].doubted = Some(Doubted { refusal, ip, unheard });
        self.ask_another_service(now, index);
    }

    fn ask_another_service(&mut self, now: Now, index: usize) {
        let services = match &self.config.public_ip {
            PublicIp::Lookup(services) => services.len().max(1),
            PublicIp::Fixed(_) => 1,
        };
        let task = &mut self.tasks[index];
        match &mut task.doubted {
            Some(doubted) if doubted.unheard > 0 => {
                doubted.unheard -= 1;
                task.set(Step::GetBearerToken, JobState::Waiting(None));
                if let Some(job) = task.job_mut(Step::PublicIp) {
                    job.service = (job.service + 1) % services;
                    job.state = JobState::Waiting(None);
                }
            }
            _ => self.conclude_doubt(now, index),
        }
    }

    fn conclude_doubt(&mut self, now: Now, index: usize) {
        let Some(doubted) = self.tasks[index].doubted.take() else { return };
        let refusal = self.known.explain_addresses(doubted.refusal, now);
        self.conclude(now, index, Err(refusal));
    }

    /// Whether a signed step may be repeated at once: in the automatic mode it counts as a login of its own.
    fn may_sign_again(&mut self, now: Now, index: usize) -> bool {
        !self.tasks[index].is_upkeep || self.may_log_in_once_more(now)
    }

    /// The service whose address IBKR has taken is asked first from now on.
    fn remember_service(&mut self, index: usize) {
        if let Some(job) = self.tasks[index].job_mut(Step::PublicIp) {
            self.known.ip_service = job.service;
        }
    }

    /// Whether a step whose connection broke is sent once more, at once: mostly the server had closed a kept connection, and on a
    /// new one nothing need be waited for.
    fn may_reconnect(&mut self, now: Now, index: usize, step: Step) -> bool {
        let task = &self.tasks[index];
        // IBKR takes these only so often, and the one that broke may have arrived.
        let is_rare = matches!(step, Step::Tickle | Step::ValidateSso);
        // A logout harms nobody by coming again, and one that is lost leaves a session behind.
        let may_again = |failures| step == Step::Logout && failures < LOGOUT_TRIES;
        let is_first =
            task.jobs.iter().any(|job| job.step == step && (!job.reconnected || may_again(job.failures)));
        let may = task.reconnects(&self.config) && task.failed.is_none() && is_first && !is_rare;
        may && (!step.is_signed() || self.may_sign_again(now, index))
    }

    /// Ends a command by the failure of a step. What IBKR says to an assertion that is out is still heard: it counts as a
    /// login, and may be a refusal.
    fn give_up(&mut self, now: Now, index: usize, step: Step, error: Error) {
        let task = &mut self.tasks[index];
        if step == Step::PublicIp && task.has_sent(Step::GetAccessToken) {
            task.set(step, JobState::Failed);
            task.failed = Some(error);
        } else {
            self.conclude(now, index, Err(error));
        }
    }

    /// Ends a command.
    pub(super) fn conclude(&mut self, now: Now, index: usize, outcome: Result<Done, Error>) {
        let task = self.tasks.remove(index);
        self.in_flight.retain(|id, _| !task.awaits(*id));
        if task.is_upkeep {
            self.deed_done(now, &outcome, task.reach);
        }
        task.finish(outcome);
    }

    pub(super) fn finish_if_done(&mut self, now: Now, index: usize) {
        if self.tasks[index].is_done() {
            let outcome = match (self.tasks[index].command(), self.tasks[index].last.take()) {
                (Command::Connect, _) => self.connected(),
                (_, Some(last)) => Ok(last),
                (_, None) => return,
            };
            self.conclude(now, index, outcome);
        }
    }

    fn connected(&mut self) -> Result<Done, Error> {
        let public_ip = self.own_ip().ok_or_else(|| out_of_order(Step::PublicIp))?;
        let auth_status = match self.config.tier {
            Tier::ReadOnly => None,
            Tier::Brokerage => self.known.auth_status.clone(),
        };
        self.tell(Event::Connected);
        Ok(Done::Connected(Connected { public_ip, sso: self.known.sso.clone(), auth_status }))
    }

    /// Why `connect` must not wait any longer for the brokerage session.
    fn give_up_waiting(
        &mut self,
        now: Now,
        index: usize,
        status: &AuthStatus,
        until: Instant,
    ) -> Option<Error> {
        if !status.authenticated
            && let Some(gone) = self.tasks[index].doubt.take()
        {
            return Some(gone);
        }
        let overdue = now.mono >= until;
        if status.is_held() && (overdue || !self.tasks[index].compete) {
            return Some(held_elsewhere(status.competing, status.reason(&self.config)));
        }
        overdue.then(|| not_established(status.reason(&self.config)))
    }
}

impl Task {
    fn set(&mut self, step: Step, state: JobState) {
        if let Some(job) = self.job_mut(step) {
            job.state = state;
        }
    }
}

fn held_elsewhere(is_said: bool, reason: Option<String>) -> Error {
    let (what, todo) = match is_said {
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
    Error::plain(ErrorKind::Competing, Some(Step::SsodhInit), what, todo, Advice::Never)
}

fn not_established(reason: Option<String>) -> Error {
    let what = match reason {
        Some(reason) => format!("the brokerage session was not established in time ({reason})"),
        None => "the brokerage session was not established in time".to_owned(),
    };
    let todo =
        "try again later; at night it may be maintenance, and another login of the username may hold it";
    Error::plain(
        ErrorKind::NotEstablished,
        Some(Step::SsodhInit),
        what,
        todo,
        Advice::RetryAfter(ESTABLISHED_POLL),
    )
}

/// Whether a failed `sso/validate` says that the session is not good, rather than nothing.
fn tells_of_the_session(kind: ErrorKind) -> bool {
    use ErrorKind::{Gone, NoBrokerageSession, Rejected, Unauthorized};
    matches!(kind, Unauthorized | NoBrokerageSession | Rejected | Gone)
}

/// How long to wait at least before the same again makes sense; `None` when it never does.
fn worth_waiting(error: &Error) -> Option<Duration> {
    match error.advice() {
        Advice::RetryAfter(asked) => Some(asked),
        // No service gave an address: the network may come back.
        Advice::Never if error.step() == Some(Step::PublicIp) && !error.is_proxy_refusal() => {
            Some(Duration::ZERO)
        }
        Advice::Never | Advice::Reconnect | Advice::FindOut => None,
    }
}
