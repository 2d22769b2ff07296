//! A value as it was written, and the readers that turn it into what is meant.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use ibkr_auth_core::unfinished;
use zeroize::Zeroizing;

use crate::{FileError, env::Env, error::Problem, location::Location};

/// Text that is wiped on drop.
pub(crate) type Text = Zeroizing<String>;

/// Numbers and truth values are kept as they were written.
pub(crate) enum Written {
    Empty,
    Text(Text),
    List(Vec<Text>),
}

pub(crate) struct Value {
    pub(crate) location: Location,
    pub(crate) written: Written,
}

const LONGEST_TIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Shorter than the base64 of any RSA key that is long enough.
const LONGEST_PATH: usize = 1000;

impl Value {
    pub(crate) fn blame(&self, problem: Problem) -> FileError {
        problem.at(&self.location.text())
    }

    /// What is written, also if it looks as if somebody should have filled it in.
    pub(crate) fn raw(&self) -> Result<&str, Problem> {
        match &self.written {
            Written::Text(text) if !text.trim().is_empty() => Ok(text),
            Written::Text(_) | Written::Empty => {
                Err(Problem::new("is empty", "give it a value, or leave it out"))
            }
            Written::List(_) => Err(Problem::new("is a list", "write a single value")),
        }
    }

    pub(crate) fn text(&self) -> Result<&str, Problem> {
        self.raw().and_then(finished)
    }

    /// A list; a single value counts as a list of one. Variables separate the items with commas.
    pub(crate) fn list(&self) -> Result<Vec<&str>, Problem> {
        let items: Vec<&str> = match (&self.written, &self.location) {
            (Written::List(items), _) => items.iter().map(|item| item.as_str()).collect(),
            (_, Location::Variable(_)) => self.text()?.split(',').map(str::trim).collect(),
            (_, Location::File { .. } | Location::Foreign { .. }) => vec![self.text()?],
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

    /// Relative to the file that names it, or with `~/`.
    pub(crate) fn path(&self, env: &Env) -> Result<PathBuf, Problem> {
        let text = self.text()?;
        let is_path = |text: &str| {
            !text.contains("-----BEGIN") && !text.contains(char::is_control) && text.len() <= LONGEST_PATH
        };
        if is_path(text.trim()) && !is_path(text) {
            return Err(Problem::new("begins or ends with a line break", "remove that"));
        }
        // A path may be shown in an error, a key pasted in its place must not.
        if !is_path(text) {
            return Err(Problem::new(
                "is not a path",
                "write the path of a file here; the PEM block itself belongs under `private_key`",
            ));
        }
        let Some(rest) = text.strip_prefix("~/") else {
            return Ok(self.location.folder().join(text));
        };
        match env.set("HOME") {
            Some(home) => Ok(Path::new(home).join(rest)),
            None => Err(Problem::new(
                "starts with `~/`, and the variable HOME is not set",
                "write the whole path, or set HOME",
            )),
        }
    }
}

fn finished(text: &str) -> Result<&str, Problem> {
    unfinished(text).map_or(Ok(text), |problem| Err(Problem::from_sentence(problem)))
}
