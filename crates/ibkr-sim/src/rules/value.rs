//! How the value of a rule is read and shown.

use std::time::Duration;

use super::{Expires, Extension, Limit};

/// What a rule can be. What is shown can be read.
pub(super) trait Value: Sized {
    /// For a list of rules.
    const TAKES: &str;

    /// The error says how it is written.
    fn read(text: &str) -> Result<Self, String>;

    fn show(&self) -> String;
}

impl Value for Duration {
    const TAKES: &str = "a time";

    fn read(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map_err(|_| format!("`{text}` is no time: write it like 500ms, 10s, 5m or 24h"))
    }

    fn show(&self) -> String {
        humantime::format_duration(*self).to_string().replace(' ', "")
    }
}

impl Value for usize {
    const TAKES: &str = "a number";

    fn read(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| format!("`{text}` is no number from 1 on"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Option<Limit> {
    const TAKES: &str = "a number and a time, or `off`";

    fn read(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(None);
        }
        let limit = text.split_once('/').and_then(|(count, per)| {
            let limit = Limit { count: usize::read(count).ok()?, per: Duration::read(per).ok()? };
            (!limit.per.is_zero()).then_some(limit)
        });
        let wrong = || format!("`{text}` is no limit: write it like 50/1s or 3/10m, or `off` for none");
        limit.map(Some).ok_or_else(wrong)
    }

    fn show(&self) -> String {
        self.map_or_else(|| "off".to_owned(), |limit| format!("{}/{}", limit.count, limit.per.show()))
    }
}

/// Values of which each has a name.
macro_rules! named {
    ($kind:ty: $first:literal = $one:expr, $second:literal = $other:expr) => {
        impl Value for $kind {
            const TAKES: &str = concat!("`", $first, "` or `", $second, "`");

            fn read(text: &str) -> Result<Self, String> {
                // As flags are written.
                match text.replace('-', "_").as_str() {
                    $first => Ok($one),
                    $second => Ok($other),
                    _ => Err(format!("`{text}` is neither {}", Self::TAKES.replace(" or ", " nor "))),
                }
            }

            fn show(&self) -> String {
                if *self == $one { $first } else { $second }.to_owned()
            }
        }
    };
}

named!(bool: "true" = true, "false" = false);
named!(Extension: "validate" = Self::Validate, "any_request" = Self::AnyRequest);
named!(Expires: "millis_left" = Self::MillisLeft, "epoch_millis" = Self::EpochMillis);
