//! What happens in a year, whoever lives through it: all that is not an answer to what a client does.

use std::{net::Ipv4Addr, time::Duration};

use ibkr_sim::{Calendar, CompetingShown, HostState, Moment, Region};

use crate::{
    dice::Dice,
    refusals::{self, REFUSED, Stranger},
};

/// 2026-01-01 00:00 in New York.
pub(crate) const START: Moment = Moment::from_secs(1_767_243_600);
/// All hosts of production. `api.ibkr.com` is everybody's first.
pub(crate) const HOSTS: [&str; 9] = [
    "api.ibkr.com",
    "1.api.ibkr.com",
    "2.api.ibkr.com",
    "3.api.ibkr.com",
    "4.api.ibkr.com",
    "5.api.ibkr.com",
    "6.api.ibkr.com",
    "7.api.ibkr.com",
    "8.api.ibkr.com",
];
/// A time service sets the clock this often, while it runs.
pub(crate) const CLOCK_SET_EVERY: Duration = Duration::from_secs(1024);

pub(crate) const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;
pub(crate) const WEEK: f64 = 7.0 * DAY;
const YEAR: f64 = 365.0 * DAY;

/// Something that comes again and again: every so many seconds on average, for a time between the two.
pub(crate) struct Trouble {
    pub(crate) name: &'static str,
    pub(crate) every: f64,
    pub(crate) lasts: (f64, f64),
}

/// How often, and for how long. docs/YEAR.md shows this table.
const BLIP: Trouble = Trouble { name: "blip", every: DAY / 4.0, lasts: (5.0, 90.0) };
const CUT: Trouble = Trouble { name: "cut", every: YEAR / 12.0, lasts: (5.0 * MINUTE, 2.0 * HOUR) };
const SLOW: Trouble = Trouble { name: "slow", every: WEEK, lasts: (5.0 * MINUTE, 30.0 * MINUTE) };
const ADDRESS: Trouble = Trouble { name: "address", every: WEEK, lasts: (0.0, 0.0) };
const RIVAL: Trouble = Trouble { name: "rival", every: WEEK / 2.0, lasts: (MINUTE, 30.0 * MINUTE) };
pub(crate) const STUCK: Trouble =
    Trouble { name: "stuck", every: YEAR / 12.0, lasts: (10.0 * MINUTE, 4.0 * HOUR) };
pub(crate) const LIAR: Trouble = Trouble { name: "liar", every: YEAR / 12.0, lasts: (HOUR, 2.0 * DAY) };
pub(crate) const SAYS_SHORT: Trouble =
    Trouble { name: "says short", every: YEAR / 12.0, lasts: (HOUR, 2.0 * DAY) };
const LIVES_SHORT: Trouble = Trouble { name: "lives short", every: YEAR / 12.0, lasts: (HOUR, 2.0 * DAY) };
const OUTAGE: Trouble = Trouble { name: "outage", every: YEAR / 12.0, lasts: (MINUTE, 30.0 * MINUTE) };
const RESTART: Trouble = Trouble { name: "restart", every: 2.0 * WEEK, lasts: (20.0, 120.0) };
const HOST: Trouble = Trouble { name: "host", every: YEAR / 12.0, lasts: (HOUR, 8.0 * HOUR) };
const SLEEP: Trouble = Trouble { name: "sleep", every: WEEK, lasts: (30.0, 8.0 * HOUR) };
const STEP: Trouble = Trouble { name: "step", every: YEAR / 12.0, lasts: (10.0 * MINUTE, 12.0 * HOUR) };
const UNSET: Trouble = Trouble { name: "unset", every: YEAR / 4.0, lasts: (DAY, 14.0 * DAY) };
/// Seconds that a session is said to live, whatever it does, and seconds that a bearer token lives unless it
/// is extended.
const SAID_LIVES: [u64; 3] = [0, 90, 120];
const SHORT_LIVES: [u64; 3] = [90, 120, 600];
/// Seconds by which a clock is set wrong, either way.
const STEP_SIZE: (f64, f64) = (5.0, 2.0 * HOUR);
/// How much a clock that nobody sets goes wrong, either way.
const DRIFT: f64 = 50e-6;
/// The most hosts that are dead together.
const DEAD_HOSTS: f64 = 4.0;

/// What changes at a moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// The road to the servers is cut. Requests fail at once (`noticed`) or get no answer.
    RoadDown { noticed: bool },
    /// It is mended.
    RoadUp,
    /// Each answer takes seconds, or no longer.
    Slow(bool),
    /// The public address changes.
    Address(Ipv4Addr),
    /// Somebody logs in on another platform, which IBKR says in one of the ways that were seen.
    RivalComes(CompetingShown),
    /// And out again.
    RivalLeaves,
    /// One kind of looks at a session fails, while everything else works.
    Stuck(&'static str),
    /// The look-up service that is asked first tells the address of somebody else.
    Liar,
    /// IBKR announces that sessions and tokens live so many seconds from each answer on. They are well.
    SaysShort(u64),
    /// One of the three ends, called by the trouble's name.
    Cured(&'static str),
    /// Bearer tokens live so many seconds unless `sso/validate` extends them.
    LivesShort(u64),
    /// And an hour again.
    LivesLong,
    /// IBKR refuses logins of somebody whom it knew, and may have forgotten all that was issued.
    Refused { who: Stranger, forgets: bool },
    /// It accepts them again.
    Accepted,
    /// The servers go down, to come up again with empty memories.
    Restart,
    /// The servers answer 503.
    Outage,
    /// Hosts die.
    HostsDie(Vec<&'static str>, HostState),
    /// All hosts are well.
    HostsHeal,
    /// The machine is suspended. Its monotonic clock goes on or not.
    Sleep { stands: bool },
    /// It wakes up.
    Wake,
    /// The clock on the wall is wrong by so many milliseconds.
    ClockStep(i64),
    /// The time service stops: the clock drifts from now on.
    ClockDrifts,
    /// The time service is back, and the clock right.
    ClockSet,
    /// Midnight in New York.
    Midnight,
}

/// A year of trouble.
#[derive(Debug)]
pub(crate) struct World {
    /// What it was made from.
    pub(crate) seed: u64,
    /// How many days it has.
    pub(crate) days: u32,
    /// IBKR's hours, with this year's outages.
    pub(crate) calendar: Calendar,
    /// What happens, in order.
    pub(crate) changes: Vec<(Moment, Change)>,
    /// How much the machine's clock drifts when nobody sets it.
    pub(crate) drift: f64,
}

impl World {
    /// The year that belongs to a seed.
    pub(crate) fn new(seed: u64, days: u32) -> Self {
        let mut world = Self {
            seed,
            days,
            calendar: Calendar::ibkr(),
            changes: Vec::new(),
            drift: Dice::new(seed, "drift").within(-DRIFT..DRIFT),
        };
        world.road();
        world.servers();
        world.machine();
        world.midnights();
        world.changes.sort_by_key(|(at, _)| *at);
        world
    }

    /// The moment after its last.
    pub(crate) fn end(&self) -> Moment {
        START + Duration::from_secs(u64::from(self.days) * 86_400)
    }

    fn road(&mut self) {
        for trouble in [BLIP, CUT] {
            self.fill(&trouble, |dice| {
                (Change::RoadDown { noticed: dice.chance(0.5) }, Some(Change::RoadUp))
            });
        }
        self.fill(&SLOW, |_| (Change::Slow(true), Some(Change::Slow(false))));
        self.fill(&ADDRESS, |dice| {
            let [a, b, ..] = dice.number().to_be_bytes();
            (Change::Address(Ipv4Addr::new(198, 51, a, b)), None)
        });
    }

    fn servers(&mut self) {
        self.fill(&RIVAL, |dice| {
            let shown = [CompetingShown::Flag, CompetingShown::FailText, CompetingShown::Never];
            let shown = shown[dice.within(0.0..3.0) as usize];
            (Change::RivalComes(shown), Some(Change::RivalLeaves))
        });
        self.fill(&STUCK, |dice| {
            let step = ["tickle", "auth/status"][dice.within(0.0..2.0) as usize];
            (Change::Stuck(step), Some(Change::Cured(STUCK.name)))
        });
        self.fill(&LIAR, |_| (Change::Liar, Some(Change::Cured(LIAR.name))));
        let one_of = |dice: &mut Dice, lives: [u64; 3]| lives[dice.within(0.0..lives.len() as f64) as usize];
        self.fill(&SAYS_SHORT, |dice| {
            (Change::SaysShort(one_of(dice, SAID_LIVES)), Some(Change::Cured(SAYS_SHORT.name)))
        });
        self.fill(&LIVES_SHORT, |dice| {
            (Change::LivesShort(one_of(dice, SHORT_LIVES)), Some(Change::LivesLong))
        });
        let mut dice = Dice::new(self.seed, "who is refused");
        let refused = self.spans(&REFUSED, |_| ()).into_iter();
        let refused = refused.map(|(from, until, ())| refusals::place(&mut dice, from, until)).collect();
        for (from, until, change) in refusals::apart(refused) {
            self.changes.extend([(from, change), (until, Change::Accepted)]);
        }
        self.fill(&HOST, |dice| {
            let state = [HostState::Gone, HostState::Unavailable, HostState::Refuse];
            let state = state[dice.within(0.0..3.0) as usize];
            (Change::HostsDie(some_hosts(dice), state), Some(Change::HostsHeal))
        });
        for (trouble, change) in [(OUTAGE, Change::Outage), (RESTART, Change::Restart)] {
            let outages = self.spans(&trouble, |_| ());
            self.calendar.outages.extend(outages.iter().map(|(from, until, ())| (*from, *until)));
            self.changes.extend(outages.into_iter().map(|(from, ..)| (from, change.clone())));
        }
    }

    fn machine(&mut self) {
        self.fill(&SLEEP, |dice| (Change::Sleep { stands: dice.chance(0.5) }, Some(Change::Wake)));
        self.fill(&STEP, |dice| {
            let size = 1000.0 * dice.scaled(STEP_SIZE.0..STEP_SIZE.1);
            let size = if dice.chance(0.5) { size } else { -size };
            (Change::ClockStep(size as i64), Some(Change::ClockSet))
        });
        self.fill(&UNSET, |_| (Change::ClockDrifts, Some(Change::ClockSet)));
    }

    fn midnights(&mut self) {
        let mut midnight = Region::NewYork.next_midnight(START);
        while midnight < self.end() {
            self.changes.push((midnight, Change::Midnight));
            midnight = Region::NewYork.next_midnight(midnight);
        }
    }

    fn fill(&mut self, trouble: &Trouble, throw: impl Fn(&mut Dice) -> (Change, Option<Change>)) {
        for (from, until, (comes, goes)) in self.spans(trouble, throw) {
            self.changes.push((from, comes));
            self.changes.extend(goes.map(|goes| (until, goes)));
        }
    }

    /// When a trouble comes and goes; the next one comes after the last has gone.
    fn spans<T>(&self, trouble: &Trouble, throw: impl Fn(&mut Dice) -> T) -> Vec<(Moment, Moment, T)> {
        let mut dice = Dice::new(self.seed, trouble.name);
        let seconds = |seconds: f64| Duration::from_millis((seconds * 1000.0) as u64);
        let mut spans = Vec::new();
        let mut at = START;
        loop {
            let from = at + seconds(dice.wait(trouble.every));
            let lasts = match trouble.lasts {
                (least, most) if least > 0.0 => dice.scaled(least..most),
                _ => 0.0,
            };
            let what = throw(&mut dice);
            at = from + seconds(lasts);
            if at >= self.end() {
                return spans;
            }
            spans.push((from, at, what));
        }
    }
}

/// `api.ibkr.com` three times out of four, and up to three others.
fn some_hosts(dice: &mut Dice) -> Vec<&'static str> {
    let count = dice.within(1.0..DEAD_HOSTS + 1.0) as usize;
    let mut hosts: Vec<&str> = dice.chance(0.75).then_some(HOSTS[0]).into_iter().collect();
    while hosts.len() < count {
        let host = HOSTS[dice.within(1.0..HOSTS.len() as f64) as usize];
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

impl Change {
    /// What a loss that follows is put down to.
    pub(crate) fn cause(&self) -> Option<&'static str> {
        Some(match self {
            Self::RoadUp => "road",
            Self::Slow(true) => "slow answers",
            Self::Address(_) => "address",
            Self::RivalComes(_) => "rival",
            Self::Stuck(_) => "stuck step",
            Self::Liar => "lying look-up",
            Self::SaysShort(_) | Self::LivesShort(_) => "short life",
            Self::Restart => "restart",
            Self::Outage => "outage",
            Self::HostsDie(..) => "dead host",
            Self::Wake => "suspend",
            Self::ClockStep(_) => "clock step",
            Self::Midnight => "midnight",
            _ => return None,
        })
    }
}
