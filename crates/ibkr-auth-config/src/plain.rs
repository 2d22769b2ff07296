//! YAML as it comes, for files that are another program's: nothing in them is an error.

use std::vec;

use crate::{
    document::{Event, Reading},
    value::Text,
    yaml,
};

/// What is written, whatever it is.
pub(crate) enum Plain {
    Empty,
    Text(Text),
    List(Vec<Self>),
    /// In the file's order.
    Mapping(Vec<(Text, Self)>),
}

/// Where a bracket is never closed, each line is the last one in turn.
const MOST_CUTS: usize = 100;

/// What stands before the first line that cannot be read, and the number of that line.
pub(crate) fn read(text: &str) -> (Plain, Option<usize>) {
    let text = with_spaces(text);
    let (mut text, mut cut) = (text.as_str(), None);
    for _ in 0..MOST_CUTS {
        let Reading { events, failure } = yaml::read(text);
        let Some(failure) = failure else { return (Plain::node(&mut events.into_iter()), cut) };
        let Some(before) = failure.line.and_then(|line| line.checked_sub(1)) else { break };
        let end: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
        // An end that never came is noticed behind the last line.
        text = if end < text.len() { &text[..end] } else { without_last_line(text) };
        cut = Some(text.lines().count() + 1);
    }
    (Plain::Empty, cut)
}

fn without_last_line(text: &str) -> &str {
    let trimmed = text.trim_end_matches('\n');
    &text[..trimmed.rfind('\n').map_or(0, |end| end + 1)]
}

/// YAML takes no tabs where a line begins.
fn with_spaces(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches([' ', '\t']);
        for indent in line[..line.len() - content.len()].chars() {
            all.push_str(if indent == '\t' { "    " } else { " " });
        }
        all.push_str(content);
    }
    all
}

impl Plain {
    /// What is not closed ends with the events.
    fn node(events: &mut vec::IntoIter<Event>) -> Self {
        match events.next() {
            Some(first) => Self::of(first, events),
            None => Self::Empty,
        }
    }

    fn of(first: Event, events: &mut vec::IntoIter<Event>) -> Self {
        match first {
            Event::Text(text) => Self::Text(text),
            Event::Empty | Event::End | Event::Tag => Self::Empty,
            Event::List => {
                let mut items = Vec::new();
                while let Some(event) = events.next().filter(|event| !matches!(event, Event::End)) {
                    items.push(Self::of(event, events));
                }
                Self::List(items)
            }
            Event::Mapping => {
                let mut entries = Vec::new();
                while let Some(event) = events.next().filter(|event| !matches!(event, Event::End)) {
                    let (key, value) = (Self::of(event, events), Self::node(events));
                    if let Self::Text(key) = key {
                        entries.push((key, value));
                    }
                }
                Self::Mapping(entries)
            }
        }
    }

    /// Whether it says nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Mapping(entries) => entries.is_empty(),
        }
    }

    /// The text of a value that is one, if there is any.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// The texts of a list; a single one counts as a list of one.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match self {
            Self::List(items) => items.iter().filter_map(Self::text).collect(),
            other => other.text().into_iter().collect(),
        }
    }

    /// As lenient as the readers of other programs.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self.text()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(plain: &Plain) -> String {
        match plain {
            Plain::Empty => "~".to_owned(),
            Plain::Text(text) => text.to_string(),
            Plain::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
            Plain::Mapping(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{}:{}", **key, shown(value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn every_style_is_read() {
        for text in [
            "a: 1\nb:\n  c: [x, 'y']\n",
            "  a: '1'\n  b:\n      c:\n      - \"x\"\n      - y # why\n",
            "a: 1\t# one\nb:\n\tc:\n\t\t- x\n\t\t- y\n",
            "# first\r\n\r\na: 1\r\nb: {c: [x, y]}\r\n",
        ] {
            let (plain, cut) = read(text);
            assert_eq!((shown(&plain).as_str(), cut), ("{a:1 b:{c:[x y]}}", None), "{text}");
        }
    }

    #[test]
    fn what_lies_too_deep_for_settings_is_passed_over() {
        let (plain, _) = read("a:\n- name: x\n  index: [y]\nb: {c: {d: {e: f}}}\ng: 1\n");
        assert_eq!(shown(&plain), "{a:[{}] b:{c:{d:{}}} g:1}");
    }

    #[test]
    fn what_stands_before_a_mistake_counts() {
        for (text, cut) in [
            ("a: 1\nb:\n  - x\n  - *\nc: 2\n", 4),
            ("a: 1\nb:\n  - x\n? - {\nc: 2\n", 4),
            ("a: 1\nb: [x]\n\"c: 2\nd: e", 3),
        ] {
            let (plain, at) = read(text);
            assert_eq!((shown(&plain).as_str(), at), ("{a:1 b:[x]}", Some(cut)), "{text}");
        }
        for nothing in ["", "\0", "# a comment", "[", "---\n---\n"] {
            assert_eq!(shown(&read(nothing).0), "~", "{nothing}");
        }
    }
}
