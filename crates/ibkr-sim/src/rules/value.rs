//! How the value of a rule is read and shown.

use std::time::Duration;

use super::{CompetingShown, Expires, Extension, Limit, SignedQuery};

/// What a rule can be. What is shown can be read.
pub(super) trait Value: Sized {
    /// For a list of rules.
    fn takes() -> String;

    /// The error says how it is written.
    fn read(text: &str) -> Result<Self, String>;

    fn show(&self) -> String;
}

impl Value for Duration {
    fn takes() -> String {
        "a time".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map_err(|_| format!("`{text}` is no time: write it like 500ms, 10s, 5m or 24h"))
    }

    fn show(&self) -> String {
        humantime::format_duration(*self).to_string().replace(' ', "")
    }
}

impl Value for usize {
    fn takes() -> String {
        "a number".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| format!("`{text}` is no number from 1 on"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Limit {
    fn takes() -> String {
        "a number and a time".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        let limit = text.split_once('/').and_then(|(count, per)| {
            let limit = Self { count: usize::read(count).ok()?, per: Duration::read(per).ok()? };
            (!limit.per.is_zero()).then_some(limit)
        });
        limit.ok_or_else(|| format!("`{text}` is no limit: write it like 50/1s or 3/10m"))
    }

    fn show(&self) -> String {
        format!("{}/{}", self.count, self.per.show())
    }
}

impl<T: Value> Value for Option<T> {
    fn takes() -> String {
        format!("{}, or `off`", T::takes())
    }

    fn read(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(None);
        }
        T::read(text).map(Some).map_err(|wrong| format!("{wrong}, or `off` for none"))
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| "off".to_owned(), T::show)
    }
}

/// Values of which each has a name.
macro_rules! named {
    ($kind:ty: $first:literal = $one:expr, $($name:literal = $value:expr,)* or $last:literal = $other:expr) => {
        impl Value for $kind {
            fn takes() -> String {
                concat!("`", $first, "`", $(", `", $name, "`",)* " or `", $last, "`").to_owned()
            }

            fn read(text: &str) -> Result<Self, String> {
                // As flags are written.
                match text.replace('-', "_").as_str() {
                    $first => Ok($one),
                    $($name => Ok($value),)*
                    $last => Ok($other),
                    _ => Err(format!("`{text}` is neither {}", Self::takes().replace(" or ", " nor "))),
                }
            }

            fn show(&self) -> String {
                match self {
                    value if *value == $one => $first,
                    $(value if *value == $value => $name,)*
                    _ => $last,
                }
                .to_owned()
            }
        }
    };
}

named!(bool: "true" = true, or "false" = false);
named!(Extension: "validate" = Self::Validate, "any_request" = Self::AnyRequest, or "nothing" = Self::Nothing);
named!(Expires: "millis_left" = Self::MillisLeft, or "epoch_millis" = Self::EpochMillis);
named!(SignedQuery: "any" = Self::Any, "merged" = Self::Merged, "left_out" = Self::LeftOut, or "in_url" = Self::InUrl);
named!(CompetingShown: "flag" = Self::Flag, "fail_text" = Self::FailText, or "never" = Self::Never);
