//! The accounts of a year: when a good session was possible, when there was one, and what it took.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use ibkr_sim::{Counters, Moment};

use crate::world::START;

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3600);
/// How many of the longest recoveries are kept with their story.
const STORIES: usize = 5;

/// The cause of what is lost between a refusal's end and the try that finds it ended, and of what begins
/// within an hour of a refused login: those count against the login budget too.
pub(crate) const AFTER_REFUSAL: &str = "refusal";

/// A time without a good session although one was possible: from the moment at which it became so.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recovery {
    pub(crate) began: Moment,
    pub(crate) lasted: Duration,
    /// What had happened last before it began.
    pub(crate) cause: &'static str,
    /// What happened meanwhile; kept for the longest alone.
    pub(crate) story: Vec<String>,
}

/// A request for an access token, for a bearer, or by OAuth 1.0a for a live session token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    Token,
    Bearer,
    LiveSession,
}

impl Login {
    pub(crate) const ALL: [(Self, &str); 3] = [
        (Self::Token, "token"),
        (Self::Bearer, "`sso-sessions`"),
        (Self::LiveSession, "`live_session_token`"),
    ];
}

/// Writes the accounts while time passes.
#[derive(Debug, Default)]
pub(crate) struct Measure {
    allowed: Duration,
    down_by_day: Vec<Duration>,
    recoveries: Vec<Recovery>,
    open: Option<Recovery>,
    logins: Vec<(Moment, Login)>,
    refusals: usize,
    refused: Option<Moment>,
}

/// The accounts of one strategy in one year.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Account {
    /// How long the servers, the road and the machine would have allowed a good session.
    pub(crate) allowed: Duration,
    /// How long of it there was none, day by day.
    pub(crate) down_by_day: Vec<Duration>,
    /// In order.
    pub(crate) recoveries: Vec<Recovery>,
    /// Token, bearer and live session token requests, in order.
    pub(crate) logins: Vec<(Moment, Login)>,
    /// How many passing refusals were met.
    pub(crate) refusals: usize,
    /// What the servers counted.
    pub(crate) counters: Counters,
}

impl Measure {
    /// Time has passed in which nothing happened. `ready` is when the bearer in use had a ready session.
    /// Says when that has ended a recovery worth telling, so that its story can be [told](Self::tell).
    pub(crate) fn pass(
        &mut self,
        time: Range<Moment>,
        allowed: bool,
        ready: &Option<Range<Moment>>,
        cause: &'static str,
    ) -> Option<Moment> {
        if !allowed {
            return self.close();
        }
        self.allowed += time.end.since(time.start);
        let clamp = |at: Moment| at.clamp(time.start, time.end);
        let good = ready.as_ref().map_or(time.end..time.end, |ready| clamp(ready.start)..clamp(ready.end));
        self.down(time.start..good.start, cause);
        let told = if good.is_empty() { None } else { self.close() };
        self.down(good.end..time.end, cause);
        told
    }

    pub(crate) fn log_in(&mut self, at: Moment, login: Login) {
        self.logins.push((at, login));
    }

    /// A passing refusal was met.
    pub(crate) fn meet_refusal(&mut self) {
        self.refusals += 1;
    }

    /// A login was refused by IBKR's fault.
    pub(crate) fn refuse_login(&mut self, at: Moment) {
        self.refused = Some(at);
    }

    /// The story of the recovery that has just ended.
    pub(crate) fn tell(&mut self, story: impl Iterator<Item = String>) {
        if let Some(recovery) = self.recoveries.last_mut() {
            recovery.story = story.collect();
        }
        let mut told: Vec<_> = self.recoveries.iter_mut().filter(|one| !one.story.is_empty()).collect();
        if told.len() > STORIES
            && let Some(least) = told.iter_mut().min_by_key(|one| one.lasted)
        {
            least.story = Vec::new();
        }
    }

    pub(crate) fn close_account(mut self, days: u32, counters: Counters) -> Account {
        self.close();
        self.down_by_day.resize(days as usize, Duration::ZERO);
        let Self { allowed, down_by_day, recoveries, logins, refusals, .. } = self;
        Account { allowed, down_by_day, recoveries, logins, refusals, counters }
    }

    fn down(&mut self, time: Range<Moment>, cause: &'static str) {
        if time.is_empty() {
            return;
        }
        let is_shadow = self.refused.is_some_and(|refused| time.start.since(refused) <= HOUR);
        let cause = if is_shadow { AFTER_REFUSAL } else { cause };
        let new = Recovery { began: time.start, lasted: Duration::ZERO, cause, story: Vec::new() };
        self.open.get_or_insert(new).lasted += time.end.since(time.start);
        let mut from = time.start;
        while from < time.end {
            let day = (from.since(START).as_secs() / DAY.as_secs()) as usize;
            let until = time.end.min(START + DAY * (day as u32 + 1));
            if self.down_by_day.len() <= day {
                self.down_by_day.resize(day + 1, Duration::ZERO);
            }
            self.down_by_day[day] += until.since(from);
            from = until;
        }
    }

    fn close(&mut self) -> Option<Moment> {
        let recovery = self.open.take()?;
        let (began, lasted) = (recovery.began, recovery.lasted);
        if recovery.cause == AFTER_REFUSAL {
            self.recoveries.push(recovery);
            return None;
        }
        let told = self.recoveries.iter().filter(|one| !one.story.is_empty());
        let longer = told.filter(|one| one.lasted >= lasted).count();
        self.recoveries.push(recovery);
        (longer < STORIES).then_some(began)
    }
}

impl Account {
    pub(crate) fn down(&self) -> Duration {
        self.recoveries.iter().map(|one| one.lasted).sum()
    }

    /// The share of the allowed time with a good session.
    pub(crate) fn availability(&self) -> f64 {
        1.0 - self.down().as_secs_f64() / self.allowed.as_secs_f64()
    }

    /// The same, as if a client could know when a refusal has passed.
    pub(crate) fn availability_but_refusals(&self) -> f64 {
        let late: Duration = self.lengths(true).iter().sum();
        1.0 - (self.down() - late).as_secs_f64() / (self.allowed - late).as_secs_f64()
    }

    /// The length that this share of the recoveries does not exceed, but for those from refusals.
    pub(crate) fn recovery(&self, share: f64) -> Duration {
        quantile(&self.lengths(false), share)
    }

    /// How long it took to find out that a refusal had passed, in this share of the cases at most.
    pub(crate) fn back_after_refusal(&self, share: f64) -> Duration {
        quantile(&self.lengths(true), share)
    }

    /// The lengths of recoveries from refusals, or of the others, in order.
    fn lengths(&self, from_refusals: bool) -> Vec<Duration> {
        let wanted = self.recoveries.iter().filter(|one| (one.cause == AFTER_REFUSAL) == from_refusals);
        let mut lengths: Vec<_> = wanted.map(|one| one.lasted).collect();
        lengths.sort();
        lengths
    }

    pub(crate) fn worst(&self) -> Duration {
        self.recovery(1.0)
    }

    /// The longest recoveries, the longest first.
    pub(crate) fn longest(&self) -> Vec<&Recovery> {
        let mut told: Vec<_> = self.recoveries.iter().filter(|one| !one.story.is_empty()).collect();
        told.sort_by_key(|one| std::cmp::Reverse(one.lasted));
        told
    }

    /// Recoveries by what came before them: the costliest first.
    pub(crate) fn causes(&self) -> Vec<(&'static str, Vec<Duration>)> {
        let mut causes: BTreeMap<&'static str, Vec<Duration>> = BTreeMap::new();
        for recovery in &self.recoveries {
            causes.entry(recovery.cause).or_default().push(recovery.lasted);
        }
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.iter_mut().for_each(|(_, lengths)| lengths.sort());
        causes.sort_by_key(|(_, lengths)| std::cmp::Reverse(lengths.iter().sum::<Duration>()));
        causes
    }

    pub(crate) fn logins(&self, login: Login) -> usize {
        self.logins.iter().filter(|(_, kind)| *kind == login).count()
    }

    /// The most logins of a kind in any hour.
    pub(crate) fn worst_hour(&self, login: Login) -> usize {
        self.most_within(HOUR, login)
    }

    /// The most logins of a kind in any 24 hours.
    pub(crate) fn worst_day(&self, login: Login) -> usize {
        self.most_within(DAY, login)
    }

    fn most_within(&self, span: Duration, login: Login) -> usize {
        let times: Vec<_> =
            self.logins.iter().filter(|(_, kind)| *kind == login).map(|(at, _)| *at).collect();
        let mut from = 0;
        let counts = times.iter().enumerate().map(|(index, at)| {
            while at.since(times[from]) >= span {
                from += 1;
            }
            index - from + 1
        });
        counts.max().unwrap_or(0)
    }

    /// Assertions, or nonces, that were used twice.
    pub(crate) fn replays(&self) -> u64 {
        self.counters.refused_for("replay") + self.counters.refused_for("oauth_nonce")
    }

    /// Answers 429.
    pub(crate) fn too_many(&self) -> u64 {
        self.counters.statuses.get(&429).copied().unwrap_or(0)
    }
}

/// What this share of the lengths does not exceed.
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let index = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(index.saturating_sub(1)).copied().unwrap_or_default()
}
