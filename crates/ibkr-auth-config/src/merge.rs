//! Brings file, profile and variables together: who overrides whom, and what is missing.

use std::mem;

use crate::{
    FileError,
    document::{Document, Layer},
    env::{self, Env},
    error::Problem,
    fields::{self, Field, Kind},
    location::Location,
    profile,
    value::Value,
};

/// Every field that is given, once, with the value that counts. Nothing required is missing.
pub(crate) struct Merged(pub(crate) Layer);

impl Merged {
    /// `profile` is one that the document holds.
    pub(crate) fn new(
        mut document: Option<Document>,
        profile: Option<&str>,
        imported: Layer,
        env: &Env,
    ) -> Result<Self, FileError> {
        let variables = env.layer()?;
        refuse_unknown_variables(&variables, document.as_ref(), env)?;
        let mut merged = Self(imported);
        if let Some(document) = &mut document {
            merged.override_with(mem::take(&mut document.top));
            if let Some((_, layer)) =
                document.profiles.iter_mut().find(|(name, _)| Some(name.as_str()) == profile)
            {
                merged.override_with(mem::take(layer));
            }
        }
        merged.override_with(variables);
        merged.refuse_rivals()?;
        merged.refuse_gaps(document.as_ref(), profile)?;
        Ok(merged)
    }

    /// Which login these fields are of.
    pub(crate) fn login(&self) -> Kind {
        if self.find(fields::CONSUMER_KEY).is_some() { Kind::OAuth1 } else { Kind::OAuth2 }
    }

    /// The text of a field that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, FileError> {
        let value =
            self.find(name).ok_or_else(|| self.blame(&[name], Problem::new("is missing", "set it")))?;
        value.text().map_err(|problem| value.blame(problem))
    }

    /// Where a field stands that must be there.
    pub(crate) fn location(&self, name: &str) -> Result<Location, FileError> {
        let value = self.find(name);
        value
            .map(|value| value.location.clone())
            .ok_or_else(|| self.blame(&[name], Problem::new("is missing", "set it")))
    }

    /// Blames the first of these fields that is given.
    pub(crate) fn blame(&self, names: &[&str], problem: Problem) -> FileError {
        match names.iter().find_map(|name| self.find(name)) {
            Some(value) => value.blame(problem),
            None => problem.at(&names.join(" or ")),
        }
    }

    fn find(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| field.name == name).map(|(_, value)| value)
    }

    /// What is already here gives way to what sets the same.
    fn override_with(&mut self, layer: Layer) {
        self.0.retain(|(old, _)| !layer.iter().any(|(new, _)| new.rivals(old)));
        self.0.extend(layer);
    }

    fn refuse_rivals(&self) -> Result<(), FileError> {
        for (index, (field, value)) in self.0.iter().enumerate() {
            if let Some((_, rival)) = self.0[..index].iter().find(|(other, _)| other.rivals(field)) {
                let what = format!("cannot stand beside {}", rival.location.short());
                return Err(value.blame(Problem::new(what, "remove one of the two")));
            }
        }
        Ok(())
    }

    fn refuse_gaps(&self, document: Option<&Document>, profile: Option<&str>) -> Result<(), FileError> {
        let is_given = |wanted: &Field| self.0.iter().any(|(field, _)| field.rivals(wanted));
        let missing: Vec<&str> = fields::ALL
            .iter()
            .filter(|field| field.required && field.is_of(self.login()) && !is_given(field))
            .map(|field| field.name)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let list =
            |spell: fn(&str) -> String| missing.iter().map(|name| spell(name)).collect::<Vec<_>>().join(", ");
        let variables = list(env::variable);
        let Some(document) = document else {
            return Err(FileError::new(format!("not set: {variables}"), "set these variables"));
        };
        let lacks = format!("{} lacks {}", document.file.name(), list(|name| format!("`{name}`")));
        let add = format!("add what is missing, or set {variables}");
        Err(match profile {
            Some(profile) => FileError::new(format!("{lacks} for profile `{profile}`"), add),
            None if document.profiles.is_empty() => FileError::new(lacks, add),
            None => FileError::new(
                format!("{lacks}, and no profile was chosen"),
                format!(
                    "choose one of: {} (--profile, or {})",
                    profile::list(&document.names()),
                    env::PROFILE
                ),
            ),
        })
    }
}

/// A variable that holds a passphrase may be called like one of ours, and those of all profiles are set at
/// once.
fn refuse_unknown_variables(
    variables: &Layer,
    document: Option<&Document>,
    env: &Env,
) -> Result<(), FileError> {
    let of_file = document.into_iter().flat_map(|document| {
        document.top.iter().chain(document.profiles.iter().flat_map(|(_, layer)| layer))
    });
    let named: Vec<&str> = variables
        .iter()
        .chain(of_file)
        .filter(|(field, _)| field.name.ends_with("_passphrase_env"))
        .filter_map(|(_, value)| value.raw().ok())
        .collect();
    env.refuse_unknown(&named)
}
