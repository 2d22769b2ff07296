//! Where the passphrase of an encrypted key comes from. It is not fetched before it is needed.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::{FileError, error::Problem, file, given::Given, local::Content, place::Place};

#[derive(Clone)]
pub(crate) struct Passphrase {
    place: Place,
    /// The key that names it.
    key: &'static str,
    from: From,
}

#[derive(Clone)]
enum From {
    File(PathBuf),
    /// What the variable held when the settings were read.
    Variable(Result<Zeroizing<Vec<u8>>, Problem>),
}

impl Passphrase {
    pub(crate) fn of_file(given: &Given<'_>) -> Result<Self, Problem> {
        Ok(Self::new(given, From::File(given.path()?)))
    }

    pub(crate) fn of_variable(given: &Given<'_>) -> Result<Self, Problem> {
        if given.raw.text()?.contains('$') {
            return Err(Problem::new(
                "is not the name of a variable",
                "write the name alone, such as `KEY_PASSPHRASE`, without `$`",
            ));
        }
        let content = given.variable().map(|content| Zeroizing::new(content.as_encoded_bytes().to_vec()));
        Ok(Self::new(given, From::Variable(content)))
    }

    fn new(given: &Given<'_>, from: From) -> Self {
        Self { place: given.place.clone(), key: given.name, from }
    }

    pub(crate) fn read(&self, warnings: &mut Vec<String>) -> Result<Zeroizing<Vec<u8>>, FileError> {
        match &self.from {
            From::File(path) => self.read_file(path, warnings),
            From::Variable(content) => content.clone(),
        }
        .map_err(|problem| problem.at(&self.place.text()))
    }

    /// Its path is not shown: it may be a passphrase in the wrong place.
    fn read_file(&self, path: &Path, warnings: &mut Vec<String>) -> Result<Zeroizing<Vec<u8>>, Problem> {
        let Content { mut bytes, .. } =
            file::read_secret(path, &format!("the file of {}", self.key), warnings)?;
        if matches!(bytes[..], [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) {
            return Err(Problem::new("is UTF-16", "save it as UTF-8"));
        }
        if bytes.starts_with(file::BYTE_ORDER_MARK) {
            bytes.drain(..file::BYTE_ORDER_MARK.len());
        }
        for end in [b'\n', b'\r'] {
            if bytes.last() == Some(&end) {
                bytes.pop();
            }
        }
        if bytes.is_empty() {
            return Err(Problem::new("is an empty file", "write the passphrase into it"));
        }
        Ok(bytes)
    }
}
