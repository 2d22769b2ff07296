//! Numbers of runs: what a program says, what its process cost, and what the middle of many runs is.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
};

use crate::process;

/// What one run took, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) wall: f64,
    pub(super) processor: f64,
}

/// Numbers that a program wrote to standard output, a name before each line of them.
pub(super) struct Told(String);

impl Told {
    /// The numbers of the line with this name.
    pub(super) fn numbers<const N: usize>(&self, name: &str) -> Result<[f64; N], String> {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let numbers: Option<Vec<f64>> =
            line.map(|line| line.split_whitespace().filter_map(|word| word.parse().ok()).collect());
        let numbers = numbers.and_then(|numbers| numbers.try_into().ok());
        numbers.ok_or_else(|| format!("no `{name}` with {N} numbers in what was measured:\n{}", self.0))
    }

    pub(super) fn cost(&self, name: &str) -> Result<Cost, String> {
        let [wall, processor] = self.numbers(name)?;
        Ok(Cost { wall, processor })
    }
}

/// Runs the program to its end.
pub(super) fn run(command: &mut Command) -> Result<Told, String> {
    process::output(command).map(Told)
}

/// Runs programs at the same time.
pub(super) fn run_all(commands: Vec<Command>) -> Result<Vec<Told>, String> {
    let start = |mut command: Command| command.stdout(Stdio::piped()).spawn();
    let running: Result<Vec<Child>, _> = commands.into_iter().map(start).collect();
    let finish = |mut child: Child| {
        let mut text = String::new();
        if let Some(stdout) = &mut child.stdout {
            stdout.read_to_string(&mut text)?;
        }
        child.wait().map(|_| Told(text))
    };
    running.and_then(|all| all.into_iter().map(finish).collect()).map_err(|error| error.to_string())
}

/// The same quantity, run after run.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample(Vec<f64>);

impl Sample {
    pub(super) fn add(&mut self, value: f64) {
        let place = self.0.partition_point(|other| *other < value);
        self.0.insert(place, value);
    }

    pub(super) fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// What nothing else on the machine has slowed.
    pub(super) fn lowest(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    /// Median, lowest and highest in this unit, and how many times the median of `one` it is.
    pub(super) fn beside(&self, one: &Self, unit: f64) -> String {
        format!("{} · {}", self.shown(unit), times(self.median() / one.median()))
    }

    pub(super) fn shown(&self, unit: f64) -> String {
        let show = |value: f64| figures(value / unit);
        let (low, high) = (self.0.first().copied(), self.0.last().copied());
        let all = low
            .zip(high)
            .map(|(low, high)| format!("{} ({}–{})", show(self.median()), show(low), show(high)));
        all.unwrap_or_else(|| "–".to_owned())
    }
}

/// A ratio for a table.
pub(super) fn times(ratio: f64) -> String {
    format!("**{} ×**", figures(ratio))
}

/// A number with as many digits as it deserves.
pub(super) fn figures(value: f64) -> String {
    match value {
        value if value.abs() >= 99.95 => format!("{value:.0}"),
        value if value.abs() >= 9.995 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_tells_its_middle_and_its_ends() {
        let mut sample = Sample::default();
        for value in [30_000.0, 10_000.0, 20_000.0] {
            sample.add(value);
        }
        let mut half = Sample::default();
        half.add(10_000.0);
        assert_eq!(sample.beside(&half, 1e3), "20.0 (10.0–30.0) · **2.00 ×**");
    }

    #[test]
    fn numbers_are_found_by_name() {
        let told = Told("logging in\nlogin 120 40\nprocess 300 90\n".to_owned());
        assert_eq!(told.numbers("process").unwrap(), [300.0, 90.0]);
        assert!(told.numbers::<3>("login").unwrap_err().contains("`login` with 3 numbers"));
    }
}
