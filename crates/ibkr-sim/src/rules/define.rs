//! From one list of rules to the struct, its defaults, and the table by which rules are listed and set by
//! name.

use std::{error::Error, fmt};

use serde::Serialize;

/// Each entry is a rule's meaning, name, kind and default.
macro_rules! rules {
    ($($(#[doc = $meaning:literal])+ $name:ident: $kind:ty = $default:expr,)+) => {
        /// The rules. Change the fields you need, `config.rules.established_after = Duration::ZERO`, or
        /// [`set`](Self::set) them by name.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Rules {
            $($(#[doc = $meaning])+ pub $name: $kind,)+
        }

        impl Default for Rules {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Rules {
            /// Every rule: its name, which is the field's, what it means, its default and its value here.
            pub fn list(&self) -> Vec<$crate::Rule> {
                let default = Self::default();
                vec![$($crate::rules::define::Rule {
                    name: stringify!($name),
                    takes: <$kind as $crate::rules::value::Value>::takes(),
                    default: $crate::rules::value::Value::show(&default.$name),
                    value: $crate::rules::value::Value::show(&self.$name),
                    meaning: concat!($($meaning),+).trim_start(),
                }),+]
            }

            /// Sets a rule by its name: `rules.set("bearer_life", "10m")`.
            ///
            /// # Errors
            /// When there is no such rule, or it does not take this value; the text says what is right.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), $crate::RuleError> {
                // As flags are written.
                match name.replace('-', "_").as_str() {
                    $(stringify!($name) => {
                        self.$name = $crate::rules::value::Value::read(value)
                            .map_err(|why| $crate::RuleError::value(stringify!($name), &why))?;
                    })+
                    unknown => return Err($crate::RuleError::name(unknown, &[$(stringify!($name)),+])),
                }
                Ok(())
            }
        }
    };
}
pub(super) use rules;

/// A rule as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its name, that of the field in [`Rules`](crate::Rules).
    pub name: &'static str,
    /// What it can be set to.
    pub takes: String,
    /// What it is unless it is set.
    pub default: String,
    /// What it is.
    pub value: String,
    /// What it means.
    pub meaning: &'static str,
}

/// Why a rule cannot be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError(String);

impl RuleError {
    pub(super) fn value(name: &str, why: &str) -> Self {
        Self(format!("{name}: {why}"))
    }

    pub(super) fn name(unknown: &str, known: &[&str]) -> Self {
        let near = known.iter().map(|name| (strsim::osa_distance(unknown, name), name));
        let near = near.filter(|(distance, name)| *distance <= 1 + name.len() / 4).min();
        let hint = match near {
            Some((_, name)) => format!("did you mean `{name}`?"),
            None => format!("the rules are {}", known.join(", ")),
        };
        Self(format!("there is no rule `{unknown}`; {hint}"))
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for RuleError {}
