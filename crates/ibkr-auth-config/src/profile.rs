//! Profiles: what their names look like, and which one counts.

use std::sync::Arc;

use crate::{
    FileError,
    env::Env,
    error::Problem,
    keys,
    source::Source,
    variables::{self, PROFILE},
    yaml::Content,
};

/// The keys of the top level that are about profiles.
#[cfg(feature = "yaml")]
pub(crate) const PROFILES: &str = "profiles";
pub(crate) const DEFAULT_PROFILE: &str = "default_profile";

pub(crate) const NAME_RULE: &str =
    "a name has 1 to 64 letters, digits, `-`, `_` and `.`, at least one of them a letter or a digit";

/// A list in an error is no longer.
const MOST_LISTED: usize = 20;

pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && name.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

/// The names for an error; the first of them, if there are many.
pub(crate) fn list(names: &[&str]) -> String {
    let shown = names.iter().take(MOST_LISTED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The profile that counts, which the file holds: the caller's, else that of the variable, else the file's
/// default.
pub(crate) fn choose<'a>(
    asked: Option<&str>,
    env: &Env,
    source: Option<&Arc<Source>>,
    content: &'a Content,
) -> Result<Option<&'a str>, FileError> {
    let (name, place) = match asked {
        Some(name) => (Some(name.to_owned()), "the chosen profile"),
        None => (variables::profile(env)?, PROFILE),
    };
    let Some(source) = source else {
        let problem =
            Problem::new("needs a settings file, and none is read", "name a file, or choose no profile");
        return if name.is_some() { Err(problem.at(place)) } else { Ok(None) };
    };
    let default = default(source, content)?;
    match name {
        Some(name) => find(&name, source, content).map(Some).map_err(|problem| problem.at(place)),
        None => Ok(default),
    }
}

/// What the file says. It is looked at even if another profile is chosen: a mistake is told early.
fn default<'a>(source: &Source, content: &'a Content) -> Result<Option<&'a str>, FileError> {
    let Some(raw) = &content.default_profile else { return Ok(None) };
    raw.text()
        .and_then(|name| find(name, source, content))
        .map(Some)
        .map_err(|problem| problem.at(&source.place(None, DEFAULT_PROFILE)))
}

fn find<'a>(name: &str, source: &Source, content: &'a Content) -> Result<&'a str, Problem> {
    let names = content.names();
    if let Some(found) = names.iter().find(|own| **own == name) {
        return Ok(found);
    }
    if !is_name(name) {
        return Err(Problem::new("is not the name of a profile", NAME_RULE));
    }
    if names.is_empty() {
        let what = format!("is `{name}`, and {} has no profiles", source.name());
        return Err(Problem::new(what, "add `profiles:` to the file, or choose none"));
    }
    let help = match keys::nearest(&name.to_ascii_lowercase(), names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? The profiles are: {}", list(&names)),
        None => format!("choose one of: {}", list(&names)),
    };
    Err(Problem::new(format!("is `{name}`, which {} does not have", source.name()), help))
}
