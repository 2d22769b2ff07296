//! The certificates that a client trusts besides the system's.

use ibkr_auth_config::Transport;

use crate::folder::{Folder, test_key};

const ONE: &str = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n";

fn certificates(content: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, String> {
    let folder = Folder::new();
    let ca_file = Some(folder.write("ca.pem", content));
    Transport { ca_file, ..Transport::default() }.certificates().map_err(|error| folder.relative(&error))
}

#[test]
fn all_of_a_bundle_are_read() {
    assert_eq!(certificates(ONE), Ok(vec![vec![0, 1, 2]]));
    assert_eq!(certificates(format!("# a company\n{ONE}\n{ONE}")).unwrap().len(), 2);
    // As long as what an operating system ships.
    assert_eq!(certificates(ONE.repeat(4000)).unwrap().len(), 4000);
    assert_eq!(Transport::default().certificates(), Ok(Vec::new()));
}

#[test]
fn what_holds_none_is_refused() {
    let none = "ca_file ca.pem holds no certificate: give a PEM file with `-----BEGIN CERTIFICATE-----`";
    for content in [&b""[..], b"\xFF\xFE", b"-----BEGIN CERTIFICATE-----", &test_key("rsa2048.pem")] {
        assert_eq!(certificates(content).unwrap_err(), none);
    }
    assert!(
        certificates(vec![b'#'; 1024 * 1024 + 1])
            .unwrap_err()
            .starts_with("ca_file ca.pem is larger than 1024 KiB")
    );
    let missing = Transport { ca_file: Some("no such file".into()), ..Transport::default() };
    let error = missing.certificates().unwrap_err().to_string();
    assert_eq!(error, "ca_file no such file does not exist: check the path");
}

#[test]
fn trust_in_nothing_is_refused() {
    let error = Transport { ca_only: true, ..Transport::default() }.certificates().unwrap_err();
    assert_eq!(error.to_string(), "ca_only needs ca_file: set that too, or remove this");
}
