//! Strings that must not be seen.

use std::{fmt, sync::Arc};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// A token, session id or username: hidden in `Debug`, without `Display` and without serialisation.
///
/// Clones share one buffer, which is wiped when the last of them is dropped. Copies elsewhere are not: the
/// string that it was made of where that was longer, headers, the HTTP library's buffers.
#[derive(Clone)]
pub struct Secret(Arc<SecretString>);

impl Secret {
    /// Takes the string over.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Arc::new(SecretString::from(value.into())))
    }

    /// The string itself: the one way to read it. Never log it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// `{prefix}{secret}` as a header value marked sensitive; `None` if it holds a character that no header
    /// may.
    pub(crate) fn header(&self, prefix: &str) -> Option<HeaderValue> {
        // The value takes the text over: there is no copy to wipe.
        let mut value = HeaderValue::try_from([prefix, self.expose()].concat()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
