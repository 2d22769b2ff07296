//! Where a value stands, for errors.

use std::{
    fs::Metadata,
    path::{Path, PathBuf},
    sync::Arc,
};

use zeroize::Zeroizing;

use crate::{
    FileError, env,
    error::Problem,
    local::{self, BYTE_ORDER_MARK},
    value::Text,
    yaml,
};

/// A settings file, as it was when it was opened.
pub(crate) struct SettingsFile {
    path: PathBuf,
    pub(crate) text: Text,
    about: Metadata,
}

impl SettingsFile {
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let wrong = |problem: Problem| problem.at(&path.display().to_string());
        let content = local::read_small(path).map_err(wrong)?;
        let text = Zeroizing::new(utf8(&content.bytes).map_err(wrong)?.to_owned());
        Ok(Self { path: path.to_owned(), text, about: content.about })
    }

    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(crate) fn blame(&self, line: Option<usize>, problem: Problem) -> FileError {
        problem.at(&match line {
            Some(line) => format!("{}:{line}:", self.name()),
            None => self.name(),
        })
    }
}

/// Spelt out only once an error needs it: to find a line costs another reading of the file.
#[derive(Clone)]
pub(crate) enum Location {
    Variable(&'static str),
    /// A variable of another program, in place of one of ours.
    Foreign {
        name: &'static str,
        field: &'static str,
    },
    /// `event` is that of the field's name.
    File {
        file: Arc<SettingsFile>,
        event: usize,
        field: &'static str,
    },
}

impl Location {
    /// The name of the field.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::Variable(field) | Self::Foreign { field, .. } | Self::File { field, .. } => field,
        }
    }

    /// File, line and field, or the variable: the subject of an error's sentence.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Variable(field) => env::variable(field),
            Self::Foreign { name, .. } => (*name).to_owned(),
            Self::File { file, event, field } => match yaml::line_of(&file.text, *event) {
                Some(line) => format!("{}:{line}: `{field}`", file.name()),
                None => format!("{}: `{field}`", file.name()),
            },
        }
    }

    /// The field or the variable alone.
    pub(crate) fn short(&self) -> String {
        match self {
            Self::Variable(field) => env::variable(field),
            Self::Foreign { name, .. } => (*name).to_owned(),
            Self::File { field, .. } => format!("`{field}`"),
        }
    }

    /// Relative paths start here.
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Variable(_) | Self::Foreign { .. } => None,
            Self::File { file, .. } => file.path.parent(),
        }
        .unwrap_or(Path::new(""))
    }

    /// What stands there is a secret: its file is refused if others can read it. Says what should be changed
    /// all the same.
    pub(crate) fn refuse_readable(&self) -> Result<Option<String>, Problem> {
        let Self::File { file, .. } = self else { return Ok(None) };
        let warning =
            local::refuse_readable(&file.about).map_err(|problem| problem.after("stands in a file that"))?;
        Ok(warning.map(|problem| problem.at(&file.name()).to_string()))
    }
}

/// With or without a byte order mark.
fn utf8(bytes: &[u8]) -> Result<&str, Problem> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if let [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, 1..=255, 0, 1..=255, ..] | [1..=255, 0, 1..=255, 0, ..] =
        bytes
    {
        return Err(Problem::new("is UTF-16", "save it as UTF-8"));
    }
    let line = |end: usize| 1 + bytes.iter().take(end).filter(|byte| **byte == b'\n').count();
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Problem::new(format!("is not UTF-8 in line {}", line(error.valid_up_to())), "save it as UTF-8")
    })?;
    match text.find('\0') {
        Some(at) => Err(Problem::new(
            format!("holds a NUL byte in line {}", line(at)),
            "save it as plain text in UTF-8",
        )),
        None => Ok(text),
    }
}
