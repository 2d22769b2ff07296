//! Who is registered, and how the simulator is set up.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use ibkr_jws::verify::{RsaPublicKey, VerifyError};

use crate::{Calendar, Consumer, Fault, Rules, demo, ids::Ids};

/// Scopes that a client gets unless told otherwise.
const SCOPES: [&str; 4] = ["sso-sessions.write", "sso-sessions.read", "echo.read", "echo.write"];

/// Everything that a [`Sim`](crate::Sim) is made from. [`Default`] registers the [demo](crate::demo)
/// identity.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Everything that looks random comes from this number.
    pub seed: u64,
    /// The registered OAuth clients.
    pub clients: Vec<Client>,
    /// The registered consumers of OAuth 1.0a.
    pub consumers: Vec<Consumer>,
    /// The usernames.
    pub users: Vec<User>,
    /// The public address at which callers from loopback are seen.
    pub public_ip: IpAddr,
    /// What the servers check and how long things live.
    pub rules: Rules,
    /// When the servers are up: always, unless it is set to [`Calendar::ibkr`].
    pub calendar: Calendar,
    /// Faults from the start.
    pub faults: Vec<Fault>,
    /// How many of the last requests are kept for [`Sim::requests`](crate::Sim::requests).
    pub journal: usize,
}

impl Default for SimConfig {
    fn default() -> Self {
        let mut config = Self::without_clients();
        let client = Client::new(demo::CLIENT_ID).with_credential(demo::CREDENTIAL);
        let client = client.with_key(demo::KEY_ID, demo::PUBLIC_KEY_PEM.as_bytes());
        config.clients.extend(client);
        config.consumers.extend(demo::oauth1::consumer());
        config.consumers.extend(demo::testcons::consumer());
        config.users.push(User::paper(demo::CREDENTIAL).with_accounts([demo::ACCOUNT]));
        config
    }
}

impl SimConfig {
    /// The default set-up with nobody registered.
    pub fn without_clients() -> Self {
        Self {
            seed: 1,
            clients: Vec::new(),
            consumers: Vec::new(),
            users: Vec::new(),
            public_ip: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
            rules: Rules::default(),
            calendar: Calendar::always_up(),
            faults: Vec::new(),
            journal: 256,
        }
    }
}

/// An OAuth client: an id, a ring of public keys, and the usernames it may log in.
#[derive(Debug, Clone)]
pub struct Client {
    /// `clientId`.
    pub client_id: String,
    /// Public keys by `kid` (`clientKeyId`). Changing keys changes the `kid`, not the client id (IBKR's
    /// samples).
    pub keys: BTreeMap<String, RsaPublicKey>,
    /// Scopes it may ask for.
    pub scopes: Vec<String>,
    /// Usernames it may log in.
    pub credentials: Vec<String>,
}

impl Client {
    /// A client without keys and usernames.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            keys: BTreeMap::new(),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            credentials: Vec::new(),
        }
    }

    /// Adds a public key to the ring: a PEM file, `BEGIN PUBLIC KEY` or `BEGIN RSA PUBLIC KEY`.
    ///
    /// # Errors
    /// When the file holds no RSA public key.
    pub fn with_key(mut self, kid: impl Into<String>, public_pem: &[u8]) -> Result<Self, VerifyError> {
        self.keys.insert(kid.into(), RsaPublicKey::from_pem(public_pem)?);
        Ok(self)
    }

    /// Allows it to log this username in.
    #[must_use]
    pub fn with_credential(mut self, credential: impl Into<String>) -> Self {
        self.credentials.push(credential.into());
        self
    }
}

/// A username.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The username itself.
    pub credential: String,
    /// The number behind it (`USER_ID`, `userId`).
    pub user_id: u64,
    /// Paper or live: `LOGIN_TYPE` 2 or 1.
    pub paper: bool,
    /// The accounts it trades.
    pub accounts: Vec<String>,
}

impl User {
    /// A live username with one account.
    pub fn live(credential: impl Into<String>) -> Self {
        let credential = credential.into();
        let user_id = 100_000_000 + Ids::number_of(&credential) % 900_000_000;
        Self { accounts: vec![format!("U{}", user_id % 10_000_000)], credential, user_id, paper: false }
    }

    /// A paper username with one account.
    pub fn paper(credential: impl Into<String>) -> Self {
        let live = Self::live(credential);
        Self { accounts: live.accounts.iter().map(|id| format!("D{id}")).collect(), paper: true, ..live }
    }

    /// With these accounts instead.
    #[must_use]
    pub fn with_accounts<S: Into<String>>(mut self, accounts: impl IntoIterator<Item = S>) -> Self {
        self.accounts = accounts.into_iter().map(Into::into).collect();
        self
    }
}
