//! What a gateway on this machine is told: where it listens, whom it serves, and how patiently.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ibkr_auth_core::Secret;

/// Settings of a gateway. The default: HTTPS on port 5000 of this machine, for this machine alone. Exhaustive
/// on purpose: it is written as a literal, `GatewaySettings { read_only: true, ..GatewaySettings::default() }`.
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
    pub certificate_passphrase: Option<Secret>,
    /// Whose connections are taken, besides this machine's.
    pub allow_addresses: Vec<AddressRange>,
    /// Names by which clients may call it, besides those of this machine and its addresses.
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

/// Addresses of clients: one, or all that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    address: IpAddr,
    bits: u8,
}

impl AddressRange {
    /// `192.168.1.7`, `10.0.0.0/8`, `fd00::/8`, or as IBKR's gateway writes it, `10.*` and `192.168.1.*`.
    ///
    /// `None` when it is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(begin) = text.strip_suffix(".*") {
            let octets: Option<Vec<u8>> = begin.split('.').map(|octet| octet.parse().ok()).collect();
            let octets = octets.filter(|octets| (1..=3).contains(&octets.len()))?;
            let mut all = [0; 4];
            all[..octets.len()].copy_from_slice(&octets);
            let bits = u8::try_from(8 * octets.len()).ok()?;
            return Some(Self { address: IpAddr::from(all), bits });
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u8>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    /// Whether this address is one of them. An IPv4 address that came over IPv6 is what it was.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                begins_alike(u128::from(own.to_bits()), u128::from(other.to_bits()), 32, self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                begins_alike(own.to_bits(), other.to_bits(), 128, self.bits)
            }
            _ => false,
        }
    }
}

fn begins_alike(one: u128, other: u128, of: u32, bits: u8) -> bool {
    let rest = of - u32::from(bits);
    // A shift by the whole width is none.
    one.checked_shr(rest).unwrap_or(0) == other.checked_shr(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &str, address: &str) -> bool {
        AddressRange::parse(range).unwrap().holds(address.parse().unwrap())
    }

    #[test]
    fn a_range_holds_what_begins_like_it() {
        for (range, inside, outside) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("10.*", "10.200.3.4", "11.0.0.1"),
            ("172.17.0.*", "172.17.0.9", "172.17.1.9"),
            ("192.168.0.0/20", "192.168.15.1", "192.168.16.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
            ("fd00::/8", "fdab::1", "fc00::1"),
        ] {
            assert!(holds(range, inside), "{range} {inside}");
            assert!(!holds(range, outside), "{range} {outside}");
        }
        assert!(holds("0.0.0.0/0", "203.0.113.7") && holds("::/0", "2001:db8::1"));
    }

    #[test]
    fn what_is_no_range_is_none() {
        for text in
            ["", "*", ".*", "10", "10.*.1", "1.2.3.4.*", "300.*", "10.0.0.0/33", "host.docker.internal"]
        {
            assert_eq!(AddressRange::parse(text), None, "{text}");
        }
    }
}
