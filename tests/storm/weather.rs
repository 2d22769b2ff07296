//! How bad it is in one round: what may happen, and how often.

use std::time::Duration;

use ibkr_auth_core::{Config, Host, KeepConnected, LoginBudget, OnCompeting, Region, Retry, Tier};
use ibkr_auth_tests::chance::Chance;

use crate::oauth1;

/// Kinds of trouble that a round may be spared, to find out which one a failure needs.
pub(crate) const KINDS: [(u32, &str); 13] = [
    (JUMPS, "clock jumps"),
    (DATES, "odd Date headers"),
    (LONG_WAITS, "Retry-After of more than an hour"),
    (EXTREMES, "extreme settings"),
    (COMMANDS, "commands beside the automatic mode's own"),
    (LOSSES, "losses, duplicates, strays"),
    (REFUSALS, "refusals for good"),
    (TWISTS, "twisted and truncated answers"),
    (COOKIES, "Set-Cookie"),
    (CLOSES, "kept connections that the server has closed"),
    (PASSING, "refusals that pass"),
    (SHORT_LIVES, "short lives"),
    (OAUTH1, "a login by OAuth 1.0a"),
];
pub(crate) const JUMPS: u32 = 1;
pub(crate) const DATES: u32 = 2;
pub(crate) const LONG_WAITS: u32 = 4;
pub(crate) const EXTREMES: u32 = 8;
pub(crate) const COMMANDS: u32 = 16;
pub(crate) const LOSSES: u32 = 32;
pub(crate) const REFUSALS: u32 = 64;
pub(crate) const TWISTS: u32 = 128;
pub(crate) const COOKIES: u32 = 256;
pub(crate) const CLOSES: u32 = 512;
pub(crate) const PASSING: u32 = 1024;
pub(crate) const SHORT_LIVES: u32 = 2048;
pub(crate) const OAUTH1: u32 = 4096;

/// In milliseconds, what a session is said to live.
const LIVES: [usize; 3] = [0, 90_000, 120_000];
pub(crate) const HOUR_MS: usize = 3_600_000;

pub(crate) const DAY_MS: u64 = 86_400_000;

/// A user who must not appear in any text. OAuth 1.0a knows none: there it is the access token.
pub(crate) const CREDENTIAL: &str = "canary-user";

#[derive(Debug, Clone)]
pub(crate) struct Weather {
    /// Shares in a thousand.
    pub(crate) healthy: u32,
    pub(crate) command: u32,
    pub(crate) jump: u32,
    pub(crate) loss: u32,
    pub(crate) late: u32,
    pub(crate) date: u32,
    pub(crate) cookie: u32,
    /// Requests on connections that the server has closed.
    pub(crate) closed: u32,
    /// Moves at which IBKR begins to refuse whom it knew.
    pub(crate) passing: u32,
    /// What healthy answers say that tokens and sessions live, in milliseconds.
    pub(crate) life: usize,
    pub(crate) refusals: bool,
    pub(crate) twists: bool,
    pub(crate) long_waits: bool,
    /// Whether the user gives commands that send requests beside the automatic mode.
    pub(crate) mixed: bool,
    pub(crate) moves: usize,
}

impl Weather {
    pub(crate) fn new(chance: &mut Chance, spared: u32) -> Self {
        let mut sometimes = |kind: u32, share: u32| chance.per_mille(share) && spared & kind == 0;
        let (jumps, dates, cookies) = (sometimes(JUMPS, 300), sometimes(DATES, 300), sometimes(COOKIES, 500));
        let (mixed, losses) = (sometimes(COMMANDS, 400), sometimes(LOSSES, 700));
        let (refusals, twists, long) =
            (sometimes(REFUSALS, 300), sometimes(TWISTS, 600), sometimes(LONG_WAITS, 100));
        let (closes, passing, short) =
            (sometimes(CLOSES, 400), sometimes(PASSING, 300), sometimes(SHORT_LIVES, 300));
        let life = if short { chance.pick(&LIVES) } else { HOUR_MS };
        let mut share = |on: bool, most: usize| if on { chance.below(most) as u32 } else { 0 };
        Self {
            jump: share(jumps, 60),
            loss: share(losses, 300),
            late: share(losses, 100),
            date: share(dates, 500),
            cookie: share(cookies, 500),
            closed: share(closes, 500),
            passing: share(passing, 60),
            life,
            healthy: share(true, 1000),
            command: share(true, 80),
            refusals,
            twists,
            long_waits: long,
            mixed,
            moves: 20 + share(true, 180) as usize,
        }
    }

    pub(crate) fn calm() -> Self {
        Self {
            healthy: 1000,
            command: 0,
            jump: 0,
            loss: 0,
            late: 0,
            date: 0,
            cookie: 0,
            closed: 0,
            passing: 0,
            life: HOUR_MS,
            refusals: false,
            twists: false,
            long_waits: false,
            mixed: false,
            moves: 0,
        }
    }
}

pub(crate) fn config(chance: &mut Chance, spared: u32) -> Config {
    let seconds = Duration::from_secs;
    let is_oauth1 = chance.per_mille(500) && spared & OAUTH1 == 0;
    let login = match is_oauth1 {
        true => Ok(oauth1::config(chance)),
        false => Config::new("TESTCLIENT", "main", CREDENTIAL),
    };
    let mut config = login
        .and_then(|config| config.with_timeout(chance.pick(&[seconds(1), seconds(15), seconds(60)])))
        .expect("valid")
        .with_compete(chance.per_mille(400))
        .with_establish_within(chance.pick(&[seconds(0), seconds(5), seconds(30), seconds(120)]))
        .unwrap();
    if chance.per_mille(300) {
        config = config.with_tier(Tier::ReadOnly);
    }
    if !is_oauth1 && chance.per_mille(300) {
        config = config.with_public_ip([203, 0, 113, 7].into()).unwrap();
    }
    if chance.per_mille(200) {
        config = config.with_retry(Retry { attempts: 2, ..Retry::default() }).expect("valid");
    }
    if chance.per_mille(10) && spared & EXTREMES == 0 {
        config = config.with_establish_within(seconds(600)).unwrap();
    }
    config
}

/// What the automatic mode is asked for.
pub(crate) struct Asked {
    pub(crate) policy: KeepConnected,
    pub(crate) logins: LoginBudget,
    pub(crate) tickle_every: Duration,
    pub(crate) retake_after: Duration,
    pub(crate) never_competes: bool,
}

pub(crate) fn policy(chance: &mut Chance, spared: u32) -> Asked {
    let mut retake_after = chance.time(Duration::from_secs(1), Duration::from_secs(3_600));
    let (mut per_hour, mut per_day) = chance.pick(&[(12, 60), (1, 1), (2, 3), (3, 60), (60, 1000)]);
    if chance.per_mille(10) && spared & EXTREMES == 0 {
        (per_hour, per_day) = chance.pick(&[(0, 0), (usize::MAX, usize::MAX), (5, 0)]);
        retake_after = chance.pick(&[Duration::MAX, Duration::ZERO]);
    }
    let competing =
        [OnCompeting::Yield, OnCompeting::Take, OnCompeting::RetakeAfter(retake_after), OnCompeting::Never];
    let competing = chance.pick(&competing);
    let logins = LoginBudget { per_hour, per_day };
    let tickle_every = chance.time(Duration::from_secs(10), Duration::from_secs(120));
    let hosts = [1, 2, 3].map(|number| Host::numbered(number).expect("valid"));
    let policy = KeepConnected::default()
        .with_competing(competing)
        .with_logins(logins)
        .with_tickle_every(tickle_every)
        .expect("within its bounds")
        .with_region(chance.pick(&[Region::NewYork, Region::Zug, Region::HongKong]))
        .with_hosts(hosts.into_iter().take(chance.below(4)));
    let never_competes = competing == OnCompeting::Never;
    Asked { policy, logins, tickle_every, retake_after, never_competes }
}
