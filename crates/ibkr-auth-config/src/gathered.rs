//! Brings file and variables together: who overrides whom, what is missing, and where something stands.

use std::path::Path;

use crate::{
    FileError,
    env::Env,
    error::Problem,
    given::{Given, Origin},
    keys::{self, Key},
    source::Source,
    variables,
    yaml::Entries,
};

/// Every key that is given, once, from the place that counts. Nothing required is missing.
pub(crate) struct Gathered<'a> {
    source: Option<&'a Source>,
    pub(crate) all: Vec<Entry<'a>>,
}

/// A key and what is given for it.
pub(crate) struct Entry<'a> {
    pub(crate) key: &'static Key,
    pub(crate) given: Given<'a>,
}

impl<'a> Gathered<'a> {
    pub(crate) fn new(source: Option<&'a Source>, entries: Entries, env: &'a Env) -> Result<Self, FileError> {
        let set = variables::settings(env)?;
        let in_open_file = source.is_some_and(|source| source.open_to_others);
        let folder = source.map_or(Path::new(""), Source::folder);
        let from_file = entries
            .into_iter()
            .filter(|(key, _)| !set.iter().any(|(variable, _)| variable.rivals(key)))
            .map(|(key, raw)| {
                let (name, origin) = (key.name, Origin::File);
                Entry { key, given: Given { name, origin, raw, in_open_file, folder, env } }
            })
            .collect();
        let mut gathered = Self { source, all: from_file };
        let folder = Path::new("");
        gathered.all.extend(set.into_iter().map(|(key, raw)| {
            let (name, origin, in_open_file) = (key.name, Origin::Variable, false);
            Entry { key, given: Given { name, origin, raw, in_open_file, folder, env } }
        }));
        let passphrase =
            gathered.find("private_key_passphrase_env").and_then(|entry| entry.given.text().ok());
        variables::refuse_unknown(env, passphrase)?;
        gathered.refuse_rivals()?;
        gathered.refuse_gaps()?;
        Ok(gathered)
    }

    /// The text of a key that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, FileError> {
        let entry =
            self.find(name).ok_or_else(|| self.blame(&[name], Problem::new("is missing", "set it")))?;
        entry.given.text().map_err(|problem| self.at(entry, problem))
    }

    pub(crate) fn at(&self, entry: &Entry<'_>, problem: Problem) -> FileError {
        problem.at(&self.place(entry))
    }

    /// Blames the first of these keys that is given.
    pub(crate) fn blame(&self, names: &[&str], problem: Problem) -> FileError {
        match names.iter().find_map(|name| self.find(name)) {
            Some(entry) => self.at(entry, problem),
            None => problem.at(&names.join(" or ")),
        }
    }

    fn find(&self, name: &str) -> Option<&Entry<'a>> {
        self.all.iter().find(|entry| entry.key.name == name)
    }

    fn place(&self, entry: &Entry<'_>) -> String {
        match self.source {
            Some(source) if entry.given.origin == Origin::File => source.place(entry.key),
            _ => entry.key.variable(),
        }
    }

    fn refuse_rivals(&self) -> Result<(), FileError> {
        for (index, entry) in self.all.iter().enumerate() {
            let Some(rival) = self.all[..index].iter().find(|other| other.key.rivals(entry.key)) else {
                continue;
            };
            let other = match rival.given.origin {
                Origin::File => format!("`{}`", rival.key.name),
                Origin::Variable => rival.key.variable(),
            };
            let problem = Problem::new(format!("cannot stand beside {other}"), "remove one of the two");
            return Err(self.at(entry, problem));
        }
        Ok(())
    }

    fn refuse_gaps(&self) -> Result<(), FileError> {
        let is_given = |key: &Key| self.all.iter().any(|entry| entry.key.rivals(key));
        let missing: Vec<&Key> = keys::ALL.iter().filter(|key| key.required && !is_given(key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let list =
            |spell: fn(&Key) -> String| missing.iter().map(|key| spell(key)).collect::<Vec<_>>().join(", ");
        let variables = list(Key::variable);
        Err(match self.source {
            Some(source) => FileError::new(
                format!("{} lacks {}", source.name(), list(|key| format!("`{}`", key.name))),
                format!("add what is missing, or set {variables}"),
            ),
            None => FileError::new(format!("not set: {variables}"), "set these variables"),
        })
    }
}
