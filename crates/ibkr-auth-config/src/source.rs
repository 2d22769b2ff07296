//! The settings file: its text, and where in it something stands.

use std::{
    fs::Metadata,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{
    FileError,
    error::Problem,
    file, local,
    yaml::{self, Content, Fault},
};

pub(crate) struct Source {
    path: PathBuf,
    text: Zeroizing<String>,
    about: Metadata,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let wrong = |problem: Problem| problem.at(&path.display().to_string());
        let content = file::read(path).map_err(wrong)?;
        let text = Zeroizing::new(file::text(&content.bytes).map_err(wrong)?.to_owned());
        Ok(Self { path: path.to_owned(), text, about: content.about })
    }

    /// It holds a secret: nobody else may read it. A file that only should not be read is told of.
    pub(crate) fn refuse_readable(&self) -> Result<Option<String>, Problem> {
        let warning =
            local::refuse_readable(&self.about).map_err(|problem| problem.after("stands in a file that"))?;
        Ok(warning.map(|problem| problem.at(&self.name()).to_string()))
    }

    pub(crate) fn content(&self) -> Result<Content, FileError> {
        yaml::read(&self.text).map_err(|fault| self.blame(fault))
    }

    /// The names of its profiles, whatever else it holds.
    pub(crate) fn profiles(&self) -> Result<Vec<String>, FileError> {
        yaml::profiles(&self.text).map_err(|fault| self.blame(fault))
    }

    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Where a key stands: in a profile, or on the top level.
    pub(crate) fn place(&self, profile: Option<&str>, key: &str) -> String {
        match yaml::line_of(&self.text, profile, key) {
            Some(line) => format!("{}:{line}: `{key}`", self.name()),
            None => format!("{}: `{key}`", self.name()),
        }
    }

    fn blame(&self, fault: Fault) -> FileError {
        fault.problem.at(&match fault.line {
            Some(line) => format!("{}:{line}:", self.name()),
            None => self.name(),
        })
    }
}
