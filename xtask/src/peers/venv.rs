//! Python environments with pinned packages, kept between runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{process, term};

/// The Python of an environment that has this version of ibauth.
pub(crate) fn ibauth(folder: &Path, version: &str) -> Result<PathBuf, String> {
    python(folder, &format!("ibauth-{version}"))
}

/// The Python of an environment that has what `xtask/peers/<name>.txt` pins; makes the environment when there
/// is none.
pub(crate) fn python(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let folder = folder.join(format!("{name}-by-hash"));
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let pins = process::root().join(format!("xtask/peers/{name}.txt"));
    let wanted = fs::read(&pins).map_err(|error| format!("{}: {error}", pins.display()))?;
    // What it was made of.
    let made_of = folder.join("pins.txt");
    if fs::read(&made_of).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }

    println!("making a Python environment for {name}");
    // `--clear` gets rid of what an interrupted run left behind.
    let mut venv = Command::new(system_python());
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    process::status(&mut venv).map_err(|error| {
        format!("{error}\nthis task needs Python 3.11 or later, as `python3`, with its venv module (Debian: python3-venv)")
    })?;

    println!("installing {name} from PyPI");
    let mut pip = Command::new(&python);
    // Whatever else PyPI hands out is refused, by the digest of each file. ibproxy runs on an older Python
    // than it asks for.
    let options =
        ["--disable-pip-version-check", "--ignore-requires-python", "--require-hashes", "--requirement"];
    pip.args(["-m", "pip", "install"]).args(options);
    pip.arg(&pins);
    if !term::is_terminal() {
        pip.arg("--quiet");
    }
    process::status(&mut pip)
        .map_err(|error| format!("{error}\npip could not install {name}: is PyPI reachable?"))?;
    fs::write(&made_of, wanted).map_err(|error| format!("{}: {error}", made_of.display()))?;
    Ok(python)
}

pub(crate) fn system_python() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::process;

    #[test]
    fn every_peer_is_pinned_by_digest() {
        for (name, what) in [
            ("ibauth-0.1.6", "ibauth==0.1.6 "),
            ("ibauth-0.0.8", "ibauth==0.0.8 "),
            ("gateway-clients", "ibind==0.2.2 "),
            ("oauth1-clients", "pycryptodome==4.4.0 "),
        ] {
            let path = process::root().join(format!("xtask/peers/{name}.txt"));
            let text = fs::read_to_string(path).unwrap().replace("\\\n", " ");
            let pins: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(pins.iter().any(|pin| pin.starts_with(what)), "{name}");
            for pin in pins {
                assert!(pin.contains("==") && pin.contains("--hash=sha256:"), "{pin}");
            }
        }
    }
}
