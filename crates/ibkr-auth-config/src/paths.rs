//! Paths as people write them: relative to the file that names them, or with `~/`.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::{env::Env, error::Problem};

/// Shorter than the base64 of any RSA key that is long enough.
const LONGEST: usize = 1000;
/// No file's name is longer.
const LONGEST_SHOWN: usize = 255;

/// How an error calls the file that `text` names. A passphrase may stand in its path's place: what is not
/// there is shown only if it looks like a path.
pub(crate) fn shown(text: &str, path: &Path) -> String {
    let is_short =
        |ending: &str| ending.len() <= 4 && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let ends_like_a_file = path.extension().and_then(OsStr::to_str).is_some_and(is_short);
    let stands_in_a_folder =
        Path::new(text).components().count() > 1 && path.parent().is_some_and(Path::is_dir);
    if path.exists() || (text.len() <= LONGEST_SHOWN && (ends_like_a_file || stands_in_a_folder)) {
        path.display().to_string()
    } else {
        "the given path".to_owned()
    }
}

pub(crate) fn resolve(text: &str, folder: &Path, env: &Env) -> Result<PathBuf, Problem> {
    let is_path = |text: &str| {
        !text.contains("-----BEGIN") && !text.contains(char::is_control) && text.len() <= LONGEST
    };
    if is_path(text.trim()) && !is_path(text) {
        return Err(Problem::new("begins or ends with a line break", "remove that"));
    }
    // A path may be shown in an error, a key pasted in its place must not.
    if !is_path(text) {
        return Err(Problem::new(
            "is not a path",
            "write the path of a file here; the PEM block itself belongs under `private_key`",
        ));
    }
    let Some(rest) = text.strip_prefix("~/") else {
        return Ok(folder.join(text));
    };
    match env.set("HOME") {
        Some(home) => Ok(Path::new(home).join(rest)),
        None => Err(Problem::new(
            "starts with `~/`, and the variable HOME is not set",
            "write the whole path, or set HOME",
        )),
    }
}
