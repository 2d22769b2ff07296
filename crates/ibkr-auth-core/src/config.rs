//! Everything a session must be told: who logs in, where, and how patiently.

mod host;
mod login;
mod unfinished;

use core::net::Ipv4Addr;
use std::{fmt, time::Duration};

use http::{HeaderValue, Uri};
use ibkr_oauth1::{QueryTreatment, Random};

pub use host::{Host, is_this_machine};
pub use login::{Consumer, Login, OAuth1, OAuth2, TokenSecret};
pub use unfinished::unfinished;

use crate::wire::public_ip::is_public;

/// Which of IBKR's two tiers a login leads to (IBKR's Web API documentation, "sessions"). Exhaustive on
/// purpose: there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tier {
    /// Everything outside `/iserver`: portfolio, account management. No brokerage session is opened, so the
    /// user's TWS or phone stays logged in.
    ReadOnly,
    /// Trading and market data too. One username has one brokerage session at a time on all IBKR platforms.
    #[default]
    Brokerage,
}

/// Where the public address in the SSO request comes from. IBKR ties the session to it.
/// Exhaustive on purpose: it is known, or it is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicIp {
    /// This address.
    Fixed(Ipv4Addr),
    /// The first of these services that answers with a public IPv4 address, asked in this order.
    Lookup(Vec<Uri>),
}

/// How `connect` repeats a step that failed in a way that may pass. Single steps are never repeated.
/// Exhaustive on purpose: it is written as a literal, `Retry { attempts: 3, ..Retry::default() }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How often a step is tried, the first time included.
    pub attempts: u32,
    /// The first wait; each further one is twice as long. At least one second: within the same second an
    /// assertion would be the same bytes again.
    pub first: Duration,
    /// No wait is longer, but for jitter, which adds up to a half. When IBKR asks for a longer one, `connect`
    /// returns the error, which says how long. One hour at most.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 5, first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

/// The three things that IBKR gives. They are named because each is a short string: only IBKR would notice
/// that two were mixed up, and refusals get accounts locked. Exhaustive on purpose: it is written as a
/// literal.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// `clientId`.
    pub client_id: &'a str,
    /// `clientKeyId`: the `kid` of the registered key, often `main`.
    pub client_key_id: &'a str,
    /// The username.
    pub credential: &'a str,
}

/// What a [`Session`](crate::Session) needs to know. Made by [`Config::of`], changed field by field through
/// the `with_…` methods. `Debug` hides the credential.
#[derive(Clone)]
pub struct Config {
    pub(crate) login: Login,
    pub(crate) host: Host,
    pub(crate) tier: Tier,
    pub(crate) compete: bool,
    pub(crate) user_agent: HeaderValue,
    pub(crate) timeout: Duration,
    pub(crate) establish_within: Duration,
    pub(crate) retry: Retry,
}

impl Config {
    /// A configuration for this login; everything else is at its default.
    ///
    /// ```
    /// use ibkr_auth_core::{Config, Identity};
    ///
    /// let identity = Identity { client_id: "the id", client_key_id: "main", credential: "username" };
    /// let config = Config::of(identity)?;
    /// # Ok::<(), ibkr_auth_core::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] when a part of it is empty, holds control characters or is a placeholder, or the
    /// username holds a space.
    pub fn of(Identity { client_id, client_key_id, credential }: Identity<'_>) -> Result<Self, ConfigError> {
        Self::new(client_id, client_key_id, credential)
    }

    /// The short form of [`of`](Self::of), for those who mind the order: `clientId`, `clientKeyId` (the `kid`
    /// of the registered key, often `main`) and the username (`credential`).
    ///
    /// # Errors
    /// [`ConfigError`] when one is empty, holds control characters or is a placeholder, or the username holds
    /// a space.
    pub fn new(
        client_id: impl Into<String>,
        client_key_id: impl Into<String>,
        credential: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        let login = OAuth2::new(client_id.into(), client_key_id.into(), credential.into())?;
        Ok(Self::with_login(Login::OAuth2(login)))
    }

    /// A configuration for a login by OAuth 1.0a; everything else is at its default. The session is given the
    /// *signature* key; the *encryption* key has done its work when the access token secret is decrypted.
    ///
    /// # Errors
    /// [`ConfigError`] when consumer key or access token are empty, a placeholder, or hold something else
    /// than letters and digits.
    pub fn oauth1(consumer: Consumer<'_>) -> Result<Self, ConfigError> {
        Ok(Self::with_login(Login::OAuth1(OAuth1::new(consumer)?)))
    }

    /// A third party's, before any user has consented: it is for [`wire::consent`](crate::wire::consent)
    /// alone, and cannot log in. What comes of the consent belongs in [`oauth1`](Self::oauth1).
    ///
    /// # Errors
    /// [`ConfigError`] when the consumer key is empty, or holds something else than letters and digits.
    pub fn third_party(consumer_key: &str) -> Result<Self, ConfigError> {
        Ok(Self::with_login(Login::OAuth1(OAuth1::third_party(consumer_key)?)))
    }

    fn with_login(login: Login) -> Self {
        Self {
            login,
            host: Host::default(),
            tier: Tier::default(),
            compete: false,
            user_agent: HeaderValue::from_static(concat!("ibkr-auth/", env!("CARGO_PKG_VERSION"))),
            timeout: Duration::from_secs(15),
            establish_within: Duration::from_secs(30),
            retry: Retry::default(),
        }
    }

    /// The server to talk to. Default: `api.ibkr.com`.
    #[must_use]
    pub fn with_host(mut self, host: Host) -> Self {
        self.host = host;
        self
    }

    /// Use this public address instead of looking it up.
    ///
    /// # Errors
    /// [`ConfigError`] when it is the address of a private network, of this machine, or otherwise not public.
    pub fn with_public_ip(mut self, ip: Ipv4Addr) -> Result<Self, ConfigError> {
        if !is_public(ip) {
            return Err(ConfigError::new(
                "public_ip",
                "is no public address: IBKR never sees a request from it",
            ));
        }
        self.of_oauth2("public_ip")?.public_ip = PublicIp::Fixed(ip);
        Ok(self)
    }

    /// Services that answer a `GET` with the caller's address, in the order in which they are asked.
    /// Default: ipify, AWS, ipinfo, ifconfig.me.
    ///
    /// # Errors
    /// [`ConfigError`] when the list is empty, or an address is no `https` URL (plain `http` is for loopback
    /// alone).
    pub fn with_ip_services<S: AsRef<str>>(
        mut self,
        services: impl IntoIterator<Item = S>,
    ) -> Result<Self, ConfigError> {
        let services: Result<Vec<Uri>, _> =
            services.into_iter().map(|service| host::absolute_url("ip_services", service.as_ref())).collect();
        let services = services?;
        if services.is_empty() {
            return Err(ConfigError::new("ip_services", "is empty: name a service, or set public_ip"));
        }
        self.of_oauth2("ip_services")?.public_ip = PublicIp::Lookup(services);
        Ok(self)
    }

    /// Further addresses that the session may be used from (`alternativeIps` in IBKR's OpenAPI). Default:
    /// none.
    ///
    /// # Errors
    /// [`ConfigError`] with OAuth 1.0a, which names no address.
    pub fn with_alternative_ips(
        mut self,
        ips: impl IntoIterator<Item = Ipv4Addr>,
    ) -> Result<Self, ConfigError> {
        self.of_oauth2("alternative_ips")?.alternative_ips = ips.into_iter().collect();
        Ok(self)
    }

    /// Scopes to ask for, separated by spaces. Default: `sso-sessions.write`, which a login needs.
    ///
    /// # Errors
    /// [`ConfigError`] when it is empty or holds control characters.
    pub fn with_scope(mut self, scope: impl Into<String>) -> Result<Self, ConfigError> {
        self.of_oauth2("scope")?.scope = text("scope", scope.into())?;
        Ok(self)
    }

    /// The optional `service` claim of the SSO request; IBKR's C# sample sends `AM.LOGIN`. Default: none.
    ///
    /// # Errors
    /// [`ConfigError`] when it is empty or holds control characters.
    pub fn with_service(mut self, service: impl Into<String>) -> Result<Self, ConfigError> {
        self.of_oauth2("service")?.service = Some(text("service", service.into())?);
        Ok(self)
    }

    /// How query strings are signed with OAuth 1.0a. Default: merged into the parameters, as in IBKR's demo.
    ///
    /// # Errors
    /// [`ConfigError`] with OAuth 2.0, which signs none.
    pub fn with_query_treatment(mut self, query: QueryTreatment) -> Result<Self, ConfigError> {
        self.of_oauth1("oauth1_query")?.query = query;
        Ok(self)
    }

    /// Where nonces and exponents of OAuth 1.0a come from. Default: the operating system; anything else is
    /// for tests.
    ///
    /// # Errors
    /// [`ConfigError`] with OAuth 2.0, which needs none.
    pub fn with_random(mut self, random: Random) -> Result<Self, ConfigError> {
        self.of_oauth1("random")?.random = random;
        Ok(self)
    }

    /// Read-only or brokerage. Default: brokerage.
    #[must_use]
    pub fn with_tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// Whether `ssodh_init` ends another brokerage session of the username, such as a TWS or phone that is
    /// logged in. Default: false: such a session is left alone, and `connect` says so. (`ibauth` always ends
    /// it.) IBKR was seen to open a session with `compete` alone although nobody was logged in; the error
    /// says so too.
    #[must_use]
    pub fn with_compete(mut self, compete: bool) -> Self {
        self.compete = compete;
        self
    }

    /// The `User-Agent` of every request. IBKR's edge answers 403 without one. Default:
    /// `ibkr-auth/<version>`.
    ///
    /// # Errors
    /// [`ConfigError`] when it is empty or cannot stand in a header.
    pub fn with_user_agent(mut self, user_agent: impl Into<String>) -> Result<Self, ConfigError> {
        self.user_agent = HeaderValue::try_from(text("user_agent", user_agent.into())?)
            .map_err(|_| ConfigError::new("user_agent", "holds a character that cannot stand in a header"))?;
        Ok(self)
    }

    /// How long one request may take. Default: 15 s; IBKR gives up after 10 s by itself and answers 503.
    ///
    /// # Errors
    /// [`ConfigError`] unless between 1 s and 5 min.
    pub fn with_timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
        if !(Duration::from_secs(1)..=Duration::from_secs(300)).contains(&timeout) {
            return Err(ConfigError::new("timeout", "must be between 1 s and 5 min"));
        }
        self.timeout = timeout;
        Ok(self)
    }

    /// How long `connect` waits for the brokerage session to be `established` after `ssodh/init`. Default: 30
    /// s.
    ///
    /// # Errors
    /// [`ConfigError`] when over 10 min.
    pub fn with_establish_within(mut self, longest: Duration) -> Result<Self, ConfigError> {
        if longest > Duration::from_secs(600) {
            return Err(ConfigError::new("establish_within", "must be 10 min at most"));
        }
        self.establish_within = longest;
        Ok(self)
    }

    /// How `connect` repeats what failed.
    ///
    /// # Errors
    /// [`ConfigError`] when `attempts` is 0, `first` is under a second, or `longest` is under `first`.
    pub fn with_retry(mut self, retry: Retry) -> Result<Self, ConfigError> {
        let waits = Duration::from_secs(1)..=Duration::from_secs(3600);
        if retry.attempts == 0
            || !waits.contains(&retry.first)
            || !(retry.first..=*waits.end()).contains(&retry.longest)
        {
            let what = "needs attempts of at least 1, a first wait of at least 1 s, and a longest wait between that and 1 h";
            return Err(ConfigError::new("retry", what));
        }
        self.retry = retry;
        Ok(self)
    }

    /// The server that is talked to now.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Which tier a login leads to.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// How long `connect` waits for the brokerage session to be established.
    pub fn establish_within(&self) -> Duration {
        self.establish_within
    }

    /// Who logs in, and by which way.
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// Whether a login ends another brokerage session of the username.
    pub fn compete(&self) -> bool {
        self.compete
    }

    /// How long one request may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Strings that no error may show, even where a server repeats them.
    pub(crate) fn secrets(&self) -> [&str; 1] {
        [self.login.secret()]
    }

    fn of_oauth2(&mut self, field: &'static str) -> Result<&mut OAuth2, ConfigError> {
        match &mut self.login {
            Login::OAuth2(login) => Ok(login),
            Login::OAuth1(_) => Err(ConfigError::new(field, "is for OAuth 2.0 alone: take it out")),
        }
    }

    fn of_oauth1(&mut self, field: &'static str) -> Result<&mut OAuth1, ConfigError> {
        match &mut self.login {
            Login::OAuth1(login) => Ok(login),
            Login::OAuth2(_) => Err(ConfigError::new(field, "is for OAuth 1.0a alone: take it out")),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("login", &self.login)
            .field("host", &self.host)
            .field("tier", &self.tier)
            .field("compete", &self.compete)
            .finish_non_exhaustive()
    }
}

fn default_ip_services() -> Vec<Uri> {
    [
        "https://api.ipify.org/",
        "https://checkip.amazonaws.com/",
        "https://ipinfo.io/ip",
        "https://ifconfig.me/ip",
    ]
    .map(Uri::from_static)
    .to_vec()
}

fn text(field: &'static str, value: String) -> Result<String, ConfigError> {
    if value.trim().is_empty() {
        Err(ConfigError::new(field, "is empty"))
    } else if value.contains(char::is_control) || value.trim() != value {
        Err(ConfigError::new(field, "holds a line break, another control character, or space around it"))
    } else if let Some(problem) = unfinished(&value) {
        Err(ConfigError::new(field, problem))
    } else {
        Ok(value)
    }
}

/// Whoever writes a sentence here has been asked for something else.
fn username(value: String) -> Result<String, ConfigError> {
    let value = text("credential", value)?;
    if value.contains(char::is_whitespace) {
        return Err(ConfigError::new(
            "credential",
            "holds a space: write the username alone, which has none",
        ));
    }
    Ok(value)
}

/// A setting that cannot be used. The text names the setting and what is wrong with it, never its value.
/// What to do: change that setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct ConfigError {
    field: &'static str,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }

    /// Name of the setting, as `config.yaml` writes it.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// What is wrong with it, without the value.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new("client", "main", "someone").unwrap()
    }

    #[test]
    fn empty_and_unprintable_identities_are_refused_by_name() {
        let refused = |id: &str, kid: &str, user: &str| Config::new(id, kid, user).unwrap_err().field();
        assert_eq!(refused("", "main", "someone"), "client_id");
        assert_eq!(refused("client", " ", "someone"), "client_key_id");
        assert_eq!(refused("client", "main", "some\none"), "credential");
        assert_eq!(refused("client", "main", "someone "), "credential");
        assert_eq!(refused("client", "main", "someone else"), "credential");
        assert_eq!(refused("\"client\"", "main", "someone"), "client_id");
        assert_eq!(refused("client", "${KEY_ID}", "someone"), "client_key_id");
    }

    #[test]
    fn debug_hides_the_credential() {
        assert!(!format!("{:?}", config()).contains("someone"));
    }

    #[test]
    fn bounds_are_kept() {
        assert!(config().with_timeout(Duration::ZERO).is_err());
        assert!(config().with_timeout(Duration::from_secs(3600)).is_err());
        assert!(config().with_ip_services(Vec::<String>::new()).is_err());
        assert!(config().with_ip_services(["http://example.com/"]).is_err());
        assert!(config().with_ip_services(["http://127.0.0.1:8080/ip"]).is_ok());
        assert!(config().with_user_agent("a\u{7f}b").is_err());
        assert!(config().with_retry(Retry { attempts: 0, ..Retry::default() }).is_err());
        assert!(config().with_retry(Retry { first: Duration::ZERO, ..Retry::default() }).is_err());
        assert!(config().with_retry(Retry { longest: Duration::MAX, ..Retry::default() }).is_err());
        assert!(config().with_establish_within(Duration::MAX).is_err());
        for unseen in [[127, 0, 0, 1], [0, 0, 0, 0], [10, 0, 0, 1]] {
            assert!(config().with_public_ip(unseen.into()).is_err());
        }
    }
}
