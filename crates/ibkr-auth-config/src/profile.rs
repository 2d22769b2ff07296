//! Profiles: what their names look like, and which one counts.

use crate::{
    FileError,
    document::Document,
    env::{Env, PROFILE},
    error::Problem,
    fields,
};

/// The keys of the top level that are about profiles.
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
pub(crate) fn choose(
    asked: Option<&str>,
    env: &Env,
    document: Option<&Document>,
) -> Result<Option<String>, FileError> {
    let (name, place) = match asked {
        Some(name) => (Some(name.to_owned()), "the chosen profile"),
        None => (env.profile()?, PROFILE),
    };
    let Some(document) = document else {
        let problem =
            Problem::new("needs a settings file, and none is read", "name a file, or choose no profile");
        return if name.is_some() { Err(problem.at(place)) } else { Ok(None) };
    };
    // Looked at even if another profile is chosen: a mistake is told early.
    let default = match &document.default_profile {
        Some(value) => {
            let found = value.raw().and_then(|name| find(name, document));
            Some(found.map_err(|problem| value.blame(problem))?)
        }
        None => None,
    };
    match name {
        Some(name) => find(&name, document).map(Some).map_err(|problem| problem.at(place)),
        None => Ok(default),
    }
}

fn find(name: &str, document: &Document) -> Result<String, Problem> {
    let (names, file) = (document.names(), document.file.name());
    if names.contains(&name) {
        return Ok(name.to_owned());
    }
    if !is_name(name) {
        return Err(Problem::new("is not the name of a profile", NAME_RULE));
    }
    if names.is_empty() {
        let what = format!("is `{name}`, and {file} has no profiles");
        return Err(Problem::new(what, "add `profiles:` to the file, or choose none"));
    }
    let help = match fields::nearest(&name.to_ascii_lowercase(), names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? The profiles are: {}", list(&names)),
        None => format!("choose one of: {}", list(&names)),
    };
    Err(Problem::new(format!("is `{name}`, which {file} does not have"), help))
}
