//! Requests that wait for their answer: from a step to its request, and from an answer to what it says.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use ibkr_jws::Sign;
use ibkr_oauth1::Exponent;

use super::{
    facts::Facts,
    output::{RequestId, Transmit},
    task::out_of_order,
    ticket::Done,
};
use crate::{
    Authorization, ClockSkew, Config, Error, ErrorKind, Now, PublicIp, Request, Response, Step, wire,
    wire::jitter::AssertionJitter,
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
    deadline: Instant,
    /// What was known of IBKR's clock when the request was signed.
    pub(super) skew: ClockSkew,
    /// When it was signed, with OAuth 1.0a.
    stamp: u64,
    /// The bearer token that the request went out with.
    pub(super) generation: u64,
    /// It began a login, which was counted then.
    pub(super) begins_login: bool,
    /// What a live session token is computed with.
    pub(super) exponent: Option<Exponent>,
}

impl Exchange {
    /// Whether the answer speaks of a session that has been replaced or ended meanwhile.
    pub(super) fn is_stale(&self, facts: &Facts) -> bool {
        let of_session =
            !matches!(self.step, Step::GetAccessToken | Step::PublicIp) && !self.step.brings_session();
        of_session && self.generation != facts.generation
    }

    /// Whether this refusal came with proof that our clock was wrong when the request was signed: then it
    /// says nothing of what it was signed with. With OAuth 1.0a all of a session's requests are.
    pub(super) fn is_refused_for_its_time(&self, error: &Error, config: &Config, facts: &Facts) -> bool {
        let is_refused = match error.kind() {
            // That is what it says, unless it is for a person to set the clock.
            ErrorKind::Clock => return facts.clock.beyond().is_none(),
            ErrorKind::Rejected => true,
            ErrorKind::Unauthorized => config.login.oauth1().is_some(),
            _ => false,
        };
        is_refused && self.was_signed_by_a_wrong_clock(facts)
    }

    /// Whether its answer has shown that: what is signed now has another time.
    pub(super) fn was_signed_by_a_wrong_clock(&self, facts: &Facts) -> bool {
        let is_refuted = facts.timestamps.last() < self.stamp;
        is_refuted || facts.clock.skew().differs_notably_from(self.skew)
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct InFlight {
    exchanges: BTreeMap<RequestId, Exchange>,
    next: u64,
}

impl InFlight {
    /// Notes a request that goes out now.
    pub(super) fn send(
        &mut self,
        step: Step,
        Built { request, exponent }: Built,
        config: &Config,
        facts: &Facts,
        begins_login: bool,
        now: Now,
    ) -> Transmit {
        let id = RequestId(self.next);
        self.next += 1;
        let timeout = timeout(step, config.timeout);
        let exchange = Exchange {
            step,
            sent: now,
            deadline: now.mono + timeout + BACK_STOP,
            skew: facts.clock.skew(),
            stamp: facts.timestamps.last(),
            generation: facts.generation,
            begins_login,
            exponent,
        };
        self.exchanges.insert(id, exchange);
        Transmit { id, step, timeout, request }
    }

    pub(super) fn take(&mut self, id: RequestId) -> Option<Exchange> {
        self.exchanges.remove(&id)
    }

    /// One whose answer is overdue.
    pub(super) fn overdue(&self, now: Now) -> Option<RequestId> {
        self.exchanges.iter().find(|(_, sent)| sent.deadline <= now.mono).map(|(id, _)| *id)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.exchanges.values().map(|exchange| exchange.deadline).min()
    }

    /// The request of this step that is on its way under the same bearer token.
    pub(super) fn of_step(&self, step: Step, generation: u64) -> Option<RequestId> {
        let is_same = |sent: &&Exchange| sent.step == step && sent.generation == generation;
        self.exchanges.iter().find(|(_, sent)| is_same(sent)).map(|(id, _)| *id)
    }

    /// Whether a bearer token is on its way: IBKR has made, or is making, that session.
    pub(super) fn awaits_bearer(&self) -> bool {
        self.exchanges.values().any(|exchange| exchange.step.brings_session())
    }

    /// Waits for these no longer, but for a bearer token.
    pub(super) fn drop_all_but_bearer(&mut self, dropped: impl Fn(RequestId) -> bool) {
        self.exchanges.retain(|id, exchange| exchange.step.brings_session() || !dropped(*id));
    }

    pub(super) fn drop_all(&mut self, dropped: impl Fn(RequestId) -> bool) {
        self.exchanges.retain(|id, _| !dropped(*id));
    }

    pub(super) fn len(&self) -> usize {
        self.exchanges.len()
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

/// What requests are made of, beside what is known.
pub(super) struct Signer {
    pub(super) key: Box<dyn Sign>,
    /// Of what is signed: see [`AssertionJitter`].
    pub(super) seed: u64,
}

/// How a step asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) step: Step,
    /// Which of the look-up services.
    pub(super) service: usize,
    /// Whether `ssodh/init` may end another session of the username.
    pub(super) compete: bool,
    /// Whether it belongs to a whole login, which has just asked for its access token.
    pub(super) is_login: bool,
}

/// A request, and what its answer is read with.
pub(super) struct Built {
    request: Request,
    exponent: Option<Exponent>,
}

/// The request of a step, signed now.
pub(super) fn build(
    ask: Ask,
    config: &Config,
    facts: &Facts,
    signer: &Signer,
    now: Now,
) -> Result<Built, Error> {
    let (key, jitter) = (&signer.key, AssertionJitter::from_seed(signer.seed));
    let wall = facts.clock.skew().correct(now.wall);
    let authorization = || -> Result<Authorization, Error> {
        facts.authorization().ok_or_else(|| out_of_order(config.login.opening_step()))
    };
    let request = match ask.step {
        Step::GetAccessToken => wire::access_token::request_within(config, key, wall, jitter),
        Step::PublicIp => match config.login.public_ip() {
            Some(PublicIp::Lookup(services)) if ask.service < services.len() => {
                wire::public_ip::request(config, &services[ask.service])
            }
            _ => Err(out_of_order(ask.step)),
        },
        Step::GetBearerToken => {
            let token = match ask.is_login {
                true => facts.new_access_token(),
                false => facts.access_token(now),
            };
            let token = token.ok_or_else(|| out_of_order(Step::GetAccessToken))?;
            let ip = facts.own_ip(config).ok_or_else(|| out_of_order(Step::PublicIp))?;
            wire::bearer_token::request_within(config, key, wall, token, ip, jitter)
        }
        // They are of the consent before any session.
        Step::RequestToken | Step::ConsentedToken => return Err(out_of_order(ask.step)),
        Step::GetLiveSessionToken => {
            let (request, exponent) =
                wire::live_session_token::request_after(config, key, wall, &facts.timestamps)?;
            return Ok(Built { request, exponent: Some(exponent) });
        }
        Step::ValidateSso => wire::validate_sso::request(config, &authorization()?, wall),
        Step::SsodhInit => wire::ssodh_init::request(config, &authorization()?, ask.compete, wall),
        Step::Status => wire::status::request(config, &authorization()?, wall),
        Step::Tickle => wire::tickle::request(config, &authorization()?, wall),
        Step::Logout => wire::logout::request(config, &authorization()?, wall),
    };
    Ok(Built { request: request?, exponent: None })
}

/// What the answer to a step says. `exponent`: what [`build`] has made with its request.
pub(super) fn read(
    step: Step,
    exponent: Option<&Exponent>,
    config: &Config,
    response: &Response,
) -> Result<Done, Error> {
    Ok(match step {
        Step::GetAccessToken => Done::AccessToken(wire::access_token::parse(config, response)?),
        Step::PublicIp => Done::PublicIp(wire::public_ip::parse(config, response)?),
        Step::GetBearerToken => Done::BearerToken(wire::bearer_token::parse(config, response)?),
        Step::RequestToken | Step::ConsentedToken => return Err(out_of_order(step)),
        Step::GetLiveSessionToken => {
            let exponent = exponent.ok_or_else(|| out_of_order(step))?;
            Done::LiveSession(wire::live_session_token::parse(config, response, exponent)?)
        }
        Step::ValidateSso => Done::SsoDetails(wire::validate_sso::parse(config, response)?),
        Step::SsodhInit => Done::AuthStatus(wire::ssodh_init::parse(config, response)?),
        Step::Status => Done::AuthStatus(wire::status::parse(config, response)?),
        Step::Tickle => Done::Tickle(wire::tickle::parse(config, response)?),
        Step::Logout => Done::LoggedOut(wire::logout::parse(config, response)?),
    })
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
