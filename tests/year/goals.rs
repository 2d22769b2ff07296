//! What a year has to show.

use std::time::Duration;

use crate::{
    measure::{Account, Login},
    strategy::Ours,
};

const AVAILABILITY: f64 = 0.9995;
const RECOVERY: Duration = Duration::from_secs(90);
/// The longest of the slow retries after a refusal, its jitter, and a recovery.
const BACK_AFTER_REFUSAL: Duration = Duration::from_secs(3600 + 30 + 90);

/// The goals that an account misses, each in words.
pub(crate) fn missed(account: &Account) -> Vec<String> {
    let budget = Ours::budget();
    let mut missed = Vec::new();
    let mut demand = |met: bool, what: String| {
        if !met {
            missed.push(what);
        }
    };
    let availability = account.availability_but_refusals();
    demand(availability >= AVAILABILITY, format!("availability {:.4} %", 100.0 * availability));
    demand(account.worst() <= RECOVERY, format!("a recovery of {:.1} s", account.worst().as_secs_f64()));
    let back = account.back_after_refusal(1.0);
    demand(back <= BACK_AFTER_REFUSAL, format!("back {:.1} s after a refusal", back.as_secs_f64()));
    for (login, name) in Login::ALL {
        let (hour, day) = (account.worst_hour(login), account.worst_day(login));
        demand(hour <= budget.per_hour, format!("{hour} {name} requests in an hour"));
        demand(day <= budget.per_day, format!("{day} {name} requests in 24 hours"));
    }
    demand(account.replays() == 0, format!("{} assertions used twice", account.replays()));
    missed
}
