//! Reads small regular files, and nothing else that a path may lead to.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::Path,
};

use zeroize::Zeroizing;

use crate::error::Problem;

/// Settings, a key and a passphrase are far shorter.
const LONGEST_KIB: usize = 64;

/// What Windows' editors put before UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A file's bytes, wiped on drop.
pub(crate) struct Content {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Users other than its owner may do something with it.
    pub(crate) open_to_others: bool,
}

pub(crate) fn read(path: &Path) -> Result<Content, Problem> {
    read_at_most(LONGEST_KIB, path)
}

pub(crate) fn read_at_most(kib: usize, path: &Path) -> Result<Content, Problem> {
    let longest = kib * 1024;
    // Asked before it is opened: opening a FIFO waits for a writer.
    let about = fs::metadata(path).map_err(|error| unreadable(&error))?;
    if about.is_dir() {
        return Err(Problem::new("is a folder", "give the path of a file"));
    }
    if !about.is_file() {
        return Err(Problem::new("is not a regular file", "copy its content into a file"));
    }
    // Room for everything at once: a buffer that grows leaves copies behind. And no more: all of it is wiped in the end.
    let room = usize::try_from(about.len()).unwrap_or(longest).min(longest) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    File::open(path)
        .and_then(|file| file.take(longest as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(&error))?;
    if bytes.len() > longest {
        return Err(Problem::new(
            format!("is larger than {kib} KiB"),
            "check the path: this cannot be the right file",
        ));
    }
    Ok(Content { bytes, open_to_others: open_to_others(&about) })
}

/// UTF-8 with or without a byte order mark.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Problem> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if let [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, 1..=255, 0, 1..=255, ..] | [1..=255, 0, 1..=255, 0, ..] =
        bytes
    {
        return Err(Problem::new("is UTF-16", "save it as UTF-8"));
    }
    let line = |end: usize| 1 + bytes.iter().take(end).filter(|byte| **byte == b'\n').count();
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Problem::new(format!("is not UTF-8 in line {}", line(error.valid_up_to())), "save it as UTF-8")
    })?;
    match text.find('\0') {
        Some(at) => Err(Problem::new(
            format!("holds a NUL byte in line {}", line(at)),
            "save it as plain text in UTF-8",
        )),
        None => Ok(text),
    }
}

fn unreadable(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Problem::new("does not exist", "check the path")
        }
        io::ErrorKind::PermissionDenied => {
            Problem::new("may not be read by this user", "change its permissions or its owner")
        }
        _ => Problem::new(
            format!("cannot be read ({error})"),
            "mend what the system says there, and try again",
        ),
    }
}

#[cfg(unix)]
fn open_to_others(about: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn open_to_others(_about: &Metadata) -> bool {
    false
}
