//! ibauth's `connect` and `tickle`, one request after the other.

use std::{net::Ipv4Addr, time::Duration};

use ibkr_auth_core::{
    AccessToken, Config, Error, Now, Request, Response, Secret, SessionToken, Step, TransportError,
    testing::FakeKey,
    wire::{self, Authorization},
};

/// `connect()` of ibauth 0.1.6: in this order, each once, the first failure ends it.
const CONNECT: [Step; 5] =
    [Step::GetAccessToken, Step::PublicIp, Step::GetBearerToken, Step::ValidateSso, Step::SsodhInit];

/// What ibauth's object holds.
#[derive(Debug)]
pub(crate) struct Flow {
    config: Config,
    access_token: Option<AccessToken>,
    ip: Option<Ipv4Addr>,
    authorization: Option<Authorization>,
    /// The steps still to be taken, the next one first.
    ahead: Vec<Step>,
    sent: Option<u64>,
    next_id: u64,
}

/// What an answer has led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// More steps are to come, or the answer belongs to nothing.
    Going,
    /// All steps are done; after a tickle, whether it said `authenticated`.
    Done { authenticated: bool },
    /// An exception.
    Raised,
}

impl Flow {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            access_token: None,
            ip: None,
            authorization: None,
            ahead: Vec::new(),
            sent: None,
            next_id: 0,
        }
    }

    pub(crate) fn connect(&mut self) {
        self.ahead = CONNECT.to_vec();
    }

    pub(crate) fn tickle(&mut self) {
        self.ahead = vec![Step::Tickle];
    }

    /// Nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.ahead.is_empty()
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        self.authorization.as_ref()?.bearer().map(Secret::expose)
    }

    pub(crate) fn host(&self) -> &str {
        super::host_name(self.config.host().base_url())
    }

    /// The next request, if one is due.
    pub(crate) fn next(&mut self, now: Now) -> Option<(u64, Step, Request)> {
        let step = *self.ahead.first().filter(|_| self.sent.is_none())?;
        let request = self.build(step, now).ok()?;
        self.next_id += 1;
        self.sent = Some(self.next_id);
        Some((self.next_id, step, request))
    }

    /// Takes an answer.
    pub(crate) fn receive(&mut self, id: u64, result: Result<Response, TransportError>) -> Outcome {
        if self.sent != Some(id) {
            return Outcome::Going;
        }
        self.sent = None;
        let step = self.ahead.remove(0);
        let read = match result {
            Ok(response) => self.read(step, &response),
            Err(failure) => Err(Error::transport(Some(step), &failure)),
        };
        match read {
            Err(_) => {
                self.ahead.clear();
                Outcome::Raised
            }
            Ok(authenticated) if self.ahead.is_empty() => Outcome::Done { authenticated },
            Ok(_) => Outcome::Going,
        }
    }

    fn build(&self, step: Step, now: Now) -> Result<Request, Error> {
        let config = &self.config;
        let out_of_order = || Error::config("a step before this one is missing", "");
        let authorization = self.authorization.as_ref().ok_or_else(out_of_order);
        match step {
            Step::GetAccessToken => wire::access_token::request(config, &FakeKey, now.wall),
            Step::GetBearerToken => {
                let token = self.access_token.as_ref().ok_or_else(out_of_order)?;
                let ip = self.ip.ok_or_else(out_of_order)?;
                wire::bearer_token::request(config, &FakeKey, now.wall, token, ip)
            }
            Step::ValidateSso => wire::validate_sso::request(config, authorization?, now.wall),
            Step::SsodhInit => wire::ssodh_init::request(config, authorization?, true, now.wall),
            Step::Tickle => wire::tickle::request(config, authorization?, now.wall),
            _ => wire::public_ip::request(config, &ipify()),
        }
    }

    fn read(&mut self, step: Step, response: &Response) -> Result<bool, Error> {
        let config = &self.config;
        match step {
            Step::GetAccessToken => {
                self.access_token = Some(wire::access_token::parse(config, response)?);
            }
            Step::GetBearerToken => {
                let bearer = wire::bearer_token::parse(config, response)?.token;
                self.authorization = Some(Authorization::new(SessionToken::Bearer(bearer)));
            }
            Step::ValidateSso => drop(wire::validate_sso::parse(config, response)?),
            Step::SsodhInit => drop(wire::ssodh_init::parse(config, response)?),
            Step::Tickle => return Ok(wire::tickle::parse(config, response)?.auth_status.authenticated),
            _ => self.ip = Some(wire::public_ip::parse(config, response)?),
        }
        Ok(true)
    }
}

/// ibauth asks this one alone.
fn ipify() -> http::Uri {
    http::Uri::from_static("https://api.ipify.org/")
}

/// ibauth 0.1.6 sets a time limit on these two and none on the others. Where there is none, the operating
/// system gives a connection up when its packets have not been confirmed for about a quarter of an hour
/// (Linux, `tcp_retries2`).
pub(crate) fn ibauth_time_limit(step: Step) -> Duration {
    match step {
        Step::PublicIp | Step::Tickle => Duration::from_secs(10),
        _ => Duration::from_secs(924),
    }
}
