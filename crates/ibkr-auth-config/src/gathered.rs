//! Brings file and variables together: who overrides whom, what is missing, and where something stands.

use std::path::Path;

use crate::{
    FileError,
    env::Env,
    error::Problem,
    given::{Given, Origin},
    keys::{self, Key},
    source::Source,
    yaml::Entries,
};

/// Every key that is given, once, from the place that counts. Nothing required is missing.
pub(crate) struct Gathered<'a> {
    source: Option<&'a Source>,
    pub(crate) all: Vec<Given<'a>>,
}

impl<'a> Gathered<'a> {
    pub(crate) fn new(source: Option<&'a Source>, entries: Entries, env: &'a Env) -> Result<Self, FileError> {
        let variables = env.settings()?;
        let in_open_file = source.is_some_and(|source| source.open_to_others);
        let folder = source.map_or(Path::new(""), Source::folder);
        let from_file = entries
            .into_iter()
            .filter(|(key, _)| !variables.iter().any(|(variable, _)| variable.rivals(key)))
            .map(|(key, raw)| Given { key, origin: Origin::File, raw, in_open_file, folder, env })
            .collect();
        let mut gathered = Self { source, all: from_file };
        let folder = Path::new("");
        gathered.all.extend(variables.into_iter().map(|(key, raw)| Given {
            key,
            origin: Origin::Variable,
            raw,
            in_open_file: false,
            folder,
            env,
        }));
        let passphrase = gathered.find("private_key_passphrase_env").and_then(|given| given.text().ok());
        env.refuse_unknown(passphrase)?;
        gathered.refuse_rivals()?;
        gathered.refuse_gaps()?;
        Ok(gathered)
    }

    /// The text of a key that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, FileError> {
        let given =
            self.find(name).ok_or_else(|| self.blame(&[name], Problem::new("is missing", "set it")))?;
        given.text().map_err(|problem| self.at(given, problem))
    }

    pub(crate) fn at(&self, given: &Given<'_>, problem: Problem) -> FileError {
        problem.at(&self.place(given))
    }

    /// Blames the first of these keys that is given.
    pub(crate) fn blame(&self, names: &[&str], problem: Problem) -> FileError {
        match names.iter().find_map(|name| self.find(name)) {
            Some(given) => self.at(given, problem),
            None => problem.at(&names.join(" or ")),
        }
    }

    fn find(&self, name: &str) -> Option<&Given<'a>> {
        self.all.iter().find(|given| given.key.name == name)
    }

    fn place(&self, given: &Given<'_>) -> String {
        match self.source {
            Some(source) if given.origin == Origin::File => source.place(given.key),
            _ => given.key.variable(),
        }
    }

    fn refuse_rivals(&self) -> Result<(), FileError> {
        for (index, given) in self.all.iter().enumerate() {
            let Some(rival) = self.all[..index].iter().find(|other| other.key.rivals(given.key)) else {
                continue;
            };
            let other = match rival.origin {
                Origin::File => format!("`{}`", rival.key.name),
                Origin::Variable => rival.key.variable(),
            };
            let problem = Problem::new(format!("cannot stand beside {other}"), "remove one of the two");
            return Err(self.at(given, problem));
        }
        Ok(())
    }

    fn refuse_gaps(&self) -> Result<(), FileError> {
        let is_given = |key: &Key| self.all.iter().any(|given| given.key.rivals(key));
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
