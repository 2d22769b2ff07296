//! Python environments with one version of ibauth each, kept between runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{process, term};

/// The Python of an environment that has this version of ibauth; makes the environment when there is none.
pub(crate) fn python(folder: &Path, version: &str) -> Result<PathBuf, String> {
    let folder = folder.join(format!("ibauth-{version}-by-hash"));
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if installed(&python).as_deref() == Some(version) {
        return Ok(python);
    }

    println!("making a Python environment for ibauth {version}");
    // `--clear` gets rid of what an interrupted run left behind.
    let mut venv = Command::new(system_python());
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    process::status(&mut venv).map_err(|error| {
        format!("{error}\nthis task needs Python 3.11 or later, as `python3`, with its venv module (Debian: python3-venv)")
    })?;

    println!("installing ibauth {version} from PyPI");
    let mut pip = Command::new(&python);
    // Whatever else PyPI hands out is refused, by the digest of each file.
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--require-hashes", "--requirement"]);
    pip.arg(process::root().join(format!("xtask/peers/ibauth-{version}.txt")));
    if !term::is_terminal() {
        pip.arg("--quiet");
    }
    process::status(&mut pip)
        .map_err(|error| format!("{error}\npip could not install ibauth: is PyPI reachable?"))?;

    match installed(&python) {
        Some(found) if found == version => Ok(python),
        other => Err(format!("pip installed ibauth {version}, but what can be imported is {other:?}")),
    }
}

/// The version of ibauth that this Python imports, if it can.
fn installed(python: &Path) -> Option<String> {
    let code = "import ibauth, importlib.metadata as m; print(m.version('ibauth'))";
    let version = process::output(Command::new(python).args(["-c", code])).ok()?;
    Some(version.trim().to_owned())
}

fn system_python() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::process;

    #[test]
    fn every_peer_is_pinned_by_digest() {
        for version in ["0.1.6", "0.0.8"] {
            let path = process::root().join(format!("xtask/peers/ibauth-{version}.txt"));
            let text = fs::read_to_string(path).unwrap().replace("\\\n", " ");
            let pins: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(pins.iter().any(|pin| pin.starts_with(&format!("ibauth=={version} "))), "{version}");
            for pin in pins {
                assert!(pin.contains("==") && pin.contains("--hash=sha256:"), "{pin}");
            }
        }
    }
}
