//! Reads small regular files, and nothing else that a path may lead to.

use std::{io::Read, path::Path};

use zeroize::Zeroizing;

use crate::{
    error::Problem,
    local::{self, Content},
};

/// Settings, a key and a passphrase are far shorter.
const LONGEST_KIB: usize = 64;

/// What Windows' editors put before UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

pub(crate) fn read(path: &Path) -> Result<Content, Problem> {
    read_at_most(LONGEST_KIB, path)
}

/// A file that others than this user and root can change decides nothing here.
pub(crate) fn read_at_most(kib: usize, path: &Path) -> Result<Content, Problem> {
    let longest = kib * 1024;
    let (file, about) = local::open(path)?;
    local::refuse_changeable(path, &about)?;
    // Room for everything at once: a buffer that grows leaves copies behind. And no more: all of it is wiped
    // in the end.
    let room = usize::try_from(about.len()).unwrap_or(longest).min(longest) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(longest as u64 + 1).read_to_end(&mut bytes).map_err(|error| local::unreadable(&error))?;
    if bytes.len() > longest {
        return Err(Problem::new(
            format!("is larger than {kib} KiB"),
            "check the path: this cannot be the right file",
        ));
    }
    Ok(Content { bytes, about })
}

/// A file of secrets, which nobody else may read either. What should be changed about it is added to
/// `warnings`, with `name` for the file.
pub(crate) fn read_secret(path: &Path, name: &str, warnings: &mut Vec<String>) -> Result<Content, Problem> {
    let content = read(path)?;
    if let Some(problem) = local::refuse_readable(&content.about)? {
        warnings.push(problem.at(name).to_string());
    }
    Ok(content)
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
