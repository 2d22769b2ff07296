//! From YAML to its events. Everything that knows the YAML library is here. Its messages quote the file, so none
//! of them is ever shown.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_yaml::Deserializer as Parser;
use zeroize::Zeroizing;

use crate::document::{Event, Extent, Fault, Reading, WRITE_SETTINGS};

/// The parser's time grows with the square of the nesting, and settings hardly nest.
const MOST_OPEN_BRACKETS: usize = 200;

/// A mapping has a key, a value, a start and an end: no more come from a character, unless aliases repeat it.
const EVENTS_PER_BYTE: usize = 4;

/// Settings nest no deeper: the top level, `profiles`, and a profile.
const MAPPINGS: usize = 3;

/// Reads twice, because the parser turns `007` into 7 unless it is asked for text, and stumbles over a list when
/// it is: first the shape of each value, then its text.
pub(crate) fn read(text: &str, extent: Extent) -> Reading {
    let shapes = Recorder::new(extent, most_events(text)).run(text);
    match extent {
        Extent::Whole if shapes.failure.is_none() => {
            Recorder { shapes: Some(&shapes.events), ..Recorder::new(extent, most_events(text)) }.run(text)
        }
        _ => shapes,
    }
}

/// The line of an event that [`read`] has found. Only the parser's errors know where they are, so another
/// reading goes there and fails.
pub(crate) fn line_of(text: &str, extent: Extent, event: usize) -> Option<usize> {
    let error = Recorder::new(extent, event).record(Parser::from_str(text).next()).err()?;
    error.location().map(|place| place.line())
}

fn most_events(text: &str) -> usize {
    EVENTS_PER_BYTE * text.len()
}

fn refuse_at_a_glance(text: &str) -> Result<(), Fault> {
    if text.lines().map(str::trim_start).all(|line| line.is_empty() || line.starts_with('#')) {
        return Err(Fault::new(None, "is empty", WRITE_SETTINGS));
    }
    let mut open = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MOST_OPEN_BRACKETS {
            let what = "holds too many open brackets for a settings file";
            return Err(Fault::new(None, what, "check the path"));
        }
    }
    Ok(())
}

fn unreadable(text: &str, line: Option<usize>) -> Fault {
    let indented_by_tab =
        |line: &str| line.trim_start_matches(' ').starts_with('\t') && !line.trim_start().starts_with('#');
    if let Some(tab) = text.lines().take(line.unwrap_or(usize::MAX)).position(indented_by_tab) {
        return Fault::new(Some(tab + 1), "this line is indented with a tab", "use spaces");
    }
    let here = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
    let help = if here.contains('"') && here.contains('\\') {
        "within double quotes a backslash has a meaning of its own: use single quotes"
    } else {
        "look here and just above for a missing quote, or a missing space behind a colon"
    };
    Fault::new(line, "this cannot be read as YAML", help)
}

struct Recorder<'a> {
    events: Vec<Event>,
    /// Fails instead of taking more.
    most: usize,
    /// The same events from an earlier reading. They say what to ask the parser for.
    shapes: Option<&'a [Event]>,
    extent: Extent,
}

impl<'a> Recorder<'a> {
    fn new(extent: Extent, most: usize) -> Self {
        Self { extent, events: Vec::new(), most, shapes: None }
    }

    fn run(mut self, text: &str) -> Reading {
        let failure = self.record_all(text).err();
        Reading { events: self.events, failure }
    }

    fn record_all(&mut self, text: &str) -> Result<(), Fault> {
        refuse_at_a_glance(text)?;
        let mut documents = Parser::from_str(text);
        self.record(documents.next()).map_err(|error| self.fault(text, &error))?;
        if self.extent == Extent::Whole && documents.next().is_some() {
            let help = "keep one, and remove the lines `---`";
            return Err(Fault::new(None, "holds several YAML documents", help));
        }
        Ok(())
    }

    fn record(&mut self, document: Option<Parser<'_>>) -> Result<(), serde_yaml::Error> {
        document.map_or(Ok(()), |document| {
            Node { recorder: self, mappings: MAPPINGS, is_item: false }.deserialize(document)
        })
    }

    fn push<E: Error>(&mut self, event: Event) -> Result<(), E> {
        if self.events.len() == self.most {
            return Err(E::custom("stopped"));
        }
        self.events.push(event);
        Ok(())
    }

    fn fault(&self, text: &str, error: &serde_yaml::Error) -> Fault {
        let line = error.location().map(|place| place.line());
        if self.events.len() == self.most {
            return Fault::new(line, "the aliases (`*…`) repeat too much", "write the values themselves");
        }
        unreadable(text, line)
    }
}

/// Records a value and what is in it. Stops where settings never go on, so that neither nesting nor aliases can
/// keep it busy.
struct Node<'r, 'a> {
    recorder: &'r mut Recorder<'a>,
    /// So many may stand in each other from here on.
    mappings: usize,
    is_item: bool,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        match self.recorder.shapes.map(|shapes| shapes.get(self.recorder.events.len())) {
            None => value.deserialize_any(self),
            Some(Some(Event::Text(_))) => value.deserialize_str(self),
            Some(Some(Event::List)) => value.deserialize_seq(self),
            Some(Some(Event::Mapping)) => value.deserialize_map(self),
            Some(_) => value.deserialize_ignored_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.recorder.push(Event::Mapping)?;
        let Some(mappings) = self.mappings.checked_sub(1) else {
            return Err(A::Error::custom("stopped"));
        };
        while let Some(is_looked_behind) =
            entries.next_key_seed(Key { recorder: &mut *self.recorder, is_top: self.mappings == MAPPINGS })?
        {
            if is_looked_behind {
                entries.next_value_seed(Node { recorder: &mut *self.recorder, mappings, is_item: false })?;
            } else {
                entries.next_value::<IgnoredAny>()?;
                self.recorder.push(Event::Empty)?;
            }
        }
        self.recorder.push(Event::End)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.recorder.push(Event::List)?;
        if self.is_item {
            return Err(A::Error::custom("stopped"));
        }
        while items
            .next_element_seed(Node { recorder: &mut *self.recorder, mappings: 0, is_item: true })?
            .is_some()
        {}
        self.recorder.push(Event::End)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _tagged: A) -> Result<(), A::Error> {
        self.recorder.push(Event::Tag)?;
        Err(A::Error::custom("stopped"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.recorder.push(Event::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.recorder.push(Event::Empty)
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.visit_unit()
    }

    // Truth values and numbers: their text comes with the second reading.

    fn visit_bool<E: Error>(self, _truth: bool) -> Result<(), E> {
        self.visit_str("")
    }

    fn visit_i64<E: Error>(self, _number: i64) -> Result<(), E> {
        self.visit_str("")
    }

    fn visit_i128<E: Error>(self, _number: i128) -> Result<(), E> {
        self.visit_str("")
    }

    fn visit_u64<E: Error>(self, _number: u64) -> Result<(), E> {
        self.visit_str("")
    }

    fn visit_u128<E: Error>(self, _number: u128) -> Result<(), E> {
        self.visit_str("")
    }

    fn visit_f64<E: Error>(self, _number: f64) -> Result<(), E> {
        self.visit_str("")
    }
}

/// Records a key, and says whether to look behind it.
struct Key<'r, 'a> {
    recorder: &'r mut Recorder<'a>,
    is_top: bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<bool, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        self.recorder.push(Event::Text(Zeroizing::new(key.to_owned())))?;
        Ok(match self.recorder.extent {
            Extent::Whole => true,
            Extent::KeysOf(name) => self.is_top && key == name,
        })
    }
}
