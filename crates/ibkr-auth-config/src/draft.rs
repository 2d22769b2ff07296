//! Settings in the making: what the keys of the table write into.

use ibkr_auth_core::{Config, ConfigError, Retry};
use ibkr_jws::{KeyError, RsaKey};
use zeroize::Zeroizing;

use crate::{
    Settings, Transport,
    error::Problem,
    file::{self, Content},
    given::{Given, Origin},
    paths,
};

pub(crate) struct Draft {
    config: Config,
    pub(crate) retry: Retry,
    pub(crate) transport: Transport,
    pem: Zeroizing<Vec<u8>>,
    /// The start of a sentence about the key's file.
    names_pem: Option<String>,
    passphrase: Option<Zeroizing<Vec<u8>>>,
    warnings: Vec<String>,
}

impl Draft {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            retry: Retry::default(),
            transport: Transport::default(),
            pem: Zeroizing::default(),
            names_pem: None,
            passphrase: None,
            warnings: Vec::new(),
        }
    }

    pub(crate) fn set(
        &mut self,
        change: impl FnOnce(Config) -> Result<Config, ConfigError>,
    ) -> Result<(), Problem> {
        self.config = change(self.config.clone())?;
        Ok(())
    }

    /// The private key's file. Its path is shown: which file was meant is half of the answer.
    pub(crate) fn key_file(&mut self, given: &Given<'_>) -> Result<(), Problem> {
        let path = given.path()?;
        let names = format!("names {}, which", paths::shown(given.text()?, &path));
        let content = file::read(&path).map_err(|problem| problem.after(&names))?;
        if content.open_to_others {
            self.warn_of_open(&path.display().to_string());
        }
        self.pem = content.bytes;
        self.names_pem = Some(names);
        Ok(())
    }

    /// The passphrase's file. Its path is not shown: it may be a passphrase in the wrong place.
    pub(crate) fn passphrase_file(&mut self, given: &Given<'_>) -> Result<(), Problem> {
        let Content { mut bytes, open_to_others } = file::read(&given.path()?)?;
        if open_to_others {
            self.warn_of_open(&format!("the file of {}", given.name));
        }
        for end in [b'\n', b'\r'] {
            if bytes.last() == Some(&end) {
                bytes.pop();
            }
        }
        if bytes.is_empty() {
            return Err(Problem::new("is an empty file", "write the passphrase into it"));
        }
        self.passphrase = Some(bytes);
        Ok(())
    }

    pub(crate) fn passphrase_variable(&mut self, given: &Given<'_>) -> Result<(), Problem> {
        self.passphrase = Some(Zeroizing::new(given.variable()?.as_encoded_bytes().to_vec()));
        Ok(())
    }

    /// The key block itself. Variables cannot always hold line breaks: there `\n` may be written for them.
    pub(crate) fn key_block(&mut self, given: &Given<'_>) -> Result<(), Problem> {
        let text = given.text()?;
        if given.in_open_file {
            self.warn_of_open(&format!("the file with {}", given.name));
        }
        let escaped = given.origin == Origin::Variable && !text.contains('\n');
        self.pem =
            Zeroizing::new(if escaped { text.replace("\\n", "\n") } else { text.to_owned() }.into_bytes());
        Ok(())
    }

    fn warn_of_open(&mut self, file: &str) {
        self.warnings.push(format!("{file} is open to other users of this machine: `chmod 600` that file"));
    }

    /// Checks what concerns several keys at once; an error comes with the keys that may be to blame.
    pub(crate) fn finish(mut self) -> Result<Settings, (&'static [&'static str], Problem)> {
        let retry = self.retry;
        self.set(|config| config.with_retry(retry))
            .map_err(|problem| (&["retry_first", "retry_longest"][..], problem))?;
        if self.transport.ca_only && self.transport.ca_file.is_none() {
            let problem = Problem::new("needs `ca_file`", "set that too, or remove this");
            return Err((&["ca_only"], problem));
        }
        let key = self.key().map_err(|problem| (&["private_key", "private_key_file"][..], problem))?;
        Ok(Settings { config: self.config, key, transport: self.transport, warnings: self.warnings })
    }

    fn key(&self) -> Result<RsaKey, Problem> {
        let key = match &self.passphrase {
            Some(passphrase) => RsaKey::from_encrypted_pem(&self.pem, passphrase),
            None => RsaKey::from_pem(&self.pem),
        };
        key.map_err(|error| match error {
            KeyError::Encrypted => Problem::new(
                "is encrypted",
                "set private_key_passphrase_file or private_key_passphrase_env, or decrypt it with \
                 `openssl pkey -in encrypted.pem -out private.pem`",
            ),
            other => Problem::from_sentence(&other.to_string()).after("cannot be used:"),
        })
        .map_err(|problem: Problem| match &self.names_pem {
            Some(names) => problem.after(names),
            None => problem,
        })
    }
}
