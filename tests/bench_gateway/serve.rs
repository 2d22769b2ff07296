//! The gateway as the program runs it, without IBKR's limits.

use std::{fs, path::Path, time::Duration};

use ibkr_auth_config::{Proxy, Transport};
use ibkr_auth_core::{Config, Host};
use ibkr_auth_tests::lab::key;
use ibkr_gateway::{Gateway, GatewaySettings, Login, Process};
use ibkr_sim::demo;

const READY_WITHIN: Duration = Duration::from_secs(20);

pub(crate) fn run(folder: &Path, url: &str, lookup: &str, plain: bool) {
    let config = Config::new(demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL)
        .and_then(|config| config.with_ip_services([lookup.to_owned()]))
        .expect("the demo identity is complete")
        .with_host(Host::custom(url).expect("a loopback URL"));
    let gateway = GatewaySettings {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        plain,
        share_stream: true,
        ..GatewaySettings::default()
    };
    let login = Login {
        transport: Transport { ca_file: Some(folder.join("ca.pem")), ca_only: true, proxy: Some(Proxy::Off) },
        gateway,
        unpaced: true,
        ..Login::new("bench", config, key())
    };
    let own = folder.join("gateway");
    fs::create_dir_all(&own).expect("a folder");
    let process = Process { folder: own, most_connections: 5_000 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let gateway = runtime.block_on(Gateway::start(&process, vec![login])).expect("a gateway");
    let session = gateway.session("bench").expect("the one session").clone();
    runtime.block_on(session.ready(READY_WITHIN)).expect("a login");
    super::ready(&format!("serve {}", gateway.addresses()[0]));
    // Whoever measures does not wait for a logout.
    std::mem::forget((session, gateway));
}
