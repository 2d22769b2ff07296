//! How a driver says that a request brought no answer.

use std::{error::Error as StdError, fmt, time::Duration};

use crate::{Advice, text};

/// A request that brought no answer: made by whoever sends requests. Its text is shown to users: it must hold neither
/// a query string nor a header.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportKind,
    detail: String,
}

/// At which point a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportKind {
    /// No answer within the time allowed. It may have been executed.
    Timeout,
    /// No connection: name resolution, refused, unreachable. Not sent.
    Connect,
    /// The TLS handshake failed: unknown CA, wrong name, no common version. Not sent.
    Tls,
    /// The server's certificate has ended or not begun: mostly it is this machine's clock that is wrong. Not sent.
    CertificateDate,
    /// The proxy failed, or opens no tunnel. Not sent.
    Proxy,
    /// The proxy wants other credentials (407). Not sent. Repeating them may lock the user's account there.
    ProxyRefused,
    /// The answer is larger than 1 MiB.
    TooLarge,
    /// Broken off on the way. It may have been executed.
    Broken,
}

impl TransportError {
    /// A failure of this kind. `detail` is the HTTP library's own reason, without URL, header and body. Names of a server or
    /// its certificate may stand in it: it is made [one line](text::one_line).
    pub fn new(kind: TransportKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: text::one_line(&detail.into()) }
    }

    /// No answer within the time allowed.
    pub fn timeout() -> Self {
        Self::new(TransportKind::Timeout, "")
    }

    /// At which point it failed.
    pub fn kind(&self) -> TransportKind {
        self.kind
    }

    /// A certificate that is not trusted now will not be in a second.
    pub(crate) fn advice(&self) -> Advice {
        match self.kind {
            TransportKind::Tls
            | TransportKind::CertificateDate
            | TransportKind::ProxyRefused
            | TransportKind::TooLarge => Advice::Never,
            _ => Advice::RetryAfter(Duration::from_secs(1)),
        }
    }

    pub(crate) fn todo(&self) -> &'static str {
        match self.kind {
            TransportKind::Timeout => "try again; if it goes on, check network and proxy",
            TransportKind::Connect => "check network, DNS and proxy",
            TransportKind::Tls => {
                "if a proxy of your own stands in between, name its CA certificate in ca_file; check base_url if it is set"
            }
            TransportKind::CertificateDate => "check the date and time of this machine",
            TransportKind::Proxy => {
                "check the proxy's address, and that it allows CONNECT (HTTPS_PROXY or proxy)"
            }
            TransportKind::ProxyRefused => {
                "correct the proxy's user name and password (HTTPS_PROXY or proxy)"
            }
            TransportKind::TooLarge => "something other than IBKR answered: check proxy and base_url",
            TransportKind::Broken => "try again; if it goes on, check network and proxy",
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportKind::Timeout => "no answer in time",
            TransportKind::Connect => "no connection",
            TransportKind::Tls | TransportKind::CertificateDate => "no secure connection",
            TransportKind::Proxy => "no connection through the proxy",
            TransportKind::ProxyRefused => "the proxy refused its credentials",
            TransportKind::TooLarge => "the answer is too large",
            TransportKind::Broken => "the connection broke",
        })?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl StdError for TransportError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_steers_no_terminal() {
        let detail = "not valid for DNS:evil\u{1b}[31mX, URI:\u{1b}]0;a\u{7}\u{202e}\nx";
        let shown = TransportError::new(TransportKind::Tls, detail).to_string();
        assert!(
            shown.contains("evil") && !shown.contains(|c| c == '\n' || text::is_treacherous(c)),
            "{shown:?}"
        );
    }
}
