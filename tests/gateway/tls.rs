//! The certificate, and who may come in by it.

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use ibkr_auth_async::{Passphrase, Secret};
use ibkr_auth_tests::lab::Lab;
use ibkr_gateway::{Gateway, GatewaySettings, Login, Process};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::runtime::Runtime;

use crate::{
    raw::{Wire, request},
    world::{World, login},
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
    let mut world = World::with(|settings| {
        settings.plain = false;
        settings.client_ca_file = Some(file.clone());
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
    let settings = GatewaySettings { client_ca_file: Some(file), ..at(world.address) };
    for _ in 0..20 {
        world.runtime.block_on(Gateway::probe(&world.process, &settings)).unwrap();
    }
    let gateway = world.gateway.take().unwrap();
    world.runtime.block_on(gateway.stop()).unwrap();
    world.runtime.block_on(Gateway::probe(&world.process, &settings)).unwrap_err();
}

#[test]
fn a_gateway_with_a_pkcs12_certificate_is_found_alive() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.p12");
    fs::write(&file, include_bytes!("../../crates/ibkr-gateway/tests/pkcs12/openssl.p12")).unwrap();
    let own = |settings| GatewaySettings {
        certificate: Some(file.clone()),
        certificate_passphrase: Some(Passphrase::new(Secret::new("geheim"))),
        plain: false,
        ..settings
    };
    let world = World::planned(|plan| plan.settings = own(plan.settings.clone()));
    let settings = own(at(world.address));
    world.runtime.block_on(Gateway::probe(&world.process, &settings)).unwrap();
}

fn at(address: SocketAddr) -> GatewaySettings {
    GatewaySettings { listen: vec![address], ..GatewaySettings::default() }
}

/// Two sessions, `one` and `two`, each at a path of its own.
fn pair(lab: &Lab, settings: [GatewaySettings; 2]) -> Vec<Login> {
    let named = |(name, settings): (&str, GatewaySettings)| {
        let gateway = GatewaySettings { prefix: format!("/{name}"), ..settings };
        Login { name: name.into(), ..login(lab, gateway) }
    };
    ["one", "two"].into_iter().zip(settings).map(named).collect()
}

#[test]
fn sessions_at_one_port_have_one_handshake() {
    let (lab, runtime, folder) = (Lab::new(), Runtime::new().unwrap(), tempfile::tempdir().unwrap());
    let process = Process { folder: folder.path().to_owned(), most_connections: 10 };
    let free = at("127.0.0.1:0".parse().unwrap());
    let file = || Some(folder.path().join("file.pem"));
    let passphrase = Some(Passphrase::new(Secret::new("geheim")));
    for (key, settings) in [
        ("gateway_client_ca_file", GatewaySettings { client_ca_file: file(), ..free.clone() }),
        ("gateway_certificate", GatewaySettings { certificate: file(), ..free.clone() }),
        ("gateway_certificate_key", GatewaySettings { certificate_key: file(), ..free.clone() }),
        (
            "the passphrase of gateway_certificate",
            GatewaySettings { certificate_passphrase: passphrase, ..free.clone() },
        ),
    ] {
        let logins = pair(&lab, [free.clone(), settings]);
        let error = runtime.block_on(Gateway::start(&process, logins)).unwrap_err().to_string();
        let text = format!("the sessions one and two share a port, and differ in {key}; set it alike ");
        assert!(error.starts_with(&text), "{error}");
    }
}

#[test]
fn sessions_at_one_port_change_their_handshake_together() {
    let (lab, runtime, folder) = (Lab::new(), Runtime::new().unwrap(), tempfile::tempdir().unwrap());
    let process = Process { folder: folder.path().to_owned(), most_connections: 10 };
    let free = at("127.0.0.1:0".parse().unwrap());
    let gateway = runtime.block_on(Gateway::start(&process, pair(&lab, [free.clone(), free]))).unwrap();
    let address = gateway.addresses()[0];
    let certificate = Gateway::certificate(&process);
    let closed = GatewaySettings { client_ca_file: Some(certificate.clone()), ..at(address) };
    let reload = |name: &str, settings: &GatewaySettings| {
        let settings = GatewaySettings { prefix: format!("/{name}"), ..settings.clone() };
        gateway.reload(name, settings)
    };
    let is_served = || {
        let mut wire = Wire::over_tls(address, "localhost", trusting(&certificate)).unwrap();
        wire.write(request("GET", "/healthz", &[], ""));
        wire.read().is_some()
    };
    assert!(!reload("one", &closed).unwrap());
    assert!(is_served(), "the other may follow");
    assert!(reload("two", &at(address)).unwrap_err().to_string().contains("gateway_client_ca_file"));
    assert!(!reload("two", &closed).unwrap());
    assert!(!is_served());
    let names = GatewaySettings { allow_hosts: vec!["ib-gateway".into()], ..at(address) };
    assert!(!reload("one", &names).unwrap());
    assert!(!reload("two", &at(address)).unwrap());
    Wire::over_tls(address, "ib-gateway", trusting(&certificate)).unwrap();
    runtime.block_on(gateway.detach());
}

#[test]
fn one_certificate_is_for_the_names_of_all_sessions() {
    let named = |name: &str, address: &str| GatewaySettings {
        allow_hosts: vec![name.into()],
        ..at(address.parse().unwrap())
    };
    for places in [["127.0.0.1:0", "127.0.0.1:0"], ["127.0.0.1:0", "127.0.0.2:0"]] {
        let (lab, runtime, folder) = (Lab::new(), Runtime::new().unwrap(), tempfile::tempdir().unwrap());
        let process = Process { folder: folder.path().to_owned(), most_connections: 10 };
        let logins = pair(&lab, [named("one.example", places[0]), named("two.example", places[1])]);
        let gateway = runtime.block_on(Gateway::start(&process, logins)).unwrap();
        for (address, prefix) in gateway.addresses().iter().zip(["/one", "/two"]) {
            let settings = GatewaySettings { prefix: prefix.into(), ..at(*address) };
            runtime.block_on(Gateway::probe(&process, &settings)).unwrap();
            for name in ["localhost", "one.example", "two.example"] {
                Wire::over_tls(*address, name, trusting(&Gateway::certificate(&process))).expect(name);
            }
        }
        runtime.block_on(gateway.detach());
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
