//! Who logs in, and by which of IBKR's two ways.

use core::net::Ipv4Addr;
use std::{fmt, sync::Arc};

use ibkr_jws::SignError;
use ibkr_oauth1::{AccessTokenSecret, DhParameters, QueryTreatment, Random};

use super::{ConfigError, PublicIp, default_ip_services, text, username};
use crate::{Error, Secret, Step};

/// The consumer key that IBKR gives to everybody who tries OAuth 1.0a, and that has a realm of its own.
const TEST_CONSUMER: &str = "TESTCONS";

/// By which of IBKR's two ways a session is opened. Exhaustive on purpose: there are two.
#[derive(Debug, Clone)]
pub enum Login {
    /// A signed assertion buys an access token, that and the public address a bearer token: for
    /// organisations.
    OAuth2(OAuth2),
    /// An access token that does not end, and a live session token that every request is signed with: for
    /// private people, by self-service, and for vendors.
    OAuth1(OAuth1),
}

/// What a login by OAuth 2.0 is made of.
#[derive(Clone)]
pub struct OAuth2 {
    pub(crate) client_id: String,
    pub(crate) client_key_id: String,
    pub(crate) credential: Secret,
    pub(crate) public_ip: PublicIp,
    pub(crate) alternative_ips: Vec<Ipv4Addr>,
    pub(crate) scope: String,
    pub(crate) service: Option<String>,
}

/// What a login by OAuth 1.0a is made of, beside the signature key.
#[derive(Clone)]
pub struct OAuth1 {
    pub(crate) consumer_key: String,
    pub(crate) access_token: Secret,
    pub(crate) access_token_secret: TokenSecret,
    pub(crate) dh_parameters: DhParameters,
    pub(crate) query: QueryTreatment,
    pub(crate) random: Random,
}

/// The things that a login by OAuth 1.0a needs, named because each is a short string. Exhaustive on purpose:
/// it is written as a literal.
#[derive(Clone)]
pub struct Consumer<'a> {
    /// The consumer key: nine capital letters, chosen on IBKR's self-service page.
    pub consumer_key: &'a str,
    /// The access token: 20 hexadecimal digits. It does not end until it is withdrawn.
    pub access_token: &'a str,
    /// Its secret, or where that comes from.
    pub access_token_secret: TokenSecret,
    /// The Diffie-Hellman parameters that were uploaded to IBKR.
    pub dh_parameters: DhParameters,
}

/// The secret of an access token, decrypted: see
/// [`DecryptionKey::decrypt`](ibkr_oauth1::DecryptionKey::decrypt). It is needed for a login alone, and so it
/// may be fetched as late as that.
#[derive(Clone)]
pub struct TokenSecret(Arc<dyn Fn() -> Result<AccessTokenSecret, SignError> + Send + Sync>);

impl TokenSecret {
    /// Fetched by this function at each login. Its error is shown: it must hold nothing secret.
    pub fn from_fn(fetch: impl Fn() -> Result<AccessTokenSecret, SignError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(fetch))
    }

    /// Fetches it.
    ///
    /// # Errors
    /// That of the function.
    pub fn get(&self) -> Result<AccessTokenSecret, SignError> {
        (self.0)()
    }
}

impl From<AccessTokenSecret> for TokenSecret {
    fn from(secret: AccessTokenSecret) -> Self {
        Self::from_fn(move || Ok(secret.clone()))
    }
}

impl Login {
    /// The login by OAuth 2.0, if it is one.
    pub fn oauth2(&self) -> Option<&OAuth2> {
        match self {
            Self::OAuth2(login) => Some(login),
            Self::OAuth1(_) => None,
        }
    }

    /// The login by OAuth 1.0a, if it is one.
    pub fn oauth1(&self) -> Option<&OAuth1> {
        match self {
            Self::OAuth1(login) => Some(login),
            Self::OAuth2(_) => None,
        }
    }

    /// What tells one login from another: application, its key, and whose account. None of it is to be shown
    /// but the first two.
    pub fn identity(&self) -> [&str; 3] {
        match self {
            Self::OAuth2(login) => [&login.client_id, &login.client_key_id, login.credential.expose()],
            Self::OAuth1(login) => [&login.consumer_key, "oauth1", login.access_token.expose()],
        }
    }

    /// Whom to show: the username, or the consumer key. Mask it all the same.
    pub fn user(&self) -> &str {
        match self {
            Self::OAuth2(login) => login.credential.expose(),
            Self::OAuth1(login) => &login.consumer_key,
        }
    }

    /// The step that brings what opens `/v1/api`.
    pub(crate) fn opening_step(&self) -> Step {
        match self {
            Self::OAuth2(_) => Step::GetBearerToken,
            Self::OAuth1(_) => Step::GetLiveSessionToken,
        }
    }

    /// Where the public address comes from; a login that names none needs none.
    pub fn public_ip(&self) -> Option<&PublicIp> {
        self.oauth2().map(|login| &login.public_ip)
    }

    /// What no error and no log may show: the username, or the access token.
    pub fn secret(&self) -> &str {
        self.identity()[2]
    }

    pub(crate) fn needs_oauth2(&self, step: Option<Step>) -> Result<&OAuth2, Error> {
        let help = "with OAuth 1.0a a live session token takes its place: connect, or get_live_session_token";
        self.oauth2().ok_or_else(|| Error::of_other_login(step, "OAuth 2.0", help))
    }

    pub(crate) fn needs_oauth1(&self, step: Option<Step>) -> Result<&OAuth1, Error> {
        let help = "with OAuth 2.0 a bearer token takes its place: connect, or get_access_token and get_bearer_token";
        self.oauth1().ok_or_else(|| Error::of_other_login(step, "OAuth 1.0a", help))
    }
}

impl OAuth2 {
    pub(super) fn new(
        client_id: String,
        client_key_id: String,
        credential: String,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            client_id: text("client_id", client_id)?,
            client_key_id: text("client_key_id", client_key_id)?,
            credential: Secret::new(username(credential)?),
            public_ip: PublicIp::Lookup(default_ip_services()),
            alternative_ips: Vec::new(),
            scope: "sso-sessions.write".to_owned(),
            service: None,
        })
    }

    /// The client id that IBKR gave.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The id of the registered key, the `kid`.
    pub fn client_key_id(&self) -> &str {
        &self.client_key_id
    }

    /// The username.
    pub fn credential(&self) -> &Secret {
        &self.credential
    }

    /// Where the public address comes from.
    pub fn public_ip(&self) -> &PublicIp {
        &self.public_ip
    }
}

impl OAuth1 {
    pub(super) fn new(consumer: Consumer<'_>) -> Result<Self, ConfigError> {
        let access_token = text("oauth1_access_token", consumer.access_token.to_owned())?;
        if !access_token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(ConfigError::new(
                "oauth1_access_token",
                "holds something else than letters and digits",
            ));
        }
        let consumer_key = text("oauth1_consumer_key", consumer.consumer_key.to_owned())?;
        if !consumer_key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(ConfigError::new(
                "oauth1_consumer_key",
                "holds something else than letters and digits",
            ));
        }
        Ok(Self {
            consumer_key,
            access_token: Secret::new(access_token),
            access_token_secret: consumer.access_token_secret,
            dh_parameters: consumer.dh_parameters,
            query: QueryTreatment::default(),
            random: Random::system(),
        })
    }

    pub(super) fn third_party(consumer_key: &str) -> Result<Self, ConfigError> {
        let dh_parameters = DhParameters::from_hex(DhParameters::GROUP_14, 2);
        Self::new(Consumer {
            consumer_key,
            // Nothing that an answer could hold: it is hidden in errors.
            access_token: "noaccesstokenyet",
            access_token_secret: TokenSecret::from_fn(|| {
                Err(SignError::new("there is no access token yet: ask the user for consent first"))
            }),
            dh_parameters: dh_parameters
                .map_err(|error| ConfigError::new("oauth1_dh_prime", error.to_string()))?,
        })
    }

    /// The consumer key.
    pub fn consumer_key(&self) -> &str {
        &self.consumer_key
    }

    /// The access token.
    pub fn access_token(&self) -> &Secret {
        &self.access_token
    }

    /// The prime and the generator that IBKR has as well.
    pub fn dh_parameters(&self) -> &DhParameters {
        &self.dh_parameters
    }

    /// How query strings are signed.
    pub fn query_treatment(&self) -> QueryTreatment {
        self.query
    }

    /// What `realm` says (protocol of IBKR's OAuth page): the consumer that is there for tests has its own.
    pub(crate) fn realm(&self) -> &'static str {
        if self.consumer_key == TEST_CONSUMER { "test_realm" } else { "limited_poa" }
    }
}

impl fmt::Debug for OAuth2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth2")
            .field("client_id", &self.client_id)
            .field("client_key_id", &self.client_key_id)
            .field("credential", &self.credential)
            .field("public_ip", &self.public_ip)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OAuth1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth1")
            .field("consumer_key", &self.consumer_key)
            .field("access_token", &self.access_token)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}
