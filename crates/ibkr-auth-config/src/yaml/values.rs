//! Reads the values of known shapes, each scalar as it is written.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use zeroize::Zeroizing;

use crate::{
    given::Raw,
    yaml::{
        Content, Entries,
        survey::{Shape, Word},
    },
};

/// The top level or a profile.
pub(super) struct Values<'a>(pub(super) &'a [(Word, Shape)]);

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = Content;

    fn deserialize<D: Deserializer<'de>>(self, settings: D) -> Result<Content, D::Error> {
        settings.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut content = Content::default();
        for (word, shape) in self.0 {
            map.next_key::<IgnoredAny>()?;
            let raw = match shape {
                Shape::Text => Raw::Text(Zeroizing::new(map.next_value()?)),
                Shape::List => {
                    Raw::List(map.next_value::<Vec<String>>()?.into_iter().map(Zeroizing::new).collect())
                }
                Shape::Profiles(profiles) => {
                    content.profiles = map.next_value_seed(Profiles(profiles))?;
                    continue;
                }
                Shape::Empty | Shape::Settings(_) => {
                    map.next_value::<IgnoredAny>()?;
                    Raw::Empty
                }
            };
            match word {
                Word::Key(key) => content.top.push((key, raw)),
                Word::DefaultProfile => content.default_profile = Some(raw),
                Word::Profiles => {}
            }
        }
        // The parser counts what is left only after it was asked for it.
        map.next_key::<IgnoredAny>()?;
        Ok(content)
    }
}

struct Profiles<'a>(&'a [(String, Shape)]);

impl<'de> DeserializeSeed<'de> for Profiles<'_> {
    type Value = Vec<(String, Entries)>;

    fn deserialize<D: Deserializer<'de>>(self, profiles: D) -> Result<Self::Value, D::Error> {
        profiles.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Profiles<'_> {
    type Value = Vec<(String, Entries)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("profiles")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut profiles = Vec::with_capacity(self.0.len());
        for (name, shape) in self.0 {
            map.next_key::<IgnoredAny>()?;
            let Shape::Settings(found) = shape else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            profiles.push((name.clone(), map.next_value_seed(Values(found))?.top));
        }
        map.next_key::<IgnoredAny>()?;
        Ok(profiles)
    }
}
