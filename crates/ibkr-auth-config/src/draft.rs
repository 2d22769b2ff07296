//! Settings in the making: what the keys of the table write into.

use ibkr_auth_core::{Config, ConfigError, Retry};

use crate::{KeySource, Proxy, Transport, error::Problem, given::Given, passphrase::Passphrase};

pub(crate) struct Draft {
    config: Config,
    pub(crate) retry: Retry,
    pub(crate) transport: Transport,
    key: Option<KeySource>,
    passphrase: Option<Passphrase>,
    warnings: Vec<String>,
}

/// A draft without a mistake.
pub(crate) struct Drafted {
    pub(crate) config: Config,
    pub(crate) transport: Transport,
    pub(crate) key: KeySource,
    pub(crate) warnings: Vec<String>,
}

impl Draft {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            retry: Retry::default(),
            transport: Transport::default(),
            key: None,
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

    pub(crate) fn key_file(&mut self, given: &Given<'_>) -> Result<(), Problem> {
        self.key = Some(KeySource::of_file(given)?);
        Ok(())
    }

    pub(crate) fn key_block(&mut self, given: &Given<'_>) -> Result<(), Problem> {
        self.warnings.extend(given.place.refuse_readable()?);
        self.key = Some(KeySource::of_block(given)?);
        Ok(())
    }

    pub(crate) fn passphrase_file(&mut self, given: &Given<'_>) -> Result<(), Problem> {
        self.passphrase = Some(Passphrase::of_file(given)?);
        Ok(())
    }

    pub(crate) fn passphrase_variable(&mut self, given: &Given<'_>) -> Result<(), Problem> {
        self.passphrase = Some(Passphrase::of_variable(given)?);
        Ok(())
    }

    /// Checks what concerns several keys at once; an error comes with the keys that may be to blame.
    pub(crate) fn finish(mut self) -> Result<Drafted, (&'static [&'static str], Problem)> {
        let retry = self.retry;
        self.set(|config| config.with_retry(retry))
            .map_err(|problem| (&["retry_first", "retry_longest"][..], problem))?;
        if self.transport.ca_only && self.transport.ca_file.is_none() {
            let problem = Problem::new("needs `ca_file`", "set that too, or remove this");
            return Err((&["ca_only"], problem));
        }
        if self.config.host().base_url().starts_with("http://")
            && matches!(self.transport.proxy, Some(Proxy::Url(_)))
        {
            let what = "cannot be used with a plain http `base_url`, which is reached without a proxy";
            return Err((&["proxy"], Problem::new(what, "write `none`, or take https for `base_url`")));
        }
        let Some(key) = self.key else {
            return Err((&["private_key_file", "private_key"], Problem::new("is missing", "set it")));
        };
        let key = key.with_passphrase(self.passphrase);
        Ok(Drafted { config: self.config, transport: self.transport, key, warnings: self.warnings })
    }
}
