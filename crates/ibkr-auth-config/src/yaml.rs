//! From YAML to keys and raw values. Everything that knows the YAML library is here; its messages quote the file, so
//! none of them is ever shown.

mod survey;

use std::{cell::Cell, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use zeroize::Zeroizing;

use crate::{
    error::Problem,
    given::Raw,
    keys::Key,
    yaml::survey::{NO_SETTINGS, Shape, Survey, WRITE_SETTINGS},
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
