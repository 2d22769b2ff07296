//! From an answer to what it says.

use std::time::Instant;

use http::StatusCode;

use super::{Session, output::RequestId, send::Exchange, ticket::Done, upkeep::Reach};
use crate::{Error, ErrorKind, Event, Now, Region, Response, Step, TransportError, wire};

impl Session {
    /// Gives up requests whose answer is overdue.
    pub(super) fn expire(&mut self, now: Now) {
        let overdue = |deadline: Instant| deadline <= now.mono;
        while let Some(id) = self.in_flight.iter().find(|(_, sent)| overdue(sent.deadline)).map(|(id, _)| *id)
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
        let (step, took) = (exchange.step, now.mono.saturating_duration_since(exchange.sent.mono));
        let task = self.tasks.iter().position(|task| task.awaits(id));
        if task.is_none() && self.has_newer(exchange) {
            return;
        }
        let stale = exchange.is_stale(self.known.generation);
        let before = stale.then(|| self.known.clone());
        let result = match result {
            Ok(response) => self.learn(now, exchange, &response),
            Err(failure) => Err(Error::transport(Some(step), &failure)),
        };
        let result = result.map_err(|error| {
            self.known.learn_from(error.kind());
            let error = match error.kind() {
                ErrorKind::Unauthorized => self.known.explain_addresses(error, now),
                _ => error,
            };
            error.without(&self.known.secrets())
        });
        if let Some(before) = before {
            self.known = before;
        }
        // A bearer token whose command was cancelled is kept for the logout that waits for it.
        let Some(task) = task else { return };
        if step.is_signed() {
            self.tasks[task].reach = self.tasks[task].reach.max(Reach::of(&result));
        }
        match result {
            Ok(done) => {
                self.tell(Event::Done { step, took });
                if step == Step::Logout && !stale {
                    self.tell(Event::LoggedOut);
                }
                self.succeed(now, task, step, done);
            }
            Err(error) => {
                self.tell(Event::Failed { error: error.clone(), took });
                self.endure(now, task, exchange, error);
            }
        }
    }

    /// Whether another bearer token is in use than the one that was asked for, by a login that was given up.
    fn has_newer(&self, exchange: &Exchange) -> bool {
        let is_kept = self.upkeep.as_ref().is_some_and(|upkeep| !upkeep.is_paused());
        exchange.generation != self.known.generation || (is_kept && self.known.bearer_is_good())
    }

    fn learn(&mut self, now: Now, exchange: &Exchange, response: &Response) -> Result<Done, Error> {
        // A look-up service's clock and cookies are not IBKR's.
        if exchange.step == Step::PublicIp {
            return self.read(now, exchange.step, response);
        }
        let before = self.known.clock.skew();
        self.known.clock.observe(response, exchange.sent, now);
        let skew = self.known.clock.skew();
        if skew.differs_notably_from(before) {
            self.tell(Event::ClockSkew(skew));
        }
        let result =
            self.read(now, exchange.step, response).map_err(|error| match self.known.clock.beyond() {
                Some(wrong) if error.kind() == ErrorKind::Rejected && exchange.step.is_signed() => {
                    error.by_a_wrong_clock(wrong)
                }
                _ => error,
            });
        if response.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE {
            // The cookie is what may have grown.
            self.known.session_id = None;
        }
        if result.is_ok()
            && self.known.bearer.is_some()
            && let Some(id) = wire::session_cookie(response)
        {
            self.known.session_id = Some(id);
        }
        result
    }

    /// Reads an answer and keeps what it says.
    fn read(&mut self, now: Now, step: Step, response: &Response) -> Result<Done, Error> {
        let (config, own_ip, known) = (&self.config, self.own_ip(), &mut self.known);
        Ok(match step {
            Step::GetAccessToken => {
                let token = wire::access_token::answer(config, response)?;
                known.keep_access_token(token.clone(), now);
                Done::AccessToken(token)
            }
            Step::PublicIp => {
                let ip = wire::public_ip::answer(config, response)?;
                let is_first = known.looked_up_ip.is_none();
                if known.keep_ip(ip, now) || is_first {
                    self.tell(Event::PublicIp(ip));
                }
                Done::PublicIp(ip)
            }
            Step::GetBearerToken => {
                let bearer = wire::bearer_token::answer(config, response)?;
                known.start_over(bearer.clone(), own_ip);
                Done::BearerToken(bearer)
            }
            Step::ValidateSso => {
                let details = wire::validate_sso::answer(config, response)?;
                known.accept_bearer();
                known.keep_bearer_end(details.expires, now);
                known.region = details.region.as_deref().and_then(Region::from_code).or(known.region);
                known.sso = Some(details.clone());
                Done::SsoDetails(details)
            }
            Step::SsodhInit | Step::Status => {
                let status = match step {
                    Step::Status => wire::status::answer(config, response)?,
                    _ => wire::ssodh_init::answer(config, response)?,
                };
                known.keep_status(status.clone(), now);
                Done::AuthStatus(status)
            }
            Step::Tickle => {
                let tickle = wire::tickle::answer(config, response)?;
                known.keep_bearer_end(tickle.sso_expires, now);
                known.keep_status(tickle.auth_status.clone(), now);
                known.session_id = tickle.session_id.clone().or(known.session_id.take());
                Done::Tickle(tickle)
            }
            Step::Logout => {
                wire::logout::answer(config, response)?;
                known.forget_session();
                known.forget_who_held();
                Done::LoggedOut(())
            }
        })
    }
}
