//! The way to the servers: certificates, proxies, addresses.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, TcpListener},
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use ibkr_auth_config::NoProxy;

use super::*;

for_both_clients!(
    an_unknown_authority_is_named_as_such,
    ibkrs_own_hosts_are_reached_through_a_proxy_and_changed_while_running,
    the_proxy_variables_are_obeyed_by_the_rule_for_https,
    a_socks_proxy_in_the_environment_is_refused,
    no_proxy_means_none_whatever_the_environment_says,
    this_machine_is_reached_without_the_environments_proxy,
    ca_only_leaves_out_what_the_system_trusts,
    a_certificate_that_cannot_be_read_takes_no_other_away,
    variables_of_trust_that_are_set_to_nothing_do_not_count,
    a_system_without_authorities_is_named_as_such,
    a_proxy_that_refuses_its_credentials_is_asked_as_rarely_as_can_be,
    a_page_in_place_of_the_tunnel_is_laid_to_the_proxy,
    the_demo_key_opens_nothing_but_this_machine,
    ipv6_is_not_used,
);

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1";

fn an_unknown_authority_is_named_as_such<D: Driver>() {
    let (lab, stranger) = (Lab::new(), Lab::new());
    let config = lab.config().with_public_ip(PUBLIC_IP).unwrap();
    let error = D::new(config, key(), &stranger.transport()).unwrap().connect().unwrap_err();
    assert_eq!((error.kind(), error.advice()), (ErrorKind::Transport, Advice::DoNotRetry));
    assert!(error.to_string().contains("ca_file"), "{error}");
}

fn ibkrs_own_hosts_are_reached_through_a_proxy_and_changed_while_running<D: Driver>() {
    let lab = Lab::new();
    let config = Config::new(demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL).unwrap();
    let mut client = D::new(config, key(), &lab.transport_through_proxy()).unwrap();
    client.connect().unwrap();
    client.set_host(Host::numbered(5).unwrap());
    client.tickle().unwrap();
    let hosts = lab.server.handle().counters().hosts;
    assert_eq!((hosts["api.ibkr.com"], hosts["api.ipify.org"], hosts["5.api.ibkr.com"]), (3, 1, 1));
}

fn the_proxy_variables_are_obeyed_by_the_rule_for_https<D: Driver>() {
    let lab = Lab::new();
    let transport = Transport { proxy: None, ..lab.transport() };
    let vars = [
        ("HTTPS_PROXY", lab.server.proxy_url()),
        ("ALL_PROXY", NOBODY.to_owned()),
        ("HTTP_PROXY", NOBODY.to_owned()),
        ("CA_FILE", transport.ca_file.unwrap().display().to_string()),
    ];
    if let Some(ca_file) = own_process(&vars) {
        let transport = Transport { ca_file: Some(ca_file), ca_only: true, proxy: None };
        let config = Config::new(demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL).unwrap();
        D::new(config, key(), &transport).unwrap().connect().unwrap();
    } else {
        let hosts = lab.server.handle().counters().hosts;
        assert_eq!((hosts["api.ibkr.com"], hosts["api.ipify.org"]), (3, 1));
    }
}

fn a_socks_proxy_in_the_environment_is_refused<D: Driver>() {
    let vars = [("ALL_PROXY", "socks5://secret:secret@127.0.0.1:1".to_owned()), ("CA_FILE", String::new())];
    if own_process(&vars).is_some() {
        let Err(error) = D::new(testing::config(), testing::FakeKey, &Transport::default()) else {
            panic!("it would go past the proxy");
        };
        assert!(error.to_string().contains("ALL_PROXY is a SOCKS proxy"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

fn no_proxy_means_none_whatever_the_environment_says<D: Driver>() {
    let vars = ["HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY"].map(|name| (name, NOBODY.to_owned()));
    let vars = [&vars[..], &[("CA_FILE", String::new())]].concat();
    if own_process(&vars).is_some() {
        client::<D>(&Lab::new()).connect().unwrap();
    }
}

fn this_machine_is_reached_without_the_environments_proxy<D: Driver>() {
    let lab = Lab::new();
    let proxy = Proxy::UrlExcept(Secret::new(NOBODY), NoProxy::default());
    let transport = Transport { proxy: Some(proxy), ..lab.transport() };
    let mut client = D::new(lab.config(), key(), &transport).unwrap();
    client.connect().unwrap();
    client.set_host(Host::production());
    let error = client.tickle().unwrap_err();
    assert!(error.to_string().contains("proxy"), "everything else goes through it: {error}");
}

fn ca_only_leaves_out_what_the_system_trusts<D: Driver>() {
    let (lab, stranger) = (Lab::new(), Lab::new());
    let file = |lab: &Lab| lab.transport().ca_file.unwrap().display().to_string();
    let vars =
        [("SSL_CERT_FILE", file(&lab)), ("CA_FILE", file(&stranger)), ("BASE_URL", lab.server.base_url())];
    if let Some(ca_file) = own_process(&vars) {
        let host = Host::custom(&std::env::var("BASE_URL").unwrap()).unwrap();
        let config = Config::new(demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL).unwrap().with_host(host);
        let ask = |ca_only| {
            let transport = Transport { ca_file: Some(ca_file.clone()), ca_only, proxy: Some(Proxy::Off) };
            D::new(config.clone(), key(), &transport).unwrap().get_access_token()
        };
        ask(false).expect("the system's authorities count too");
        let error = ask(true).unwrap_err();
        assert!(error.to_string().contains("no secure connection"), "{error}");
    }
}

fn a_certificate_that_cannot_be_read_takes_no_other_away<D: Driver>() {
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let rubbish = "-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n";
    let cut = "-----BEGIN CERTIFICATE-----\nMIIB\n";
    std::fs::write(&ca_file, format!("{rubbish}{cut}{}{rubbish}", lab.server.ca_pem())).unwrap();
    for ca_only in [false, true] {
        let transport = Transport { ca_file: Some(ca_file.clone()), ca_only, proxy: Some(Proxy::Off) };
        D::new(lab.config(), key(), &transport)
            .unwrap()
            .get_access_token()
            .expect("the server's own is there");
    }
    std::fs::write(&ca_file, rubbish).unwrap();
    let transport = Transport { ca_file: Some(ca_file), ca_only: true, proxy: Some(Proxy::Off) };
    let Err(error) = D::new(lab.config(), key(), &transport) else { panic!("there is nobody to trust") };
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("ca_file") && error.to_string().contains("certificate 1"), "{error}");
}

/// As scripts and containers leave them behind.
fn variables_of_trust_that_are_set_to_nothing_do_not_count<D: Driver>() {
    let vars =
        [("SSL_CERT_FILE", String::new()), ("SSL_CERT_DIR", String::new()), ("CA_FILE", String::new())];
    if own_process(&vars).is_some() {
        let made = D::new(testing::config(), testing::FakeKey, &Transport::default());
        if let Err(error) = made {
            assert!(error.to_string().contains("the system has none"), "{error}");
        }
    }
}

fn a_system_without_authorities_is_named_as_such<D: Driver>() {
    if cfg!(any(windows, target_vendor = "apple")) {
        // Theirs are in no file.
        return;
    }
    let vars = [("SSL_CERT_FILE", "/does/not/exist".to_owned()), ("CA_FILE", String::new())];
    if own_process(&vars).is_some() {
        let Err(error) = D::new(testing::config(), testing::FakeKey, &Transport::default()) else {
            panic!("there is nobody to trust");
        };
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("SSL_CERT_FILE"), "{error}");
    }
}

/// At once: the look-up and the token go out together.
fn a_proxy_that_refuses_its_credentials_is_asked_as_rarely_as_can_be<D: Driver>() {
    let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = Secret::new(format!("http://me:wrong@{}", proxy.local_addr().unwrap()));
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in proxy.incoming() {
            let mut stream = stream.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            let head = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            stream.write_all(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    let transport = Transport { proxy: Some(Proxy::Url(url)), ..Transport::default() };
    let error = D::new(testing::config(), testing::FakeKey, &transport).unwrap().connect().unwrap_err();
    assert_eq!((error.kind(), error.advice()), (ErrorKind::Transport, Advice::DoNotRetry), "{error}");
    assert!(error.to_string().contains("the proxy refused its credentials"), "{error}");
    assert!(asked.load(Ordering::SeqCst) <= 2, "{asked:?}");
}

/// As a captive portal does.
fn a_page_in_place_of_the_tunnel_is_laid_to_the_proxy<D: Driver>() {
    let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = Secret::new(format!("http://{}", proxy.local_addr().unwrap()));
    thread::spawn(move || {
        for stream in proxy.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            // It answers the begin of the handshake.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n<html>Log in to this network</html>");
        }
    });
    let transport = Transport { proxy: Some(Proxy::Url(url)), ..Transport::default() };
    let mut client = D::new(testing::config(), testing::FakeKey, &transport).unwrap();
    let said = client.get_access_token().unwrap_err().to_string();
    assert!(said.contains("through the proxy") && said.contains("speaks no TLS"), "{said}");
    assert!(!said.contains("ca_file"), "{said}");
}

fn the_demo_key_opens_nothing_but_this_machine<D: Driver>() {
    let config = || Config::new(demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL).unwrap();
    let through = |proxy| Transport { proxy: Some(proxy), ..Transport::default() };
    for elsewhere in [Proxy::Off, Proxy::Url(Secret::new("http://proxy.example:3128"))] {
        let Err(error) = D::new(config(), key(), &through(elsewhere)) else {
            panic!("everybody has that key")
        };
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("the simulator's demo key"), "{error}");
    }
    let here = Host::custom("https://localhost:8443").unwrap();
    assert!(D::new(config().with_host(here), key(), &through(Proxy::Off)).is_ok());
    assert!(D::new(config(), key(), &through(Proxy::Url(Secret::new(NOBODY)))).is_ok());
}

/// The look-up and IBKR have to see the same address.
fn ipv6_is_not_used<D: Driver>() {
    // Without IPv6 on this machine there is nothing to try.
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
    listener.set_nonblocking(true).unwrap();
    let host = Host::custom(&format!("https://[::1]:{}", listener.local_addr().unwrap().port())).unwrap();
    let config = testing::config().with_host(host).with_timeout(Duration::from_secs(1)).unwrap();
    let transport = Transport { proxy: Some(Proxy::Off), ..Transport::default() };
    let error = D::new(config, testing::FakeKey, &transport).unwrap().get_access_token().unwrap_err();
    assert!(error.to_string().contains("no connection"), "{error}");
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

/// Runs this test again, in a process with these variables and none of those that concern the way out: the
/// environment belongs to all tests of a process. There it gives `CA_FILE`; here `None`, when all went well.
fn own_process(vars: &[(&str, String)]) -> Option<PathBuf> {
    const HERE: &str = "IN_A_PROCESS_OF_ITS_OWN";
    if std::env::var_os(HERE).is_some() {
        return std::env::var_os("CA_FILE").map(PathBuf::from);
    }
    // The harness names a test's thread after the test.
    let this = thread::current();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", this.name().unwrap(), "--nocapture", "--test-threads=2"]).env(HERE, "");
    for variable in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
        command.env_remove(variable).env_remove(variable.to_lowercase());
    }
    let output = command.envs(vars.iter().cloned()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    None
}
