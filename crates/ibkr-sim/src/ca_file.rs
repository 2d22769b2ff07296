//! Writes the certificate of the simulator's authority, over nothing else than an earlier one.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};

/// The authority's name, by which an earlier certificate is known.
pub(crate) const AUTHORITY: &str = "ibkr-sim test authority";

pub(crate) fn write(file: &Path, pem: &str) -> io::Result<()> {
    match fs::read(file) {
        Ok(content) if !is_ours(&content) => {
            let text = "exists and is not the simulator's: move it away, or choose another folder";
            Err(io::Error::new(ErrorKind::AlreadyExists, format!("{} {text}", file.display())))
        }
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(_) | Err(_) => replace(file, pem),
    }
}

/// Through no link, and so that nobody else can change it, whatever the umask: who trusts it insists on that.
fn replace(file: &Path, pem: &str) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    options.open(file)?.write_all(pem.as_bytes())
}

/// One certificate, and nothing around it, that bears the authority's name. Each start makes another.
fn is_ours(content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content);
    let body = text
        .trim()
        .strip_prefix("-----BEGIN CERTIFICATE-----")
        .and_then(|rest| rest.strip_suffix("-----END CERTIFICATE-----"));
    let body: String = body.unwrap_or_default().split_whitespace().collect();
    let der = STANDARD.decode(body).unwrap_or_default();
    der.windows(AUTHORITY.len()).any(|window| window == AUTHORITY.as_bytes())
}
