//! The compact serialisation (RFC 7515 §7.1): `header.claims.signature`.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{Sign, SignError};

/// A signed compact JWS. It is a credential: `Debug` hides it, memory is wiped on drop,
/// [`expose`](Self::expose) is the one way to read it.
pub struct Jws(Zeroizing<String>);

// In the order of names, as PyJWT writes them: the same bytes make foreign test vectors comparable.
#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

impl Jws {
    /// Signs `claims`, a JSON object, under the key that IBKR knows as `kid` (`clientKeyId`, often `main`).
    ///
    /// Claims are written in their own order without spaces, as JWT libraries do.
    ///
    /// # Errors
    /// [`JwsError::Claims`] when the claims are no JSON, [`JwsError::Sign`] when the key cannot sign.
    pub fn rs256(kid: &str, claims: &impl Serialize, key: &(impl Sign + ?Sized)) -> Result<Self, JwsError> {
        let mut compact = Zeroizing::new(String::with_capacity(1024));
        encode_json(&Header { alg: "RS256", kid, typ: "JWT" }, &mut compact)?;
        compact.push('.');
        encode_json(claims, &mut compact)?;
        let signature = key.sign(compact.as_bytes())?;
        compact.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut compact);
        Ok(Self(compact))
    }

    /// The serialisation itself. Whoever holds it can act as the client until it expires: never log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

fn encode_json(value: &impl Serialize, into: &mut String) -> Result<(), JwsError> {
    let json = Zeroizing::new(serde_json::to_vec(value).map_err(|_| JwsError::Claims)?);
    URL_SAFE_NO_PAD.encode_string(&*json, into);
    Ok(())
}

impl fmt::Debug for Jws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jws([redacted])")
    }
}

/// Why no JWS could be made.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// The claims cannot be written as JSON. What to do: use maps with string keys, and no NaN.
    #[error("the claims cannot be written as JSON")]
    Claims,
    /// The key could not sign. What to do: see the signer's own reason.
    #[error(transparent)]
    Sign(#[from] SignError),
}
