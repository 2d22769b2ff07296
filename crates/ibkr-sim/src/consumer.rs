//! The consumers of OAuth 1.0a: what IBKR has registered for each, and the access tokens that there are.

use std::{error::Error, fmt};

use ibkr_jws::verify::RsaPublicKey;
use num_bigint::BigUint;
use ring::digest;

use crate::{Moment, oauth1::number};

/// A consumer of OAuth 1.0a, as IBKR's self-service portal registers it.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// `oauth_consumer_key`: nine capital letters from the self-service portal.
    pub consumer_key: String,
    /// Checks its RSA signatures.
    pub signature_key: RsaPublicKey,
    /// With this the servers encrypt the secrets of its access tokens.
    pub encryption_key: EncryptionKey,
    /// Its Diffie-Hellman parameters.
    pub dh: DhParameters,
    /// Its access tokens. Those of a third party are made by the simulator.
    pub access_tokens: Vec<AccessToken>,
    /// Whether it asks users for consent: a consumer of one's own may not.
    pub third_party: bool,
    /// Where users are sent after their consent, if anywhere but `oob`.
    pub callback: Option<String>,
    /// Unknown until then: IBKR activates keys at night or on the weekend.
    pub active_from: Option<Moment>,
}

impl Consumer {
    /// A consumer without access tokens. The files are what was uploaded: two public keys, and the
    /// `BEGIN DH PARAMETERS` of `openssl dhparam`.
    ///
    /// # Errors
    /// When a file holds something else.
    pub fn new(
        consumer_key: impl Into<String>,
        signature_public_pem: &[u8],
        encryption_public_pem: &[u8],
        dh_param_pem: &[u8],
    ) -> Result<Self, ConsumerError> {
        Ok(Self {
            consumer_key: consumer_key.into(),
            signature_key: RsaPublicKey::from_pem(signature_public_pem)
                .map_err(|_| ConsumerError("no RSA public key in the file of the signature key"))?,
            encryption_key: EncryptionKey::from_pem(encryption_public_pem)?,
            dh: DhParameters::from_pem(dh_param_pem)?,
            access_tokens: Vec::new(),
            third_party: false,
            callback: None,
            active_from: None,
        })
    }

    /// With an access token that logs this username in, whose secret this is before IBKR encrypts it.
    #[must_use]
    pub fn with_access_token(
        mut self,
        token: impl Into<String>,
        secret: impl Into<Vec<u8>>,
        credential: impl Into<String>,
    ) -> Self {
        let (token, credential) = (token.into(), credential.into());
        self.access_tokens.push(AccessToken { token, secret: secret.into(), credential });
        self
    }

    /// A third party, which asks users for consent. `None` knows no other callback than `oob`.
    #[must_use]
    pub fn as_third_party(mut self, callback: Option<&str>) -> Self {
        self.third_party = true;
        self.callback = callback.map(str::to_owned);
        self
    }

    /// Unknown to the servers until then.
    #[must_use]
    pub fn active_from(mut self, moment: Moment) -> Self {
        self.active_from = Some(moment);
        self
    }

    /// The `access_token_secret` that the portal shows for one of its access tokens: encrypted, base64.
    pub fn encrypted_secret(&self, token: &str) -> Option<String> {
        let token = self.access_tokens.iter().find(|known| known.token == token)?;
        Some(self.encryption_key.encrypt(&token.secret))
    }

    pub(crate) fn is_active(&self, now: Moment) -> bool {
        self.active_from.is_none_or(|from| from <= now)
    }
}

/// An access token of OAuth 1.0a. It has no end.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// `oauth_token`: 20 hexadecimal digits.
    pub token: String,
    /// Its secret before encryption.
    pub secret: Vec<u8>,
    /// The username that it logs in.
    pub credential: String,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("credential", &self.credential).finish_non_exhaustive()
    }
}

/// The public half of a consumer's encryption key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionKey {
    modulus: BigUint,
    exponent: BigUint,
}

impl EncryptionKey {
    /// Reads `BEGIN PUBLIC KEY` or `BEGIN RSA PUBLIC KEY`.
    ///
    /// # Errors
    /// When the file holds no RSA public key.
    pub fn from_pem(public_pem: &[u8]) -> Result<Self, ConsumerError> {
        let [modulus, exponent] = number::rsa_public_key(public_pem)
            .filter(|[modulus, _]| modulus.bits() >= 1024)
            .ok_or(ConsumerError("no RSA public key in the file of the encryption key"))?;
        Ok(Self { modulus, exponent })
    }

    /// RSA-PKCS1-v1_5, base64. The padding comes from the text, so that the same run gives the same bytes: it
    /// is no secret here.
    pub(crate) fn encrypt(&self, text: &[u8]) -> String {
        let padding = (0_u64..).flat_map(|number| {
            let mut block = number.to_be_bytes().to_vec();
            block.extend_from_slice(text);
            digest::digest(&digest::SHA256, &block).as_ref().to_vec()
        });
        number::encrypted(&self.modulus, &self.exponent, text, padding)
    }
}

/// A prime and a generator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhParameters {
    pub(crate) prime: BigUint,
    pub(crate) generator: BigUint,
}

impl DhParameters {
    /// Reads `BEGIN DH PARAMETERS`.
    ///
    /// # Errors
    /// When the file holds none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, ConsumerError> {
        let [prime, generator] = number::dh_parameters(pem)
            .filter(|[prime, generator]| {
                prime.bit(0) && *generator > BigUint::from(1_u8) && generator < prime
            })
            .ok_or(ConsumerError("no DH PARAMETERS in the file"))?;
        Ok(Self { prime, generator })
    }
}

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerError(&'static str);

impl fmt::Display for ConsumerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for ConsumerError {}
