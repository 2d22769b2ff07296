//! A login by OAuth 1.0a as settings have it: the secret of the access token is decrypted when it is needed.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use ibkr_auth_core::{
    Config, Consumer, SignError, TokenSecret,
    oauth1::{AccessTokenSecret, DecryptionKey, DhParameters, QueryTreatment},
};
use ibkr_jws::KeyError;

use crate::{
    FileError, Passphrase, env::Env, error::Problem, local, location::Location, merge::Merged, value::Value,
};

/// Generators of Diffie-Hellman groups are small.
const USUAL_GENERATOR: u32 = 2;

/// What the settings say of it.
#[derive(Default)]
pub(crate) struct Draft {
    encryption_key: Option<(PathBuf, Location)>,
    passphrase: Option<Passphrase>,
    dh_file: Option<(PathBuf, Location)>,
    dh_prime: Option<(String, Location)>,
    dh_generator: Option<u32>,
    query: QueryTreatment,
}

impl Draft {
    pub(crate) fn with_encryption_key(self, value: &Value, env: &Env) -> Result<Self, Problem> {
        Ok(Self { encryption_key: Some((value.path(env)?, value.location.clone())), ..self })
    }

    pub(crate) fn with_passphrase_file(self, value: &Value, env: &Env) -> Result<Self, Problem> {
        Ok(Self { passphrase: Some(Passphrase::of_file(value, env)?), ..self })
    }

    pub(crate) fn with_passphrase_variable(self, value: &Value, env: &Env) -> Result<Self, Problem> {
        Ok(Self { passphrase: Some(Passphrase::of_variable(value, env)?), ..self })
    }

    pub(crate) fn with_dh_file(self, value: &Value, env: &Env) -> Result<Self, Problem> {
        Ok(Self { dh_file: Some((value.path(env)?, value.location.clone())), ..self })
    }

    pub(crate) fn with_dh_prime(self, value: &Value, _: &Env) -> Result<Self, Problem> {
        Ok(Self { dh_prime: Some((value.text()?.to_owned(), value.location.clone())), ..self })
    }

    pub(crate) fn with_dh_generator(self, value: &Value, _: &Env) -> Result<Self, Problem> {
        let wrong =
            |_| Problem::new("is no generator", "write `2`, unless your parameters were made with another");
        Ok(Self { dh_generator: Some(value.text()?.parse().map_err(wrong)?), ..self })
    }

    pub(crate) fn with_query(self, value: &Value, _: &Env) -> Result<Self, Problem> {
        let query = match value.text()? {
            "merged" => QueryTreatment::Merged,
            "left-out" => QueryTreatment::LeftOut,
            "in-url" => QueryTreatment::InUrl,
            _ => {
                let help = "write `merged`, `left-out` or `in-url`";
                return Err(Problem::new("is no way to sign a query string", help));
            }
        };
        Ok(Self { query, ..self })
    }

    /// The configuration, and what fetches the secret, for whoever wants to know early that it can be had.
    pub(crate) fn config(self, merged: &Merged) -> Result<(Config, Decryption), FileError> {
        let missing = |name| merged.blame(&[name], Problem::new("is missing", "set it"));
        let dh_parameters = self.dh_parameters(merged)?;
        let key = self.encryption_key.ok_or_else(|| missing("oauth1_encryption_key_file"))?;
        let ciphertext = merged.required("oauth1_access_token_secret")?.to_owned();
        let decryption = Decryption(Arc::new(Encrypted {
            ciphertext,
            at: merged.location("oauth1_access_token_secret")?,
            key,
            passphrase: self.passphrase,
            secret: OnceLock::new(),
        }));
        let config = Config::oauth1(Consumer {
            consumer_key: merged.required("oauth1_consumer_key")?,
            access_token: merged.required("oauth1_access_token")?,
            access_token_secret: decryption.source(),
            dh_parameters,
        });
        let config = config.and_then(|config| config.with_query_treatment(self.query));
        Ok((config.map_err(|error| merged.blame(&[error.field()], error.into()))?, decryption))
    }

    fn dh_parameters(&self, merged: &Merged) -> Result<DhParameters, FileError> {
        let at = |location: &Location, problem: Problem| problem.at(&location.text());
        match (&self.dh_file, &self.dh_prime) {
            (Some((path, location)), _) => {
                let read = local::read_small(path).map_err(|problem| at(location, problem))?;
                let parameters = DhParameters::from_pem(&read.bytes);
                parameters.map_err(|error| at(location, Problem::from_sentence(&error.to_string())))
            }
            (None, Some((prime, location))) => {
                let parameters = DhParameters::from_hex(prime, self.dh_generator.unwrap_or(USUAL_GENERATOR));
                parameters.map_err(|error| at(location, Problem::from_sentence(&error.to_string())))
            }
            (None, None) => {
                let problem = Problem::new("is missing", "set it to the file that was uploaded to IBKR");
                Err(merged.blame(&["oauth1_dh_param_file", "oauth1_dh_prime"], problem))
            }
        }
    }
}

/// An encrypted secret, and the key that opens it.
#[derive(Clone)]
pub(crate) struct Decryption(Arc<Encrypted>);

struct Encrypted {
    ciphertext: String,
    at: Location,
    key: (PathBuf, Location),
    passphrase: Option<Passphrase>,
    /// It is decrypted once.
    secret: OnceLock<AccessTokenSecret>,
}

impl Decryption {
    fn source(&self) -> TokenSecret {
        let decryption = self.clone();
        TokenSecret::from_fn(move || {
            decryption.secret(&mut Vec::new()).map_err(|error| SignError::new(error.to_string()))
        })
    }

    /// # Errors
    /// That the key cannot be read, or does not open the secret.
    pub(crate) fn secret(&self, warnings: &mut Vec<String>) -> Result<AccessTokenSecret, FileError> {
        if let Some(secret) = self.0.secret.get() {
            return Ok(secret.clone());
        }
        let key = self.key(warnings)?;
        let secret = key.decrypt(&self.0.ciphertext);
        let secret =
            secret.map_err(|error| Problem::from_sentence(&error.to_string()).at(&self.0.at.text()))?;
        Ok(self.0.secret.get_or_init(|| secret).clone())
    }

    fn key(&self, warnings: &mut Vec<String>) -> Result<DecryptionKey, FileError> {
        let (path, location) = &self.0.key;
        let at = |problem: Problem| {
            problem.after(&format!("names {}, which", path.display())).at(&location.text())
        };
        let pem = local::read_secret(path, &path.display().to_string(), warnings).map_err(at)?.bytes;
        let key = match &self.0.passphrase {
            Some(passphrase) => decrypted(&pem, &passphrase.read(warnings)?),
            None => DecryptionKey::from_pem(&pem),
        };
        key.map_err(|error| {
            at(match error {
                KeyError::Encrypted => Problem::new(
                    "is encrypted",
                    "set oauth1_encryption_key_passphrase_file or oauth1_encryption_key_passphrase_env",
                ),
                other => Problem::from_sentence(&other.to_string()).after("cannot be used:"),
            })
        })
    }
}

impl fmt::Debug for Decryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decryption").field("key", &self.0.key.0).finish_non_exhaustive()
    }
}

#[cfg(feature = "encrypted-pem")]
fn decrypted(pem: &[u8], passphrase: &[u8]) -> Result<DecryptionKey, KeyError> {
    DecryptionKey::from_encrypted_pem(pem, passphrase)
}

/// Only a key that is not encrypted can be read.
#[cfg(not(feature = "encrypted-pem"))]
fn decrypted(pem: &[u8], _: &[u8]) -> Result<DecryptionKey, KeyError> {
    DecryptionKey::from_pem(pem)
}
