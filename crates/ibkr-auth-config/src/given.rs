//! A value as it was written, and the readers that turn it into what is meant.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use ibkr_auth_core::unfinished;
use zeroize::Zeroizing;

use crate::{env::Env, error::Problem, paths, place::Place};

/// Text that is wiped on drop.
pub(crate) type Text = Zeroizing<String>;

/// What stands behind a key. Numbers and truth values are kept as they were written.
pub(crate) enum Raw {
    Empty,
    Text(Text),
    #[cfg_attr(not(feature = "yaml"), expect(dead_code, reason = "variables hold text alone"))]
    List(Vec<Text>),
}

impl Raw {
    pub(crate) fn text(&self) -> Result<&str, Problem> {
        match self {
            Self::Text(text) if !text.trim().is_empty() => Ok(text),
            Self::Text(_) | Self::Empty => Err(Problem::new("is empty", "give it a value, or leave it out")),
            Self::List(_) => Err(Problem::new("is a list", "write a single value")),
        }
    }
}

/// The value of one key, and what its readers need to know around it.
pub(crate) struct Given<'a> {
    /// Its key's name.
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) raw: Raw,
    /// Relative paths start here.
    pub(crate) folder: &'a Path,
    pub(crate) env: &'a Env,
}

const LONGEST_TIME: Duration = Duration::from_secs(24 * 60 * 60);

impl Given<'_> {
    pub(crate) fn text(&self) -> Result<&str, Problem> {
        self.raw.text().and_then(finished)
    }

    /// A list; a single value counts as a list of one. Variables separate the items with commas.
    pub(crate) fn list(&self) -> Result<Vec<&str>, Problem> {
        let items: Vec<&str> = match &self.raw {
            Raw::List(items) => items.iter().map(|item| item.as_str()).collect(),
            _ if self.place.is_variable() => self.text()?.split(',').map(str::trim).collect(),
            _ => vec![self.text()?],
        };
        if items.iter().any(|item| item.trim().is_empty()) {
            return Err(Problem::new("has an empty item", "remove that item"));
        }
        items.into_iter().map(finished).collect()
    }

    pub(crate) fn truth(&self) -> Result<bool, Problem> {
        match self.text()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(true),
            "false" | "no" | "off" => Ok(false),
            _ => Err(Problem::new("is neither true nor false", "write `true` or `false`")),
        }
    }

    pub(crate) fn parse<T: FromStr>(&self, what: &str, help: &str) -> Result<T, Problem> {
        parse(self.text()?, what, help)
    }

    /// Seconds, or a number with its unit.
    pub(crate) fn duration(&self) -> Result<Duration, Problem> {
        let problem =
            |what: &str| Problem::new(what, "write it like `10s`, `500ms` or `2m`; a bare number is seconds");
        let text = self.text()?;
        let (number, unit) =
            text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
        let seconds = match unit {
            "" | "s" => 1.0,
            "ms" => 0.001,
            "m" => 60.0,
            _ => return Err(problem("has an unknown unit")),
        };
        let number = number.trim_end();
        if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(problem("is not a time"));
        }
        let number: f64 = number.parse().map_err(|_| problem("is not a time"))?;
        Duration::try_from_secs_f64(number * seconds)
            .ok()
            .filter(|time| *time <= LONGEST_TIME)
            .ok_or_else(|| problem("is longer than a day"))
    }

    pub(crate) fn path(&self) -> Result<PathBuf, Problem> {
        paths::resolve(self.text()?, self.folder, self.env)
    }

    /// The content of the variable that this value names.
    pub(crate) fn variable(&self) -> Result<&OsStr, Problem> {
        let problem = |what: &str| Problem::new(what, "set that variable, or name another one");
        match self.env.os(self.text()?) {
            Some(content) if content.is_empty() => Err(problem("names a variable that is empty")),
            Some(content) => Ok(content),
            None => Err(problem("names a variable that is not set")),
        }
    }
}

fn finished(text: &str) -> Result<&str, Problem> {
    unfinished(text).map_or(Ok(text), |problem| Err(Problem::from_sentence(problem)))
}

pub(crate) fn parse<T: FromStr>(text: &str, what: &str, help: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::new(what, help))
}
