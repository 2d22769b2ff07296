//! From YAML to keys and raw values. Everything that knows the YAML library is here; its messages quote the file, so
//! none of them is ever shown.

use std::{cell::Cell, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use zeroize::Zeroizing;

use crate::{
    error::Problem,
    given::Raw,
    keys::{self, Key},
};

/// What the file sets, in its order.
pub(crate) type Entries = Vec<(&'static Key, Raw)>;

/// What is wrong, and in which line if that is known.
pub(crate) struct Fault {
    pub(crate) line: Option<usize>,
    pub(crate) problem: Problem,
}

impl Fault {
    fn new(line: Option<usize>, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { line, problem: Problem::new(what, todo) }
    }
}

/// The parser's time grows with the square of the nesting, and settings do not nest.
const MOST_BRACKETS: usize = 200;

/// Reads twice, because the parser turns `007` into 7 unless it is asked for text, and stumbles over a list when it is:
/// first the shape of each value, then its text.
pub(crate) fn read(text: &str) -> Result<Entries, Fault> {
    if text.lines().map(str::trim_start).all(|line| line.is_empty() || line.starts_with('#')) {
        return Err(Fault::new(None, "is empty", WRITE_SETTINGS));
    }
    if text.matches(['[', '{']).count() > MOST_BRACKETS {
        return Err(Fault::new(None, "holds too many brackets for a settings file", "check the path"));
    }
    let fault = Cell::new(None);
    let refused = |error: serde_yaml::Error| {
        let line = error.location().map(|place| place.line());
        match fault.take() {
            Some(problem) => Fault { line, problem },
            None => unreadable(text, line),
        }
    };
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let found = match documents.next() {
        Some(first) => Survey::new(None, &fault).deserialize(first).map_err(refused)?,
        None => Shape::Empty,
    };
    let Shape::Settings(found) = found else {
        return Err(Fault::new(None, NO_SETTINGS, WRITE_SETTINGS));
    };
    if documents.next().is_some() {
        return Err(Fault::new(None, "holds several YAML documents", "keep one, and remove the lines `---`"));
    }
    serde_yaml::Deserializer::from_str(text).deserialize_map(Values(&found)).map_err(refused)
}

/// The line of a key that [`read`] has found. Only the parser's errors know where they are, hence the detour.
pub(crate) fn line_of(text: &str, name: &str) -> Option<usize> {
    let survey =
        Survey::new(Some(name), &Cell::new(None)).deserialize(serde_yaml::Deserializer::from_str(text));
    survey.err()?.location().map(|place| place.line())
}

fn unreadable(text: &str, line: Option<usize>) -> Fault {
    let indented_by_tab =
        |line: &str| line.trim_start_matches(' ').starts_with('\t') && !line.trim_start().starts_with('#');
    if let Some(tab) = text.lines().take(line.unwrap_or(usize::MAX)).position(indented_by_tab) {
        return Fault::new(Some(tab + 1), "this line is indented with a tab", "use spaces");
    }
    let here = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
    let todo = if here.contains('"') && here.contains('\\') {
        "within double quotes a backslash has a meaning of its own: use single quotes"
    } else {
        "look here and just above for a missing quote, or a missing space behind a colon"
    };
    Fault::new(line, "this cannot be read as YAML", todo)
}

enum Shape {
    Empty,
    Text,
    List,
    Settings(Vec<(&'static Key, Shape)>),
}

#[derive(Clone, Copy)]
enum Place {
    Top,
    Behind(&'static Key),
    InList(&'static Key),
}

/// Finds out which keys there are and the shape of their values. Stops at the first thing that settings never hold, so
/// that neither nesting nor aliases can keep it busy.
#[derive(Clone, Copy)]
struct Survey<'a> {
    place: Place,
    /// Stops at this key too: see [`line_of`].
    until: Option<&'a str>,
    fault: &'a Cell<Option<Problem>>,
}

impl<'a> Survey<'a> {
    fn new(until: Option<&'a str>, fault: &'a Cell<Option<Problem>>) -> Self {
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
        while let Some(key) = map.next_key_seed(KeyName(self))? {
            let shape = map.next_value_seed(Self { place: Place::Behind(key), ..self })?;
            if found.iter().any(|(other, _)| other.name == key.name) {
                return self.stop(format!("`{}` is there twice", key.name), "keep one of them");
            }
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
        self.stop("this value has a YAML tag (`!…`)", "remove the tag, or put the value in quotes")
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
struct KeyName<'a>(Survey<'a>);

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
            Some(_) if self.0.until == Some(name) => Err(E::custom("stopped")),
            Some(key) => Ok(key),
            None => {
                let todo = keys::advice(name, |key| format!("`{}`", key.name)).unwrap_or_else(|| {
                    "remove it; the keys are those of the table in ibkr-auth-config's documentation"
                        .to_owned()
                });
                self.0.stop(format!("unknown key{}", shown(name)), todo)
            }
        }
    }
}

/// A key is shown if it looks like one: a slip of the pen can turn a secret into a key.
fn shown(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b' '));
    if plain && name.len() <= 40 { format!(" `{name}`") } else { String::new() }
}

/// Reads the values of the given shapes, each scalar as it is written.
struct Values<'a>(&'a [(&'static Key, Shape)]);

impl<'de> Visitor<'de> for Values<'_> {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Entries::new();
        for (key, shape) in self.0 {
            map.next_key::<IgnoredAny>()?;
            let raw = match shape {
                Shape::Text => Raw::Text(Zeroizing::new(map.next_value()?)),
                Shape::List => {
                    Raw::List(map.next_value::<Vec<String>>()?.into_iter().map(Zeroizing::new).collect())
                }
                Shape::Empty | Shape::Settings(_) => {
                    map.next_value::<IgnoredAny>()?;
                    Raw::Empty
                }
            };
            entries.push((key, raw));
        }
        // The parser counts what is left only after it was asked for it.
        map.next_key::<IgnoredAny>()?;
        Ok(entries)
    }
}

const NO_SETTINGS: &str = "holds no settings";
const WRITE_SETTINGS: &str = "write a line `key: value` for each";
