//! The settings file: its text, and where in it something stands.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::{
    FileError,
    error::Problem,
    file,
    keys::Key,
    yaml::{self, Entries},
};

pub(crate) struct Source {
    path: PathBuf,
    text: Zeroizing<String>,
    /// Other users can read it.
    pub(crate) open_to_others: bool,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let wrong = |problem: Problem| problem.at(&path.display().to_string());
        let content = file::read(path).map_err(wrong)?;
        let text = Zeroizing::new(file::text(&content.bytes).map_err(wrong)?.to_owned());
        Ok(Self { path: path.to_owned(), text, open_to_others: content.open_to_others })
    }

    pub(crate) fn entries(&self) -> Result<Entries, FileError> {
        yaml::read(&self.text).map_err(|fault| {
            fault.problem.at(&match fault.line {
                Some(line) => format!("{}:{line}:", self.name()),
                None => self.name(),
            })
        })
    }

    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    pub(crate) fn place(&self, key: &Key) -> String {
        match yaml::line_of(&self.text, key.name) {
            Some(line) => format!("{}:{line}: `{}`", self.name(), key.name),
            None => format!("{}: `{}`", self.name(), key.name),
        }
    }
}
