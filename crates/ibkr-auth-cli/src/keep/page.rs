//! The screen as lines of text: what is known, as much as there is room for.

use std::{fmt::Display, time::SystemTime};

use anstyle::Style;
use console::{measure_text_width, truncate_str};
use ibkr_auth_blocking::{AuthStatus, LoginBudget, Phase};
use ibkr_auth_core::Tier;

use super::{status::Status, words::Level};
use crate::{
    commands::span,
    local::{clock, clock_with_zone, day_and_clock},
    output::{BAD, DIM, GOOD, WARN},
    wrap::behind,
};

/// The columns that a fact's name takes, and a time.
const NAME: usize = 11;
const CLOCK: usize = 10;
const PLAIN: Style = Style::new();
const KEYS: &str = "p pause   r resume   c check   q quit   ? help";
const HELP: [&str; 5] = [
    "p  pause: log out, so that you can log in elsewhere",
    "r  resume after a pause; also takes the session back from another login",
    "c  look now whether the session is good; ask whether another login still has it",
    "q  quit, and leave the session open for other invocations; so does Ctrl-C",
    "?  back",
];
/// A difference of the clocks that a person should see.
const NOTABLE_SKEW: u64 = 2_000;

/// How a page is to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) colors: bool,
    pub(super) keys: bool,
    pub(super) help: bool,
}

/// Fewer than `rows` lines of at most `columns` columns each.
pub(super) fn page(status: &Status, look: Look) -> Vec<String> {
    let paint = Paint(look.colors);
    let mut lines = vec![head(status, paint, look.columns), phase(status, paint)];
    let facts = facts(status, paint, look.columns);
    let tail: Vec<String> = match (look.help, look.keys) {
        (true, _) => HELP.iter().map(ToString::to_string).collect(),
        (false, true) => vec![paint.with(DIM, KEYS)],
        (false, false) => Vec::new(),
    };
    let recent: Vec<String> =
        status.recent.iter().flat_map(|line| recent(line, paint, look.columns)).collect();

    let room = look.rows.saturating_sub(lines.len() + tail.len());
    let facts = &facts[..facts.len().min(room)];
    let room = room - facts.len();
    // Empty lines come after everything that says something.
    let shown = if look.help { 0 } else { recent.len().min(room) };
    let mut gaps = room - shown;
    let mut gap = |lines: &mut Vec<String>| {
        if gaps > 0 {
            gaps -= 1;
            lines.push(String::new());
        }
    };
    gap(&mut lines);
    lines.extend_from_slice(facts);
    if shown > 0 {
        gap(&mut lines);
        lines.extend_from_slice(&recent[recent.len() - shown..]);
    }
    if !tail.is_empty() {
        gap(&mut lines);
        lines.extend(tail);
    }
    lines.truncate(look.rows);
    lines.into_iter().map(|line| truncate_str(&line, look.columns, "…").into_owned()).collect()
}

/// What stays on the terminal at the end.
pub(super) fn farewell(status: &Status, colors: bool) -> Vec<String> {
    let paint = Paint(colors);
    let facts = facts(status, paint, usize::MAX);
    let last = status.recent.iter().rev().take(2).rev().flat_map(|line| recent(line, paint, usize::MAX));
    std::iter::once(head(status, paint, 0)).chain(facts).chain(last).collect()
}

fn head(status: &Status, paint: Paint, columns: usize) -> String {
    let profile = status.profile.as_ref().map_or_else(String::new, |name| format!("   profile {name}"));
    let left = format!("ibkr-auth keep{profile}   user {}", status.username);
    let right = clock_with_zone(SystemTime::now());
    let gap = columns.saturating_sub(measure_text_width(&left) + measure_text_width(&right));
    if gap < 3 { paint.with(DIM, left) } else { paint.with(DIM, format!("{left}{}{right}", " ".repeat(gap))) }
}

fn phase(status: &Status, paint: Paint) -> String {
    let style = match status.phase() {
        Phase::Connected => GOOD,
        Phase::Stopped | Phase::Yielded => BAD,
        _ => WARN,
    };
    let mut about = format!("for {}", span(status.phase_since.mono.elapsed().as_secs()));
    if let Phase::Waiting { about: wait } | Phase::LoginsSpent { about: wait } = status.phase() {
        let left = wait.saturating_sub(status.phase_since.mono.elapsed());
        about += &format!(", about {} more", span(left.as_secs()));
    }
    let since = day_and_clock(status.phase_since.wall);
    format!("{}  {about} (since {since})", paint.with(style, format!("● {}", status.headline())))
}

fn facts(status: &Status, paint: Paint, columns: usize) -> Vec<String> {
    let snapshot = &status.snapshot;
    let mut facts = Vec::new();
    let mut fact = |name: &str, style: Style, value: &str| {
        let name = paint.with(DIM, format!("{name:<9}"));
        facts.extend(hanging(&format!("{name}  "), NAME, value, columns, |line| paint.with(style, line)));
    };
    if let Some(reason) = status.reason() {
        fact("reason", WARN, reason);
    }
    if let Some(way_out) = status.way_out() {
        fact("do", WARN, way_out);
    }
    fact("trading", PLAIN, &trading(snapshot.config().tier(), status));
    let account = match status.paper {
        Some(true) => ", paper account",
        Some(false) => ", live account",
        None => "",
    };
    let ip = snapshot.public_ip().map_or_else(String::new, |ip| format!(", seen at {ip}"));
    fact("host", PLAIN, &format!("{}{account}{ip}", snapshot.config().host()));
    fact("tickle", PLAIN, &tickle(status));
    if let (Some(ends), true) = (snapshot.bearer_ends(), snapshot.authorization().is_some()) {
        let left = ends.duration_since(SystemTime::now()).unwrap_or_default();
        fact("session", PLAIN, &format!("ends in {} unless it is extended", span(left.as_secs())));
    }
    if snapshot.clock_skew().millis().unsigned_abs() >= NOTABLE_SKEW {
        let seconds = snapshot.clock_skew().millis() / 1_000;
        let text = format!("IBKR's is {seconds:+} s from ours: set this machine's clock");
        fact("clock", WARN, &text);
    }
    let LoginBudget { per_hour, per_day } = LoginBudget::default();
    let (hour, day) = status.logins;
    fact(
        "logins",
        PLAIN,
        &format!("{hour} of {per_hour} within the hour, {day} of {per_day} within the day"),
    );
    fact(
        "uptime",
        PLAIN,
        &format!("{}, connected {:.1} % of it", span(status.uptime().as_secs()), floor(status.share())),
    );
    facts
}

fn tickle(status: &Status) -> String {
    let Some(last) = status.tickled else { return "none yet".to_owned() };
    let ago = last.elapsed();
    let last = format!("{} ago", span(ago.as_secs()));
    match (status.phase(), status.tickle_every.checked_sub(ago)) {
        (Phase::Connected, Some(next)) => format!("{last}, the next in {}", span(next.as_secs())),
        (Phase::Connected, None) => format!("{last}, the next is due"),
        (Phase::Yielded, _) => match status.asked {
            Some(asked) => {
                format!("{last}; asked {} ago, again within 2 min", span(asked.elapsed().as_secs()))
            }
            None => last,
        },
        _ => last,
    }
}

/// Whether orders can be placed, and what stands in the way: what IBKR said before it broke is no news.
fn trading(tier: Tier, status: &Status) -> String {
    if tier == Tier::ReadOnly {
        return "not wanted (tier: read-only)".to_owned();
    }
    let said = status.snapshot.auth_status();
    match said {
        Some(said) if said.is_ready() && status.phase() == Phase::Connected => "ready".to_owned(),
        Some(said) if !said.is_ready() => format!("not ready: {}", missing(said)),
        _ => "not ready".to_owned(),
    }
}

fn missing(status: &AuthStatus) -> String {
    let flags = [
        ("authenticated", Some(status.authenticated)),
        ("connected", Some(status.connected)),
        ("established", status.established),
    ];
    let missing = flags.into_iter().filter(|(_, is_set)| *is_set == Some(false));
    let mut said: Vec<String> = missing.map(|(name, _)| format!("not {name}")).collect();
    if status.competing {
        said.insert(0, "another login has the session".to_owned());
    }
    said.join(", ")
}

fn recent(line: &super::words::Line, paint: Paint, columns: usize) -> Vec<String> {
    let style = match line.level {
        Level::Info => PLAIN,
        Level::Warning => WARN,
        Level::Person => BAD,
    };
    let at = paint.with(DIM, clock(line.at));
    hanging(&format!("{at}  "), CLOCK, &line.text, columns, |text| paint.with(style, text))
}

/// Text behind its name, in as many lines as it needs.
fn hanging(
    name: &str,
    indent: usize,
    text: &str,
    columns: usize,
    paint: impl Fn(&str) -> String,
) -> Vec<String> {
    let text = behind(text, (indent, indent), "", columns);
    let lines = text.split('\n').enumerate();
    let line = |(index, line): (usize, &str)| match index {
        0 => format!("{name}{}", paint(line)),
        _ => format!("{:indent$}{}", "", paint(line.trim_start())),
    };
    lines.map(line).collect()
}

/// 99.96 is not yet 100.
fn floor(share: f64) -> f64 {
    (share * 10.0).floor() / 10.0
}

/// Colours, where they are wanted.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, style: Style, text: impl Display) -> String {
        if self.0 && style != PLAIN { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ibkr_auth_blocking::{Config, Session, Sign};
    use ibkr_jws::SignError;

    use super::*;
    use crate::keep::words::Line;

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

    fn look(rows: usize, columns: usize) -> Look {
        Look { rows, columns, colors: false, keys: true, help: false }
    }

    #[test]
    fn a_page_fits_whatever_the_size_and_help_too() {
        let status = status();
        for rows in 0..40 {
            for columns in [1, 5, 20, 79, 200] {
                for (help, colors) in [(false, true), (true, false)] {
                    let page = page(&status, Look { help, colors, ..look(rows, columns) });
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
        let page = page(&status, look(30, 40)).join("\n");
        let shown = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains("whose end says what to do: `ibkr-auth login --compete`"), "{page}");
    }

    #[test]
    fn a_low_page_keeps_what_matters_most() {
        let low = page(&status(), look(6, 100));
        assert!(low[1].starts_with("● off"), "{low:#?}");
        assert!(low.last().is_some_and(|line| line.contains("q quit")), "{low:#?}");
    }

    #[test]
    fn a_high_page_has_as_many_of_the_last_lines_as_there_is_room_for() {
        let high = page(&status(), look(40, 100)).join("\n");
        assert!(high.contains("line 0 with a break") && high.contains("line 19 with a break"), "{high}");
        let lower = page(&status(), look(20, 100)).join("\n");
        assert!(!lower.contains("line 7 ") && lower.contains("line 19 with a break"), "{lower}");
        assert!(high.contains("profile paper   user u…e"), "{high}");
    }
}
