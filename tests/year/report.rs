//! The accounts of a year, for people.

use std::time::Duration;

use crate::{
    goals::missed,
    measure::{Account, Login},
    world::World,
};

/// A strategy's name and its accounts.
pub(crate) type Named = (&'static str, Account);

/// One column for each strategy.
pub(crate) fn table(all: &[Named], days: u32) {
    let row = |name: &str, cell: &dyn Fn(&Account) -> String| {
        let cells: String = all.iter().map(|(_, account)| format!(" {} |", cell(account))).collect();
        println!("| {name} |{cells}");
    };
    println!("| |{}", all.iter().map(|(name, _)| format!(" {name} |")).collect::<String>());
    println!("|---|{}", "---:|".repeat(all.len()));
    row("availability", &|one| percent(one.availability()));
    row("but for waits after refusals", &|one| percent(one.availability_but_refusals()));
    row("lost of the allowed time", &|one| span(one.down()));
    row("recoveries", &|one| one.recoveries.len().to_string());
    row("recovery, median", &|one| span(one.recovery(0.5)));
    row("recovery, p99", &|one| span(one.recovery(0.99)));
    row("recovery, worst", &|one| span(one.worst()));
    row("passing refusals met", &|one| one.refusals.to_string());
    row("back after one, median", &|one| span(one.back_after_refusal(0.5)));
    row("back after one, worst", &|one| span(one.back_after_refusal(1.0)));
    for (login, name) in made(all.iter().map(|(_, account)| account)) {
        row(&format!("{name} requests a day"), &|one| {
            format!("{:.1}", one.logins(login) as f64 / f64::from(days))
        });
        row(&format!("{name} requests in the worst hour"), &|one| one.worst_hour(login).to_string());
    }
    row("assertions used twice", &|one| one.replays().to_string());
    row("answers 429", &|one| one.too_many().to_string());
    row("of them in the penalty box", &|one| one.counters.refused_for("penalty-box").to_string());
    row("requests", &|one| one.counters.total().to_string());
}

/// The kinds of logins that anybody has made.
fn made<'a>(
    accounts: impl Iterator<Item = &'a Account> + Clone,
) -> impl Iterator<Item = (Login, &'static str)> {
    Login::ALL.into_iter().filter(move |(login, _)| accounts.clone().any(|one| one.logins(*login) > 0))
}

/// Where the time went: what came before each loss, the costliest first.
pub(crate) fn causes(account: &Account) {
    println!("| after | recoveries | lost | median | worst |\n|---|---:|---:|---:|---:|");
    for (cause, lengths) in account.causes() {
        let sum = lengths.iter().sum::<Duration>();
        let (median, worst) = (lengths[lengths.len() / 2], lengths[lengths.len() - 1]);
        println!("| {cause} | {} | {} | {} | {} |", lengths.len(), span(sum), span(median), span(worst));
    }
}

/// What happened in the longest recoveries.
pub(crate) fn stories(account: &Account) {
    for recovery in account.longest() {
        let when = recovery.began.http_date();
        println!("\n{} from {when}, after: {}", span(recovery.lasted), recovery.cause);
        for line in &recovery.story {
            println!("    {line}");
        }
    }
}

/// The summary of many years, and the goals that they missed.
pub(crate) fn many(accounts: &[(u64, Account)]) -> Vec<String> {
    let least = accounts.iter().map(|(_, one)| one.availability()).fold(1.0, f64::min);
    let mean = accounts.iter().map(|(_, one)| one.availability()).sum::<f64>() / accounts.len() as f64;
    let most = |of: &dyn Fn(&Account) -> u64| accounts.iter().map(|(_, one)| of(one)).max().unwrap_or(0);
    let worst = accounts.iter().map(|(_, one)| one.worst()).max().unwrap_or_default();
    let mut p99: Vec<_> = accounts.iter().map(|(_, one)| one.recovery(0.99)).collect();
    p99.sort();
    println!("| in {} years | |\n|---|---:|", accounts.len());
    println!("| availability, mean | {} |", percent(mean));
    println!("| availability, least | {} |", percent(least));
    let least = accounts.iter().map(|(_, one)| one.availability_but_refusals()).fold(1.0, f64::min);
    println!("| but for waits after refusals, least | {} |", percent(least));
    println!("| recovery, worst p99 of a year | {} |", p99.last().copied().map_or_else(String::new, span));
    println!("| recovery, worst | {} |", span(worst));
    let met = accounts.iter().map(|(_, one)| one.refusals).sum::<usize>();
    let back = accounts.iter().map(|(_, one)| one.back_after_refusal(1.0)).max().unwrap_or_default();
    println!("| passing refusals met | {met} |");
    println!("| back after one, worst | {} |", span(back));
    for (login, name) in made(accounts.iter().map(|(_, account)| account)) {
        println!("| {name} requests, worst hour | {} |", most(&|one| one.worst_hour(login) as u64));
        println!("| {name} requests, worst 24 hours | {} |", most(&|one| one.worst_day(login) as u64));
    }
    println!("| assertions used twice | {} |", most(&Account::replays));
    println!("| answers 429 in a year, most | {} |", most(&Account::too_many));
    accounts.iter().flat_map(|(seed, account)| misses(*seed, account)).collect()
}

/// The goals that a year has missed.
pub(crate) fn misses(seed: u64, account: &Account) -> Vec<String> {
    missed(account).into_iter().map(|goal| format!("seed {seed}: {goal}")).collect()
}

/// What kind of year it is.
pub(crate) fn title(world: &World) -> String {
    format!("{} days from 2026-01-01, seed {}", world.days, world.seed)
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.3} %", 100.0 * share)
}

pub(crate) fn span(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 120.0 => format!("{seconds:.1} s"),
        seconds if seconds < 7_200.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 172_800.0 => format!("{:.1} h", seconds / 3_600.0),
        seconds => format!("{:.1} days", seconds / 86_400.0),
    }
}
