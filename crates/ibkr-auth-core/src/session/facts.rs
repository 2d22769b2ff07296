//! What a session knows: of its tokens, of the brokerage session, of IBKR's clock.

use core::net::Ipv4Addr;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{keeper::Effects, plan::Command, ticket::Done};
use crate::{
    AccessToken, AuthStatus, Authorization, ClockSkew, Config, Error, ErrorKind, Event, Expiry, Login, Now,
    PublicIp, Region, Secret, SessionMark, SessionToken, SsoDetails, Step, Tier, clock::Clock,
    wire::Timestamps,
};

/// IBKR's pacing table: one `sso/validate` a minute. A second more, because of two the later may travel
/// faster.
pub(super) const VALIDATE_PAUSE: Duration = Duration::from_secs(61);
/// And one tickle a second of a username: sent more often, they cost a quarter of an hour in the penalty box.
/// A second more here too.
const TICKLE_PAUSE: Duration = Duration::from_secs(2);
/// The life of a live session token, where IBKR does not say when it ends (its Web API documentation).
const LIVE_SESSION: Duration = Duration::from_secs(24 * 3_600);
/// An end that is no further away is none.
const MADE_JUST_NOW: Duration = Duration::from_secs(300);
/// Two addresses within this time may be two ways out of this machine.
const FLIPS_WITHIN: Duration = Duration::from_secs(600);
/// So many signatures are remembered. A login makes two, and there are a dozen an hour.
const SIGNED_SECONDS: usize = 256;

#[derive(Default)]
pub(super) struct Facts {
    /// Counts the bearer tokens: what was asked with an earlier one says nothing about this one.
    pub(super) generation: u64,
    access_token: Option<AccessToken>,
    /// When it ends, if the server said so.
    pub(super) access_token_ends: Option<Now>,
    /// The address that was last looked up.
    pub(super) looked_up_ip: Option<Ipv4Addr>,
    /// The one that was looked up before, and differs, and when it was found to.
    other_ip: Option<(Ipv4Addr, Instant)>,
    /// The look-up service whose address IBKR has taken.
    pub(super) ip_service: usize,
    pub(super) bearer: Option<SessionToken>,
    /// The address that the bearer token was made for.
    pub(super) bearer_ip: Option<Ipv4Addr>,
    /// When it ends unless it is extended, as IBKR said last.
    pub(super) bearer_ends: Option<Now>,
    /// IBKR has refused the bearer token since it was issued.
    bearer_refused: bool,
    /// When `sso/validate` was last asked: IBKR takes one a minute.
    validated: Option<Instant>,
    /// When a tickle was last sent, whoever asked for it.
    tickled: Option<Instant>,
    pub(super) session_id: Option<Secret>,
    pub(super) sso: Option<SsoDetails>,
    pub(super) auth_status: Option<AuthStatus>,
    /// When IBKR last said that the brokerage session is ours, ready or about to be, and under which bearer
    /// token.
    held: Option<(Now, u64)>,
    /// Whose clock on the wall counts for this username.
    pub(super) region: Option<Region>,
    pub(super) clock: Clock,
    signed: BTreeSet<(u64, Step)>,
    /// Of requests that are signed one by one.
    pub(super) timestamps: Timestamps,
}

/// What another process needs to go on with the session.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) access_token: Option<Secret>,
    pub(super) access_token_ends: Option<Now>,
    pub(super) bearer: SessionToken,
    pub(super) bearer_ip: Option<Ipv4Addr>,
    pub(super) bearer_ends: Option<Now>,
    pub(super) session_id: Option<Secret>,
    pub(super) validated: Option<Instant>,
    pub(super) tickled: Option<Instant>,
    pub(super) timestamps: Timestamps,
    pub(super) skew: ClockSkew,
}

impl Facts {
    /// `None` before there is a bearer token.
    pub(super) fn kept(&self) -> Option<Kept> {
        Some(Kept {
            access_token: self.access_token.as_ref().map(|token| token.token.clone()),
            access_token_ends: self.access_token_ends,
            bearer: self.bearer.clone()?,
            bearer_ip: self.bearer_ip,
            bearer_ends: self.bearer_ends,
            session_id: self.session_id.clone(),
            validated: self.validated,
            tickled: self.tickled,
            timestamps: self.timestamps.clone(),
            skew: self.clock.skew(),
        })
    }

    pub(super) fn is_connected(&self, tier: Tier) -> bool {
        match tier {
            Tier::ReadOnly => self.bearer_is_good(),
            Tier::Brokerage => {
                self.bearer_is_good() && self.auth_status.as_ref().is_some_and(AuthStatus::is_ready)
            }
        }
    }

    /// Keeps what an answer says. An address that was not known before is worth an event.
    pub(super) fn keep(&mut self, done: &Done, config: &Config, now: Now) -> Option<Event> {
        match done {
            Done::AccessToken(token) => self.keep_access_token(token.clone(), now),
            Done::PublicIp(ip) => return self.keep_ip(*ip, now).then_some(Event::PublicIp(*ip)),
            Done::BearerToken(bearer) => {
                let own_ip = self.own_ip(config);
                self.start_over(SessionToken::Bearer(bearer.token.clone()), own_ip);
            }
            Done::LiveSession(live) => {
                self.start_over(SessionToken::Live(live.token.clone()), None);
                let told = self.clock.skew().correct(now.wall);
                // IBKR's OpenAPI calls it the time at which the token was made.
                let ends =
                    live.expires.filter(|ends| *ends > told + MADE_JUST_NOW).unwrap_or(told + LIVE_SESSION);
                self.keep_bearer_end(Some(Expiry::At(ends)), now);
            }
            Done::SsoDetails(details) => {
                self.accept_bearer();
                self.keep_bearer_end(details.expires, now);
                self.region = details.region.as_deref().and_then(Region::from_code).or(self.region);
                self.sso = Some(details.clone());
            }
            Done::AuthStatus(status) => self.keep_status(status.clone(), now),
            Done::Tickle(tickle) => {
                // It is the end of an SSO session: a live session token has its own, whatever that says.
                if config.login.oauth2().is_some() {
                    self.keep_bearer_end(tickle.sso_expires, now);
                }
                self.keep_status(tickle.auth_status.clone(), now);
                self.session_id = tickle.session_id.clone().or(self.session_id.take());
            }
            Done::LoggedOut(()) => {
                self.forget_session();
                self.forget_holder();
            }
            Done::Connected(_) => {}
        }
        None
    }

    /// Keeps what an error says.
    pub(super) fn keep_error(&mut self, kind: ErrorKind) {
        match kind {
            ErrorKind::Unauthorized => self.refuse_bearer(),
            ErrorKind::NoBrokerageSession => self.doubt_brokerage(),
            _ => {}
        }
    }

    /// What the automatic mode has found not to hold any more.
    pub(super) fn forget(&mut self, effects: &Effects) {
        if effects.refuse_bearer {
            self.refuse_bearer();
        }
        if effects.drop_access_token {
            self.access_token = None;
        }
        if effects.doubt_status {
            self.doubt_brokerage();
        }
        if effects.forget_holder {
            self.forget_holder();
        }
    }

    /// What opens `/v1/api`; `None` before there is a bearer token.
    pub(super) fn authorization(&self) -> Option<Authorization> {
        let authorization = Authorization::new(self.bearer.clone()?);
        Some(
            authorization
                .with_session_id(self.session_id.clone())
                .of_session(SessionMark::new(self.generation), self.timestamps.clone()),
        )
    }

    /// The address for the next bearer token.
    pub(super) fn own_ip(&self, config: &Config) -> Option<Ipv4Addr> {
        match *config.login.public_ip()? {
            PublicIp::Fixed(ip) => Some(ip),
            PublicIp::Lookup(_) => self.looked_up_ip,
        }
    }

    /// There is a bearer token, and IBKR has not refused it.
    pub(super) fn bearer_is_good(&self) -> bool {
        self.bearer.is_some() && !self.bearer_refused
    }

    /// IBKR has answered a request that came with the bearer token: whatever was thought of it.
    fn accept_bearer(&mut self) {
        self.bearer_refused = false;
    }

    pub(super) fn refuse_bearer(&mut self) {
        (self.bearer_refused, self.auth_status) = (true, None);
    }

    /// Nobody knows how the brokerage session is.
    pub(super) fn doubt_brokerage(&mut self) {
        self.auth_status = None;
    }

    /// What IBKR says of the brokerage session under the bearer token that is in use.
    fn keep_status(&mut self, status: AuthStatus, now: Now) {
        self.accept_bearer();
        if status.authenticated && !status.competing {
            self.held = Some((now, self.generation));
        } else if self.held.is_some_and(|(_, generation)| generation == self.generation) {
            self.held = None;
        }
        self.auth_status = Some(status);
    }

    /// Whether the brokerage session was ours within this time, under a bearer token that has been replaced
    /// since, and nothing was heard of its loss: what holds it now is what we have left behind.
    pub(super) fn is_held_by_an_old_bearer(&self, now: Now, within: Duration) -> bool {
        self.held.is_some_and(|(at, generation)| {
            let shown = now.wall.duration_since(at.wall).unwrap_or_default();
            let ago = now.mono.saturating_duration_since(at.mono).max(shown);
            generation != self.generation && ago <= within
        })
    }

    pub(super) fn forget_holder(&mut self) {
        self.held = None;
    }

    /// Keeps the end of the bearer token: IBKR gives it as a span or as a time of its own clock.
    fn keep_bearer_end(&mut self, expiry: Option<Expiry>, now: Now) {
        let left = match expiry {
            Some(Expiry::In(left)) => left,
            Some(Expiry::At(end)) => {
                end.duration_since(self.clock.skew().correct(now.wall)).unwrap_or_default()
            }
            None => return,
        };
        self.bearer_ends =
            now.mono.checked_add(left).zip(now.wall.checked_add(left)).map(|(mono, wall)| Now { mono, wall });
    }

    pub(super) fn remember_validation(&mut self, at: Option<Instant>) {
        self.validated = self.validated.max(at);
    }

    pub(super) fn validated(&self) -> Option<Instant> {
        self.validated
    }

    /// How long ago `sso/validate` was asked last.
    pub(super) fn last_validated(&self, now: Now) -> Option<Duration> {
        self.validated.map(|last| now.mono.saturating_duration_since(last))
    }

    /// The step whose result `command` cannot do without.
    pub(super) fn missing_for(&self, command: Command, login: &Login) -> Option<Step> {
        match command {
            Command::Connect | Command::GetAccessToken | Command::GetLiveSessionToken | Command::Logout => {
                None
            }
            Command::GetBearerToken | Command::Renew if self.access_token.is_none() => {
                Some(Step::GetAccessToken)
            }
            Command::GetBearerToken | Command::Renew => None,
            _ if self.bearer.is_none() => Some(login.opening_step()),
            _ => None,
        }
    }

    /// A new bearer token is a new session: what was known of the old one no longer holds.
    pub(super) fn start_over(&mut self, bearer: SessionToken, ip: Option<Ipv4Addr>) {
        self.forget_session();
        (self.bearer, self.bearer_ip, self.bearer_ends, self.bearer_refused) =
            (Some(bearer), ip, None, false);
    }

    pub(super) fn forget_session(&mut self) {
        self.generation += 1;
        (self.bearer, self.bearer_ip, self.session_id, self.sso, self.auth_status) =
            (None, None, None, None, None);
    }

    pub(super) fn keep_access_token(&mut self, token: AccessToken, now: Now) {
        let until = |life| Some(Now { mono: now.mono.checked_add(life)?, wall: now.wall.checked_add(life)? });
        self.access_token_ends = token.expires_in.and_then(until);
        self.access_token = Some(token);
    }

    /// The access token, unless either clock says that it has ended: one of them may have stood still.
    pub(super) fn access_token(&self, now: Now) -> Option<&AccessToken> {
        let ended = self.access_token_ends.is_some_and(|end| end.mono <= now.mono || end.wall <= now.wall);
        self.access_token.as_ref().filter(|_| !ended)
    }

    /// The last access token, for the login that has just asked for it: whatever end was announced.
    pub(super) fn new_access_token(&self) -> Option<&AccessToken> {
        self.access_token.as_ref()
    }

    /// Whether IBKR will take an `sso/validate` now.
    pub(super) fn may_validate(&self, now: Now) -> bool {
        self.last_validated(now).is_none_or(|ago| ago >= VALIDATE_PAUSE)
    }

    pub(super) fn remember_tickle(&mut self, at: Option<Instant>) {
        self.tickled = self.tickled.max(at);
    }

    /// Takes the right to tickle now; else says when it comes.
    pub(super) fn claim_tickle(&mut self, now: Instant) -> Result<(), Instant> {
        let next = self.tickled.map(|last| last + TICKLE_PAUSE).filter(|next| *next > now);
        next.map_or(Ok(()), Err)?;
        self.tickled = Some(now);
        Ok(())
    }

    /// The tokens, which no error may show even where a server repeats them.
    pub(super) fn secrets(&self) -> Vec<&str> {
        let access = self.access_token.as_ref().map(|token| &token.token);
        let bearer = match &self.bearer {
            Some(SessionToken::Bearer(token)) => Some(token),
            // It is never sent.
            Some(SessionToken::Live(_)) | None => None,
        };
        [access, bearer, self.session_id.as_ref()].into_iter().flatten().map(Secret::expose).collect()
    }

    /// Keeps an address that was looked up; says whether it is a new one.
    fn keep_ip(&mut self, ip: Ipv4Addr, now: Now) -> bool {
        let before = self.looked_up_ip.replace(ip);
        let other = before.filter(|before| *before != ip);
        self.other_ip = other.map(|other| (other, now.mono)).or(self.other_ip);
        before != Some(ip)
    }

    /// A refusal that may be due to several ways out of this machine, with the way to live with them.
    pub(super) fn explain_addresses(&self, refusal: Error, now: Now) -> Error {
        match (self.looked_up_ip, self.other_ip) {
            (Some(one), Some((other, at)))
                if one != other && now.mono.saturating_duration_since(at) < FLIPS_WITHIN =>
            {
                let help = format!(
                    "this machine was seen at {one} and at {other}: if it leaves by several addresses, list them in \
                     alternative_ips; else {}",
                    refusal.help()
                );
                refusal.with_help(help)
            }
            _ => refusal,
        }
    }

    /// Whether `step` may be signed as of this second: signed again within one, a JWS would be the same bytes
    /// again. All recent seconds count, because a clock may be set back.
    pub(super) fn claim_second(&mut self, step: Step, second: u64) -> bool {
        while self.signed.len() >= SIGNED_SECONDS {
            self.signed.pop_first();
        }
        self.signed.insert((second, step))
    }
}
