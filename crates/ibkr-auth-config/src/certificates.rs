//! Whose certificates a client trusts.

use std::path::{Path, PathBuf};

use ibkr_jws::pem_file::{self, Block};

use crate::{FileError, Transport, env::Env, error::Problem, local};

/// The bundle of a whole system has some 220 KiB, and five times that where each certificate is explained.
const LONGEST_KIB: usize = 4096;

/// Whether the operating system keeps what it trusts in files.
const IS_IN_FILES: bool = cfg!(all(unix, not(target_vendor = "apple"), not(target_os = "android")));

const CERT_FILE: &str = "SSL_CERT_FILE";
const CERT_DIR: &str = "SSL_CERT_DIR";
const SHIPPED: &str = "the system's store";

/// Whose certificates a client trusts. Those that stand here are DER, and can be used. Exhaustive
/// on purpose: every HTTP stack must treat each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The operating system decides, and these are trusted besides: where its certificates are in no file
    /// (Windows, macOS, iOS, Android).
    System {
        /// Those of `ca_file`.
        and: Vec<Vec<u8>>,
    },
    /// These and no others: of `ca_file`, and of the system where it keeps them in files.
    Only(Vec<Vec<u8>>),
}

impl Transport {
    /// Reads the certificates to trust: of `ca_file`, and of the system unless `ca_only` is set.
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` count on systems that keep them in files, if they are set to
    /// something.
    ///
    /// What cannot be read is left out, and told to the log.
    ///
    /// # Errors
    /// When `ca_file` cannot be read or holds no certificate, `ca_only` is set without it, or there is nobody
    /// to trust.
    pub fn trust(&self) -> Result<Trust, FileError> {
        let own = self.own()?;
        own.damaged.iter().for_each(|damaged| tracing::warn!("{damaged}"));
        let certificates = own.certificates;
        if self.ca_only {
            return Ok(Trust::Only(certificates));
        }
        if !IS_IN_FILES {
            return Ok(Trust::System { and: certificates });
        }
        with_system(certificates, &Env::of_process()).map(Trust::Only)
    }

    /// What cannot be read in `ca_file` while the rest of it can: it works, but should be changed.
    pub fn warnings(&self) -> Vec<String> {
        self.own().map(|own| own.damaged).unwrap_or_default()
    }

    fn own(&self) -> Result<Bundle, FileError> {
        let Some(path) = &self.ca_file else {
            let nothing = FileError::new("ca_only needs ca_file", "set that too, or remove this");
            return if self.ca_only { Err(nothing) } else { Ok(Bundle::default()) };
        };
        let name = format!("ca_file {}", path.display());
        let bundle = Bundle::read(path).map_err(|problem| problem.at(&name))?;
        let damaged = bundle
            .damaged
            .into_iter()
            .map(|what| format!("{name}: {what}, so that it does not count"))
            .collect();
        Ok(Bundle { damaged, ..bundle })
    }
}

/// A PEM file of certificates, each of which counts for itself.
#[derive(Default)]
struct Bundle {
    /// As DER.
    certificates: Vec<Vec<u8>>,
    /// What cannot be read, each with its number and its line.
    damaged: Vec<String>,
}

impl Bundle {
    /// Holds one certificate at least.
    fn read(path: &Path) -> Result<Self, Problem> {
        let file = local::read_at_most(LONGEST_KIB, path)?.bytes;
        let blocks = pem_file::blocks(&file);
        let mut bundle = Self::default();
        for (index, block) in blocks.iter().filter(|block| is_certificate(block)).enumerate() {
            match certificate(block) {
                Ok(der) => bundle.certificates.push(der),
                Err(what) => {
                    bundle.damaged.push(format!("certificate {}, in line {}, {what}", index + 1, block.line));
                }
            }
        }
        match (bundle.certificates.is_empty(), bundle.damaged.first()) {
            (false, _) => Ok(bundle),
            (true, Some(damaged)) => Err(Problem::new(
                format!("holds certificates that cannot be used: {damaged}"),
                "get the file anew",
            )),
            (true, None) => Err(instead(&file, &blocks)),
        }
    }
}

fn is_certificate(block: &Block) -> bool {
    matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE")
}

fn certificate(block: &Block) -> Result<Vec<u8>, String> {
    let der = block.content.as_ref().map_err(ToString::to_string)?;
    match webpki::anchor_from_trusted_cert(&der.as_slice().into()) {
        Ok(_) => Ok(der.to_vec()),
        Err(_) => Err("cannot be used as one".to_owned()),
    }
}

/// What a file that holds no certificate holds, as far as there is a way on from there.
fn instead(file: &[u8], blocks: &[Block]) -> Problem {
    let holds = |label: &str| blocks.iter().any(|block| block.label == label);
    if holds("TRUSTED CERTIFICATE") {
        Problem::new(
            "holds certificates in a form of OpenSSL's own (`TRUSTED CERTIFICATE`)",
            "convert each with `openssl x509 -in FILE -out ca.pem`",
        )
    } else if holds("PKCS7") {
        Problem::new(
            "holds its certificates in a PKCS#7 envelope",
            "take them out with `openssl pkcs7 -print_certs -in FILE -out ca.pem`",
        )
    } else if pem_file::is_der(file) {
        Problem::new(
            "is binary DER, not PEM",
            "convert it with `openssl x509 -inform DER -in FILE -out ca.pem`",
        )
    } else {
        Problem::new("holds no certificate", "give a PEM file with `-----BEGIN CERTIFICATE-----`")
    }
}

/// `own`, and those of the system: what the two variables name, else what it ships. An error when that makes
/// none.
fn with_system(own: Vec<Vec<u8>>, env: &Env) -> Result<Vec<Vec<u8>>, FileError> {
    let mut store = Store { certificates: own, troubles: Vec::new() };
    let file = env.set(CERT_FILE).map(Path::new);
    let mut folders: Vec<PathBuf> = env.set(CERT_DIR).into_iter().flat_map(std::env::split_paths).collect();
    folders.retain(|folder| !folder.as_os_str().is_empty());
    let is_chosen = file.is_some() || !folders.is_empty();
    if let Some(file) = file {
        store.add_chosen(file);
    }
    folders.iter().for_each(|folder| store.add(None, Some(folder), CERT_DIR));
    if store.certificates.is_empty() && !folders.is_empty() {
        let problem = Problem::new("names no folder with a certificate", "check the path");
        store.troubles.push(problem.at(CERT_DIR));
    }
    if !is_chosen {
        let shipped = openssl_probe::probe();
        store.add(shipped.cert_file.as_deref(), None, SHIPPED);
        shipped.cert_dir.iter().for_each(|folder| store.add(None, Some(folder), SHIPPED));
    }
    store.finish(if is_chosen { "; or unset that variable, or set ca_file" } else { "; or set ca_file" })
}

struct Store {
    certificates: Vec<Vec<u8>>,
    troubles: Vec<FileError>,
}

impl Store {
    /// A user has chosen this file, and is told what is wrong with it.
    fn add_chosen(&mut self, file: &Path) {
        match Bundle::read(file) {
            Ok(bundle) => {
                for what in bundle.damaged {
                    tracing::warn!("{CERT_FILE} {}: {what}", file.display());
                }
                self.certificates.extend(bundle.certificates);
            }
            Err(problem) => {
                let named = problem.after(&format!("names {}, which", file.display()));
                self.troubles.push(named.at(CERT_FILE));
            }
        }
    }

    fn add(&mut self, file: Option<&Path>, folder: Option<&Path>, from: &str) {
        let found = rustls_native_certs::load_certs_from_paths(file, folder);
        self.certificates.extend(found.certs.iter().map(|certificate| certificate.to_vec()));
        let trouble =
            |error| Problem::new(format!("cannot be read whole: {error}"), "check the path").at(from);
        self.troubles.extend(found.errors.iter().map(trouble));
    }

    fn finish(mut self, or_else: &str) -> Result<Vec<Vec<u8>>, FileError> {
        self.certificates.sort_unstable();
        self.certificates.dedup();
        if !self.certificates.is_empty() {
            self.troubles.iter().for_each(|trouble| tracing::warn!("{trouble}"));
            return Ok(self.certificates);
        }
        Err(match self.troubles.into_iter().next() {
            Some(trouble) => FileError::new(
                format!("no certificates to trust: {}", trouble.message()),
                format!("{}{or_else}", trouble.help()),
            ),
            None => FileError::new(
                "no certificates to trust: the system has none",
                "install its package of CA certificates, often `ca-certificates`, or set ca_file",
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: &str = include_str!("../tests/settings/ca.pem");

    /// How many there are beside `own`, with a file of this content.
    fn trusted(own: &[&[u8]], vars: &[(&str, &str)], content: &[u8]) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, content).unwrap();
        let here = folder.path().to_str().unwrap();
        let vars = vars.iter().map(|(name, value)| (*name, value.replace("HERE", here)));
        with_system(own.iter().map(|der| der.to_vec()).collect(), &Env::new(vars))
            .map(|all| all.len() - own.len())
            .map_err(|error| error.to_string().replace(here, "HERE"))
    }

    const AS_FILE: [(&str, &str); 1] = [(CERT_FILE, "HERE/ca.pem")];

    #[test]
    fn a_variable_that_is_set_to_nothing_is_not_set() {
        let shipped = trusted(&[b"own"], &[], b"");
        assert_eq!(trusted(&[b"own"], &[(CERT_FILE, ""), (CERT_DIR, "")], b""), shipped);
        assert_eq!(trusted(&[], &[(CERT_FILE, ""), (CERT_DIR, "HERE")], CA.as_bytes()), Ok(1));
        assert_eq!(trusted(&[], &[(CERT_FILE, "HERE/ca.pem"), (CERT_DIR, "")], CA.as_bytes()), Ok(1));
    }

    #[test]
    fn what_can_be_read_counts() {
        assert_eq!(trusted(&[], &AS_FILE, &[b"\xEF\xBB\xBF", CA.as_bytes()].concat()), Ok(1));
        assert_eq!(trusted(&[], &AS_FILE, format!("{}{CA}", &CA[..200]).as_bytes()), Ok(1));
        assert_eq!(trusted(&[], &[(CERT_FILE, "HERE/none"), (CERT_DIR, "/none:HERE")], CA.as_bytes()), Ok(1));
        assert_eq!(trusted(&[b"own"], &[(CERT_FILE, "HERE/none")], b""), Ok(0), "one's own is enough");
    }

    #[test]
    fn what_a_variable_names_in_vain_is_told() {
        let error = |vars: &[(&str, &str)], content: &[u8]| trusted(&[], vars, content).unwrap_err();
        assert_eq!(
            error(&AS_FILE, CA.replace("CERT", "TRUSTED CERT").as_bytes()),
            "no certificates to trust: SSL_CERT_FILE names HERE/ca.pem, which holds certificates in a form of OpenSSL's own \
             (`TRUSTED CERTIFICATE`): convert each with `openssl x509 -in FILE -out ca.pem`; or unset that variable, or set \
             ca_file"
        );
        assert!(
            error(&AS_FILE, b"<html>")
                .contains("SSL_CERT_FILE names HERE/ca.pem, which holds no certificate: ")
        );
        assert!(
            error(&[(CERT_FILE, "HERE/none")], b"")
                .contains("names HERE/none, which does not exist: check the path; or ")
        );
        assert!(error(&[(CERT_DIR, "HERE/none")], b"").contains("SSL_CERT_DIR cannot be read whole: "));
        assert_eq!(
            error(&[(CERT_DIR, "HERE")], b"<html>"),
            "no certificates to trust: SSL_CERT_DIR names no folder with a certificate: check the path; or unset that \
             variable, or set ca_file"
        );
    }
}
