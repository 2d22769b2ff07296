//! A certificate authority made at start-up, and the servers' certificate from it.

use std::{sync::Arc, time::SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::{API_HOSTS, LOOKUP_HOSTS, Moment, ca_file::AUTHORITY, zone};

/// The authority's certificate and the servers' side of TLS.
pub(super) struct Certificates {
    pub(super) ca_pem: String,
    pub(super) server: Arc<ServerConfig>,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Certificates {
    pub(super) fn make() -> Result<Self, Error> {
        let mut authority = parameters(Vec::new(), AUTHORITY)?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_key = KeyPair::generate()?;
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        let names = API_HOSTS.iter().chain(&LOOKUP_HOSTS).chain(&["localhost", "127.0.0.1", "::1"]);
        let mut leaf = parameters(names.map(|&name| name.to_owned()).collect(), "ibkr-sim")?;
        leaf.use_authority_key_identifier_extension = true;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf_key = KeyPair::generate()?;
        let leaf_certificate = leaf.signed_by(&leaf_key, &issuer)?;

        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        let mut server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf_certificate.der().clone()], key)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { ca_pem: authority_certificate.pem(), server: Arc::new(server) })
    }
}

/// Valid for this year and the next: some platforms distrust certificates that live longer than 825 days.
fn parameters(names: Vec<String>, common_name: &str) -> Result<CertificateParams, Error> {
    let mut parameters = CertificateParams::new(names)?;
    let year = zone::year_of(Moment::from(SystemTime::now()).secs());
    let year = i32::try_from(year)?;
    parameters.not_before = date_time_ymd(year, 1, 1);
    parameters.not_after = date_time_ymd(year + 2, 1, 1);
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    Ok(parameters)
}
