//! Finds out which keys a file holds and what shape their values have.

use std::{cell::Cell, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{
    error::Problem,
    profile::PROFILES,
    yaml::survey::left::{KeyName, ProfileName},
};

mod left;

pub(super) use left::Word;

pub(super) const NO_SETTINGS: &str = "holds no settings";
pub(super) const WRITE_SETTINGS: &str = "write a line `key: value` for each setting";
const WRITE_PROFILES: &str = "write the name of each profile, a colon, and its settings indented below it";
const WRITE_PROFILE: &str =
    "write its settings indented below it, a line `key: value` for each, or `{}` if it changes nothing";

/// What the parser takes a value for.
pub(super) enum Shape {
    Empty,
    Text,
    List,
    /// The top level, or a profile.
    Settings(Vec<(Word, Self)>),
    Profiles(Vec<(String, Self)>),
}

impl Shape {
    /// Those of a whole file.
    pub(super) fn into_profiles(self) -> Vec<(String, Self)> {
        match self {
            Self::Settings(found) => found.into_iter().flat_map(|(_, shape)| shape.into_profiles()).collect(),
            Self::Profiles(profiles) => profiles,
            _ => Vec::new(),
        }
    }
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum Place<'a> {
    Top,
    Profiles,
    Profile(&'a str),
    Behind(&'static str),
    InList(&'static str),
}

/// What a survey leaves behind besides its result.
pub(super) struct Notes {
    fault: Cell<Option<Problem>>,
    values_left: Cell<usize>,
}

impl Notes {
    /// Every value takes a character, unless aliases repeat it.
    pub(super) fn new(text: &str) -> Self {
        Self { fault: Cell::new(None), values_left: Cell::new(text.len()) }
    }

    /// Why the survey has stopped.
    pub(super) fn fault(&self) -> Option<Problem> {
        self.fault.take()
    }

    pub(super) fn stop<E: Error>(&self, what: impl Into<String>, help: impl Into<String>) -> E {
        self.fault.set(Some(Problem::new(what, help)));
        E::custom("stopped")
    }

    fn count<E: Error>(&self) -> Result<(), E> {
        match self.values_left.get().checked_sub(1) {
            Some(left) => {
                self.values_left.set(left);
                Ok(())
            }
            None => Err(self.stop("the aliases (`*…`) repeat too much", "write the values themselves")),
        }
    }
}

/// Finds out which keys there are and the shape of their values. Stops at the first thing that settings never
/// hold, so that neither nesting nor aliases can keep it busy.
#[derive(Clone, Copy)]
pub(super) struct Survey<'a> {
    place: Place<'a>,
    /// Stops at this key of this profile too, or of the top level.
    until: Option<(Option<&'a str>, &'a str)>,
    /// Looks for the names of profiles, and neither beside nor into them.
    names_only: bool,
    notes: &'a Notes,
}

impl<'a> Survey<'a> {
    /// Of a whole file.
    pub(super) fn new(until: Option<(Option<&'a str>, &'a str)>, notes: &'a Notes) -> Self {
        Self { place: Place::Top, until, names_only: false, notes }
    }

    /// Of a whole file, for the names of its profiles alone.
    pub(super) fn of_names(notes: &'a Notes) -> Self {
        Self { place: Place::Top, until: None, names_only: true, notes }
    }

    fn stop<T, E: Error>(self, what: impl Into<String>, help: impl Into<String>) -> Result<T, E> {
        Err(self.notes.stop(what, help))
    }

    fn scalar<E: Error>(self, shape: Shape) -> Result<Shape, E> {
        match (self.place, &shape) {
            (Place::Behind(_), _) => Ok(shape),
            (Place::InList(key), Shape::Empty) => {
                self.stop(format!("`{key}` has an empty item"), "remove that item")
            }
            (Place::InList(_), _) => Ok(shape),
            _ => self.no_mapping(),
        }
    }

    /// Where keys and values must stand, and something else does.
    fn no_mapping<E: Error>(self) -> Result<Shape, E> {
        match self.place {
            Place::Profiles => self.stop(format!("`{PROFILES}` holds no profiles"), WRITE_PROFILES),
            Place::Profile(name) => self.stop(format!("profile `{name}` holds no settings"), WRITE_PROFILE),
            _ => self.stop(NO_SETTINGS, WRITE_SETTINGS),
        }
    }

    fn settings<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let profile = match self.place {
            Place::Profile(name) => Some(name),
            _ => None,
        };
        let mut found: Vec<(Word, Shape)> = Vec::new();
        loop {
            let name = KeyName { notes: self.notes, until: self.until, profile, before: &found };
            let Some(word) = map.next_key_seed(name)? else { break };
            let place = match word {
                Word::Profiles => Place::Profiles,
                other => Place::Behind(other.name()),
            };
            found.push((word, map.next_value_seed(Self { place, ..self })?));
        }
        Ok(Shape::Settings(found))
    }

    fn profiles_alone<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut found = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == PROFILES {
                let shape = map.next_value_seed(Self { place: Place::Profiles, ..self })?;
                found.push((Word::Profiles, shape));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Shape::Settings(found))
    }

    fn profiles<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut found: Vec<(String, Shape)> = Vec::new();
        while let Some(name) = map.next_key_seed(ProfileName { notes: self.notes, before: &found })? {
            let shape = if self.names_only {
                map.next_value::<IgnoredAny>()?;
                Shape::Empty
            } else {
                map.next_value_seed(Survey { place: Place::Profile(&name), ..self })?
            };
            found.push((name, shape));
        }
        if found.is_empty() { self.no_mapping() } else { Ok(Shape::Profiles(found)) }
    }
}

impl<'de> DeserializeSeed<'de> for Survey<'_> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Shape, D::Error> {
        self.notes.count()?;
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Survey<'_> {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shape, A::Error> {
        match self.place {
            Place::Top if self.names_only => self.profiles_alone(map),
            Place::Top | Place::Profile(_) => self.settings(map),
            Place::Profiles => self.profiles(map),
            Place::Behind(key) | Place::InList(key) => {
                self.stop(format!("`{key}` holds keys of its own"), "write a single value")
            }
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        match self.place {
            Place::Top | Place::Profiles | Place::Profile(_) => self.no_mapping(),
            Place::InList(key) => self.stop(format!("`{key}` holds a list within a list"), "write one list"),
            Place::Behind(key) => {
                while items.next_element_seed(Self { place: Place::InList(key), ..self })?.is_some() {}
                Ok(Shape::List)
            }
        }
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _tagged: A) -> Result<Shape, A::Error> {
        self.stop("this has a YAML tag (`!…`)", "remove the tag, or put the value in quotes")
    }

    fn visit_unit<E: Error>(self) -> Result<Shape, E> {
        self.scalar(Shape::Empty)
    }

    fn visit_none<E: Error>(self) -> Result<Shape, E> {
        self.scalar(Shape::Empty)
    }

    fn visit_str<E: Error>(self, _text: &str) -> Result<Shape, E> {
        self.scalar(Shape::Text)
    }

    fn visit_bool<E: Error>(self, _truth: bool) -> Result<Shape, E> {
        self.scalar(Shape::Text)
    }

    fn visit_i64<E: Error>(self, _number: i64) -> Result<Shape, E> {
        self.scalar(Shape::Text)
    }

    fn visit_i128<E: Error>(self, _number: i128) -> Result<Shape, E> {
        self.scalar(Shape::Text)
    }

    fn visit_u64<E: Error>(self, _number: u64) -> Result<Shape, E> {
        self.scalar(Shape::Text)
    }

    fn visit_u128<E: Error>(self, _number: u128) -> Result<Shape, E> {
        self.scalar(Shape::Text)
    }

    fn visit_f64<E: Error>(self, _number: f64) -> Result<Shape, E> {
        self.scalar(Shape::Text)
    }
}
