//! Whose certificates a client trusts.

use crate::{FileError, Transport, bundle::Bundle, env::Env, error::Problem, system_store};

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
        if !system_store::IS_IN_FILES {
            return Ok(Trust::System { and: certificates });
        }
        system_store::with(certificates, &Env::of_process()).map(Trust::Only)
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
        let bundle = Bundle::read(path).map_err(|problem: Problem| problem.at(&name))?;
        let damaged = bundle
            .damaged
            .into_iter()
            .map(|what| format!("{name}: {what}, so that it does not count"))
            .collect();
        Ok(Bundle { damaged, ..bundle })
    }
}
