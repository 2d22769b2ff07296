//! Writes files over nobody else's, and through no link.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::Path,
};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    Owner,
    All,
}

/// Refuses a file that is there and does not hold what `is_own` knows as the simulator's, and every link:
/// what it leads to is somebody's choice, and need not be there.
pub(crate) fn refuse_foreign(file: &Path, is_own: impl Fn(&str) -> bool) -> io::Result<()> {
    let refused = |what: &str| {
        let text = format!(
            "{} {what}: move it away, or choose another folder, as in `--write-config sim`",
            file.display()
        );
        Err(io::Error::new(ErrorKind::AlreadyExists, text))
    };
    if fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_symlink()) {
        return refused("is a symbolic link");
    }
    match fs::read(file) {
        Ok(content) if !std::str::from_utf8(&content).is_ok_and(is_own) => {
            refused("exists and is not the simulator's")
        }
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(io::Error::new(error.kind(), format!("{}: {error}", file.display())))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Makes a file anew, which [`refuse_foreign`] has allowed. What is for its owner no other user can read at
/// any moment.
pub(crate) fn write(file: &Path, text: &str, readers: Readers) -> io::Result<()> {
    replace(file, text, readers).map_err(|error| {
        let text = format!("cannot write {}: {error}; choose another folder", file.display());
        io::Error::new(error.kind(), text)
    })
}

/// A link that has come in between is removed itself, or stands in the way: `create_new` follows none.
fn replace(file: &Path, text: &str, readers: Readers) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        let mode = if readers == Readers::Owner { 0o600 } else { 0o644 };
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    }
    #[cfg(not(unix))]
    let _ = readers;
    options.open(file)?.write_all(text.as_bytes())
}
