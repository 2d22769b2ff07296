//! The certificates that the operating system trusts, where it keeps them in files.

use std::path::{Path, PathBuf};

use crate::{FileError, bundle::Bundle, env::Env, error::Problem};

pub(crate) const IS_IN_FILES: bool =
    cfg!(all(unix, not(target_vendor = "apple"), not(target_os = "android")));

const FILE: &str = "SSL_CERT_FILE";
const FOLDERS: &str = "SSL_CERT_DIR";
const SHIPPED: &str = "the system's store";

/// `own`, and those of the system: what the two variables name, else what it ships. An error when that makes
/// none.
pub(crate) fn with(own: Vec<Vec<u8>>, env: &Env) -> Result<Vec<Vec<u8>>, FileError> {
    let mut store = Store { certificates: own, troubles: Vec::new() };
    let file = env.set(FILE).map(PathBuf::from);
    let folders: Vec<PathBuf> = env.set(FOLDERS).into_iter().flat_map(std::env::split_paths).collect();
    let folders: Vec<_> = folders.into_iter().filter(|folder| !folder.as_os_str().is_empty()).collect();
    let is_chosen = file.is_some() || !folders.is_empty();
    if is_chosen {
        if let Some(file) = &file {
            store.add_chosen(file);
        }
        folders.iter().for_each(|folder| store.add(None, Some(folder), FOLDERS));
        if store.certificates.is_empty() && !folders.is_empty() {
            let problem = Problem::new("names no folder with a certificate", "check the path");
            store.troubles.push(problem.at(FOLDERS));
        }
    } else {
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
                bundle.damaged.iter().for_each(|what| tracing::warn!("{FILE} {}: {what}", file.display()));
                self.certificates.extend(bundle.certificates);
            }
            Err(problem) => {
                let named = problem.after(&format!("names {}, which", file.display()));
                self.troubles.push(named.at(FILE));
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
        with(own.iter().map(|der| der.to_vec()).collect(), &Env::new(vars))
            .map(|all| all.len() - own.len())
            .map_err(|error| error.to_string().replace(here, "HERE"))
    }

    const AS_FILE: [(&str, &str); 1] = [(FILE, "HERE/ca.pem")];

    #[test]
    fn a_variable_that_is_set_to_nothing_is_not_set() {
        let shipped = trusted(&[b"own"], &[], b"");
        assert_eq!(trusted(&[b"own"], &[(FILE, ""), (FOLDERS, "")], b""), shipped);
        assert_eq!(trusted(&[], &[(FILE, ""), (FOLDERS, "HERE")], CA.as_bytes()), Ok(1));
        assert_eq!(trusted(&[], &[(FILE, "HERE/ca.pem"), (FOLDERS, "")], CA.as_bytes()), Ok(1));
    }

    #[test]
    fn what_can_be_read_counts() {
        assert_eq!(trusted(&[], &AS_FILE, &[b"\xEF\xBB\xBF", CA.as_bytes()].concat()), Ok(1));
        assert_eq!(trusted(&[], &AS_FILE, format!("{}{CA}", &CA[..200]).as_bytes()), Ok(1));
        assert_eq!(trusted(&[], &[(FILE, "HERE/none"), (FOLDERS, "/none:HERE")], CA.as_bytes()), Ok(1));
        assert_eq!(trusted(&[b"own"], &[(FILE, "HERE/none")], b""), Ok(0), "one's own is enough");
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
            error(&[(FILE, "HERE/none")], b"")
                .contains("names HERE/none, which does not exist: check the path; or ")
        );
        assert!(error(&[(FOLDERS, "HERE/none")], b"").contains("SSL_CERT_DIR cannot be read whole: "));
        assert_eq!(
            error(&[(FOLDERS, "HERE")], b"<html>"),
            "no certificates to trust: SSL_CERT_DIR names no folder with a certificate: check the path; or unset that \
             variable, or set ca_file"
        );
    }
}
