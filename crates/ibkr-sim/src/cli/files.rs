//! Writes files for their owner's eyes, and over nobody else's.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::Path,
};

/// Refuses a file that is there and does not hold what `is_own` knows as the simulator's.
pub(super) fn refuse_foreign(file: &Path, is_own: impl Fn(&str) -> bool) -> io::Result<()> {
    match fs::read(file) {
        Ok(content) if !std::str::from_utf8(&content).is_ok_and(is_own) => Err(io::Error::new(
            ErrorKind::AlreadyExists,
            format!(
                "{} exists and is not the simulator's: move it away, or choose another folder, as in \
                 `--write-config sim`",
                file.display()
            ),
        )),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(io::Error::new(error.kind(), format!("{}: {error}", file.display())))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Makes a file anew, which [`refuse_foreign`] has allowed. No other user can read it at any moment.
pub(super) fn write(file: &Path, text: &str) -> io::Result<()> {
    replace(file, text).map_err(|error| {
        let text = format!("cannot write {}: {error}; choose another folder", file.display());
        io::Error::new(error.kind(), text)
    })
}

fn replace(file: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())
}
