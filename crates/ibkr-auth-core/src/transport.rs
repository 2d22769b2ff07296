//! How a driver says that a request brought no answer.

use std::{
    error::Error as StdError,
    fmt,
    panic::{self, AssertUnwindSafe},
    time::{Duration, SystemTime},
};

use http::{Method, StatusCode};

use crate::{Advice, Response, text};

/// A request that brought no answer: made by whoever sends requests. Its text is shown to users: it must hold
/// neither a query string nor a header.
#[derive(Debug, Clone)]
pub struct TransportError {
    kind: TransportKind,
    detail: String,
}

/// At which point a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportKind {
    /// No answer within the time allowed, although there was a connection. It may have been executed.
    Timeout,
    /// No connection: name resolution, refused, unreachable, broken in the handshake, or none in time. Not
    /// sent.
    Connect,
    /// The TLS handshake failed: unknown CA, wrong name, no common version. Not sent.
    Tls,
    /// The server's certificate has ended or not begun, or this machine's clock is wrong. Not sent.
    CertificateDate,
    /// The proxy cannot be reached, or opens no tunnel. Not sent.
    Proxy,
    /// The proxy wants other credentials (407). Not sent. Repeating them may lock the user's account there.
    ProxyRefused,
    /// The answer is larger than 1 MiB.
    TooLarge,
    /// Broken off on the way. It may have been executed.
    Broken,
    /// What sends requests has panicked. It may have been executed.
    Panicked,
}

impl TransportKind {
    /// Whether the server may have seen the request. If not, the request did not leave this machine, or not
    /// beyond a proxy or a handshake.
    pub fn may_have_been_sent(self) -> bool {
        match self {
            Self::Connect | Self::Tls | Self::CertificateDate | Self::Proxy | Self::ProxyRefused => false,
            Self::Timeout | Self::TooLarge | Self::Broken | Self::Panicked => true,
        }
    }
}

/// Of the time that a request may take, so much may go into its connection. What has no connection by then is
/// given up as
/// [`TransportKind::Connect`]: certainly not sent, which a request that runs into its whole limit cannot say.
#[doc(hidden)]
pub fn time_to_connect(limit: Duration) -> Duration {
    limit * 2 / 3
}

/// Whether nobody knows what became of a request of your own that was answered so: one that changes
/// something, and an answer that neither grants nor surely refuses it. Then it must not be sent again before
/// that is found out. The same for one without an answer is [`Advice::FindOut`].
#[doc(hidden)]
pub fn leaves_in_doubt(method: &Method, status: StatusCode) -> bool {
    !method.is_safe() && !status.is_success() && !is_refusal(status)
}

/// By a 4xx that is registered. Whoever says 408, or a number of a proxy's own such as 499, lost patience
/// with a request that may have gone on.
fn is_refusal(status: StatusCode) -> bool {
    let is_registered = status.canonical_reason().is_some();
    status.is_client_error() && is_registered && status != StatusCode::REQUEST_TIMEOUT
}

/// Refuses to send while the machine's clock stands before 1970: libraries for TLS know no such time, and
/// panic.
///
/// # Errors
/// [`TransportKind::CertificateDate`] then.
#[doc(hidden)]
pub fn check_clock(wall: SystemTime) -> Result<(), TransportError> {
    if wall < SystemTime::UNIX_EPOCH {
        return Err(TransportError::new(
            TransportKind::CertificateDate,
            "this machine's clock stands before 1970",
        ));
    }
    Ok(())
}

/// Runs what sends a request. A panic in it is an error like any other, so that nobody waits for an answer
/// that cannot come.
#[doc(hidden)]
pub fn catch_panic(
    send: impl FnOnce() -> Result<Response, TransportError>,
) -> Result<Response, TransportError> {
    panic::catch_unwind(AssertUnwindSafe(send))
        .unwrap_or_else(|_| Err(TransportError::new(TransportKind::Panicked, "")))
}

impl TransportError {
    /// A failure of this kind. `detail` is the HTTP library's own reason, without URL, header and body. Names
    /// of a server or its certificate may stand in it: it is made [one line](text::one_line).
    pub fn new(kind: TransportKind, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        // Some libraries end in a link to their manual.
        if let Some(link) = detail.find(": https://") {
            detail.truncate(link);
        }
        Self { kind, detail: text::one_line(&detail) }
    }

    /// What answered behind a proxy that had opened a tunnel spoke no TLS, as the login pages of networks do.
    #[doc(hidden)]
    pub fn no_tls_behind_proxy() -> Self {
        let why = "what it leads to speaks no TLS: perhaps this network wants a login in a browser first";
        Self::new(TransportKind::Proxy, why)
    }

    /// No answer within the time allowed.
    pub fn timeout() -> Self {
        Self::new(TransportKind::Timeout, "")
    }

    /// No answer within `limit`.
    pub fn timeout_after(limit: Duration) -> Self {
        Self::new(TransportKind::Timeout, format!("the limit is {limit:?}"))
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
            | TransportKind::TooLarge
            | TransportKind::Panicked => Advice::DoNotRetry,
            _ => Advice::RetryAfter(Duration::from_secs(1)),
        }
    }

    pub(crate) fn help(&self) -> &'static str {
        match self.kind {
            TransportKind::Timeout => {
                "try again; if it goes on, check network and proxy, or allow more time with `timeout`"
            }
            TransportKind::Connect => "check network, DNS and proxy",
            TransportKind::Tls => {
                "if a proxy of your own stands in between, name its CA certificate in ca_file; check base_url if it is set"
            }
            TransportKind::CertificateDate => {
                "check the date and time of this machine; if they are right, the server's certificate has to be renewed"
            }
            TransportKind::Proxy => {
                "check the proxy's address, and that it allows CONNECT (HTTPS_PROXY or proxy)"
            }
            TransportKind::ProxyRefused => {
                "correct the proxy's user name and password (HTTPS_PROXY or proxy); they are sent by the scheme Basic alone, \
                 no password helps with a proxy that takes only NTLM or Negotiate"
            }
            TransportKind::TooLarge => "something other than IBKR answered: check proxy and base_url",
            TransportKind::Broken => "try again; if it goes on, check network and proxy",
            TransportKind::Panicked => "mend what the message of the panic names",
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
            TransportKind::Panicked => "what sends requests has panicked",
        })?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl StdError for TransportError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind};

    const ALL: [TransportKind; 9] = [
        TransportKind::Timeout,
        TransportKind::Connect,
        TransportKind::Tls,
        TransportKind::CertificateDate,
        TransportKind::Proxy,
        TransportKind::ProxyRefused,
        TransportKind::TooLarge,
        TransportKind::Broken,
        TransportKind::Panicked,
    ];

    fn unanswered(method: &Method, kind: TransportKind) -> Error {
        Error::unanswered(method, &TransportError::new(kind, "why"))
    }

    #[test]
    fn nobody_is_told_to_repeat_what_may_have_been_executed() {
        for method in [Method::POST, Method::DELETE, Method::PUT, Method::PATCH] {
            for kind in ALL.into_iter().filter(|kind| kind.may_have_been_sent()) {
                let error = unanswered(&method, kind);
                assert_eq!(
                    (error.advice(), error.may_have_been_executed()),
                    (Advice::FindOut, true),
                    "{kind:?}"
                );
                let text = error.to_string();
                assert!(text.contains("it may have been executed"), "{text}");
                assert!(text.contains("/v1/api/iserver/account/orders"), "{text}");
                for wrong in ["try again", "repeat"] {
                    assert!(!text.contains(wrong), "{text}");
                }
            }
        }
    }

    #[test]
    fn what_was_not_sent_says_so_and_may_be_sent_again() {
        for method in [Method::POST, Method::GET] {
            for kind in ALL.into_iter().filter(|kind| !kind.may_have_been_sent()) {
                let error = unanswered(&method, kind);
                assert!(!error.may_have_been_executed());
                assert_ne!(error.advice(), Advice::FindOut, "{kind:?}");
                assert!(error.to_string().starts_with("not sent: "), "{error}");
            }
        }
    }

    #[test]
    fn what_changes_nothing_may_be_repeated() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            for kind in [TransportKind::Timeout, TransportKind::Broken] {
                let error = unanswered(&method, kind);
                assert!(matches!(error.advice(), Advice::RetryAfter(_)));
                assert!(error.to_string().contains("try again"), "{error}");
            }
        }
        assert_eq!(unanswered(&Method::GET, TransportKind::Panicked).kind(), ErrorKind::Panicked);
    }

    #[test]
    fn the_source_of_an_error_can_be_asked_for_its_kind() {
        for kind in ALL {
            let error = unanswered(&Method::POST, kind);
            let source = error.source().and_then(|source| source.downcast_ref::<TransportError>());
            assert_eq!(source.map(TransportError::kind), Some(kind));
            assert!(error.to_string().contains(&source.unwrap().to_string()), "nothing that was not shown");
        }
    }

    #[test]
    fn the_manual_of_a_library_is_not_quoted() {
        let text = "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/latest/x";
        let error = TransportError::new(TransportKind::Broken, text);
        assert_eq!(
            error.to_string(),
            "the connection broke: peer closed connection without sending TLS close_notify"
        );
    }

    #[test]
    fn nothing_is_sent_before_1970() {
        let second = Duration::from_secs(1);
        assert!(check_clock(SystemTime::UNIX_EPOCH).is_ok());
        let error = check_clock(SystemTime::UNIX_EPOCH - second).unwrap_err();
        assert!(!error.kind().may_have_been_sent() && error.help().contains("date and time"), "{error}");
    }

    #[test]
    fn a_change_is_in_doubt_unless_it_was_granted_or_surely_refused() {
        let is_in_doubt =
            |method: &Method, status| leaves_in_doubt(method, StatusCode::from_u16(status).unwrap());
        for status in [101, 302, 304, 307, 408, 460, 499, 500, 503, 600, 999] {
            assert!(is_in_doubt(&Method::POST, status) && is_in_doubt(&Method::DELETE, status), "{status}");
            assert!(!is_in_doubt(&Method::GET, status), "{status}");
        }
        for status in [200, 201, 204, 400, 401, 403, 404, 410, 429] {
            assert!(!is_in_doubt(&Method::POST, status), "{status}");
        }
    }

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
