//! The screen as lines of text: what is known, as much as there is room for.

use std::time::SystemTime;

use anstyle::Style;
use console::truncate_str;
use ibkr_auth_blocking::{LoginBudget, Phase};
use ibkr_auth_core::Tier;
use ibkr_auth_store::span;

use super::{status::Status, words::Line};
use crate::{
    local::{clock, clock_with_zone},
    output::{BAD, DIM, GOOD, WARN},
    wrap::behind,
};

/// The columns that the name of a fact takes, or the time of a line.
const NAME: usize = 11;
const PLAIN: Style = Style::new();
const KEYS: [&str; 2] = [
    "p pause, so that you can log in elsewhere   r resume, or take the session back",
    "c check now   q quit, and leave the session open",
];
/// A difference of the clocks that a person should see.
const NOTABLE_SKEW: u64 = 2_000;

/// At most `rows` lines of at most `columns` columns each.
pub(super) fn page(status: &Status, (rows, columns): (usize, usize), has_keys: bool) -> Vec<String> {
    let mut lines = vec![head(status), phase(status), String::new()];
    for (name, style, value) in facts(status) {
        lines.extend(hanging(name, style, &value, columns));
    }
    let keys: &[&str] = if has_keys { &KEYS } else { &[] };
    let recent: Vec<String> = status.recent.iter().flat_map(|line| dated(line, columns)).collect();
    let room = rows.saturating_sub(lines.len() + keys.len() + 2).min(recent.len());
    lines.push(String::new());
    lines.extend_from_slice(&recent[recent.len() - room..]);
    lines.push(String::new());
    lines.truncate(rows.saturating_sub(keys.len()));
    lines.extend(keys.iter().map(|line| format!("{DIM}{line}{DIM:#}")));
    lines.truncate(rows);
    lines.iter().map(|line| truncate_str(line, columns, "…").into_owned()).collect()
}

/// What stays on the terminal at the end.
pub(super) fn farewell(status: &Status) -> Vec<String> {
    status.recent.iter().rev().take(2).rev().flat_map(|line| dated(line, usize::MAX)).collect()
}

fn head(status: &Status) -> String {
    let profile = status.profile.as_ref().map_or_else(String::new, |name| format!("   profile {name}"));
    let (user, time) = (&status.username, clock_with_zone(SystemTime::now()));
    format!("{DIM}ibkr-auth keep{profile}   user {user}   {time}{DIM:#}")
}

fn phase(status: &Status) -> String {
    let style = match status.phase() {
        Phase::Connected => GOOD,
        Phase::Stopped | Phase::Yielded => BAD,
        _ => WARN,
    };
    let since = status.phase_since.elapsed();
    let left = match status.phase() {
        Phase::Waiting { about } | Phase::LoginsSpent { about } => {
            format!(", about {} more", span(about.saturating_sub(since).as_secs()))
        }
        _ => String::new(),
    };
    format!("{style}● {}{style:#}  for {}{left}", status.headline(), span(since.as_secs()))
}

fn facts(status: &Status) -> Vec<(&'static str, Style, String)> {
    let snapshot = &status.snapshot;
    let mut facts = Vec::new();
    facts.extend(status.reason().map(|reason| ("reason", WARN, reason.to_owned())));
    facts.extend(status.way_out().map(|way_out| ("do", WARN, way_out.to_owned())));
    facts.push(("trading", PLAIN, trading(status).to_owned()));
    let account = match status.paper {
        Some(true) => ", paper account",
        Some(false) => ", live account",
        None => "",
    };
    let ip = snapshot.public_ip().map_or_else(String::new, |ip| format!(", seen at {ip}"));
    facts.push(("host", PLAIN, format!("{}{account}{ip}", snapshot.config().host())));
    let tickled = status.tickled.map(|last| format!("{} ago", span(last.elapsed().as_secs())));
    facts.push(("tickle", PLAIN, tickled.unwrap_or_else(|| "none yet".to_owned())));
    if let (Some(ends), true) = (snapshot.bearer_ends(), snapshot.authorization().is_some()) {
        let left = ends.duration_since(SystemTime::now()).unwrap_or_default();
        facts.push(("session", PLAIN, format!("ends in {} unless it is extended", span(left.as_secs()))));
    }
    let skew = snapshot.clock_skew().millis();
    if skew.unsigned_abs() >= NOTABLE_SKEW {
        let text = format!("IBKR's is {:+} s from ours: set this machine's clock", skew / 1_000);
        facts.push(("clock", WARN, text));
    }
    let (LoginBudget { per_hour, per_day }, (hour, day)) = (LoginBudget::default(), status.logins);
    let logins = format!("{hour} of {per_hour} within the hour, {day} of {per_day} within the day");
    facts.push(("logins", PLAIN, logins));
    facts.push(("uptime", PLAIN, span(status.uptime().as_secs())));
    facts
}

/// Whether orders can be placed: what IBKR said before it broke is no news.
fn trading(status: &Status) -> &'static str {
    match status.snapshot.auth_status() {
        _ if status.snapshot.config().tier() == Tier::ReadOnly => "not wanted (tier: read-only)",
        Some(said) if said.competing => "not ready: another login has the session",
        Some(said) if said.is_ready() && status.phase() == Phase::Connected => "ready",
        _ => "not ready",
    }
}

fn dated(line: &Line, columns: usize) -> Vec<String> {
    hanging(&clock(line.at), line.level.style(), &line.text, columns)
}

/// Text behind its name, in as many lines as it needs.
fn hanging(name: &str, style: Style, text: &str, columns: usize) -> Vec<String> {
    let text = behind(text, (NAME, NAME), "", columns);
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let line =
        |(name, text): (&str, &str)| format!("{DIM}{name:<9}{DIM:#}  {style}{}{style:#}", text.trim_start());
    names.zip(text.split('\n')).map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anstream::adapter::strip_str;
    use console::measure_text_width;
    use ibkr_auth_blocking::{Config, Session, Sign};
    use ibkr_jws::SignError;

    use super::*;
    use crate::keep::words::Level;

    struct NoKey;

    impl Sign for NoKey {
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
            Err(SignError::new("no key"))
        }
    }

    fn status() -> Status {
        let config = Config::new("client", "main", "username").unwrap();
        let snapshot = Session::new(config, NoKey, 0).snapshot();
        let mut status = Status::new(Some("paper".to_owned()), "username", Duration::from_secs(60), snapshot);
        for number in 0..20 {
            status.note(Line::new(Level::Warning, format!("line {number}\nwith a break")));
        }
        status
    }

    fn plain(status: &Status, rows: usize, columns: usize) -> String {
        strip_str(&page(status, (rows, columns), true).join("\n")).to_string()
    }

    #[test]
    fn a_page_fits_whatever_the_size() {
        let status = status();
        for rows in 0..40 {
            for columns in [1, 5, 20, 79, 200] {
                for has_keys in [false, true] {
                    let page = page(&status, (rows, columns), has_keys);
                    assert!(page.len() <= rows, "{rows}: {page:#?}");
                    assert!(page.iter().all(|line| measure_text_width(line) <= columns), "{page:#?}");
                    assert!(page.iter().all(|line| !line.contains('\n')), "{page:#?}");
                }
            }
        }
    }

    #[test]
    fn what_is_too_long_for_a_line_goes_on_in_the_next() {
        let mut status = status();
        status.note(Line::new(
            Level::Person,
            "a long text whose end says what to do: `ibkr-auth login --compete`",
        ));
        let page = plain(&status, 30, 40);
        let shown = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains("whose end says what to do: `ibkr-auth login --compete`"), "{page}");
    }

    #[test]
    fn a_low_page_keeps_what_matters_most() {
        let low = plain(&status(), 6, 100);
        assert!(low.lines().nth(1).is_some_and(|line| line.starts_with("● off")), "{low}");
        assert!(low.lines().last().is_some_and(|line| line.contains("q quit")), "{low}");
    }

    #[test]
    fn a_high_page_has_as_many_of_the_last_lines_as_there_is_room_for() {
        let high = plain(&status(), 40, 100);
        assert!(high.contains("line 0 with a break") && high.contains("line 19 with a break"), "{high}");
        let lower = plain(&status(), 20, 100);
        assert!(!lower.contains("line 7 ") && lower.contains("line 19 with a break"), "{lower}");
        assert!(high.contains("profile paper   user u…e"), "{high}");
    }
}
