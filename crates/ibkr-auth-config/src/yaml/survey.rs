//! Finds out which keys a file holds and what shape their values have.

use std::{cell::Cell, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, Visitor},
};

use crate::{
    error::Problem,
    keys::{self, Key},
};

pub(super) const NO_SETTINGS: &str = "holds no settings";
pub(super) const WRITE_SETTINGS: &str = "write a line `key: value` for each setting";

/// What the parser takes a value for.
pub(super) enum Shape {
    Empty,
    Text,
    List,
    Settings(Vec<(&'static Key, Self)>),
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum Place {
    Top,
    Behind(&'static Key),
    InList(&'static Key),
}

/// Finds out which keys there are and the shape of their values. Stops at the first thing that settings never hold, so
/// that neither nesting nor aliases can keep it busy.
#[derive(Clone, Copy)]
pub(super) struct Survey<'a> {
    place: Place,
    /// Stops at this key too.
    until: Option<&'a str>,
    fault: &'a Cell<Option<Problem>>,
}

impl<'a> Survey<'a> {
    pub(super) fn new(until: Option<&'a str>, fault: &'a Cell<Option<Problem>>) -> Self {
        Self { place: Place::Top, until, fault }
    }

    fn stop<T, E: Error>(self, what: impl Into<String>, todo: impl Into<String>) -> Result<T, E> {
        self.fault.set(Some(Problem::new(what, todo)));
        Err(E::custom("stopped"))
    }

    fn scalar<E: Error>(self, shape: Shape) -> Result<Shape, E> {
        match (self.place, &shape) {
            (Place::Top, _) => self.stop(NO_SETTINGS, WRITE_SETTINGS),
            (Place::InList(key), Shape::Empty) => {
                self.stop(format!("`{}` has an empty item", key.name), "remove that item")
            }
            _ => Ok(shape),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Survey<'_> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Shape, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Survey<'_> {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        if let Place::Behind(key) | Place::InList(key) = self.place {
            return self.stop(format!("`{}` holds keys of its own", key.name), "write a single value");
        }
        let mut found: Vec<(&'static Key, Shape)> = Vec::new();
        while let Some(key) = map.next_key_seed(KeyName { survey: self, before: &found })? {
            let shape = map.next_value_seed(Self { place: Place::Behind(key), ..self })?;
            found.push((key, shape));
        }
        Ok(Shape::Settings(found))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        match self.place {
            Place::Top => self.stop(NO_SETTINGS, WRITE_SETTINGS),
            Place::InList(key) => {
                self.stop(format!("`{}` holds a list within a list", key.name), "write one list")
            }
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

/// Reads a key of the top level.
struct KeyName<'a> {
    survey: Survey<'a>,
    before: &'a [(&'static Key, Shape)],
}

impl<'de> DeserializeSeed<'de> for KeyName<'_> {
    type Value = &'static Key;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<&'static Key, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeyName<'_> {
    type Value = &'static Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<&'static Key, E> {
        match keys::find(name) {
            Some(_) if self.survey.until == Some(name) => Err(E::custom("stopped")),
            Some(key) if self.before.iter().any(|(other, _)| other.name == name) => {
                self.survey.stop(format!("`{}` is here for the second time", key.name), "keep one of the two")
            }
            Some(key) => Ok(key),
            None => {
                let todo = keys::advice(name, |key| format!("`{}`", key.name)).unwrap_or_else(|| {
                    "remove it; the keys are those of the table in ibkr-auth-config's documentation"
                        .to_owned()
                });
                self.survey.stop(format!("unknown key{}", shown(name)), todo)
            }
        }
    }
}

/// A key is shown if it looks like one: a slip of the pen can turn a secret into a key.
fn shown(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b' '));
    if plain && name.len() <= 40 { format!(" `{name}`") } else { String::new() }
}
