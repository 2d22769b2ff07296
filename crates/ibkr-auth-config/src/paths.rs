//! Paths as people write them: relative to the file that names them, or with `~/`.

use std::path::{Path, PathBuf};

use crate::{env::Env, error::Problem};

/// Shorter than the base64 of any RSA key that is long enough.
const LONGEST: usize = 1000;

pub(crate) fn resolve(text: &str, folder: &Path, env: &Env) -> Result<PathBuf, Problem> {
    // A path may be shown in an error, a key pasted in its place must not.
    if text.contains("-----BEGIN") || text.contains(char::is_control) || text.len() > LONGEST {
        return Err(Problem::new(
            "is not a path",
            "write the path of a file here; the PEM block itself belongs under `private_key`",
        ));
    }
    let Some(rest) = text.strip_prefix("~/") else {
        return Ok(folder.join(text));
    };
    match env.os("HOME").filter(|home| !home.is_empty()) {
        Some(home) => Ok(Path::new(home).join(rest)),
        None => Err(Problem::new(
            "starts with `~/`, and the variable HOME is not set",
            "write the whole path, or set HOME",
        )),
    }
}
