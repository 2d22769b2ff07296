//! From a job to its request.

use core::net::Ipv4Addr;
use std::time::Duration;

use super::{
    Session,
    output::{RequestId, Transmit},
    plan::Command,
    task::{JobState, Task, out_of_order},
    ticket::Done,
};
use crate::{
    ClockSkew, Error, Event, Now, PublicIp, Request, Step,
    time::{unix_seconds, within_second},
    wire,
};

/// Beyond a request's own time limit: then it is given up even if the driver has forgotten it.
const BACK_STOP: Duration = Duration::from_secs(5);
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// IBKR's own limit for any request is 10 s: a tickle that takes longer is no sign of life.
const TICKLE_TIMEOUT: Duration = Duration::from_secs(10);
/// What these two are made for; a longer limit of the user's prolongs them alike.
const USUAL_TIMEOUT: u32 = 15;

/// A request that waits for its answer.
pub(super) struct Exchange {
    pub(super) step: Step,
    pub(super) sent: Now,
    pub(super) deadline: std::time::Instant,
    /// What was known of IBKR's clock when the request was signed.
    pub(super) skew: ClockSkew,
    /// The bearer token that the request went out with.
    pub(super) generation: u64,
}

impl Exchange {
    /// Whether the answer speaks of a session that has been replaced or ended meanwhile.
    pub(super) fn is_stale(&self, generation: u64) -> bool {
        let of_session = !matches!(self.step, Step::GetAccessToken | Step::PublicIp | Step::GetBearerToken);
        of_session && self.generation != generation
    }
}

/// How long a step may take where any request may take `limit`.
fn timeout(step: Step, limit: Duration) -> Duration {
    let usual = match step {
        Step::PublicIp => LOOKUP_TIMEOUT,
        Step::Tickle => TICKLE_TIMEOUT,
        _ => return limit,
    };
    limit.min(usual).max(limit * usual.as_secs() as u32 / USUAL_TIMEOUT)
}

impl Session {
    /// The next request, if one may be sent now. `Err` when the job that was up needs none after all, or none could be
    /// built: look again.
    pub(super) fn next_request(&mut self, now: Now) -> Option<Result<Transmit, ()>> {
        let (task, job) = self.eligible().find_map(|(i, task)| Some((i, task.next_job(now)?)))?;
        let step = self.tasks[task].jobs[job].step;
        if step == Step::Logout && self.known.bearer.is_none() {
            self.conclude(now, task, Ok(Done::LoggedOut(())));
            return Some(Err(()));
        }
        if let Some(state) = self.put_off(step, self.tasks[task].command().establishes(), now) {
            self.tasks[task].jobs[job].state = state;
            self.finish_if_done(now, task);
            return Some(Err(()));
        }
        match self.build(step, &self.tasks[task], self.tasks[task].jobs[job].service, now) {
            Ok(request) => {
                let transmit = self.hand_over(step, request, now);
                self.tasks[task].jobs[job].state = JobState::Sent(transmit.id);
                Some(Ok(transmit))
            }
            Err(error) => {
                self.tell(Event::Failed { error: error.clone(), took: Duration::ZERO });
                self.conclude(now, task, Err(error));
                Some(Err(()))
            }
        }
    }

    /// Why a step that is up must not be sent now: what becomes of its job instead.
    fn put_off(&mut self, step: Step, may_skip: bool, now: Now) -> Option<JobState> {
        let wall = self.known.clock.skew().correct(now.wall);
        if step.is_signed() && !self.known.claim_second(step, unix_seconds(wall)) {
            return Some(JobState::Waiting(Some(now.mono + Duration::from_secs(1) - within_second(wall))));
        }
        if step == Step::ValidateSso {
            // A login does not depend on it, and too many are punished.
            if may_skip && !self.known.may_validate(now) {
                return Some(JobState::Done);
            }
            self.known.remember_validation(Some(now.mono));
        }
        None
    }

    /// The tasks whose jobs may be sent: nothing overtakes a logout, and a logout waits for a bearer token that is on its
    /// way, so that no session is left behind.
    pub(super) fn eligible(&self) -> impl Iterator<Item = (usize, &Task)> {
        let logging_out = self.tasks.iter().any(|task| task.command() == Command::Logout);
        let bearer_comes = self.in_flight.values().any(|exchange| exchange.step == Step::GetBearerToken);
        self.tasks.iter().enumerate().filter(move |(_, task)| match task.command() {
            Command::Logout => !bearer_comes,
            _ => !logging_out,
        })
    }

    fn hand_over(&mut self, step: Step, request: Request, now: Now) -> Transmit {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        let timeout = timeout(step, self.config.timeout);
        let deadline = now.mono + timeout + BACK_STOP;
        self.in_flight.insert(
            id,
            Exchange {
                step,
                sent: now,
                deadline,
                skew: self.known.clock.skew(),
                generation: self.known.generation,
            },
        );
        self.tell(Event::Sent { step });
        Transmit { id, step, timeout, request }
    }

    fn build(&self, step: Step, task: &Task, service: usize, now: Now) -> Result<Request, Error> {
        let Self { config, known, key, .. } = self;
        let wall = known.clock.skew().correct(now.wall);
        let authorization = || self.authorization().ok_or_else(|| out_of_order(Step::GetBearerToken));
        match step {
            Step::GetAccessToken => wire::access_token::request_within(config, key, wall, self.spread),
            Step::PublicIp => match &config.public_ip {
                PublicIp::Lookup(services) if service < services.len() => {
                    wire::public_ip::request(config, &services[service])
                }
                _ => Err(out_of_order(step)),
            },
            Step::GetBearerToken => {
                let token = match task.command() {
                    Command::Connect => known.new_access_token(),
                    _ => known.access_token(now),
                };
                let token = token.ok_or_else(|| out_of_order(Step::GetAccessToken))?;
                let ip = self.own_ip().ok_or_else(|| out_of_order(Step::PublicIp))?;
                wire::bearer_token::request_within(config, key, wall, token, ip, self.spread)
            }
            Step::ValidateSso => wire::validate_sso::request(config, &authorization()?),
            Step::SsodhInit => wire::ssodh_init::request(config, &authorization()?, task.compete),
            Step::Status => wire::status::request(config, &authorization()?),
            Step::Tickle => wire::tickle::request(config, &authorization()?),
            Step::Logout => wire::logout::request(config, &authorization()?),
        }
    }

    /// The address for the next bearer token.
    pub(super) fn own_ip(&self) -> Option<Ipv4Addr> {
        match self.config.public_ip {
            PublicIp::Fixed(ip) => Some(ip),
            PublicIp::Lookup(_) => self.known.looked_up_ip,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_limit_prolongs_what_is_usually_shorter() {
        let seconds = |limit| {
            [Step::PublicIp, Step::Tickle, Step::Status]
                .map(|step| timeout(step, Duration::from_secs(limit)).as_secs())
        };
        assert_eq!([1, 8, 15, 60].map(seconds), [[1, 1, 1], [5, 8, 8], [5, 10, 15], [20, 40, 60]]);
    }
}
