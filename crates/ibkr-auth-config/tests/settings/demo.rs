//! The simulator's demo key opens nothing but a server on this machine.

use ibkr_auth_config::{Settings, is_demo_key};
use ibkr_jws::RsaKey;

use crate::folder::{Folder, KEYLESS, test_key};

fn demo_key() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../ibkr-sim/demo/demo-client.pem")).unwrap()
}

fn read(more: &str, vars: &[(&str, &str)]) -> Result<Settings, String> {
    let folder = Folder::new();
    folder.write("demo.pem", demo_key());
    let content = format!("{KEYLESS}private_key_file: demo.pem\n{more}");
    folder.read_with(content, vars).map_err(|error| folder.relative(&error))
}

#[test]
fn it_is_told_from_others() {
    assert!(is_demo_key(&RsaKey::from_pem(&demo_key()).unwrap()));
    for name in ["demo-signature", "testcons-signature"] {
        let file = format!("{}/../ibkr-sim/demo/oauth1/{name}.pem", env!("CARGO_MANIFEST_DIR"));
        assert!(is_demo_key(&RsaKey::from_pem(&std::fs::read(file).unwrap()).unwrap()), "{name}");
    }
    assert!(!is_demo_key(&RsaKey::from_pem(&test_key("rsa3072.pem")).unwrap()));
}

#[test]
fn it_opens_a_server_on_this_machine_alone() {
    for here in
        ["base_url: https://localhost:8443\n", "base_url: https://127.0.0.1\n", "base_url: https://[::1]:1\n"]
    {
        assert!(read(here, &[]).is_ok(), "{here}");
    }
    for elsewhere in [
        "",
        "domain: 1.api.ibkr.com\n",
        "base_url: https://localhost.evil.example\n",
        "base_url: https://localhost:8443\nproxy: http://proxy.example:3128\n",
        "proxy: http://proxy.example:3128\n",
    ] {
        let error = read(elsewhere, &[]).unwrap_err();
        assert!(error.contains("names demo.pem, which is the simulator's demo key"), "{error}");
        assert!(error.contains("use a key of your own"), "{error}");
    }
}

#[test]
fn it_opens_what_a_proxy_on_this_machine_stands_for() {
    assert!(read("proxy: http://127.0.0.1:8080\n", &[]).is_ok());
    let by_environment =
        |except| read("", &[("HTTPS_PROXY", "http://localhost:8080"), ("NO_PROXY", except)]).is_ok();
    assert!(by_environment(""));
    assert!(!by_environment("api.ibkr.com"), "the proxy is passed by");
}
