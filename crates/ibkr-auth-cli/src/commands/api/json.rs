//! JSON as it came, indented: no number, name, member or escape is changed, and none is left out.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

/// Deeper than this nothing is indented: the spaces would outgrow the answer.
const DEEPEST: usize = 64;

/// `None` when it is no JSON.
pub(super) fn indented(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    serde_json::from_slice::<IgnoredAny>(bytes).ok()?;
    let mut page = Page { shown: String::with_capacity(text.len() * 2), depth: 0 };
    let (mut in_string, mut is_escaped) = (false, false);
    let mut before = None;
    for c in text.chars() {
        if in_string {
            page.shown.push(c);
            in_string = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
        } else if !c.is_ascii_whitespace() {
            page.take(c, before);
            in_string = c == '"';
            before = Some(c);
        }
    }
    Some(page.shown)
}

/// The values of every member of this name, of an object or of those in a list: a name may come more than
/// once.
pub(super) fn members(bytes: &[u8], name: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    // What is no JSON has none; what is was read whole, before it was shown.
    let _ = Members { name, found: &mut found }.deserialize(&mut json);
    found
}

struct Members<'a> {
    name: &'a str,
    found: &'a mut Vec<Value>,
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match name == self.name {
                true => self.found.push(map.next_value()?),
                false => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Members { name: self.name, found: self.found })?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

struct Page {
    shown: String,
    depth: usize,
}

impl Page {
    /// A character outside of strings. `before` is the last of those.
    fn take(&mut self, c: char, before: Option<char>) {
        let opens = |c| matches!(c, '{' | '[');
        let closes = matches!(c, '}' | ']');
        if closes {
            self.depth -= 1;
        }
        // Nothing stands between the two halves of what is empty.
        if before.is_some_and(|before| before == ',' || opens(before)) != closes {
            self.break_line();
        }
        self.shown.push(c);
        match c {
            _ if opens(c) => self.depth += 1,
            ':' => self.shown.push(' '),
            _ => {}
        }
    }

    fn break_line(&mut self) {
        if self.depth <= DEEPEST {
            self.shown.push('\n');
            self.shown.extend(std::iter::repeat_n("  ", self.depth));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn values_stay_as_they_are_written() {
        let text = r#" {"orderId":123456789012345678901234567890,"px":1.10, "neg":-0,"e":1e400,
            "b":1,"b":2,"é\u00e9\ud800\"}[,: ":"\\","\\\"":[ ],"o":{ } ,"l":[1 ,[2],{"x":null}]}  "#;
        let shown = indented(text.as_bytes()).unwrap();
        assert_eq!(
            shown,
            r#"{
  "orderId": 123456789012345678901234567890,
  "px": 1.10,
  "neg": -0,
  "e": 1e400,
  "b": 1,
  "b": 2,
  "é\u00e9\ud800\"}[,: ": "\\",
  "\\\"": [],
  "o": {},
  "l": [
    1,
    [
      2
    ],
    {
      "x": null
    }
  ]
}"#
        );
        assert_eq!(indented(shown.as_bytes()).unwrap(), shown);
    }

    #[test]
    fn it_looks_as_it_always_did() {
        for value in [json!({"a": [1, [], {}, [[]], "x"], "b": {"c": null}}), json!([]), json!("a"), json!(1)]
        {
            assert_eq!(indented(value.to_string().as_bytes()).unwrap(), format!("{value:#}"));
        }
    }

    #[test]
    fn what_is_no_json_is_none() {
        for wrong in [&b""[..], b"{", b"[1,]", b"{}{}", b"\"\xff\"", b"01", b"NaN", b"\"\n\""] {
            assert_eq!(indented(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn depth_costs_no_more_than_length() {
        let deep = "[".repeat(1 << 18) + &"]".repeat(1 << 18);
        let shown = indented(deep.as_bytes()).unwrap();
        assert!(shown.len() < 2 * deep.len(), "{}", shown.len());
        let wide = format!("[{}]", vec!["{\"a\":[1,2]}"; 1_000].join(","));
        let same: Value = serde_json::from_str(&indented(wide.as_bytes()).unwrap()).unwrap();
        assert_eq!(same.to_string(), wide);
    }
}
