//! What a gateway on this machine is told: where it listens, whom it serves, and how patiently.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ibkr_auth_core::Secret;

use crate::{AddressRange, FileError, Passphrase, error::Problem, passphrase};

/// Shorter ones can be guessed by whoever may ask often.
const SHORTEST_TOKEN: usize = 16;

/// Settings of a gateway. The default: HTTPS on port 5000 of this machine, for this machine alone.
///
/// Exhaustive on purpose: it is written as a literal,
/// `GatewaySettings { read_only: true, ..GatewaySettings::default() }`.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// The path in front of everything of this session, such as `/paper`; empty for none.
    pub prefix: String,
    /// Plain HTTP instead of HTTPS.
    pub plain: bool,
    /// A certificate of one's own: PEM, or PKCS#12 with its key.
    pub certificate: Option<PathBuf>,
    /// The key of a PEM certificate, where that file does not hold it.
    pub certificate_key: Option<PathBuf>,
    /// What opens a PKCS#12 file.
    pub certificate_passphrase: Option<Passphrase>,
    /// Whose connections are taken, besides this machine's.
    pub allow_addresses: Vec<AddressRange>,
    /// Names and addresses by which clients may call it, besides those of this machine and where it listens.
    pub allow_hosts: Vec<String>,
    /// Web pages that may use it, such as `https://app.example`.
    pub allow_origins: Vec<String>,
    /// A file whose content clients have to show.
    pub client_token_file: Option<PathBuf>,
    /// A PEM file of authorities: clients have to show a certificate of theirs.
    pub client_ca_file: Option<PathBuf>,
    /// No orders, and nothing else that changes an account.
    pub read_only: bool,
    /// Serve `/gw` and `/oauth2` too.
    pub beyond: bool,
    /// One stream to IBKR for all clients together, instead of one each.
    pub share_stream: bool,
    /// How long a request waits while there is no session.
    pub wait: Duration,
    /// How long a request that changes something waits for IBKR's answer.
    pub answer_within: Duration,
    /// What a client's logout does.
    pub on_logout: OnLogout,
    /// A port for ibeam's probes.
    pub health_port: Option<u16>,
    /// A file that gets a line for each request that changes something.
    pub audit_file: Option<PathBuf>,
}

/// What a client's `logout` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLogout {
    /// It ends the session of all clients, until one of them asks for it again.
    #[default]
    Pause,
    /// Nothing: the client is told that it is done.
    Ignore,
}

impl GatewaySettings {
    /// The port of IBKR's own gateway.
    pub const PORT: u16 = 5000;

    /// Reads what clients have to show, if there is something. What should be changed about its file is told
    /// to the log.
    ///
    /// # Errors
    /// When its file cannot be read, others can read or change it, or what it holds is no token: less than 16
    /// characters, or others than a header takes.
    pub fn client_token(&self) -> Result<Option<Secret>, FileError> {
        let Some(path) = &self.client_token_file else { return Ok(None) };
        // Its path is not shown: it may be a token in the wrong place.
        let name = "the file of gateway_client_token_file";
        let mut warnings = Vec::new();
        let token = passphrase::read_line(path, name, "a token", &mut warnings)
            .and_then(|bytes| token(&bytes))
            .map_err(|problem| problem.at(name))?;
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        Ok(Some(token))
    }
}

fn token(bytes: &[u8]) -> Result<Secret, Problem> {
    let help = "write a long random text into it, such as `openssl rand -hex 32` gives";
    if !bytes.iter().all(u8::is_ascii_graphic) {
        return Err(Problem::new("holds spaces, several lines or special characters", help));
    }
    if bytes.len() < SHORTEST_TOKEN {
        return Err(Problem::new(format!("holds less than {SHORTEST_TOKEN} characters"), help));
    }
    passphrase::text(bytes)
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, Self::PORT))],
            prefix: String::new(),
            plain: false,
            certificate: None,
            certificate_key: None,
            certificate_passphrase: None,
            allow_addresses: Vec::new(),
            allow_hosts: Vec::new(),
            allow_origins: Vec::new(),
            client_token_file: None,
            client_ca_file: None,
            read_only: false,
            beyond: false,
            share_stream: false,
            // One client in the field gives up after 5 s, the others after 10 s or more.
            wait: Duration::from_millis(4_500),
            answer_within: Duration::from_millis(9_500),
            on_logout: OnLogout::default(),
            health_port: None,
            audit_file: None,
        }
    }
}
