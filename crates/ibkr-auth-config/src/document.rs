//! What a settings file holds: from the events of its YAML to the values of the top level and the profiles.

use std::{iter::Enumerate, path::Path, sync::Arc, vec};

use crate::{
    FileError,
    error::Problem,
    fields::{self, Field},
    location::{Location, SettingsFile},
    profile::{self, DEFAULT_PROFILE, NAME_RULE, PROFILES},
    value::{Text, Value, Written},
    yaml,
};

pub(crate) const WRITE_SETTINGS: &str = "write a line `key: value` for each setting";
const WRITE_PROFILES: &str = "write the name of each profile, a colon, and its settings indented below it";
const WRITE_PROFILE: &str =
    "write its settings indented below it, a line `key: value` for each, or `{}` if it changes nothing";

/// What the top level, a profile or the variables set.
pub(crate) type Layer = Vec<(&'static Field, Value)>;

pub(crate) struct Document {
    pub(crate) file: Arc<SettingsFile>,
    pub(crate) top: Layer,
    pub(crate) default_profile: Option<Value>,
    /// By name, in the file's order.
    pub(crate) profiles: Vec<(String, Layer)>,
}

impl Document {
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let file = Arc::new(SettingsFile::open(path)?);
        let mut parser = Parser::new(&file);
        let top = parser.layer(None)?;
        parser.finish()?;
        let Parser { default_profile, profiles, .. } = parser;
        Ok(Self { top, default_profile, profiles, file })
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.profiles.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// The names of a file's profiles, whatever stands beside and below them.
pub(crate) fn profile_names(path: &Path) -> Result<Vec<String>, FileError> {
    let file = Arc::new(SettingsFile::open(path)?);
    let mut parser = Parser::new(&file);
    parser.enter(NO_SETTINGS, WRITE_SETTINGS)?;
    let mut names = Vec::new();
    while let Some((_, key)) = parser.key()? {
        if *key == PROFILES {
            let profiles = parser.profiles(|parser, _| parser.skip())?;
            names.extend(profiles.into_iter().map(|(name, ())| name));
        } else {
            parser.skip()?;
        }
    }
    Ok(names)
}

const NO_SETTINGS: &str = "holds no settings";

/// A piece of YAML.
#[cfg_attr(not(feature = "yaml"), expect(dead_code, reason = "no YAML is read"))]
pub(crate) enum Event {
    Empty,
    /// A key, or a value that is neither list nor mapping.
    Text(Text),
    /// Begins one. So does `Mapping`, in which keys and values take turns.
    List,
    Mapping,
    End,
    /// A value with a tag.
    Tag,
}

/// The events of a file, as far as they go, and why they do not go on.
pub(crate) struct Reading {
    pub(crate) events: Vec<Event>,
    pub(crate) failure: Option<Fault>,
}

/// What is wrong, and in which line if that is known.
pub(crate) struct Fault {
    pub(crate) line: Option<usize>,
    problem: Problem,
}

impl Fault {
    pub(crate) fn new(line: Option<usize>, what: &str, help: &str) -> Self {
        Self { line, problem: Problem::new(what, help) }
    }
}

/// Takes events one after the other. An event is known by its number.
struct Parser<'a> {
    file: &'a Arc<SettingsFile>,
    events: Enumerate<vec::IntoIter<Event>>,
    failure: Option<Fault>,
    default_profile: Option<Value>,
    profiles: Vec<(String, Layer)>,
}

impl<'a> Parser<'a> {
    fn new(file: &'a Arc<SettingsFile>) -> Self {
        let Reading { events, failure } = yaml::read(&file.text);
        let events = events.into_iter().enumerate();
        Self { file, events, failure, default_profile: None, profiles: Vec::new() }
    }

    /// What was found before the file could be read no further is told first.
    fn finish(&mut self) -> Result<(), FileError> {
        self.failure.take().map_or(Ok(()), |Fault { line, problem }| Err(self.file.blame(line, problem)))
    }

    fn next(&mut self) -> Result<(usize, Event), FileError> {
        match self.events.next() {
            Some(event) => Ok(event),
            None => {
                self.finish()?;
                Err(self.file.blame(None, Problem::new(NO_SETTINGS, WRITE_SETTINGS)))
            }
        }
    }

    fn wrong<T>(
        &self,
        event: usize,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Result<T, FileError> {
        let line = yaml::line_of(&self.file.text, event);
        Err(self.file.blame(line, Problem::new(what, help)))
    }

    /// Passes over a value.
    fn skip(&mut self) -> Result<(), FileError> {
        let mut open = 0_usize;
        loop {
            match self.next()?.1 {
                Event::List | Event::Mapping => open += 1,
                Event::End => open = open.saturating_sub(1),
                Event::Empty | Event::Text(_) | Event::Tag => {}
            }
            if open == 0 {
                return Ok(());
            }
        }
    }

    /// Takes the start of a mapping; `what` is wrong where there is none.
    fn enter(&mut self, what: &str, help: &str) -> Result<usize, FileError> {
        match self.next()? {
            (at, Event::Mapping) => Ok(at),
            (at, Event::Tag) => self.tagged(at),
            (at, _) => self.wrong(at, what, help),
        }
    }

    /// The next key of a mapping, if it goes on.
    fn key(&mut self) -> Result<Option<(usize, Text)>, FileError> {
        Ok(match self.next()? {
            (at, Event::Text(key)) => Some((at, key)),
            _ => None,
        })
    }

    /// The top level, or a profile.
    fn layer(&mut self, profile: Option<&str>) -> Result<Layer, FileError> {
        match profile {
            Some(name) => self.enter(&format!("profile `{name}` {NO_SETTINGS}"), WRITE_PROFILE)?,
            None => self.enter(NO_SETTINGS, WRITE_SETTINGS)?,
        };
        let (mut layer, mut keys) = (Layer::new(), Vec::new());
        while let Some((at, name)) = self.key()? {
            let field = fields::find(&name);
            let key = match (field, name.as_str()) {
                (Some(field), _) => field.name,
                (None, PROFILES) => PROFILES,
                (None, DEFAULT_PROFILE) => DEFAULT_PROFILE,
                (None, unknown) => return self.unknown(at, unknown, profile),
            };
            if let (None, Some(profile)) = (field, profile) {
                let what = format!("`{key}` stands in profile `{profile}`");
                return self.wrong(at, what, "move it to the top level, or remove it");
            }
            if keys.contains(&key) {
                return self.wrong(at, format!("`{key}` is here for the second time"), "keep one of the two");
            }
            keys.push(key);
            match field {
                Some(field) => layer.push((field, self.value(at, key)?)),
                None if key == PROFILES => {
                    self.profiles = self.profiles(|parser, name| parser.layer(Some(name)))?;
                }
                None => self.default_profile = Some(self.value(at, key)?),
            }
        }
        Ok(layer)
    }

    fn unknown<T>(&self, at: usize, name: &str, profile: Option<&str>) -> Result<T, FileError> {
        let inside = profile.map(|profile| format!(" in profile `{profile}`")).unwrap_or_default();
        let others: &[&str] = if profile.is_none() { &[PROFILES, DEFAULT_PROFILE] } else { &[] };
        let help = match name {
            "<<" => "merge keys are not read; what profiles share stands on the top level".to_owned(),
            "profile" if profile.is_none() => format!("did you mean `{DEFAULT_PROFILE}`, or `{PROFILES}`?"),
            _ => fields::advice(name, others, |name| format!("`{name}`"))
                .unwrap_or_else(|| format!("remove it; {}", fields::LIST)),
        };
        self.wrong(at, format!("unknown key{}{inside}", shown(name)), help)
    }

    /// `read` takes what stands behind a name.
    fn profiles<T>(
        &mut self,
        read: impl Fn(&mut Self, &str) -> Result<T, FileError>,
    ) -> Result<Vec<(String, T)>, FileError> {
        let none = format!("`{PROFILES}` holds no profiles");
        let start = self.enter(&none, WRITE_PROFILES)?;
        let mut profiles: Vec<(String, T)> = Vec::new();
        while let Some((at, name)) = self.key()? {
            if !profile::is_name(&name) {
                return self.wrong(at, "this is not the name of a profile", NAME_RULE);
            }
            if profiles.iter().any(|(other, _)| *other == *name) {
                let what = format!("profile `{}` is here for the second time", *name);
                return self.wrong(at, what, "keep one of the two");
            }
            let content = read(self, &name)?;
            profiles.push((name.to_string(), content));
        }
        if profiles.is_empty() { self.wrong(start, none, WRITE_PROFILES) } else { Ok(profiles) }
    }

    fn value(&mut self, event: usize, field: &'static str) -> Result<Value, FileError> {
        let written = match self.next()? {
            (_, Event::Empty) => Written::Empty,
            (_, Event::Text(text)) => Written::Text(text),
            (_, Event::List) => Written::List(self.items(field)?),
            (at, Event::Tag) => return self.tagged(at),
            (at, Event::Mapping | Event::End) => return self.nested(at, field),
        };
        Ok(Value { location: Location::File { file: Arc::clone(self.file), event, field }, written })
    }

    fn items(&mut self, field: &str) -> Result<Vec<Text>, FileError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (_, Event::End) => return Ok(items),
                (_, Event::Text(item)) => items.push(item),
                (at, Event::Empty) => {
                    return self.wrong(at, format!("`{field}` has an empty item"), "remove that item");
                }
                (at, Event::List) => {
                    return self.wrong(at, format!("`{field}` holds a list within a list"), "write one list");
                }
                (at, Event::Tag) => return self.tagged(at),
                (at, Event::Mapping) => return self.nested(at, field),
            }
        }
    }

    fn nested<T>(&self, at: usize, field: &str) -> Result<T, FileError> {
        self.wrong(at, format!("`{field}` holds keys of its own"), "write a single value")
    }

    fn tagged<T>(&self, at: usize) -> Result<T, FileError> {
        self.wrong(at, "this has a YAML tag (`!…`)", "remove the tag, or put the value in quotes")
    }
}

/// A key is shown if it looks like one: a slip of the pen can turn a secret into a key.
fn shown(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b' '));
    if plain && name.len() <= 40 { format!(" `{name}`") } else { String::new() }
}
