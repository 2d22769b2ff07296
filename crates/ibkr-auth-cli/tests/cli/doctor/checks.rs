//! A run of `ibkr-auth doctor --json`, and what is checked in its report.

use std::time::Duration;

use ibkr_sim::Endpoint;
use serde_json::Value;

use crate::common::{Ran, World};

impl World {
    /// At most one login may come of it.
    pub(crate) fn doctor(&self, more: &[&str]) -> Report {
        let before = [Endpoint::Token, Endpoint::SsoSessions].map(|endpoint| self.count(endpoint));
        let report = Report::of(&self.run([&["doctor", "--json"], more].concat()));
        let after = [Endpoint::Token, Endpoint::SsoSessions].map(|endpoint| self.count(endpoint));
        assert!(after[0] - before[0] <= 1 && after[1] - before[1] <= 1, "{before:?} {after:?}");
        report
    }

    /// Another invocation was a minute ago: by the servers' clock, and by the record.
    pub(crate) fn a_minute_later(&self) {
        self.simulator.handle().advance(Duration::from_secs(60));
        self.change_record(|record| record["asked"] = 0.into());
    }
}

/// What the program said.
pub(crate) struct Report(pub(crate) Value);

impl Report {
    /// One JSON object on standard output, nothing on standard error, and the exit code that goes with it.
    pub(crate) fn of(ran: &Ran) -> Self {
        assert_eq!(ran.err, "");
        let report = ran.json();
        let failed = report["counts"]["fail"] != 0;
        assert_eq!(ran.code, Some(i32::from(failed)), "{report:#}");
        Self(report)
    }

    pub(crate) fn check(&self, name: &str) -> &Value {
        let checks = self.0["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {:#}", self.0))
    }

    /// How a check ended, with these words in what is said about it.
    #[track_caller]
    pub(crate) fn expect(&self, name: &str, result: &str, words: &[&str]) {
        let check = self.check(name);
        assert_eq!(check["result"], result, "{check:#}");
        let said = check.to_string();
        words.iter().for_each(|word| assert!(said.contains(word), "{word}: {check:#}"));
        let explained = check["meaning"].is_string() && check["help"].is_string();
        assert_eq!(explained, matches!(result, "warn" | "fail"), "{check:#}");
    }

    /// The names of the checks that ended so.
    pub(crate) fn all(&self, result: &str) -> Vec<&str> {
        let checks = self.0["checks"].as_array().unwrap().iter();
        checks
            .filter(|check| check["result"] == result)
            .map(|check| check["name"].as_str().unwrap())
            .collect()
    }
}
