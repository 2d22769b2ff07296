//! A simulator without TLS, for a server in front of it, and that server's certificate.

use std::{fs, path::Path, time::Duration};

use ibkr_sim::{Server, ServerConfig, SimConfig, demo};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// By all these names it is called: what is measured calls it by IBKR's.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "api.ibkr.com", "api.ipify.org"];

/// Writes `ca.pem`, `server.pem`, `server.key`, and the demo identity as `config.yaml` and `private.pem`.
pub(crate) fn run(folder: &Path) {
    certificate(folder);
    let key = folder.join("private.pem");
    fs::write(&key, demo::PRIVATE_KEY_PEM).expect("a file");
    let settings = [
        ("client_id", demo::CLIENT_ID),
        ("client_key_id", demo::KEY_ID),
        ("credential", demo::CREDENTIAL),
        ("private_key_file", &key.to_string_lossy()),
    ];
    let yaml: String = settings.iter().map(|(name, value)| format!("{name}: '{value}'\n")).collect();
    fs::write(folder.join("config.yaml"), yaml).expect("a file");
    let mut config = ServerConfig::from(SimConfig::default());
    config.sim.rules.established_after = Duration::ZERO;
    config.sim.rules.pacing = None;
    config.plain = true;
    let server = Server::start(config).expect("loopback is there");
    super::ready(&format!("world {} {}", server.base_url(), server.lookup_url()));
}

fn certificate(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.distinguished_name.push(DnType::CommonName, "bench authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("randomness");
    let certificate = authority.self_signed(&key).expect("an authority");
    let issuer = Issuer::new(authority, key);
    let leaf = CertificateParams::new(NAMES.map(str::to_owned)).expect("names");
    let key = KeyPair::generate().expect("randomness");
    let server = leaf.signed_by(&key, &issuer).expect("a certificate");
    for (name, text) in
        [("ca.pem", certificate.pem()), ("server.pem", server.pem()), ("server.key", key.serialize_pem())]
    {
        fs::write(folder.join(name), text).expect("a file");
    }
}
