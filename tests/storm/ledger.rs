//! What a session promises, and whether it has kept it so far.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    oauth1::{Minted, Signed},
    weather::Asked,
};
use http::{
    HeaderValue,
    header::{AUTHORIZATION, DATE},
};
use ibkr_auth_core::{
    ErrorKind, Event, LoginBudget, Now, Phase, Request, RequestId, Response, Session, Step, Transmit, Wait,
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
/// From the begin of a login, which is what its budget counts, to its last request: look-ups that fail one by
/// one.
const LOGIN_TAKES: Duration = Duration::from_secs(300);
/// Nor one that he has refused, if it was ahead by more than answers take.
const JUST_NOW: u64 = 2;
/// Nobody accepts a timestamp that is further ahead of his clock.
const ACCEPTED: u64 = 300;

/// A promise that was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) promise: &'static str,
    pub(crate) how: String,
}

pub(crate) type Kept = Result<(), Broken>;

pub(crate) fn keep(kept: bool, promise: &'static str, how: impl FnOnce() -> String) -> Kept {
    if kept { Ok(()) } else { Err(Broken { promise, how: how() }) }
}

pub(crate) struct Ledger {
    /// Hashes of what was signed; of OAuth 1.0a the nonces.
    signed: HashSet<u64>,
    is_oauth1: bool,
    /// The last timestamp that may have been accepted.
    stamped: u64,
    /// Every live session token that a server has made.
    minted: Vec<String>,
    /// Access tokens and bearer tokens, or live session tokens, asked for since the automatic mode was
    /// switched on.
    logins: [Vec<Instant>; 2],
    /// The last request for each step, if nothing was heard of it, and how many in a row took at once the
    /// place of one whose connection broke.
    last: BTreeMap<Step, (Option<RequestId>, u32)>,
    /// The connection of the last request for this step broke at this time.
    broken: Option<(Step, Instant)>,
    /// When the client was last refused.
    refused: Option<Instant>,
    /// It was connected, and told that it waits for the last of the slow retries.
    was_known: bool,
    told_last: bool,
    /// When the clocks were seen to be wrong: each time, one assertion may be signed again.
    clock_was_wrong: Vec<Instant>,
    validated: Option<Instant>,
    /// The last `sso/validate`, whoever asked for it, and under which bearer token.
    extended: Option<(Instant, Option<HeaderValue>)>,
    tickled: Option<Instant>,
    last_sent: Option<Instant>,
    budget: LoginBudget,
    tickle_every: Duration,
    /// No wait may be longer: the longest that a server or the user asked for.
    pub(crate) longest_wait: Duration,
    /// Whether every request is the automatic mode's own.
    alone: bool,
    /// Whether the configuration, or the policy, forbids to end another login.
    compete: bool,
    never: bool,
    /// What ended another login, or could have, and when the user wished for it.
    competed: Vec<Instant>,
    wished: usize,
}

impl Ledger {
    pub(crate) fn new(alone: bool, compete: bool, is_oauth1: bool) -> Self {
        Self {
            signed: HashSet::new(),
            is_oauth1,
            stamped: 0,
            minted: Vec::new(),
            logins: Default::default(),
            last: BTreeMap::new(),
            broken: None,
            refused: None,
            was_known: false,
            told_last: false,
            clock_was_wrong: Vec::new(),
            validated: None,
            extended: None,
            tickled: None,
            last_sent: None,
            budget: LoginBudget::default(),
            tickle_every: Duration::from_secs(120),
            longest_wait: Duration::from_secs(86_400),
            alone,
            compete,
            never: false,
            competed: Vec::new(),
            wished: 0,
        }
    }

    /// The automatic mode begins, and with it its budget.
    pub(crate) fn switched_on(&mut self, asked: &Asked) {
        (self.budget, self.tickle_every) = (asked.logins, asked.tickle_every);
        self.longest_wait = self.longest_wait.max(asked.retake_after);
        self.logins = Default::default();
        (self.was_known, self.told_last, self.refused) = (false, false, None);
        (self.never, self.competed) = (asked.never_competes, Vec::new());
    }

    /// The user has the session taken back.
    pub(crate) fn resumed(&mut self) {
        self.wished += 1;
    }

    /// A request was answered, or its connection broke. Only the first that is heard of it counts.
    pub(crate) fn heard(&mut self, now: Now, id: RequestId, broke: bool, answer: Option<&Response>) {
        let date = answer.and_then(|answer| answer.headers().get(DATE)?.to_str().ok());
        let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
        let refused = answer.is_some_and(|answer| matches!(answer.status().as_u16(), 400 | 401 | 403));
        if let Some(date) = date.and_then(|date| date.duration_since(SystemTime::UNIX_EPOCH).ok())
            && self.stamped > date.as_secs() + if refused { JUST_NOW } else { ACCEPTED }
        {
            self.stamped = 0;
        }
        let waiting = self.last.iter_mut().find(|(_, (last, _))| *last == Some(id));
        if let Some((step, (last, _))) = waiting {
            *last = None;
            // After a suspend the session looks at once.
            let woke = self.clock_was_wrong.last() == Some(&now.mono);
            self.broken = (broke && !woke).then_some((*step, now.mono)).or(self.broken);
        }
    }

    /// What is sent now, the user may have wished for.
    pub(crate) fn commanded(&mut self) {
        self.broken = None;
    }

    pub(crate) fn jumped(&mut self, now: Now) {
        self.clock_was_wrong.push(now.mono);
        self.last_sent = None;
    }

    pub(crate) fn told(&mut self, now: Now, event: &Event) -> Kept {
        if matches!(event, Event::ClockSkew(_) | Event::ClockJumped) {
            self.clock_was_wrong.push(now.mono);
        }
        if let Event::Retrying { after, .. } = event {
            self.told_last |= *after >= HOUR;
        }
        if let Event::Failed { error, .. } = event {
            // Nothing is heard any more of what was given up.
            if let Some((last, _)) = error.step().and_then(|step| self.last.get_mut(&step)) {
                *last = None;
            }
            if error.kind() == ErrorKind::Rejected
                && matches!(error.step(), Some(Step::GetAccessToken | Step::GetLiveSessionToken))
            {
                self.refused = Some(now.mono);
            }
            let kind = match error.step() {
                Some(Step::GetAccessToken) => Some(0),
                Some(Step::GetBearerToken | Step::GetLiveSessionToken) => Some(1),
                _ => None,
            };
            let status = error.status();
            // A closed door counts no logins, and neither does a web page.
            let uncounted = !error.may_have_been_executed()
                || status.is_some_and(|status| status.is_server_error())
                || (error.kind() == ErrorKind::Unreadable
                    && status.is_some_and(|status| !status.is_success()));
            if uncounted && error.step() == Some(Step::SsodhInit) {
                self.competed.pop();
            }
            if let Some(kind) = kind.filter(|_| uncounted) {
                self.logins[kind].pop();
            }
        }
        self.shows_nothing(format!("{event} {event:?}"), "no secret in events and errors")
    }

    /// A server has made, or is making, this live session token.
    pub(crate) fn minted(&mut self, minted: Option<&Minted>) {
        self.minted.extend(minted.map(|minted| minted.token.clone()));
    }

    pub(crate) fn shows_nothing(&self, text: String, promise: &'static str) -> Kept {
        let mut secrets = ["canary", "cafecafe"].into_iter().chain(self.minted.iter().map(String::as_str));
        keep(!secrets.any(|secret| text.contains(secret)), promise, || text)
    }

    /// A request that is signed by itself, of the user's own too.
    pub(crate) fn signed(&mut self, request: &Request) -> Kept {
        let Some(Signed { nonce, timestamp, .. }) = Signed::of(request) else {
            return keep(!self.is_oauth1, "with OAuth 1.0a every request is signed", || {
                request.uri().to_string()
            });
        };
        keep(self.is_oauth1, "with OAuth 2.0 no request is signed by itself", || request.uri().to_string())?;
        self.never_before(&nonce, request.uri().path())?;
        let before = std::mem::replace(&mut self.stamped, timestamp);
        keep(timestamp >= before, "no timestamp is lower than one before", || {
            format!("{timestamp} after {before}")
        })
    }

    fn never_before(&mut self, what: impl Hash, path: &str) -> Kept {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let fresh = self.signed.insert(hasher.finish());
        keep(fresh, "no two signed requests are the same", || path.to_owned())
    }

    pub(crate) fn sent(&mut self, now: Now, transmit: &Transmit, phase: Phase) -> Kept {
        self.last_sent = Some(now.mono);
        let of_oauth2 = matches!(
            transmit.step,
            Step::GetAccessToken | Step::PublicIp | Step::GetBearerToken | Step::ValidateSso
        );
        let foreign = if self.is_oauth1 { of_oauth2 } else { transmit.step == Step::GetLiveSessionToken };
        keep(!foreign, "nothing is sent of the other login", || transmit.step.to_string())?;
        let (signed, request) = (transmit.step.is_signed(), &transmit.request);
        if self.is_oauth1 {
            self.signed(request)?;
        } else if signed {
            self.never_before((request.uri().path(), request.body()), request.uri().path())?;
        }
        if transmit.step == Step::Tickle {
            let ago = self.tickled.replace(now.mono).map(|before| now.mono - before);
            keep(ago.is_none_or(|ago| ago >= SECOND), "at most one tickle a second", || {
                format!("{ago:?} after the last")
            })?;
        }
        if transmit.step == Step::ValidateSso {
            let this = (now.mono, transmit.request.headers().get(AUTHORIZATION).cloned());
            let before = self.extended.replace(this.clone());
            keep(before != Some(this), "of two that ask for sso/validate at once one is sent", String::new)?;
        }
        if !self.alone {
            return Ok(());
        }
        keep(
            !matches!(phase, Phase::Stopped | Phase::Paused) || transmit.step == Step::Logout,
            "nothing but a logout is sent while stopped or paused",
            || format!("{} in {phase}", transmit.step),
        )?;
        self.replaces_once(now, transmit)?;
        if matches!(transmit.step, Step::GetAccessToken | Step::GetLiveSessionToken) {
            self.waits_after_refusal(now)?;
        }
        if transmit.step == Step::SsodhInit && transmit.request.body().ends_with(br#""compete":true}"#) {
            keep(!self.never, "who must never compete never does", String::new)?;
            self.competed.push(now.mono);
            let recent = self.competed.iter().filter(|at| now.mono - **at < HOUR).count();
            // Each wish may be tried until IBKR has answered it.
            // So may what a bearer token that was replaced has left behind.
            let renewed = self.logins[1].iter().filter(|at| now.mono - **at < HOUR).count();
            let kept = self.compete || self.wished > 0 || recent <= 3 + renewed;
            keep(kept, "another login is ended within the budget alone", || {
                format!("{recent} within the hour")
            })?;
        }
        if transmit.step == Step::ValidateSso {
            let before = self.validated.replace(now.mono);
            let ago = before.map(|before| now.mono - before);
            keep(ago.is_none_or(|ago| ago >= 60 * SECOND), "at most one sso/validate a minute", || {
                format!("{ago:?} after the last")
            })?;
        }
        if signed {
            let kind = usize::from(transmit.step != Step::GetAccessToken);
            self.logins[kind].push(now.mono);
            let logins = &self.logins[kind];
            self.within(now, logins, self.budget.per_hour, HOUR)?;
            self.within(now, logins, self.budget.per_day, 24 * HOUR)?;
        }
        Ok(())
    }

    /// A request whose connection broke comes again at once, and once; a logout three times, and not at all
    /// what is taken so rarely.
    fn replaces_once(&mut self, now: Now, transmit: &Transmit) -> Kept {
        let most = match transmit.step {
            // Each time it is another service.
            Step::PublicIp => u32::MAX,
            Step::Tickle | Step::ValidateSso => 0,
            Step::Logout => 3,
            _ => 1,
        };
        let broke = self.broken.take_if(|broken| *broken == (transmit.step, now.mono)).is_some();
        let before = self.last.get(&transmit.step).map_or(0, |(_, times)| *times);
        let times = if broke { before + 1 } else { 0 };
        self.last.insert(transmit.step, (Some(transmit.id), times));
        keep(times <= most, "a broken connection is replaced at once, and once", || {
            format!("{} {times} times at once", transmit.step)
        })
    }

    /// A client that was refused is not tried again at once, unless its clock was wrong.
    fn waits_after_refusal(&self, now: Now) -> Kept {
        let within = |at: &Instant, time| now.mono.saturating_duration_since(*at) < time;
        let refused = self.refused.filter(|at| within(at, 30 * SECOND));
        let excused = self.clock_was_wrong.iter().any(|at| within(at, HOUR));
        keep(refused.is_none() || excused, "a refused login is not repeated at once", || {
            format!("{:?} after the refusal", refused.map(|at| now.mono - at))
        })
    }

    /// A login that is begun asks for one token of each kind, and for a second one if the clock was found
    /// wrong.
    fn within(&self, now: Now, logins: &[Instant], most: usize, window: Duration) -> Kept {
        let recent = |times: &[Instant], window| {
            times.iter().filter(|at| now.mono.saturating_duration_since(**at) < window).count()
        };
        let logins = recent(logins, window - LOGIN_TAKES);
        let again = recent(&self.clock_was_wrong, window + LOGIN_TAKES);
        keep(logins <= most.max(1).saturating_add(again), "the login budget is kept", || {
            format!("{logins} tokens asked for within {window:?}, {most} allowed, {again} clock errors")
        })
    }

    /// After each round of polls.
    pub(crate) fn rests(&mut self, now: Now, session: &Session, wait: Wait, commands: usize) -> Kept {
        let phase = session.phase();
        let on = !matches!(phase, Phase::Off | Phase::Stopped | Phase::Paused);
        keep(wait.until.is_none_or(|until| until > now.mono), "a wait ends in the future", || {
            format!("{phase}")
        })?;
        keep(wait.until.is_some() || !on, "the automatic mode does not sleep for ever", || {
            format!("{phase}")
        })?;
        let asleep = wait.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now.mono));
        keep(asleep <= self.longest_wait, "no wait is longer than anybody asked for", || {
            format!("{asleep:?} in {phase}")
        })?;
        let most = 4 + 2 * commands;
        keep(wait.in_flight <= most, "few requests at once", || {
            format!("{} in flight with {commands} commands open", wait.in_flight)
        })?;
        let reason = session.stopped_by();
        self.was_known |= phase == Phase::Connected;
        let is_refused = reason.is_some_and(|reason| reason.kind() == ErrorKind::Rejected);
        let too_soon = self.alone && is_refused && self.was_known && !self.told_last;
        keep(!too_soon, "whom IBKR knew is given up after the slow retries alone", || format!("{reason:?}"))?;
        keep(
            phase != Phase::Stopped || reason.is_some_and(|reason| !reason.help().is_empty()),
            "stopping has a reason",
            || format!("{reason:?}"),
        )?;
        keep(
            reason.is_none() || matches!(phase, Phase::Stopped | Phase::Off),
            "a reason to stop is told only when stopped",
            || format!("in {phase}: {reason:?}"),
        )?;
        // A renewal leaves the phase as it is, however long its answers take.
        let renewing = wait.in_flight > 0 || !self.alone;
        let agrees = phase != Phase::Connected || renewing || session.is_connected();
        keep(agrees, "the phase `connected` means is_connected()", || format!("{session:?}"))
    }

    /// While it is connected, it is kept alive.
    pub(crate) fn kept_alive(&self, now: Now, session: &Session) -> Kept {
        let Some(last) = self.last_sent.filter(|_| session.phase() == Phase::Connected) else {
            return Ok(());
        };
        let idle = now.mono.saturating_duration_since(last);
        keep(idle <= self.tickle_every + 100 * SECOND, "a session that is connected is tickled", || {
            format!("nothing sent for {idle:?}")
        })
    }
}
