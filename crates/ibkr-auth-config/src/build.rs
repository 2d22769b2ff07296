//! From values to settings: each is written where its field belongs.

use ibkr_auth_core::{Config, Identity, Retry};

use crate::{
    FileError, KeySource, Proxy, Transport, Unkeyed, env::Env, error::Problem, fields::Target,
    key::Passphrase, merge::Merged,
};

/// Checks what concerns several values at once, too.
pub(crate) fn build(merged: &Merged, profile: Option<String>, env: &Env) -> Result<Unkeyed, FileError> {
    let identity = Identity {
        client_id: merged.required("client_id")?,
        client_key_id: merged.required("client_key_id")?,
        credential: merged.required("credential")?,
    };
    let mut config = Config::of(identity).map_err(|error| merged.blame(&[error.field()], error.into()))?;
    let (mut retry, mut transport) = (Retry::default(), Transport::default());
    let (mut key, mut passphrase, mut warnings) = (None, None, Vec::new());
    for (field, value) in &merged.0 {
        let wrong = |problem| value.blame(problem);
        match &field.target {
            Target::Identity => {}
            Target::Config(set) => config = set(config, value).map_err(wrong)?,
            Target::Retry(set) => retry = set(retry, value).map_err(wrong)?,
            Target::Transport(set) => transport = set(transport, value, env).map_err(wrong)?,
            Target::KeyFile => key = Some(KeySource::of_file(value, env).map_err(wrong)?),
            Target::Key => {
                warnings.extend(value.location.refuse_readable().map_err(wrong)?);
                key = Some(KeySource::of_block(value).map_err(wrong)?);
            }
            Target::PassphraseFile => passphrase = Some(Passphrase::of_file(value, env).map_err(wrong)?),
            Target::PassphraseVariable => {
                passphrase = Some(Passphrase::of_variable(value, env).map_err(wrong)?);
            }
        }
    }

    config = config
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
    let key = key.with(passphrase, !transport.stays_here(&config));
    let given = merged.0.iter().map(|(field, _)| field.name).collect();
    Ok(Unkeyed { config, transport, profile, key, warnings, given })
}
