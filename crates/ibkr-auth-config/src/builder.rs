//! From values to settings: what the rows of the table write into.

use ibkr_auth_core::{Config, Identity, Retry};

use crate::{
    FileError, KeySource, Proxy, Transport, Unkeyed, env::Env, error::Problem, key::Passphrase,
    merge::Merged, value::Value,
};

pub(crate) struct Builder<'a> {
    env: &'a Env,
    config: Config,
    retry: Retry,
    transport: Transport,
    key: Option<KeySource>,
    passphrase: Option<Passphrase>,
    warnings: Vec<String>,
}

/// Lets each value set what it is for, and checks what concerns several at once.
pub(crate) fn build(merged: &Merged, profile: Option<String>, env: &Env) -> Result<Unkeyed, FileError> {
    let config = Config::of(Identity {
        client_id: merged.required("client_id")?,
        client_key_id: merged.required("client_key_id")?,
        credential: merged.required("credential")?,
    });
    let config = config.map_err(|error| merged.blame(&[error.field()], error.into()))?;
    let mut builder = Builder::new(config, env);
    for (field, value) in &merged.0 {
        builder = (field.apply)(builder, value).map_err(|problem| value.blame(problem))?;
    }
    let Builder { config, retry, mut transport, key, passphrase, warnings, .. } = builder;

    let config = config
        .with_retry(retry)
        .map_err(|error| merged.blame(&["retry_first", "retry_longest"], error.into()))?;
    if transport.ca_only && transport.ca_file.is_none() {
        let problem = Problem::new("needs `ca_file`", "set that too, or remove this");
        return Err(merged.blame(&["ca_only"], problem));
    }
    if config.host().base_url().starts_with("http://") && matches!(transport.proxy, Some(Proxy::Url(_))) {
        let what = "cannot be used with a plain http `base_url`, which is reached without a proxy";
        let problem = Problem::new(what, "write `none`, or take https for `base_url`");
        return Err(merged.blame(&["proxy"], problem));
    }
    let Some(key) = key else {
        let problem = Problem::new("is missing", "set it");
        return Err(merged.blame(&["private_key_file", "private_key"], problem));
    };
    if transport.proxy.is_none() {
        transport.proxy = Some(Proxy::of_env(env)?);
    }
    let opens_real = !transport.stays_here(&config);
    let key = key.with(passphrase, opens_real);
    let given = merged.0.iter().map(|(field, _)| field.name).collect();
    Ok(Unkeyed { config, transport, profile, key, warnings, given })
}

impl<'a> Builder<'a> {
    fn new(config: Config, env: &'a Env) -> Self {
        Self {
            env,
            config,
            retry: Retry::default(),
            transport: Transport::default(),
            key: None,
            passphrase: None,
            warnings: Vec::new(),
        }
    }

    pub(crate) fn config(
        self,
        change: impl FnOnce(Config) -> Result<Config, Problem>,
    ) -> Result<Self, Problem> {
        Ok(Self { config: change(self.config)?, ..self })
    }

    pub(crate) fn retry(self, change: impl FnOnce(Retry) -> Result<Retry, Problem>) -> Result<Self, Problem> {
        Ok(Self { retry: change(self.retry)?, ..self })
    }

    pub(crate) fn transport(
        self,
        change: impl FnOnce(Transport) -> Result<Transport, Problem>,
    ) -> Result<Self, Problem> {
        Ok(Self { transport: change(self.transport)?, ..self })
    }

    pub(crate) fn ca_file(self, value: &Value) -> Result<Self, Problem> {
        let ca_file = Some(value.path(self.env)?);
        self.transport(|transport| Ok(Transport { ca_file, ..transport }))
    }

    pub(crate) fn key_file(self, value: &Value) -> Result<Self, Problem> {
        Ok(Self { key: Some(KeySource::of_file(value, self.env)?), ..self })
    }

    pub(crate) fn key_block(mut self, value: &Value) -> Result<Self, Problem> {
        self.warnings.extend(value.location.refuse_readable()?);
        Ok(Self { key: Some(KeySource::of_block(value)?), ..self })
    }

    pub(crate) fn passphrase_file(self, value: &Value) -> Result<Self, Problem> {
        Ok(Self { passphrase: Some(Passphrase::of_file(value, self.env)?), ..self })
    }

    pub(crate) fn passphrase_variable(self, value: &Value) -> Result<Self, Problem> {
        Ok(Self { passphrase: Some(Passphrase::of_variable(value, self.env)?), ..self })
    }
}
