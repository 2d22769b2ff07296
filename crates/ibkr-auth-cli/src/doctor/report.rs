//! The report: lines for people as they are found, or one object for programs at the end.

use std::{
    env,
    io::{self, IsTerminal},
    time::{Duration, Instant, SystemTime},
};

use anstyle::Style;
use console::Term;
use serde_json::{Value, json};

use super::{
    checks::End,
    finding::{Finding, Verdict},
};
use crate::{
    failure::Failure,
    mask::Secrets,
    output::{BAD, DIM, GOOD, Output, WARN},
    utc,
    wrap::{behind, width},
};

const NAME: usize = 18;
/// Symbol and word, before the name.
const INDENT: usize = 7;
const LABEL: usize = 7;

/// What was found so far.
pub(super) struct Report {
    output: Output,
    width: usize,
    begin: Instant,
    at: SystemTime,
    /// Pass, warn, fail, skip.
    counts: [usize; 4],
    checks: Vec<Value>,
    /// What to do first: about the first failure, else about the first warning.
    first: Option<(Verdict, String)>,
}

impl Report {
    pub(super) fn new(output: Output) -> Self {
        let columns = io::stdout().is_terminal().then(|| Term::stdout().size_checked()).flatten();
        Self {
            output,
            width: width(columns.map(|(_, columns)| columns)),
            begin: Instant::now(),
            at: SystemTime::now(),
            counts: [0; 4],
            checks: Vec::new(),
            first: None,
        }
    }

    /// Adds what a check has found, and its parts before it.
    pub(super) fn add(
        &mut self,
        name: &str,
        mut finding: Finding,
        took: Duration,
        secrets: &Secrets,
    ) -> Result<(), Failure> {
        for (name, part) in std::mem::take(&mut finding.parts) {
            self.add(&name, part, took, secrets)?;
        }
        let clean = |text: &str| secrets.cleaned(text);
        let (verdict, name, text) = (finding.verdict, clean(name), clean(&finding.text));
        let meaning = finding.meaning.as_deref().map(clean).filter(|text| !text.is_empty());
        let help = finding.help.as_deref().map(clean).filter(|text| !text.is_empty());
        let call = finding.call.as_ref().map(|call| clean(&call.line()));
        self.counts[verdict as usize] += 1;
        if let (Verdict::Warn | Verdict::Fail, Some(help)) = (verdict, &help)
            && !help.starts_with("nothing")
            && self
                .first
                .as_ref()
                .is_none_or(|(first, _)| *first == Verdict::Warn && verdict == Verdict::Fail)
        {
            self.first = Some((verdict, format!("{name}: {help}")));
        }
        if self.output.json {
            let call: Option<Value> = finding.call.as_ref().map(|call| cleaned(call.json(), secrets));
            self.checks.push(json!({
                "name": name,
                "result": verdict.word(),
                "finding": text,
                "meaning": meaning,
                "help": help,
                "call": call,
                "ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            }));
            return Ok(());
        }
        if self.output.quiet && matches!(verdict, Verdict::Pass | Verdict::Skip) {
            return Ok(());
        }
        let mut lines = head(verdict, &name, &text, self.width);
        for (label, text) in [("means", meaning), ("do", help), ("call", call)] {
            if let Some(text) = text {
                lines += &detail(label, &text, self.width);
            }
        }
        self.output.result(lines)
    }

    /// The end of the report; whether nothing has failed.
    pub(super) fn close(&self, end: &End) -> Result<bool, Failure> {
        let [pass, warn, fail, skip] = self.counts;
        let (version, at) = (env!("CARGO_PKG_VERSION"), utc::stamp(self.at));
        let system = format!("{} {}", env::consts::OS, env::consts::ARCH);
        let seconds = self.begin.elapsed().as_secs_f64();
        let first = self.first.as_ref().map(|(_, first)| first);
        if self.output.json {
            self.output.value(&json!({
                "version": version,
                "time": at,
                "system": system,
                "seconds": seconds,
                "checks": self.checks,
                "counts": { "pass": pass, "warn": warn, "fail": fail, "skip": skip },
                "first_help": first,
            }))?;
        } else {
            let first = match (first, end) {
                (Some(first), _) => behind(first, (10, 10), "Do first: ", self.width),
                (None, End::Reached) => "Nothing to do.".to_owned(),
                (None, End::Interrupted) => "Interrupted: not everything was checked.".to_owned(),
            };
            self.output.line(format_args!(
                "\n{pass} pass, {warn} warn, {fail} fail, {skip} skip in {seconds:.1} s\n\
                 ibkr-auth {version}, {at}, {system}\n{first}"
            ))?;
        }
        Ok(fail == 0)
    }
}

fn cleaned(value: Value, secrets: &Secrets) -> Value {
    match value {
        Value::String(text) => Value::String(secrets.cleaned(&text)),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, cleaned(value, secrets))).collect()
        }
        other => other,
    }
}

fn head(verdict: Verdict, name: &str, text: &str, width: usize) -> String {
    let (symbol, style): (&str, Style) = match verdict {
        Verdict::Pass => ("✓", GOOD),
        Verdict::Warn => ("!", WARN),
        Verdict::Fail => ("✗", BAD),
        Verdict::Skip => ("-", DIM),
    };
    let word = verdict.word();
    let name = format!("{name:<NAME$} ");
    let column = INDENT + name.chars().count();
    behind(text, (column, INDENT + NAME + 1), &format!("{style}{symbol} {word}{style:#} {name}"), width)
}

fn detail(label: &str, text: &str, width: usize) -> String {
    let indent = INDENT + LABEL;
    let label = format!("\n{:INDENT$}{DIM}{:<LABEL$}{DIM:#}", "", format!("{label}:"));
    behind(text, (indent, indent), &label, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_where_their_text_begins() {
        let text = "word ".repeat(30);
        for (width, lines) in [(100, 2), (60, 3), (40, 5)] {
            let shown = behind(&text, (10, 10), "Do first: ", width);
            assert_eq!(shown.lines().count(), lines, "{shown}");
            assert!(shown.lines().all(|line| line.chars().count() <= width), "{shown}");
            assert!(shown.lines().nth(1).unwrap().starts_with("          word"), "{shown}");
        }
        assert_eq!(behind(&"x".repeat(200), (3, 3), "a: ", 100), format!("a: {}", "x".repeat(200)));
    }

    #[test]
    fn the_report_is_as_wide_as_the_terminal_within_bounds() {
        assert_eq!([None, Some(0), Some(80), Some(300)].map(width), [100, 40, 80, 100]);
    }
}
