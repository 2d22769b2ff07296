//! Where nonces and exponents come from.

use std::{fmt, sync::Arc};

use ibkr_jws::SignError;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::{Exponent, hex};

/// A source of random bytes: the operating system's, or a function that tests can foresee.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) -> Result<(), SignError> + Send + Sync;

impl Random {
    /// The operating system's.
    pub fn system() -> Self {
        let system = SystemRandom::new();
        Self::from_fn(move |bytes| {
            system.fill(bytes).map_err(|_| {
                SignError::new(
                    "the operating system gives no random bytes; look at its own log for the reason",
                )
            })
        })
    }

    /// Whatever fills a buffer: for tests, and for machines with a generator of their own. Who can foresee
    /// what it yields can compute the [`LiveSessionToken`](crate::LiveSessionToken).
    pub fn from_fn(fill: impl Fn(&mut [u8]) -> Result<(), SignError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// Fills `bytes`.
    ///
    /// # Errors
    /// When there are no random bytes: sign nothing then. The reason is the source's.
    pub fn fill(&self, bytes: &mut [u8]) -> Result<(), SignError> {
        (self.0)(bytes)
    }

    /// A nonce for one request: 128 bits in 32 hex digits, the form that IBKR's staff advise.
    ///
    /// # Errors
    /// Those of [`fill`](Self::fill).
    pub fn nonce(&self) -> Result<String, SignError> {
        let mut bytes = [0; 16];
        self.fill(&mut bytes)?;
        let mut nonce = String::with_capacity(32);
        hex::encode(&bytes, &mut nonce);
        Ok(nonce)
    }

    /// An exponent of 256 bits for one exchange, as IBKR's text asks for it. Never use one twice.
    ///
    /// # Errors
    /// Those of [`fill`](Self::fill).
    pub fn exponent(&self) -> Result<Exponent, SignError> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.fill(&mut *bytes)?;
        Ok(Exponent::new(*bytes))
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random(..)")
    }
}
