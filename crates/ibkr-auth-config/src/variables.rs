//! The variables that stand for keys.

use zeroize::Zeroizing;

use crate::{
    env::Env,
    error::{FileError, Problem},
    given::Raw,
    keys::{self, Key, PREFIX},
};

/// What the variables set, in the order of the table.
pub(crate) fn settings(env: &Env) -> Result<Vec<(&'static Key, Raw)>, FileError> {
    let mut settings = Vec::new();
    for key in keys::ALL {
        let name = key.variable();
        let Some(value) = env.os(&name) else { continue };
        let text = value
            .to_str()
            .ok_or_else(|| Problem::new("is not valid UTF-8", "set it to plain text").at(&name))?;
        let raw = if text.is_empty() { Raw::Empty } else { Raw::Text(Zeroizing::new(text.to_owned())) };
        settings.push((key, raw));
    }
    Ok(settings)
}

/// A variable of ours that no key has, most likely misspelt. `except` is one that the settings name themselves.
pub(crate) fn refuse_unknown(env: &Env, except: Option<&str>) -> Result<(), FileError> {
    for name in env.names().filter(|name| name.starts_with(PREFIX)) {
        let key = name[PREFIX.len()..].to_ascii_lowercase();
        let known = keys::ALL.iter().any(|key| key.variable() == name);
        if !known && except != Some(&name) {
            let todo = keys::advice(&key, Key::variable).unwrap_or_else(|| {
                "unset it; the variables are those of the table of keys in the documentation".to_owned()
            });
            return Err(FileError::new(format!("unknown variable {name}"), todo));
        }
    }
    Ok(())
}
