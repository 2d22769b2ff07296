//! Settings without their key, made of values, and with it.

use std::ffi::OsString;

use ibkr_auth_core::{Config, Identity, Retry};

use crate::{
    FileError, GatewaySettings, KeySource, Passphrase, Proxy, ReadKey, Reader, SigningKey, Transport,
    env::Env,
    error::Problem,
    fields::{Kind, Target},
    gateway_values,
    merge::Merged,
    oauth1::{Decryption, Draft},
};

/// Everything a client needs. `Debug` shows no secret.
#[derive(Debug)]
pub struct Settings {
    /// Who logs in, where, and how patiently.
    pub config: Config,
    /// The key that signs.
    pub key: SigningKey,
    /// Trust and proxy.
    pub transport: Transport,
    /// Where and how a gateway on this machine serves the session.
    pub gateway: GatewaySettings,
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// What works but should be changed, such as a private key that everyone on the machine can read.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Reads a file like `ibauth`'s `config.yaml`, overridden by the variables `IBKR_AUTH_…` of this process.
    /// Logs the [`warnings`](Self::warnings).
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do.
    #[cfg(feature = "yaml")]
    pub fn from_yaml(path: impl AsRef<std::path::Path>) -> Result<Self, FileError> {
        Ok(Self::from_yaml_with(path, std::env::vars_os())?.logged())
    }

    /// Like [`from_yaml`](Self::from_yaml), with these environment variables instead of the process's, and
    /// without the log.
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do.
    #[cfg(feature = "yaml")]
    pub fn from_yaml_with<N: Into<OsString>, V: Into<OsString>>(
        path: impl AsRef<std::path::Path>,
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, FileError> {
        Reader::new().file(path.as_ref()).vars(vars).read()?.with_key()
    }

    /// Like [`from_yaml`](Self::from_yaml), with this profile of the file, whatever `IBKR_AUTH_PROFILE` and
    /// `default_profile` say.
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do; it names the profiles that there are.
    #[cfg(feature = "yaml")]
    pub fn from_yaml_profile(path: impl AsRef<std::path::Path>, profile: &str) -> Result<Self, FileError> {
        Ok(Reader::new().file(path.as_ref()).profile(profile).read()?.with_key()?.logged())
    }

    /// Reads no file but the key's: everything comes from the variables `IBKR_AUTH_…` of this process. Logs
    /// the [`warnings`](Self::warnings).
    ///
    /// # Errors
    /// A [`FileError`] that says which variable, what, and what to do.
    pub fn from_env() -> Result<Self, FileError> {
        Ok(Self::from_env_with(std::env::vars_os())?.logged())
    }

    /// Like [`from_env`](Self::from_env), with these variables instead of the process's, and without the log.
    ///
    /// # Errors
    /// A [`FileError`] that says which variable, what, and what to do.
    pub fn from_env_with<N: Into<OsString>, V: Into<OsString>>(
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, FileError> {
        Reader::new().vars(vars).read()?.with_key()
    }

    fn logged(self) -> Self {
        for warning in &self.warnings {
            tracing::warn!("{warning}");
        }
        self
    }
}

/// Settings whose key was not read yet: all that a program needs that signs nothing. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Unkeyed {
    /// Who logs in, where, and how patiently.
    pub config: Config,
    /// Trust and proxy.
    pub transport: Transport,
    /// Where and how a gateway on this machine serves the session.
    pub gateway: GatewaySettings,
    /// The profile that was chosen.
    pub profile: Option<String>,
    /// Where the key that signs is.
    pub key: KeySource,
    /// What opens the secret of an access token.
    pub(crate) decryption: Option<Decryption>,
    pub(crate) warnings: Vec<String>,
    /// The fields that are given, each once.
    pub(crate) given: Vec<&'static str>,
}

impl Unkeyed {
    /// Writes each value where its field belongs.
    pub(crate) fn new(merged: &Merged, profile: Option<String>, env: &Env) -> Result<Self, FileError> {
        let login = merged.login();
        let (mut config, decryption) = match login {
            Kind::OAuth2 => (oauth2(merged)?, None),
            Kind::OAuth1 => {
                let (config, decryption) = oauth1(merged, env)?;
                (config, Some(decryption))
            }
        };
        let (mut retry, mut transport) = (Retry::default(), Transport::default());
        let mut gateway = GatewaySettings::default();
        let (mut key, mut passphrase, mut warnings) = (None, None, Vec::new());
        // A profile may log in by the other way than those that share its file.
        for (field, value) in merged.0.iter().filter(|(field, _)| field.is_of(login)) {
            let wrong = |problem| value.blame(problem);
            match &field.target {
                Target::Identity | Target::OAuth1(_) => {}
                Target::Config(set) => config = set(config, value).map_err(wrong)?,
                Target::Retry(set) => retry = set(retry, value).map_err(wrong)?,
                Target::Transport(set) => transport = set(transport, value, env).map_err(wrong)?,
                Target::Gateway(set) => gateway = set(gateway, value, env).map_err(wrong)?,
                Target::KeyFile => key = Some(KeySource::of_file(value, env).map_err(wrong)?),
                Target::KeyBlock => {
                    warnings.extend(value.location.refuse_readable().map_err(wrong)?);
                    key = Some(KeySource::of_block(value).map_err(wrong)?);
                }
                Target::PassphraseFile => passphrase = Some(Passphrase::of_file(value, env).map_err(wrong)?),
                Target::PassphraseVariable => {
                    passphrase = Some(Passphrase::of_variable(value, env).map_err(wrong)?);
                }
            }
        }
        let config = config
            .with_retry(retry)
            .map_err(|error| merged.blame(&["retry_first", "retry_longest"], error.into()))?;
        refuse_conflicts(&config, &transport).map_err(|(field, problem)| merged.blame(&[field], problem))?;
        gateway_values::refuse_conflicts(&gateway)
            .map_err(|(fields, problem)| merged.blame(fields, problem))?;
        let Some(key) = key else {
            let problem = Problem::new("is missing", "set it");
            return Err(merged.blame(&["private_key_file", "private_key"], problem));
        };
        if transport.proxy.is_none() {
            transport.proxy = Some(Proxy::of_env(env)?);
        }
        let key = key.with(passphrase, !transport.stays_here(&config));
        let given = merged.0.iter().map(|(field, _)| field.name).collect();
        Ok(Self { config, transport, gateway, profile, key, decryption, warnings, given })
    }

    /// What works but should be changed, as far as it is known without the key.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether file or variables set this key of `config.yaml`, in contrast to its default.
    pub fn sets(&self, key: &str) -> bool {
        self.given.contains(&key)
    }

    /// Whether the server is on this machine, and asked without a proxy: a simulator, as far as anybody can
    /// tell.
    pub fn is_local(&self) -> bool {
        self.transport.is_local(&self.config)
    }

    /// Whether these settings lead, in the first place, to this machine: to a server on it, or to a proxy on
    /// it. Nothing else may be asked with the key for which [`is_demo_key`](crate::is_demo_key) holds.
    pub fn admits_demo_key(&self) -> bool {
        self.transport.stays_here(&self.config)
    }

    /// Decrypts the secret of the access token, which [`with_key`](Self::with_key) does too: for whoever
    /// wants to know before a login. Gives what should be changed about the key's files; nothing with OAuth
    /// 2.0.
    ///
    /// # Errors
    /// A [`FileError`]: the encryption key cannot be read, or does not open the secret.
    pub fn check_secret(&self) -> Result<Vec<String>, FileError> {
        let mut warnings = Vec::new();
        if let Some(decryption) = &self.decryption {
            decryption.secret(&mut warnings)?;
        }
        Ok(warnings)
    }

    /// Reads the key.
    ///
    /// # Errors
    /// Those of [`KeySource::read`].
    pub fn with_key(self) -> Result<Settings, FileError> {
        let Self { config, transport, gateway, decryption, mut warnings, .. } = self;
        let ReadKey { key, warnings: more } = self.key.read()?;
        warnings.extend(more);
        if let Some(decryption) = decryption {
            decryption.secret(&mut warnings)?;
        }
        Ok(Settings { config, key, transport, gateway, warnings })
    }
}

fn oauth2(merged: &Merged) -> Result<Config, FileError> {
    let identity = Identity {
        client_id: merged.required("client_id")?,
        client_key_id: merged.required("client_key_id")?,
        credential: merged.required("credential")?,
    };
    Config::of(identity).map_err(|error| merged.blame(&[error.field()], error.into()))
}

fn oauth1(merged: &Merged, env: &Env) -> Result<(Config, Decryption), FileError> {
    let mut draft = Draft::default();
    for (field, value) in &merged.0 {
        if let Target::OAuth1(set) = &field.target {
            draft = set(draft, value, env).map_err(|problem| value.blame(problem))?;
        }
    }
    draft.config(merged)
}

/// What is wrong with several values at once, and the field that is to blame.
fn refuse_conflicts(config: &Config, transport: &Transport) -> Result<(), (&'static str, Problem)> {
    if transport.ca_only && transport.ca_file.is_none() {
        return Err(("ca_only", Problem::new("needs `ca_file`", "set that too, or remove this")));
    }
    if config.host().base_url().starts_with("http://") && matches!(transport.proxy, Some(Proxy::Url(_))) {
        let what = "cannot be used with a plain http `base_url`, which is reached without a proxy";
        return Err(("proxy", Problem::new(what, "write `none`, or take https for `base_url`")));
    }
    Ok(())
}
