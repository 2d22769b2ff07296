//! A year as a picture: for each strategy and day, how long there was no good session although one was
//! possible.

use std::{fmt::Write, time::Duration};

use crate::report::{Named, percent};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 96.0;
const PANEL: f64 = 118.0;
const GAP: f64 = 52.0;
const BOTTOM: f64 = 40.0;
/// Time lost in a day at the foot and at the top of a panel.
const SCALE: (f64, f64) = (1.0, 86_400.0);
const MARKS: [(f64, &str); 4] = [(1.0, "1 s"), (60.0, "1 min"), (3600.0, "1 h"), (86_400.0, "24 h")];
/// What may be lost in a day of 24 allowed hours at 99.95 %.
const GOAL: f64 = 43.2;
const MONTHS: [(&str, u32); 12] = [
    ("Jan", 31),
    ("Feb", 28),
    ("Mar", 31),
    ("Apr", 30),
    ("May", 31),
    ("Jun", 30),
    ("Jul", 31),
    ("Aug", 31),
    ("Sep", 30),
    ("Oct", 31),
    ("Nov", 30),
    ("Dec", 31),
];

const STYLE: &str = include_str!("../../docs/plot.css");

/// The picture; the first strategy is ours.
pub(crate) fn svg(all: &[Named], days: u32) -> String {
    let height = TOP + all.len() as f64 * (PANEL + GAP) - GAP + BOTTOM;
    let mut out = String::new();
    let mut line = |text: String| out.push_str(&(text + "\n"));
    line(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<style>\n{STYLE}</style>"
    ));
    line("<title>Time lost on each day of a simulated year</title>".to_owned());
    line(format!(
        "<text class=\"title\" x=\"{LEFT}\" y=\"26\">Time lost on each day of a simulated year</text>"
    ));
    line(format!(
        "<text x=\"{LEFT}\" y=\"49\">How long there was no good session although servers, road and machine allowed one. \
         Dashed: what 99.95 % leaves of a day.</text>"
    ));
    for (index, (name, account)) in all.iter().enumerate() {
        let top = TOP + index as f64 * (PANEL + GAP);
        let class = if index == 0 { "ours" } else { "other" };
        line(format!("<text class=\"name\" x=\"{LEFT}\" y=\"{}\">{name}</text>", top - 8.0));
        line(format!(
            "<text class=\"figure {class}\" x=\"{}\" y=\"{}\">{}</text>",
            WIDTH - RIGHT,
            top - 8.0,
            percent(account.availability()),
        ));
        grid(top, &mut line);
        line(format!(
            "<path class=\"{class}\" stroke-width=\"{:.2}\" d=\"{}\"/>",
            column(days) * 0.72,
            bars(&account.down_by_day, top, days)
        ));
        line(across("goal", top + height_of(GOAL)));
    }
    months(height - BOTTOM + 22.0, days, &mut line);
    line("</svg>".to_owned());
    out
}

fn grid(top: f64, line: &mut impl FnMut(String)) {
    for (seconds, name) in MARKS {
        let y = top + height_of(seconds);
        line(across("line", y));
        line(format!("<text class=\"mark\" x=\"{}\" y=\"{:.1}\">{name}</text>", LEFT - 8.0, y + 4.0));
    }
}

fn across(class: &str, y: f64) -> String {
    format!("<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", WIDTH - RIGHT)
}

fn bars(days: &[Duration], top: f64, count: u32) -> String {
    let mut path = String::new();
    for (day, down) in days.iter().enumerate().filter(|(_, down)| down.as_secs_f64() > SCALE.0) {
        let x = LEFT + (day as f64 + 0.5) * column(count);
        // Writing to a string cannot fail.
        let _ = write!(path, "M{x:.1} {:.1}V{:.1}", top + PANEL, top + height_of(down.as_secs_f64()));
    }
    path
}

fn months(y: f64, days: u32, line: &mut impl FnMut(String)) {
    let mut begins = 0;
    for (name, length) in MONTHS.into_iter().take_while(|_| days == 365) {
        let x = LEFT + (f64::from(begins) + f64::from(length) / 2.0) * column(days);
        line(format!("<text class=\"month\" x=\"{x:.1}\" y=\"{y}\">{name}</text>"));
        begins += length;
    }
}

fn column(days: u32) -> f64 {
    (WIDTH - LEFT - RIGHT) / f64::from(days)
}

/// From the top of a panel down to where a time stands.
fn height_of(seconds: f64) -> f64 {
    let share = (seconds.clamp(SCALE.0, SCALE.1) / SCALE.0).ln() / (SCALE.1 / SCALE.0).ln();
    PANEL * (1.0 - share)
}
