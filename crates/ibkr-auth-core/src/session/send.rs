//! From a job to its request.

use core::net::Ipv4Addr;
use std::time::Duration;

use super::{
    Session,
    output::{RequestId, Transmit},
    task::{JobState, Task, out_of_order},
};
use crate::{
    ClockSkew, Error, Event, Now, PublicIp, Request, Step,
    time::{unix_seconds, within_second},
    wire,
};

/// Beyond a request's own time limit: then it is given up even if the driver has forgotten it.
const BACK_STOP: Duration = Duration::from_secs(5);
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// A request that waits for its answer.
pub(super) struct Exchange {
    pub(super) step: Step,
    pub(super) sent: Now,
    pub(super) deadline: std::time::Instant,
    /// What was known of IBKR's clock when the request was signed.
    pub(super) skew: ClockSkew,
}

impl Session {
    /// The next request, if one may be sent now. `Err` when the job that was up needs none after all, or none could be
    /// built: look again.
    pub(super) fn next_request(&mut self, now: Now) -> Option<Result<Transmit, ()>> {
        let (task, job) =
            self.tasks.iter().enumerate().find_map(|(i, task)| Some((i, task.next_job(now)?)))?;
        let step = self.tasks[task].jobs[job].step;
        if let Some(state) = self.put_off(step, self.tasks[task].command().establishes(), now) {
            self.tasks[task].jobs[job].state = state;
            self.finish_if_done(now, task);
            return Some(Err(()));
        }
        let Task { compete, jobs, .. } = &self.tasks[task];
        match self.build(step, jobs[job].service, *compete, now) {
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
        let wall = self.known.skew.correct(now.wall);
        if step.is_signed() && !self.known.claim_second(step, unix_seconds(wall)) {
            return Some(JobState::Waiting(Some(now.mono + Duration::from_secs(1) - within_second(wall))));
        }
        // A login does not depend on it, and too many are punished.
        (step == Step::ValidateSso && !self.known.claim_validation(now) && may_skip).then_some(JobState::Done)
    }

    fn hand_over(&mut self, step: Step, request: Request, now: Now) -> Transmit {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        let limit = self.config.timeout;
        let timeout = if step == Step::PublicIp { limit.min(LOOKUP_TIMEOUT) } else { limit };
        let deadline = now.mono + timeout + BACK_STOP;
        self.in_flight.insert(id, Exchange { step, sent: now, deadline, skew: self.known.skew });
        self.tell(Event::Sent { step });
        Transmit { id, step, timeout, request }
    }

    fn build(&self, step: Step, service: usize, compete: bool, now: Now) -> Result<Request, Error> {
        let Self { config, known, key, .. } = self;
        let wall = known.skew.correct(now.wall);
        let authorization = || self.authorization().ok_or_else(|| out_of_order(Step::GetBearerToken));
        match step {
            Step::GetAccessToken => wire::access_token::request(config, key, wall),
            Step::PublicIp => match &config.public_ip {
                PublicIp::Lookup(services) if service < services.len() => {
                    wire::public_ip::request(config, &services[service])
                }
                _ => Err(out_of_order(step)),
            },
            Step::GetBearerToken => {
                let token = known.access_token(now).ok_or_else(|| out_of_order(Step::GetAccessToken))?;
                let ip = self.own_ip().ok_or_else(|| out_of_order(Step::PublicIp))?;
                wire::bearer_token::request(config, key, wall, token, ip)
            }
            Step::ValidateSso => wire::validate_sso::request(config, &authorization()?),
            Step::SsodhInit => wire::ssodh_init::request(config, &authorization()?, compete),
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
