//! Paths as people write them: relative to the file that names them, or with `~/`.

use std::path::{Path, PathBuf};

use crate::{env::Env, error::Problem};

pub(crate) fn resolve(text: &str, folder: &Path, env: &Env) -> Result<PathBuf, Problem> {
    if text.contains("-----BEGIN") || text.contains(char::is_control) {
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
