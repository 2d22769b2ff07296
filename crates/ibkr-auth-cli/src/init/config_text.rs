//! The text of config.yaml: each setting with what it means. What is missing in one that is there comes at
//! its end.

use std::{
    fs,
    path::{Path, PathBuf, absolute},
};

use ibkr_auth_config::local;

use crate::{
    exit::Exit,
    failure::Failure,
    init::{
        place::Place,
        setting::{Setting, Values},
        staged::{PRIVATE, Staged},
    },
    wrap,
};

const HEAD: &str = "\
# Settings of ibkr-auth for IBKR's Web API, made by `ibkr-auth init`; run it again to add what is missing.
# Check them with `ibkr-auth doctor`. Every other key, and profiles: `ibkr-auth help keys`
";

/// Of a comment.
const WIDTH: usize = 108;

const COMPETE: &str = "
# `false` leaves a brokerage session alone that runs elsewhere, such as TWS, and the login fails; `true` ends it.
compete: false
";

/// Settings with these lines, in this order; `None` where there is nothing to write. `is_new`: there are none
/// yet. `says`: what is read back from the file at this path, once it is written, is what it should be. The
/// folder is there by now.
pub(super) fn staged(
    place: &Place,
    is_new: bool,
    order: &[&Setting],
    missing: &Values,
    says: impl FnOnce(&Path) -> Result<bool, Failure>,
) -> Result<Option<Staged>, Failure> {
    if missing.is_empty() {
        return Ok(None);
    }
    let lines = lines(order, missing);
    let (file, text) = match is_new {
        true => (place.file.clone(), format!("{HEAD}{lines}{COMPETE}").into_bytes()),
        false => completed(&place.file, &lines)?,
    };
    let staged = Staged::new(&file, &text, PRIVATE)?;
    let why = match says(staged.path()) {
        Ok(true) => return Ok(Some(staged)),
        Ok(false) => "they are read back with other values".to_owned(),
        Err(_) if !is_new => {
            "lines at its end would not belong to it, as where all is indented, in braces, or ended by `...`"
                .to_owned()
        }
        // It is not at its place yet.
        Err(failure) => {
            failure.why.unwrap_or_default().replace(&staged.path().display().to_string(), "config.yaml")
        }
    };
    let by_hand: Vec<String> = missing.iter().map(|(key, value)| entry(key, value)).collect();
    Err(Failure::new(Exit::Config, "the settings would not say what they should, and were not written")
        .why(why)
        .help(format!("write these lines by hand: {}", by_hand.join("; "))))
}

/// The file, that behind a link, and its content with these lines.
fn completed(file: &Path, lines: &str) -> Result<(PathBuf, Vec<u8>), Failure> {
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let content = local::read(&file).map_err(|error| {
        Failure::new(Exit::Config, format!("{} cannot be completed", file.display()))
            .why(error.message())
            .help(error.help())
    })?;
    let mut text = content.bytes.to_vec();
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend_from_slice(lines.as_bytes());
    Ok((file, text))
}

fn lines(order: &[&Setting], values: &Values) -> String {
    let line = |Setting { key, name, meaning }: &Setting| {
        let meaning = wrap::lines(&format!("{name}: {meaning}"), WIDTH).replace('\n', "\n# ");
        values.get(key).map(|value| format!("\n# {meaning}\n{}\n", entry(key, value)))
    };
    order.iter().copied().filter_map(line).collect()
}

fn entry(key: &str, value: &str) -> String {
    format!("{key}: {}", quoted(value))
}

/// The key as it stands in settings of this folder: relative if it is below.
pub(super) fn written(key: &Path, folder: &Path) -> Result<String, Failure> {
    let (whole, folder) = (absolute(key).unwrap_or_default(), absolute(folder).unwrap_or_default());
    let path = whole.strip_prefix(&folder).unwrap_or(&whole);
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{} cannot stand in config.yaml", key.display()))
            .why("it is not UTF-8")
            .help("give the key or its folder another name")
    })
}

/// In double quotes; whatever YAML could take for something else is escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ if c.is_alphanumeric() => quoted.push(c),
            _ => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_backslashes_and_invisible_characters_are_escaped() {
        assert_eq!(quoted(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(quoted("Zoë\u{2028}\u{feff}"), r#""Zoë\U00002028\U0000FEFF""#);
    }
}
