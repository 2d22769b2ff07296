//! The certificates in `ca_file`.

use crate::{FileError, Transport, error::Problem, file};

/// The bundle of a whole system has some 220 KiB.
const LONGEST_KIB: usize = 1024;

impl Transport {
    /// Reads the certificates of `ca_file`, as DER; none without it.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate, or `ca_only` is set without it.
    pub fn certificates(&self) -> Result<Vec<Vec<u8>>, FileError> {
        let Some(path) = &self.ca_file else {
            let nothing = FileError::new("ca_only needs ca_file", "set that too, or remove this");
            return if self.ca_only { Err(nothing) } else { Ok(Vec::new()) };
        };
        let wrong = |problem: Problem| problem.at(&format!("ca_file {}", path.display()));
        let content = file::read_at_most(LONGEST_KIB, path).map_err(wrong)?;
        let sections = pem::parse_many(&content.bytes).unwrap_or_default();
        let certificates = sections.into_iter().filter(|section| section.tag() == "CERTIFICATE");
        let certificates: Vec<_> = certificates.map(pem::Pem::into_contents).collect();
        if certificates.is_empty() {
            let problem =
                Problem::new("holds no certificate", "give a PEM file with `-----BEGIN CERTIFICATE-----`");
            return Err(wrong(problem));
        }
        Ok(certificates)
    }
}
