//! What moves a session: requests out, answers in, and the automatic mode between them.

use std::{sync::Arc, time::Duration};

use http::StatusCode;

use super::{
    Output, Phase, RequestId, Session, Transmit, Wait,
    exchange::{self, Ask, Exchange},
    guard::Reach,
    keeper::{Effects, Keeper, View},
    plan::Command,
    progress::{Context, Ended},
    task::{self, JobState, Task},
    ticket::Done,
};
use crate::{
    Error, ErrorKind, Event, Now, Response, Step, TransportError, clock,
    time::{unix_seconds, within_second},
    wire,
};

/// What came of a look for something to send.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Next {
    Send(Transmit),
    /// What was up needs no request after all, or none could be built: there may be another.
    LookAgain,
    Nothing,
}

impl Session {
    pub(super) fn next_output(&mut self, now: Now) -> Output {
        while let Some(id) = self.in_flight.overdue(now) {
            self.take_answer(now, id, Err(TransportError::timeout()));
        }
        loop {
            if let Some(event) = self.events.0.pop_front() {
                return Output::Event(event);
            }
            self.keep_up(now);
            match self.next_request(now) {
                Next::Send(transmit) => return Output::Send(transmit),
                Next::LookAgain => {}
                Next::Nothing if self.events.0.is_empty() => return Output::Wait(self.wait(now)),
                Next::Nothing => {}
            }
        }
    }

    pub(super) fn take_answer(&mut self, now: Now, id: RequestId, result: Result<Response, TransportError>) {
        if let Some(exchange) = self.in_flight.take(id) {
            self.settle(now, id, &exchange, result);
        }
    }

    /// Ends all commands. A bearer token that is on its way is still taken: IBKR has made that session.
    pub(super) fn cancel_all(&mut self) {
        self.cancel(|_| true);
        self.in_flight.drop_all_but_bearer(|_| true);
    }

    /// Ends these commands.
    pub(super) fn cancel(&mut self, ends: impl Fn(&Task) -> bool) {
        let tasks = std::mem::take(&mut self.tasks).into_iter();
        let (ended, others): (Vec<_>, Vec<_>) = tasks.partition(ends);
        self.tasks = others;
        for task in ended {
            let others = &self.tasks;
            self.in_flight.drop_all_but_bearer(|id| task.awaits(id) && !is_awaited(others, id));
            task.finish(Err(task::cancelled()));
        }
    }

    /// Begins what the automatic mode has due.
    fn keep_up(&mut self, now: Now) {
        let view = View { now, config: &self.config, facts: &self.facts, guard: &self.guard };
        let Some(keeper) = &mut self.keeper else { return };
        if keeper.clock_jumped(now) {
            self.events.emit(Event::ClockJumped);
            if self.facts.bearer_is_good() {
                keeper.check();
            }
        }
        if let Some(attempt) = keeper.due(view) {
            if attempt.is_retake {
                Arc::make_mut(&mut self.guard).retake(now.mono);
            }
            let task = Task::for_upkeep(attempt, &self.config);
            self.tasks.push(task.asking_first(self.facts.ip_service));
        }
        self.tell_phase(now, None);
    }

    /// Tells where the automatic mode stands, if that has changed.
    fn tell_phase(&mut self, now: Now, because: Option<&Error>) {
        let view = View { now, config: &self.config, facts: &self.facts, guard: &self.guard };
        if let Some(phase) = self.keeper.as_mut().and_then(|keeper| keeper.changed_phase(view)) {
            self.events.emit(Event::Phase { phase, because: because.cloned() });
        }
    }

    /// The next request, if one may be sent now.
    fn next_request(&mut self, now: Now) -> Next {
        let up = self.eligible().find_map(|(index, task)| Some((index, task.next_job(now)?)));
        let Some((index, job)) = up else { return Next::Nothing };
        let task = &self.tasks[index];
        let ask = Ask {
            step: task.jobs[job].step,
            service: task.jobs[job].service,
            compete: task.compete,
            is_login: task.command() == Command::Connect,
        };
        if ask.step == Step::Logout && self.facts.bearer.is_none() {
            self.conclude(now, index, Ok(Done::LoggedOut(())));
            return Next::LookAgain;
        }
        if let Some(state) = self.put_off(ask.step, self.tasks[index].command(), now) {
            self.tasks[index].jobs[job].state = state;
            self.advance(now, index, Task::ended);
            return Next::LookAgain;
        }
        let request = match ask.step.is_signed() {
            true => self.guard.may_sign(ask.step, &self.config.host, now.mono),
            false => Ok(()),
        };
        let request =
            request.and_then(|()| exchange::build(ask, &self.config, &self.facts, &self.signer, now));
        match request {
            Ok(request) => {
                let begins_login =
                    ask.step.is_signed() && Arc::make_mut(&mut self.guard).sign(ask.step, now.mono);
                let transmit =
                    self.in_flight.send(ask.step, request, &self.config, &self.facts, begins_login, now);
                self.tasks[index].jobs[job].state = JobState::Sent(transmit.id);
                self.events.emit(Event::Sent { step: ask.step });
                Next::Send(transmit)
            }
            Err(error) => {
                self.events.emit(Event::Failed { error: error.clone(), took: Duration::ZERO });
                self.conclude(now, index, Err(error));
                Next::LookAgain
            }
        }
    }

    /// Why a step that is up must not be sent now: what becomes of its job instead.
    fn put_off(&mut self, step: Step, command: Command, now: Now) -> Option<JobState> {
        let wall = self.facts.clock.skew().correct(now.wall);
        if step.has_assertion() && !self.facts.claim_second(step, unix_seconds(wall)) {
            return Some(JobState::Waiting(Some(now.mono + Duration::from_secs(1) - within_second(wall))));
        }
        if step == Step::ValidateSso {
            if let Some(id) = self.in_flight.of_step(step, self.facts.generation) {
                return Some(JobState::Sent(id));
            }
            // A login does not depend on it, and too many are punished.
            if command.waits_until_ready() && !self.facts.may_validate(now) {
                return Some(JobState::Done);
            }
            self.facts.remember_validation(Some(now.mono));
        }
        if step == Step::Tickle
            && let Err(next) = self.facts.claim_tickle(now.mono)
        {
            return Some(JobState::Waiting(Some(next)));
        }
        None
    }

    /// The tasks whose jobs may be sent: nothing overtakes a logout, and a logout waits for a bearer token
    /// that is on its way, so that no session is left behind.
    fn eligible(&self) -> impl Iterator<Item = (usize, &Task)> {
        let logging_out = self.tasks.iter().any(|task| task.command() == Command::Logout);
        let bearer_comes = self.in_flight.awaits_bearer();
        self.tasks.iter().enumerate().filter(move |(_, task)| match task.command() {
            Command::Logout => !bearer_comes,
            _ => !logging_out,
        })
    }

    fn wait(&self, now: Now) -> Wait {
        let tasks = self.eligible().filter_map(|(_, task)| task.next_wake(now));
        let keeper = self.keeper.as_ref().and_then(Keeper::next_wake);
        Wait {
            until: tasks.chain(keeper).chain(self.in_flight.next_deadline()).min(),
            in_flight: self.in_flight.len(),
        }
    }

    fn settle(
        &mut self,
        now: Now,
        id: RequestId,
        exchange: &Exchange,
        result: Result<Response, TransportError>,
    ) {
        let (step, took) = (exchange.step, now.mono.saturating_duration_since(exchange.sent.mono));
        let task = self.tasks.iter().position(|task| task.awaits(id));
        let was_given_up = task.is_none() && step.brings_session();
        if was_given_up && self.has_newer(exchange) {
            return;
        }
        let is_stale = exchange.is_stale(&self.facts);
        let result = match result {
            Ok(response) => self.read(now, exchange, &response, is_stale),
            Err(failure) => Err(Error::transport(Some(step), &failure)),
        };
        let result = result.map_err(|error| {
            if !is_stale && !exchange.is_refused_for_its_time(&error, &self.config, &self.facts) {
                self.facts.keep_error(error.kind());
            }
            let error = match error.kind() {
                ErrorKind::Unauthorized => self.facts.explain_addresses(error, now),
                _ => error,
            };
            error.without(&self.facts.secrets())
        });
        // A bearer token whose command was cancelled is kept for the logout that waits for it.
        if was_given_up {
            return self.tell_phase(now, None);
        }
        if let (true, Some(index)) = (step.is_signed(), task) {
            let reach = Reach::of(&result);
            let begun_at = exchange.begins_login.then_some(exchange.sent.mono);
            Arc::make_mut(&mut self.guard).answered(step, begun_at, reach, result.is_ok());
            self.tasks[index].reach = self.tasks[index].reach.max(reach);
        }
        if let Err(error) = &result
            && let Some(pause) = error.pause()
        {
            Arc::make_mut(&mut self.guard).be_quiet(now.mono.checked_add(pause));
        }
        match &result {
            Ok(_) => self.events.emit(Event::Done { step, took }),
            Err(error) => self.events.emit(Event::Failed { error: error.clone(), took }),
        }
        if step == Step::Logout && !is_stale && result.is_ok() {
            self.events.emit(Event::LoggedOut);
        }
        while let Some(index) = self.tasks.iter().position(|task| task.awaits(id)) {
            match result.clone() {
                Ok(done) => self.advance(now, index, |task, cx| task.on_success(cx, step, done)),
                Err(error) => self.advance(now, index, |task, cx| task.on_failure(cx, exchange, error)),
            }
        }
        self.tell_phase(now, None);
    }

    /// Whether another bearer token is in use than the one that was asked for, by a login that was given up.
    fn has_newer(&self, exchange: &Exchange) -> bool {
        let is_kept = self.keeper.as_ref().is_some_and(|keeper| !keeper.is_paused());
        exchange.generation != self.facts.generation || (is_kept && self.facts.bearer_is_good())
    }

    /// Reads an answer, and keeps what it says unless that is about another session.
    fn read(
        &mut self,
        now: Now,
        exchange: &Exchange,
        response: &Response,
        is_stale: bool,
    ) -> Result<Done, Error> {
        let step = exchange.step;
        let done = exchange::read(step, exchange.exponent.as_ref(), &self.config, response);
        // A look-up service's clock and cookies are not IBKR's.
        if step != Step::PublicIp {
            let before = self.facts.clock.skew();
            self.facts.clock.observe(response, exchange.sent, now);
            if let Some(date) = clock::told(response) {
                let is_refusal = done.as_ref().is_err_and(|error| {
                    matches!(error.kind(), ErrorKind::Rejected | ErrorKind::Unauthorized | ErrorKind::Clock)
                });
                self.facts.timestamps.refute(date, is_refusal);
            }
            let skew = self.facts.clock.skew();
            if skew.differs_notably_from(before) {
                self.events.emit(Event::ClockSkew(skew));
            }
        }
        if !is_stale {
            if let Ok(done) = &done
                && let Some(event) = self.facts.keep(done, &self.config, now)
            {
                self.events.emit(event);
            }
            if response.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE {
                // The cookie is what may have grown.
                self.facts.session_id = None;
            }
            if done.is_ok()
                && step != Step::PublicIp
                && self.facts.bearer.is_some()
                && let Some(id) = wire::session_cookie(response)
            {
                self.facts.session_id = Some(id);
            }
        }
        let is_oauth1 = self.config.login.oauth1().is_some();
        done.map_err(|error| match (self.facts.clock.beyond(), error.kind()) {
            (Some(wrong), ErrorKind::Rejected) if step.is_signed() => error.by_a_wrong_clock(wrong),
            (Some(wrong), ErrorKind::Unauthorized | ErrorKind::Clock) if is_oauth1 => {
                error.by_a_wrong_clock(wrong)
            }
            _ => error,
        })
    }

    /// Moves a command on, and ends it when that is its end.
    fn advance(&mut self, now: Now, index: usize, on: impl FnOnce(&mut Task, &mut Context<'_>) -> Ended) {
        let mut context = Context {
            now,
            config: &self.config,
            facts: &mut self.facts,
            jitter: &mut self.jitter,
            events: &mut self.events,
            guard: &self.guard,
        };
        match on(&mut self.tasks[index], &mut context) {
            Some(outcome) => self.conclude(now, index, outcome),
            None => self.tell_phase(now, None),
        }
    }

    /// Ends a command.
    fn conclude(&mut self, now: Now, index: usize, outcome: Result<Done, Error>) {
        let task = self.tasks.remove(index);
        let others = &self.tasks;
        // What a good login did without is heard all the same: it may say that the session is not good.
        let is_over = |id| if outcome.is_ok() { task.needs(id) } else { task.awaits(id) };
        self.in_flight.drop_all(|id| is_over(id) && !is_awaited(others, id));
        if let (Some(attempt), Some(keeper)) = (task.attempt(), &mut self.keeper) {
            let view = View { now, config: &self.config, facts: &self.facts, guard: &self.guard };
            let key = &self.signer.key;
            let effects = keeper.react(view, attempt, &outcome, task.reach, || key.reload());
            self.apply(effects);
        }
        self.tell_phase(now, outcome.as_ref().err());
        task.finish(outcome);
    }

    fn apply(&mut self, effects: Effects) {
        self.facts.forget(&effects);
        let Effects { took_nothing, quiet_until, host, events, .. } = effects;
        if took_nothing {
            Arc::make_mut(&mut self.guard).refund_retake();
        }
        if quiet_until.is_some() {
            Arc::make_mut(&mut self.guard).be_quiet(quiet_until);
        }
        if let Some(host) = host {
            self.set_host(host);
        }
        events.into_iter().for_each(|event| self.events.emit(event));
    }

    /// What a command of the user's has made of the automatic mode. It comes without a time, and needs none.
    pub(super) fn tell_command_phase(&mut self, phase: Phase) {
        if self.keeper.as_mut().is_some_and(|keeper| keeper.tell(phase)) {
            self.events.emit(Event::Phase { phase, because: None });
        }
    }
}

fn is_awaited(tasks: &[Task], id: RequestId) -> bool {
    tasks.iter().any(|task| task.awaits(id))
}
