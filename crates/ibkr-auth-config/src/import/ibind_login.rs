//! `IBIND_OAUTH1A_…`, by which the Python package ibind logs in: in place of settings that are not there.

use zeroize::Zeroizing;

use crate::{
    FileError,
    document::Layer,
    env::Env,
    error::Problem,
    fields,
    location::Location,
    value::{Value, Written},
};

const PREFIX: &str = "IBIND_OAUTH1A_";
const REST_URL: &str = "IBIND_OAUTH1A_REST_URL";
const REALM: &str = "IBIND_OAUTH1A_REALM";
const SIGNATURE_KEY: &str = "IBIND_OAUTH1A_SIGNATURE_KEY";
const SIGNATURE_KEY_FILE: &str = "IBIND_OAUTH1A_SIGNATURE_KEY_FP";
const ENCRYPTION_KEY: &str = "IBIND_OAUTH1A_ENCRYPTION_KEY";
const ENCRYPTION_KEY_FILE: &str = "IBIND_OAUTH1A_ENCRYPTION_KEY_FP";

/// Its names, and ours.
const NAMES: [(&str, &str); 8] = [
    ("IBIND_OAUTH1A_CONSUMER_KEY", fields::CONSUMER_KEY),
    ("IBIND_OAUTH1A_ACCESS_TOKEN", "oauth1_access_token"),
    ("IBIND_OAUTH1A_ACCESS_TOKEN_SECRET", "oauth1_access_token_secret"),
    (ENCRYPTION_KEY_FILE, "oauth1_encryption_key_file"),
    (SIGNATURE_KEY_FILE, "private_key_file"),
    (SIGNATURE_KEY, "private_key"),
    ("IBIND_OAUTH1A_DH_PRIME", "oauth1_dh_prime"),
    ("IBIND_OAUTH1A_DH_GENERATOR", "oauth1_dh_generator"),
];

/// What they set, and what means nothing here. Nothing is shown of their values.
///
/// # Errors
/// When one cannot be taken over that a login needs.
pub(crate) fn layer(env: &Env) -> Result<(Layer, Vec<String>), FileError> {
    let (mut layer, mut warnings) = (Layer::new(), Vec::new());
    let mut add = |name, field, text: String| {
        if let Some(found) = fields::find(field) {
            let location = Location::Foreign { name, field: found.name };
            layer.push((found, Value { location, written: Written::Text(Zeroizing::new(text)) }));
        }
    };
    let has_file = env.set(SIGNATURE_KEY_FILE).is_some();
    for (name, field) in NAMES.into_iter().filter(|(name, _)| *name != SIGNATURE_KEY || !has_file) {
        if let Some(value) = text(env, name)? {
            add(name, field, value);
        }
    }
    if let Some(url) = text(env, REST_URL)? {
        let bare = url.trim_end_matches('/').strip_suffix("/v1/api").map(str::to_owned);
        let problem =
            || Problem::new("is not the address of IBKR", "write it like https://api.ibkr.com/v1/api/");
        add(REST_URL, "base_url", bare.ok_or_else(|| problem().at(REST_URL))?);
    }
    if text(env, ENCRYPTION_KEY)?.is_some() && env.set(ENCRYPTION_KEY_FILE).is_none() {
        warnings.push(format!(
            "{ENCRYPTION_KEY} holds the key itself, which is not taken over: write it into a file of its own, and let \
             {ENCRYPTION_KEY_FILE} name that"
        ));
    }
    if text(env, REALM)?.is_some_and(|realm| !["limited_poa", "test_realm"].contains(&realm.as_str())) {
        warnings.push(format!("{REALM} is not taken over: the consumer key says which realm it is"));
    }
    let is_known = |name: &String| {
        let known = [REST_URL, REALM, ENCRYPTION_KEY, SIGNATURE_KEY];
        known.contains(&name.as_str()) || NAMES.iter().any(|(known, _)| known == name)
    };
    let other: Vec<String> = env.names_with(PREFIX).into_iter().filter(|name| !is_known(name)).collect();
    if !other.is_empty() {
        warnings.push(format!("for ibind itself, and without a meaning here: {}", other.join(", ")));
    }
    Ok((layer, warnings))
}

/// What is set to nothing counts as not set.
fn text(env: &Env, name: &str) -> Result<Option<String>, FileError> {
    let Some(value) = env.set(name) else { return Ok(None) };
    let text = value.to_str().map(str::to_owned);
    text.map(Some).ok_or_else(|| Problem::new("is not valid UTF-8", "set it to plain text").at(name))
}
