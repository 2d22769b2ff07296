//! What befalls single requests and answers on their way.

use std::time::Duration;

use crate::dice::Dice;

/// How often, and how much. docs/YEAR.md shows this table.
const ONE_WAY_MS: (f64, f64) = (15.0, 60.0);
const REQUEST_LOST: f64 = 0.001;
const ANSWER_LOST: f64 = 0.002;
const ANSWER_TWICE: f64 = 0.001;
const ANSWER_SLOW: f64 = 0.01;
const SLOW_S: (f64, f64) = (2.0, 25.0);
/// In a slow period every answer takes this much longer.
const SLOW_PERIOD_S: (f64, f64) = (1.0, 8.0);

/// The fate of one request and its answer.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) out: Duration,
    pub(crate) back: Duration,
    pub(crate) request_lost: bool,
    pub(crate) answer_lost: bool,
    pub(crate) answer_twice: bool,
}

impl Fate {
    pub(crate) fn throw(dice: &mut Dice, slow_period: bool) -> Self {
        let millis = |millis: f64| Duration::from_millis(millis as u64);
        let mut one_way = || millis(dice.scaled(ONE_WAY_MS.0..ONE_WAY_MS.1));
        let (out, mut back) = (one_way(), one_way());
        if dice.chance(ANSWER_SLOW) {
            back += millis(1000.0 * dice.scaled(SLOW_S.0..SLOW_S.1));
        }
        if slow_period {
            back += millis(1000.0 * dice.within(SLOW_PERIOD_S.0..SLOW_PERIOD_S.1));
        }
        Self {
            out,
            back,
            request_lost: dice.chance(REQUEST_LOST),
            answer_lost: dice.chance(ANSWER_LOST),
            answer_twice: dice.chance(ANSWER_TWICE),
        }
    }
}
