//! The certificate, and who may come in by it.

use std::{fs, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{
    raw::{Wire, request},
    world::World,
};

/// A client that trusts this PEM file alone.
pub(crate) fn trusting(pem: &Path) -> ClientConfig {
    client(pem, None)
}

fn client(pem: &Path, own: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pem).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
    }
}

pub(crate) fn secure() -> World {
    World::with(|settings| settings.plain = false).ready()
}

fn tickle(wire: &mut Wire) -> u16 {
    wire.ask(request("POST", "/v1/api/tickle", &["Content-Length: 0"], "")).status
}

#[test]
fn who_trusts_the_file_verifies_every_name_of_this_machine() {
    let world = secure();
    let mut config = trusting(&world.certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    for name in ["localhost", "127.0.0.1", "::1"] {
        let mut wire = Wire::over_tls(world.address, name, config.clone()).expect(name);
        assert_eq!(tickle(&mut wire), 200, "{name}");
    }
    assert!(Wire::over_tls(world.address, "evil.example", config.clone()).is_err());
    // Who does not speak HTTP/1.1 is told at once.
    config.alpn_protocols = vec![b"h2".to_vec()];
    assert!(Wire::over_tls(world.address, "localhost", config).is_err());
}

#[test]
fn the_certificate_is_kept_and_its_key_is_for_this_user_alone() {
    let world = secure();
    let (file, folder) = (world.certificate.clone(), world.folder.clone());
    let first = fs::read(&file).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let key = file.with_file_name("gateway-key.pem");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!String::from_utf8_lossy(&first).contains("PRIVATE KEY"), "clients are given that file");
    }
    let config = trusting(&file);
    drop(world);
    let again = World::planned(|plan| {
        plan.settings.plain = false;
        plan.folder = folder;
    });
    assert_eq!(fs::read(&again.certificate).unwrap(), first);
    assert!(Wire::over_tls(again.address, "localhost", config).is_ok());
}

#[test]
fn a_certificate_covers_the_names_that_are_allowed() {
    let world = World::with(|settings| {
        settings.plain = false;
        settings.allow_hosts = vec!["ib-gateway".into()];
    })
    .ready();
    let mut wire = Wire::over_tls(world.address, "ib-gateway", trusting(&world.certificate)).unwrap();
    let asked = wire.ask("GET /v1/api/tickle HTTP/1.1\r\nHost: ib-gateway:5000\r\n\r\n");
    assert_eq!(asked.status, 200);
}

#[test]
fn where_clients_show_certificates_nobody_else_comes_in() {
    let folder = tempfile::tempdir().unwrap();
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "clients");
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let ours = CertificateParams::new(vec!["client".into()]).unwrap().signed_by(&key, &issuer).unwrap();
    let stranger = CertificateParams::new(vec!["client".into()]).unwrap().self_signed(&key).unwrap();
    let file = folder.path().join("clients.pem");
    fs::write(&file, ca_certificate.pem()).unwrap();
    let world = World::with(|settings| {
        settings.plain = false;
        settings.client_ca_file = Some(file);
    })
    .ready();
    let own = |certificate: &CertificateDer<'_>| {
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        client(&world.certificate, Some((certificate.clone().into_owned(), key)))
    };
    let mut wire = Wire::over_tls(world.address, "localhost", own(ours.der())).unwrap();
    assert_eq!(tickle(&mut wire), 200);
    for config in [own(stranger.der()), trusting(&world.certificate)] {
        // In TLS 1.3 the client hears of it after its own part.
        if let Ok(mut wire) = Wire::over_tls(world.address, "localhost", config) {
            wire.write(request("GET", "/v1/api/tickle", &[], ""));
            assert!(wire.read().is_none());
        }
    }
}

#[test]
fn plain_http_at_a_tls_port_and_the_other_way_round_harm_nobody() {
    let world = secure();
    let mut wire = Wire::open(world.address);
    wire.write(request("GET", "/v1/api/tickle", &[], ""));
    while wire.byte().is_some() {}
    let mut wire = Wire::over_tls(world.address, "localhost", trusting(&world.certificate)).unwrap();
    assert_eq!(tickle(&mut wire), 200);
    let plain = World::new().ready();
    assert!(Wire::over_tls(plain.address, "localhost", trusting(&world.certificate)).is_err());
}
