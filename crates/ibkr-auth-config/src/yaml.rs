//! From YAML to its events. Everything that knows the YAML library is here. Its messages quote the file, so
//! none of them is ever shown.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor},
};
use serde_yaml::Deserializer as Parser;
use zeroize::Zeroizing;

use crate::document::{Event, Fault, Reading, WRITE_SETTINGS};

/// The parser's time grows with the square of the nesting, and settings hardly nest.
const MOST_OPEN_BRACKETS: usize = 200;

/// No character makes more than a mapping's start and end, a key and a value. Only aliases do.
const EVENTS_PER_BYTE: usize = 4;

/// Settings nest no deeper: the top level, `profiles`, and a profile.
const MAPPINGS: usize = 3;

/// Reads twice, because the parser turns `007` into 7 unless it is asked for text, and stumbles over a list
/// when it is: first the shape of each value, then its text.
pub(crate) fn read(text: &str) -> Reading {
    let most = EVENTS_PER_BYTE * text.len();
    let shapes = Recorder::new(most, None).read(text);
    match shapes.failure {
        Some(_) => shapes,
        None => Recorder::new(most, Some(&shapes.events)).read(text),
    }
}

/// The line of an event that [`read`] has found. Only the parser's errors know where they are, so another
/// reading goes there and fails.
pub(crate) fn line_of(text: &str, event: usize) -> Option<usize> {
    let error = Recorder::new(event, None).record(Parser::from_str(text).next()).err()?;
    error.location().map(|place| place.line())
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
}

impl<'a> Recorder<'a> {
    fn new(most: usize, shapes: Option<&'a [Event]>) -> Self {
        Self { events: Vec::new(), most, shapes }
    }

    fn read(mut self, text: &str) -> Reading {
        let failure = self.read_all(text).err();
        Reading { events: self.events, failure }
    }

    fn read_all(&mut self, text: &str) -> Result<(), Fault> {
        refuse_at_a_glance(text)?;
        let mut documents = Parser::from_str(text);
        self.record(documents.next()).map_err(|error| {
            let line = error.location().map(|place| place.line());
            if self.events.len() == self.most {
                return Fault::new(line, "the aliases (`*…`) repeat too much", "write the values themselves");
            }
            unreadable(text, line)
        })?;
        match documents.next() {
            Some(_) => {
                let help = "keep one, and remove the lines `---`";
                Err(Fault::new(None, "holds several YAML documents", help))
            }
            None => Ok(()),
        }
    }

    fn record(&mut self, document: Option<Parser<'_>>) -> Result<(), serde_yaml::Error> {
        document
            .map_or(Ok(()), |document| self.node(Role::Value { mappings: MAPPINGS }).deserialize(document))
    }

    fn node(&mut self, role: Role) -> Node<'_, 'a> {
        Node { recorder: self, role }
    }

    fn push<E: Error>(&mut self, event: Event) -> Result<(), E> {
        if self.events.len() == self.most {
            return Err(E::custom("stopped"));
        }
        self.events.push(event);
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Role {
    Key,
    Value {
        /// So many may stand in each other from here on.
        mappings: usize,
    },
    Item,
    /// Where settings never go on. Nothing in it is looked at, so that neither nesting nor aliases take
    /// time.
    Beyond,
}

/// The text of truth values and numbers comes with the second reading.
macro_rules! scalars {
    ($($visit:ident($kind:ty))*) => {
        $(fn $visit<E: Error>(self, _: $kind) -> Result<(), E> {
            self.visit_str("")
        })*
    };
}

/// Records a node and what is in it.
struct Node<'r, 'a> {
    recorder: &'r mut Recorder<'a>,
    role: Role,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, node: D) -> Result<(), D::Error> {
        let shape = self.recorder.shapes.and_then(|shapes| shapes.get(self.recorder.events.len()));
        match (self.role, shape) {
            (Role::Beyond, _) | (_, Some(Event::Empty | Event::End)) => node.deserialize_ignored_any(self),
            (Role::Key, _) | (_, Some(Event::Text(_))) => node.deserialize_str(self),
            (_, Some(Event::List)) => node.deserialize_seq(self),
            (_, Some(Event::Mapping)) => node.deserialize_map(self),
            (_, None | Some(Event::Tag)) => node.deserialize_any(self),
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
        let (key, value) = match self.role {
            Role::Value { mappings: mappings @ 1.. } => (Role::Key, Role::Value { mappings: mappings - 1 }),
            _ => (Role::Beyond, Role::Beyond),
        };
        while entries.next_key_seed(self.recorder.node(key))?.is_some() {
            entries.next_value_seed(self.recorder.node(value))?;
        }
        self.recorder.push(Event::End)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.recorder.push(Event::List)?;
        let item = match self.role {
            Role::Value { .. } => Role::Item,
            _ => Role::Beyond,
        };
        while items.next_element_seed(self.recorder.node(item))?.is_some() {}
        self.recorder.push(Event::End)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<(), A::Error> {
        self.recorder.push(Event::Tag)?;
        let (IgnoredAny, content) = tagged.variant()?;
        content.newtype_variant::<IgnoredAny>().map(drop)
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

    scalars! { visit_bool(bool) visit_i64(i64) visit_i128(i128) visit_u64(u64) visit_u128(u128) visit_f64(f64) }
}
