//! From a job to its request, and from an answer back to its job.

use core::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::{
    Session,
    output::{RequestId, Transmit},
    plan::Command,
    task::{Job, JobState, Task},
    ticket::{Connected, Done},
};
use crate::{
    Advice, AuthStatus, ClockSkew, Error, ErrorKind, Event, Now, PublicIp, Request, Response, Step, Tier,
    TransportError,
    time::{unix_seconds, within_second},
    wire,
};

/// Beyond a request's own time limit: then it is given up even if the driver has forgotten it.
const BACK_STOP: Duration = Duration::from_secs(5);
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
const ESTABLISHED_POLL: Duration = Duration::from_secs(1);

/// A request that waits for its answer.
pub(super) struct Exchange {
    step: Step,
    sent: Now,
    pub(super) deadline: Instant,
    /// What was known of IBKR's clock when the request was signed.
    skew: ClockSkew,
}

impl Session {
    /// The next request, if one may be sent now. `Err` when one could not be built: its command has failed, look again.
    pub(super) fn next_request(&mut self, now: Now) -> Option<Result<Transmit, ()>> {
        let (task, job) =
            self.tasks.iter().enumerate().find_map(|(i, task)| Some((i, task.next_job(now)?)))?;
        let Job { step, service, .. } = self.tasks[task].jobs[job];
        if step.is_signed() && !self.known.claim_second(step, unix_seconds(self.known.skew.correct(now.wall)))
        {
            self.tasks[task].jobs[job].state =
                JobState::Waiting(Some(now.mono + Duration::from_secs(1) - within_second(now.wall)));
            return self.next_request(now);
        }
        let request = match self.build(step, service, now) {
            Ok(request) => request,
            Err(error) => {
                self.tell(Event::Failed { error: error.clone(), took: Duration::ZERO });
                self.fail(task, error);
                return Some(Err(()));
            }
        };
        let id = RequestId(self.next_request);
        self.next_request += 1;
        let timeout = if step == Step::PublicIp {
            self.config.timeout.min(LOOKUP_TIMEOUT)
        } else {
            self.config.timeout
        };
        let deadline = now.mono + timeout + BACK_STOP;
        self.in_flight.insert(id, Exchange { step, sent: now, deadline, skew: self.known.skew });
        self.tasks[task].jobs[job].state = JobState::Sent(id);
        self.tell(Event::Sent { step });
        Some(Ok(Transmit { id, step, timeout, request }))
    }

    fn build(&self, step: Step, service: usize, now: Now) -> Result<Request, Error> {
        let Self { config, known, key, .. } = self;
        let wall = known.skew.correct(now.wall);
        let authorization =
            || self.authorization().ok_or_else(|| super::task::out_of_order(Step::GetBearerToken));
        match step {
            Step::GetAccessToken => wire::access_token::request(config, key, wall),
            Step::PublicIp => match &config.public_ip {
                PublicIp::Lookup(services) if service < services.len() => {
                    wire::public_ip::request(config, &services[service])
                }
                _ => Err(super::task::out_of_order(step)),
            },
            Step::GetBearerToken => {
                let token = known
                    .access_token
                    .as_ref()
                    .ok_or_else(|| super::task::out_of_order(Step::GetAccessToken))?;
                let ip = self.current_ip().ok_or_else(|| super::task::out_of_order(Step::PublicIp))?;
                wire::bearer_token::request(config, key, wall, token, ip)
            }
            Step::ValidateSso => wire::validate_sso::request(config, &authorization()?),
            Step::SsodhInit => wire::ssodh_init::request(config, &authorization()?),
            Step::Status => wire::status::request(config, &authorization()?),
            Step::Tickle => wire::tickle::request(config, &authorization()?),
            Step::Logout => wire::logout::request(config, &authorization()?),
        }
    }

    fn current_ip(&self) -> Option<Ipv4Addr> {
        match self.config.public_ip {
            PublicIp::Fixed(ip) => Some(ip),
            PublicIp::Lookup(_) => self.known.public_ip,
        }
    }

    /// Gives up requests whose answer is overdue.
    pub(super) fn expire(&mut self, now: Now) {
        while let Some(id) =
            self.in_flight.iter().find(|(_, sent)| sent.deadline <= now.mono).map(|(id, _)| *id)
        {
            self.receive(now, id, Err(TransportError::timeout()));
        }
    }

    pub(super) fn settle(
        &mut self,
        now: Now,
        id: RequestId,
        exchange: &Exchange,
        result: Result<Response, TransportError>,
    ) {
        let Some(task) = self.tasks.iter().position(|task| task.awaits(id)) else { return };
        let (step, took) = (exchange.step, now.mono.saturating_duration_since(exchange.sent.mono));
        let result = match result {
            Ok(response) => {
                self.learn_from_headers(now, exchange, &response);
                self.read(step, &response)
            }
            Err(failure) => Err(Error::transport(Some(step), &failure)),
        };
        match result {
            Ok(done) => {
                self.tell(Event::Done { step, took });
                self.succeed(now, task, step, done);
            }
            Err(error) => {
                self.known.learn_from(error.kind());
                self.tell(Event::Failed { error: error.clone(), took });
                self.endure(now, task, exchange, error);
            }
        }
    }

    fn learn_from_headers(&mut self, now: Now, exchange: &Exchange, response: &Response) {
        // A look-up service's clock and cookies are not IBKR's.
        if exchange.step == Step::PublicIp {
            return;
        }
        if let Some(skew) = ClockSkew::observed(response, exchange.sent.wall, now.wall) {
            let before = std::mem::replace(&mut self.known.skew, skew);
            if skew.differs_notably_from(before) {
                self.tell(Event::ClockSkew(skew));
            }
        }
        if let Some(id) = wire::session_cookie(response) {
            self.known.session_id = Some(id);
        }
    }

    /// Reads an answer and keeps what it says.
    fn read(&mut self, step: Step, response: &Response) -> Result<Done, Error> {
        let (config, known) = (&self.config, &mut self.known);
        Ok(match step {
            Step::GetAccessToken => {
                let token = wire::access_token::answer(config, response)?;
                known.access_token = Some(token.clone());
                Done::AccessToken(token)
            }
            Step::PublicIp => {
                let ip = wire::public_ip::answer(config, response)?;
                if known.public_ip.replace(ip) != Some(ip) {
                    self.tell(Event::PublicIp(ip));
                }
                Done::PublicIp(ip)
            }
            Step::GetBearerToken => {
                let bearer = wire::bearer_token::answer(config, response)?;
                known.start_over(bearer.clone());
                Done::BearerToken(bearer)
            }
            Step::ValidateSso => {
                let details = wire::validate_sso::answer(config, response)?;
                known.sso = Some(details.clone());
                Done::SsoDetails(details)
            }
            Step::SsodhInit => self.keep_status(wire::ssodh_init::answer(config, response)?),
            Step::Status => self.keep_status(wire::status::answer(config, response)?),
            Step::Tickle => {
                let tickle = wire::tickle::answer(config, response)?;
                known.auth_status = Some(tickle.auth_status.clone());
                known.session_id = tickle.session_id.clone().or(known.session_id.take());
                Done::Tickle(tickle)
            }
            Step::Logout => {
                wire::logout::answer(config, response)?;
                known.forget_session();
                self.tell(Event::LoggedOut);
                Done::LoggedOut(())
            }
        })
    }

    fn keep_status(&mut self, status: AuthStatus) -> Done {
        self.known.auth_status = Some(status.clone());
        Done::AuthStatus(status)
    }

    fn succeed(&mut self, now: Now, index: usize, step: Step, done: Done) {
        let establish_within = self.config.establish_within;
        let task = &mut self.tasks[index];
        if let (Command::Connect, Done::AuthStatus(status)) = (task.command(), &done) {
            let establish_by = *task.establish_by.get_or_insert(now.mono + establish_within);
            if status.is_ready() {
                task.mark_done(Step::SsodhInit);
                task.mark_done(Step::Status);
            } else if let Some(error) = not_ready(task, status, now, establish_by, self.config.compete) {
                return self.fail(index, error);
            } else {
                task.mark_done(Step::SsodhInit);
                task.wait(Step::Status, now.mono + ESTABLISHED_POLL);
            }
        } else {
            task.mark_done(step);
        }
        if task.is_done() {
            let outcome = self.outcome(index, done);
            self.tasks.remove(index).finish(outcome);
        }
    }

    fn outcome(&mut self, task: usize, last: Done) -> Result<Done, Error> {
        if self.tasks[task].command() != Command::Connect {
            return Ok(last);
        }
        let (Some(public_ip), Some(sso)) = (self.current_ip(), self.known.sso.clone()) else {
            return Err(super::task::out_of_order(Step::ValidateSso));
        };
        let auth_status = match self.config.tier {
            Tier::ReadOnly => None,
            Tier::Brokerage => self.known.auth_status.clone(),
        };
        self.tell(Event::Connected);
        Ok(Done::Connected(Connected { public_ip, sso, auth_status }))
    }

    /// What to do about a failed step: ask another service, correct the clock, wait and try again, or give up.
    fn endure(&mut self, now: Now, index: usize, exchange: &Exchange, error: Error) {
        let services = match &self.config.public_ip {
            PublicIp::Lookup(services) => services.len(),
            PublicIp::Fixed(_) => 0,
        };
        let clock_was_wrong =
            error.kind() == ErrorKind::Rejected && self.known.skew.differs_notably_from(exchange.skew);
        let task = &mut self.tasks[index];
        let patient = task.is_patient();
        let Some(job) = task.job_mut(exchange.step) else { return };

        if exchange.step == Step::PublicIp && job.service + 1 < services {
            job.service += 1;
            job.state = JobState::Waiting(None);
        } else if exchange.step.is_signed() && clock_was_wrong && !job.clock_corrected {
            job.clock_corrected = true;
            job.state = JobState::Waiting(None);
        } else if patient && exchange.step == Step::SsodhInit && error.kind() == ErrorKind::Gone {
            job.state = JobState::Done;
            task.doubt = Some(error);
        } else if let (true, Some(asked)) = (patient, worth_waiting(&error)) {
            job.failures += 1;
            job.service = 0;
            match self.config.retry.wait(job.failures, asked) {
                Some(wait) => {
                    let after = self.jitter.prolong(wait);
                    job.state = JobState::Waiting(Some(now.mono + after));
                    self.tell(Event::Retrying { step: exchange.step, after });
                }
                None => self.fail(index, error),
            }
        } else {
            self.fail(index, error);
        }
    }
}

impl Task {
    fn mark_done(&mut self, step: Step) {
        if let Some(job) = self.job_mut(step) {
            job.state = JobState::Done;
        }
    }

    fn wait(&mut self, step: Step, not_before: Instant) {
        if let Some(job) = self.job_mut(step) {
            job.state = JobState::Waiting(Some(not_before));
        }
    }
}

/// How long to wait at least before the same again makes sense; `None` when it never does.
fn worth_waiting(error: &Error) -> Option<Duration> {
    match error.advice() {
        Advice::RetryAfter(asked) => Some(asked),
        // No service gave an address: the network may come back.
        Advice::Never if error.step() == Some(Step::PublicIp) => Some(Duration::ZERO),
        Advice::Never | Advice::Reconnect => None,
    }
}

/// Why `connect` must not wait any longer for the brokerage session.
fn not_ready(
    task: &mut Task,
    status: &AuthStatus,
    now: Now,
    establish_by: Instant,
    compete: bool,
) -> Option<Error> {
    if !status.authenticated
        && let Some(gone) = task.doubt.take()
    {
        return Some(gone);
    }
    let overdue = now.mono >= establish_by;
    if status.competing && (overdue || !compete) {
        let what = "another login of this username holds the brokerage session";
        let todo = "log out there, or let connect end it with compete";
        return Some(Error::plain(ErrorKind::Competing, Some(Step::SsodhInit), what, todo, Advice::Never));
    }
    overdue.then(|| {
        let what = "the brokerage session was not established in time";
        let todo = "try again later; at night it may be maintenance";
        Error::plain(
            ErrorKind::NotEstablished,
            Some(Step::SsodhInit),
            what,
            todo,
            Advice::RetryAfter(ESTABLISHED_POLL),
        )
    })
}
