//! Passphrases, which are not fetched before they are needed, and other secrets that fill a file.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use ibkr_auth_core::Secret;
use zeroize::Zeroizing;

use crate::{
    FileError,
    env::Env,
    error::Problem,
    local::{self, BYTE_ORDER_MARK},
    location::Location,
    value::Value,
};

/// What opens an encrypted file: the passphrase itself, or where the settings say that it is. `Debug` shows
/// nothing of it.
#[derive(Clone)]
pub struct Passphrase(From);

#[derive(Clone)]
enum From {
    Given(Secret),
    File {
        path: PathBuf,
        location: Location,
    },
    /// What the variable held when the settings were read.
    Variable {
        content: Result<Zeroizing<Vec<u8>>, Problem>,
        location: Location,
    },
}

impl Passphrase {
    /// The passphrase itself.
    pub fn new(secret: Secret) -> Self {
        Self(From::Given(secret))
    }

    /// Reads it as text. What should be changed about its file is told to the log.
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do.
    pub fn secret(&self) -> Result<Secret, FileError> {
        let mut warnings = Vec::new();
        let bytes = self.read(&mut warnings)?;
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        text(&bytes).map_err(|problem| self.at(problem))
    }

    pub(crate) fn of_file(value: &Value, env: &Env) -> Result<Self, Problem> {
        Ok(Self(From::File { path: value.path(env)?, location: value.location.clone() }))
    }

    pub(crate) fn of_variable(value: &Value, env: &Env) -> Result<Self, Problem> {
        if value.raw()?.contains('$') {
            return Err(Problem::new(
                "is not the name of a variable",
                "write the name alone, such as `KEY_PASSPHRASE`, without `$`",
            ));
        }
        let problem = |what| Problem::new(what, "set that variable, or name another one");
        let content = match env.get(value.text()?) {
            Some(content) if content.is_empty() => Err(problem("names a variable that is empty")),
            Some(content) => Ok(Zeroizing::new(content.as_encoded_bytes().to_vec())),
            None => Err(problem("names a variable that is not set")),
        };
        Ok(Self(From::Variable { content, location: value.location.clone() }))
    }

    pub(crate) fn read(&self, warnings: &mut Vec<String>) -> Result<Zeroizing<Vec<u8>>, FileError> {
        match &self.0 {
            From::Given(secret) => Ok(Zeroizing::new(secret.expose().as_bytes().to_vec())),
            // Its path is not shown: it may be a passphrase in the wrong place.
            From::File { path, location } => {
                read_line(path, &format!("the file of {}", location.field()), "the passphrase", warnings)
            }
            From::Variable { content, .. } => content.clone(),
        }
        .map_err(|problem| self.at(problem))
    }

    fn at(&self, problem: Problem) -> FileError {
        match &self.0 {
            From::Given(_) => problem.at("the passphrase"),
            From::File { location, .. } | From::Variable { location, .. } => problem.at(&location.text()),
        }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A file that holds one secret, of which a line break at the end is no part. `name` is the file's in
/// warnings, `what` is the secret's.
pub(crate) fn read_line(
    path: &Path,
    name: &str,
    what: &str,
    warnings: &mut Vec<String>,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut bytes = local::read_secret(path, name, warnings)?.bytes;
    if matches!(bytes[..], [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) {
        return Err(Problem::new("is UTF-16", "save it as UTF-8"));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(Problem::new("is an empty file", format!("write {what} into it")));
    }
    Ok(bytes)
}

pub(crate) fn text(bytes: &[u8]) -> Result<Secret, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::new("is not UTF-8", "save it as UTF-8"))?;
    Ok(Secret::new(text))
}
