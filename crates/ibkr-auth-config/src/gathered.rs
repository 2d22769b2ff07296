//! Brings file, profile and variables together: who overrides whom, what is missing, and where something
//! stands.

use std::{path::Path, sync::Arc};

use crate::{
    FileError,
    env::Env,
    error::Problem,
    given::{Given, Raw},
    keys::{self, Key},
    place::Place,
    profile,
    source::Source,
    variables,
    yaml::{Content, Entries},
};

/// Every key that is given, once, from the place that counts. Nothing required is missing.
pub(crate) struct Gathered<'a> {
    pub(crate) all: Vec<Entry<'a>>,
}

/// A key and what is given for it.
pub(crate) struct Entry<'a> {
    pub(crate) key: &'static Key,
    pub(crate) given: Given<'a>,
}

impl Entry<'_> {
    pub(crate) fn blame(&self, problem: Problem) -> FileError {
        problem.at(&self.given.place.text())
    }
}

impl<'a> Gathered<'a> {
    /// `profile` is one that the file holds.
    pub(crate) fn new(
        source: Option<&'a Arc<Source>>,
        content: Content,
        profile: Option<&str>,
        env: &'a Env,
    ) -> Result<Self, FileError> {
        let set = variables::settings(env)?;
        refuse_unknown_variables(&set, &content, env)?;
        let missing = Missing::new(source, profile, &content);
        let mut gathered = Self { all: Vec::new() };
        if let Some(source) = source {
            gathered.override_with(content.top, |key, raw| of_file(source, None, key, raw, env));
            let name = profile.map(Arc::from);
            let chosen = content.profiles.into_iter().find(|(own, _)| Some(own.as_str()) == profile);
            let entries = chosen.map(|(_, entries)| entries).unwrap_or_default();
            gathered.override_with(entries, |key, raw| of_file(source, name.clone(), key, raw, env));
        }
        gathered.override_with(set, |key, raw| Given {
            name: key.name,
            place: Place::Variable(key.name),
            raw,
            folder: Path::new(""),
            env,
        });
        gathered.refuse_rivals()?;
        missing.refuse_gaps(&gathered)?;
        Ok(gathered)
    }

    /// The text of a key that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, FileError> {
        let entry =
            self.find(name).ok_or_else(|| self.blame(&[name], Problem::new("is missing", "set it")))?;
        entry.given.text().map_err(|problem| entry.blame(problem))
    }

    /// Blames the first of these keys that is given.
    pub(crate) fn blame(&self, names: &[&str], problem: Problem) -> FileError {
        match names.iter().find_map(|name| self.find(name)) {
            Some(entry) => entry.blame(problem),
            None => problem.at(&names.join(" or ")),
        }
    }

    fn find(&self, name: &str) -> Option<&Entry<'a>> {
        self.all.iter().find(|entry| entry.key.name == name)
    }

    /// What is already here gives way to those of `entries` that set the same.
    fn override_with(&mut self, entries: Entries, given: impl Fn(&Key, Raw) -> Given<'a>) {
        self.all.retain(|old| !entries.iter().any(|(key, _)| key.rivals(old.key)));
        self.all.extend(entries.into_iter().map(|(key, raw)| Entry { key, given: given(key, raw) }));
    }

    fn refuse_rivals(&self) -> Result<(), FileError> {
        for (index, entry) in self.all.iter().enumerate() {
            let Some(rival) = self.all[..index].iter().find(|other| other.key.rivals(entry.key)) else {
                continue;
            };
            let what = format!("cannot stand beside {}", rival.given.place.short());
            return Err(entry.blame(Problem::new(what, "remove one of the two")));
        }
        Ok(())
    }
}

fn of_file<'a>(
    source: &'a Arc<Source>,
    profile: Option<Arc<str>>,
    key: &Key,
    raw: Raw,
    env: &'a Env,
) -> Given<'a> {
    Given {
        name: key.name,
        place: Place::File { source: Arc::clone(source), profile, key: key.name },
        raw,
        folder: source.folder(),
        env,
    }
}

/// A variable that holds a passphrase may be called like one of ours, and those of all profiles are set at
/// once.
fn refuse_unknown_variables(set: &Entries, content: &Content, env: &Env) -> Result<(), FileError> {
    let profiles = content.profiles.iter().flat_map(|(_, entries)| entries);
    let named: Vec<&str> = set
        .iter()
        .chain(&content.top)
        .chain(profiles)
        .filter(|(key, _)| key.name == "private_key_passphrase_env")
        .filter_map(|(_, raw)| raw.text().ok())
        .collect();
    variables::refuse_unknown(env, &named)
}

/// How to tell that something required is not given.
struct Missing {
    /// The file's name, if there is one.
    file: Option<String>,
    profile: Option<String>,
    /// What could have been chosen, where nothing was.
    choices: Option<String>,
}

impl Missing {
    fn new(source: Option<&Arc<Source>>, profile: Option<&str>, content: &Content) -> Self {
        let names = content.names();
        Self {
            file: source.map(|source| source.name()),
            profile: profile.map(str::to_owned),
            choices: (profile.is_none() && !names.is_empty()).then(|| profile::list(&names)),
        }
    }

    fn refuse_gaps(&self, gathered: &Gathered<'_>) -> Result<(), FileError> {
        let is_given = |key: &Key| gathered.all.iter().any(|entry| entry.key.rivals(key));
        let missing: Vec<&Key> = keys::ALL.iter().filter(|key| key.required && !is_given(key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let list =
            |spell: fn(&Key) -> String| missing.iter().map(|key| spell(key)).collect::<Vec<_>>().join(", ");
        let variables = list(Key::variable);
        let Some(file) = &self.file else {
            return Err(FileError::new(format!("not set: {variables}"), "set these variables"));
        };
        let lacks = format!("{file} lacks {}", list(|key| format!("`{}`", key.name)));
        let add = format!("add what is missing, or set {variables}");
        Err(match (&self.choices, &self.profile) {
            (Some(choices), _) => FileError::new(
                format!("{lacks}, and no profile was chosen"),
                format!("choose one of: {choices} (--profile, or {})", variables::PROFILE),
            ),
            (None, Some(profile)) => FileError::new(format!("{lacks} for profile `{profile}`"), add),
            (None, None) => FileError::new(lacks, add),
        })
    }
}
