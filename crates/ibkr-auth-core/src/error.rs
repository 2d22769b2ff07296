//! One error for everything that can go wrong after the configuration was read.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

use http::{Method, StatusCode};
use ibkr_jws::SignError;

use crate::{ClockSkew, ConfigError, Response, Step, TransportError, TransportKind, clock, excerpt, text};

/// Something failed: which step, what the server said (redacted), and what to do. Cheap to clone.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    step: Option<Step>,
    status: Option<StatusCode>,
    what: Cow<'static, str>,
    excerpt: Option<String>,
    help: Cow<'static, str>,
    advice: Advice,
    cause: Option<Cause>,
}

/// What it came from. The causes below these are not kept: an HTTP library's errors show URLs.
#[derive(Clone)]
enum Cause {
    Config(ConfigError),
    Sign(SignError),
    Transport(TransportError),
    Error(Error),
}

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration, key or trust store cannot be used. What to do: change what the text names.
    Config,
    /// The key could not sign. What to do: see the signer's reason.
    Sign,
    /// A step needs something that an earlier one brings. What to do: call the step that the text names, or
    /// `connect`.
    OutOfOrder,
    /// IBKR refused the client, its key or the user. What to do: check what the text names; do not repeat,
    /// accounts get locked.
    Rejected,
    /// What IBKR's live session token was computed from is not what was computed with here (OAuth 1.0a). What
    /// to do: check the Diffie-Hellman parameters.
    Unproven,
    /// IBKR refused what was signed for its time: its clock and this machine's differ by more than can be
    /// corrected, or (OAuth 1.0a) another program has signed ahead. The session is as good as it was.
    /// What to do: set this machine's clock.
    Clock,
    /// IBKR refused the bearer token: it expired, was ended, or comes from another address. What to do:
    /// `connect` again.
    Unauthorized,
    /// There is no brokerage session, or no longer. What to do: `ssodh_init`, else `connect` again.
    NoBrokerageSession,
    /// Another login of the same username holds the brokerage session. What to do: log out there, or set
    /// `compete`.
    Competing,
    /// The brokerage session did not become ready in time. What to do: try again later.
    NotEstablished,
    /// This node does not know the session (410). What to do: another host, then `connect` again.
    Gone,
    /// Too many requests (429), or IBKR has asked for a pause that is not over. What to do: wait as long as
    /// the advice says; going on can get the address blocked.
    RateLimited,
    /// The logins of late are as many as are safe: nothing was sent. What to do: wait as long as the advice
    /// says, and find out why the sessions do not last; IBKR locks accounts that log in over and over.
    LoginsSpent,
    /// IBKR failed (5xx). What to do: wait and repeat; at night and on weekends it may be maintenance.
    Server,
    /// The answer cannot be understood. What to do: look for a proxy in between; repeat once.
    Unreadable,
    /// No public IPv4 address could be found out. What to do: set `public_ip`, or name other services.
    PublicIp,
    /// The request did not get through. What to do: check network, proxy and trust store as the text says.
    Transport,
    /// No answer came in time. What to do: what the advice says; repeat only what is safe to repeat.
    Timeout,
    /// A part of this program has panicked: a listener of events, a key, an HTTP stack. What to do: mend what
    /// the message of the panic names; a new client can begin at once.
    Panicked,
    /// A later command, `logout`, took the place of this one, or its caller ended it. What to do: what the
    /// text says of the session that may have been made.
    Cancelled,
    /// A session that is kept is not connected: not yet, no longer, paused or stopped. Nothing was sent. What
    /// to do: wait with `ready`, or what the text says.
    NotConnected,
}

/// What may help. Exhaustive on purpose: whoever acts on it must hear of a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Repeating cannot help: something must be changed first.
    DoNotRetry,
    /// The same again, no sooner than after this time.
    RetryAfter(Duration),
    /// The session is lost: `connect` again.
    Reconnect,
    /// A request of your own that changes something may have been executed, and nobody knows: ask IBKR what
    /// became of it before you send anything again. For an order: `GET /v1/api/iserver/account/orders`.
    FindOut,
}

/// A shorter wait goes without saying.
const NOTABLE_WAIT: Duration = Duration::from_secs(5);
/// For people; see [`Advice::FindOut`].
const FIND_OUT: &str = "it may have been executed: ask IBKR what became of it before you send anything again, for an order with \
                        GET /v1/api/iserver/account/orders and GET /v1/api/iserver/account/trades";

impl Error {
    /// What kind of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The step that failed, if it was one.
    pub fn step(&self) -> Option<Step> {
        self.0.step
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// What may help.
    pub fn advice(&self) -> Advice {
        self.0.advice
    }

    /// Whether the request may have taken effect although it failed. If not, it did not leave this machine,
    /// or not beyond a proxy or a handshake.
    pub fn may_have_been_executed(&self) -> bool {
        let not_sent = self.transport_kind().is_some_and(|kind| !kind.may_have_been_sent());
        use ErrorKind::{Config, LoginsSpent, NotConnected, OutOfOrder, RateLimited, Sign};
        let not_made = match self.0.kind {
            Config | Sign | OutOfOrder | NotConnected | LoginsSpent => true,
            // Held back by a pause that was asked for before.
            RateLimited => self.0.status.is_none(),
            _ => false,
        };
        !(not_sent || not_made)
    }

    /// Whether the connection broke before there was an answer: mostly a kept one that the server had closed.
    pub(crate) fn is_break(&self) -> bool {
        self.transport_kind() == Some(TransportKind::Broken)
    }

    /// Whether IBKR may have counted a signed request that failed so as a login: not if it was never sent,
    /// nor if a closed door or a web page answered.
    #[doc(hidden)]
    pub fn may_count_as_login(&self) -> bool {
        let is_closed = self.0.status.is_some_and(|status| status.is_server_error());
        let is_foreign =
            self.0.kind == ErrorKind::Unreadable && self.0.status.is_some_and(|status| !status.is_success());
        self.may_have_been_executed() && !is_closed && !is_foreign
    }

    /// Whether the way out of this machine is barred by wrong credentials of the proxy: no other host or
    /// service can help, and repeating them may lock the user's account there.
    #[doc(hidden)]
    pub fn is_proxy_refusal(&self) -> bool {
        self.transport_kind() == Some(TransportKind::ProxyRefused)
    }

    /// How long IBKR wants to be left alone after this, by all requests of this address. `sso/validate` is
    /// one a minute for all programs of the username, and says nothing of others: a real penalty box shows at
    /// the next request.
    pub fn pause(&self) -> Option<Duration> {
        match (self.kind(), self.advice()) {
            (ErrorKind::RateLimited, Advice::RetryAfter(pause)) if self.step() != Some(Step::ValidateSso) => {
                Some(pause)
            }
            _ => None,
        }
    }

    /// How a request came to have no answer; `None` where one came.
    pub fn transport_kind(&self) -> Option<TransportKind> {
        match &self.0.cause {
            Some(Cause::Transport(failure)) => Some(failure.kind()),
            _ => None,
        }
    }

    /// What happened, without the step before it and the advice behind it.
    pub fn message(&self) -> &str {
        &self.0.what
    }

    /// What the server said: redacted, at most 300 characters, never from a success.
    pub fn excerpt(&self) -> Option<&str> {
        self.0.excerpt.as_deref()
    }

    /// What to do about it, in words.
    pub fn help(&self) -> &str {
        &self.0.help
    }

    /// A failure outside any step: a key, a trust store, a file. `what` is shown to users: keep secrets out
    /// of it.
    #[doc(hidden)]
    pub fn config(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::plain(ErrorKind::Config, None, what.into(), help.into(), Advice::DoNotRetry)
    }

    pub(crate) fn plain(
        kind: ErrorKind,
        step: Option<Step>,
        what: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        advice: Advice,
    ) -> Self {
        Self(Arc::new(Inner {
            kind,
            step,
            status: None,
            what: what.into(),
            excerpt: None,
            help: help.into(),
            advice,
            cause: None,
        }))
    }

    /// A refusal that comes with proof that this machine's clock is wrong, by more than is corrected.
    pub(crate) fn by_a_wrong_clock(self, wrong: ClockSkew) -> Self {
        let off = Duration::from_secs(wrong.millis().unsigned_abs() / 1_000);
        let way = if wrong.millis() > 0 { "behind" } else { "ahead of" };
        let most = clock::CORRECTED.as_secs() / 60;
        let what = format!(
            "{}, and this machine's clock is {} {way} the server's",
            self.0.what,
            crate::time::in_words(off)
        );
        let help = format!("set this machine's clock: it is corrected by up to {most} minutes alone");
        Self(Arc::new(Inner {
            kind: ErrorKind::Clock,
            what: what.into(),
            help: help.into(),
            advice: Advice::DoNotRetry,
            ..Inner::clone(&self.0)
        }))
    }

    /// The key could not sign.
    /// `step` belongs to the other of the two logins.
    pub(crate) fn of_other_login(step: Option<Step>, needed: &'static str, help: &'static str) -> Self {
        let what = format!("needs a login by {needed}");
        Self::plain(ErrorKind::Config, step, what, help, Advice::DoNotRetry)
    }

    pub(crate) fn unsigned(step: Option<Step>, error: SignError) -> Self {
        let cannot =
            Self::plain(ErrorKind::Sign, step, error.to_string(), "check the key", Advice::DoNotRetry);
        cannot.caused_by(Cause::Sign(error))
    }

    fn caused_by(self, cause: Cause) -> Self {
        Self(Arc::new(Inner { cause: Some(cause), ..Inner::clone(&self.0) }))
    }

    /// The same error, come from that one if there is one.
    pub(crate) fn because_of(self, cause: Option<Self>) -> Self {
        match cause {
            Some(cause) => self.caused_by(Cause::Error(cause)),
            None => self,
        }
    }

    /// The same error with another advice in words.
    pub(crate) fn with_help(self, help: String) -> Self {
        Self(Arc::new(Inner { help: help.into(), ..Inner::clone(&self.0) }))
    }

    /// The same error with an excerpt that shows none of these, should the server have repeated one.
    pub(crate) fn without(mut self, secrets: &[&str]) -> Self {
        if let Some(Inner { excerpt: Some(excerpt), .. }) = Arc::get_mut(&mut self.0) {
            *excerpt = text::hide(excerpt, secrets);
        }
        self
    }

    /// An answer that is an error, or an unreadable success.
    pub(crate) fn answered(
        kind: ErrorKind,
        step: Step,
        response: &Response,
        secrets: &[&str],
        help: impl Into<Cow<'static, str>>,
        advice: Advice,
    ) -> Self {
        let status = response.status();
        let what = match kind {
            ErrorKind::Unreadable => {
                format!("cannot read the answer ({status}, {} bytes)", response.body().len())
            }
            _ => format!("the server answered {status}"),
        };
        Self(Arc::new(Inner {
            kind,
            step: Some(step),
            status: Some(status),
            what: what.into(),
            excerpt: excerpt::of(response, secrets),
            help: help.into(),
            advice,
            cause: None,
        }))
    }

    /// A step that brought no answer.
    #[doc(hidden)]
    pub fn transport(step: Option<Step>, failure: &TransportError) -> Self {
        let help = match (step, failure.kind()) {
            (Some(Step::PublicIp), TransportKind::Timeout | TransportKind::Connect) => {
                "check network and proxy, allow more time with `timeout`, or set public_ip"
            }
            _ => failure.help(),
        };
        Self::silence(step, failure.to_string(), help, failure.advice(), failure)
    }

    /// A request of your own that brought no answer: the clients' `send` uses it. What must not be repeated
    /// unseen, because it changes something and may have been executed, gets [`Advice::FindOut`]; what was
    /// not sent says so.
    #[doc(hidden)]
    pub fn unanswered(method: &Method, failure: &TransportError) -> Self {
        if !failure.kind().may_have_been_sent() {
            let what = format!("not sent: {failure}");
            Self::silence(None, what, failure.help(), failure.advice(), failure)
        } else if !method.is_safe() {
            Self::silence(None, failure.to_string(), FIND_OUT, Advice::FindOut, failure)
        } else {
            Self::transport(None, failure)
        }
    }

    fn silence(
        step: Option<Step>,
        what: String,
        help: &'static str,
        advice: Advice,
        failure: &TransportError,
    ) -> Self {
        let kind = match failure.kind() {
            TransportKind::Timeout => ErrorKind::Timeout,
            TransportKind::Panicked => ErrorKind::Panicked,
            _ => ErrorKind::Transport,
        };
        Self(Arc::new(Inner {
            kind,
            step,
            status: None,
            what: what.into(),
            excerpt: None,
            help: help.into(),
            advice,
            cause: Some(Cause::Transport(failure.clone())),
        }))
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::config(error.to_string(), "change that setting").caused_by(Cause::Config(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = self.0.step {
            write!(f, "{step}: ")?;
        }
        f.write_str(&self.0.what)?;
        if let Some(excerpt) = &self.0.excerpt {
            write!(f, " ({excerpt})")?;
        }
        if !self.0.help.is_empty() {
            write!(f, "; {}", self.0.help)?;
        }
        match self.0.advice {
            Advice::RetryAfter(wait) if wait >= NOTABLE_WAIT && self.0.kind != ErrorKind::LoginsSpent => {
                write!(f, ", and not again before {} s have passed", wait.as_secs())
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("advice", &self.0.advice)
            .field("text", &format_args!("{self}"))
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    /// A [`ConfigError`], [`SignError`] or [`TransportError`], for programs that ask for its particulars. Its
    /// text is part of this error's text already.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_ref().map(|cause| match cause {
            Cause::Config(error) => error as _,
            Cause::Sign(error) => error as _,
            Cause::Transport(error) => error as _,
            Cause::Error(error) => error as _,
        })
    }
}
