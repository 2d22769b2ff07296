//! What stands on the left of a colon: keys, and the names of profiles.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, Visitor},
};

use crate::{
    keys::{self, Key},
    profile::{self, DEFAULT_PROFILE, NAME_RULE, PROFILES},
    yaml::survey::{Notes, Shape},
};

/// A key that is known.
#[derive(Clone, Copy)]
pub(in crate::yaml) enum Word {
    Key(&'static Key),
    DefaultProfile,
    Profiles,
}

impl Word {
    fn find(name: &str) -> Option<Self> {
        match name {
            PROFILES => Some(Self::Profiles),
            DEFAULT_PROFILE => Some(Self::DefaultProfile),
            key => keys::find(key).map(Self::Key),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Key(key) => key.name,
            Self::DefaultProfile => DEFAULT_PROFILE,
            Self::Profiles => PROFILES,
        }
    }
}

/// Reads a key of the top level or of a profile.
pub(super) struct KeyName<'a> {
    pub(super) notes: &'a Notes,
    pub(super) until: Option<(Option<&'a str>, &'a str)>,
    pub(super) profile: Option<&'a str>,
    pub(super) before: &'a [(Word, Shape)],
}

impl KeyName<'_> {
    fn unknown<E: Error>(&self, name: &str) -> E {
        let inside = self.profile.map(|profile| format!(" in profile `{profile}`")).unwrap_or_default();
        let others: &[&str] = if self.profile.is_none() { &[PROFILES, DEFAULT_PROFILE] } else { &[] };
        let help = match name {
            "<<" => "merge keys are not read; what profiles share stands on the top level".to_owned(),
            "profile" if self.profile.is_none() => {
                format!("did you mean `{DEFAULT_PROFILE}`, or `{PROFILES}`?")
            }
            _ => keys::advice(name, others, |name| format!("`{name}`"))
                .unwrap_or_else(|| format!("remove it; {}", keys::LIST)),
        };
        self.notes.stop(format!("unknown key{}{inside}", shown(name)), help)
    }
}

impl<'de> DeserializeSeed<'de> for KeyName<'_> {
    type Value = Word;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Word, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeyName<'_> {
    type Value = Word;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Word, E> {
        let word = Word::find(name).ok_or_else(|| self.unknown(name))?;
        match (word, self.profile) {
            _ if self.until == Some((self.profile, name)) => Err(E::custom("stopped")),
            (Word::DefaultProfile | Word::Profiles, Some(profile)) => Err(self.notes.stop(
                format!("`{name}` stands in profile `{profile}`"),
                "move it to the top level, or remove it",
            )),
            _ if self.before.iter().any(|(other, _)| other.name() == name) => {
                Err(self.notes.stop(format!("`{name}` is here for the second time"), "keep one of the two"))
            }
            _ => Ok(word),
        }
    }
}

/// Reads the name of a profile.
pub(super) struct ProfileName<'a> {
    pub(super) notes: &'a Notes,
    pub(super) before: &'a [(String, Shape)],
}

impl<'de> DeserializeSeed<'de> for ProfileName<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<String, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for ProfileName<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a profile")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<String, E> {
        if !profile::is_name(name) {
            return Err(self.notes.stop("this is not the name of a profile", NAME_RULE));
        }
        if self.before.iter().any(|(other, _)| other == name) {
            let what = format!("profile `{name}` is here for the second time");
            return Err(self.notes.stop(what, "keep one of the two"));
        }
        Ok(name.to_owned())
    }
}

/// A key is shown if it looks like one: a slip of the pen can turn a secret into a key.
fn shown(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b' '));
    if plain && name.len() <= 40 { format!(" `{name}`") } else { String::new() }
}
