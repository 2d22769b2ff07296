//! The certificates that a client trusts.

use ibkr_auth_config::{Transport, Trust};

use crate::folder::{Folder, test_key};

/// `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=Nobody's CA" -days 36500`
const ONE: &str = include_str!("ca.pem");

/// How many are trusted with this `ca_file` alone, and what is warned of.
fn trusted(content: impl AsRef<[u8]>) -> Result<(usize, Vec<String>), String> {
    let folder = Folder::new();
    let ca_file = Some(folder.write("ca.pem", content));
    let transport = Transport { ca_file, ca_only: true, ..Transport::default() };
    let relative = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
    match transport.trust() {
        Ok(Trust::Only(certificates)) => {
            Ok((certificates.len(), transport.warnings().into_iter().map(relative).collect()))
        }
        Ok(Trust::System { .. }) => panic!("the system does not count"),
        Err(error) => Err(relative(error.to_string())),
    }
}

#[test]
fn all_of_a_bundle_are_read() {
    assert_eq!(trusted(ONE), Ok((1, vec![])));
    assert_eq!(trusted(format!("# a company\n{ONE}\n{ONE}")), Ok((2, vec![])));
    // Longer than what an operating system ships.
    assert_eq!(trusted(ONE.repeat(2000)), Ok((2000, vec![])));
    for form in [
        [b"\xEF\xBB\xBF", ONE.as_bytes()].concat(),
        [b"# M\xFCller AG\n", ONE.as_bytes()].concat(),
        ONE.replace('\n', "\r\n").into_bytes(),
        ONE.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ONE.replace("CERTIFICATE", "X509 CERTIFICATE").into_bytes(),
    ] {
        assert_eq!(trusted(&form), Ok((1, vec![])), "{:?}", String::from_utf8_lossy(&form));
    }
}

#[test]
fn one_bad_block_takes_no_other_away_and_is_named() {
    let warned = |content: String| trusted(content).unwrap();
    let of = |what: &str| vec![format!("ca_file ca.pem: {what}, so that it does not count")];
    assert_eq!(
        warned(ONE.replacen("MII", "M!I", 1) + ONE),
        (1, of("certificate 1, in line 1, is not valid base64"))
    );
    assert_eq!(
        warned(format!("{ONE}{}{ONE}", &ONE[..200])),
        (2, of("certificate 2, in line 12, has no end, or another end than its beginning"))
    );
    let rubbish = "-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n";
    assert_eq!(
        warned(format!("{ONE}{rubbish}")),
        (1, of("certificate 2, in line 12, cannot be used as one"))
    );
}

#[test]
fn what_holds_none_is_refused_with_what_it_holds() {
    let none = "ca_file ca.pem holds no certificate: give a PEM file with `-----BEGIN CERTIFICATE-----`";
    for content in [&b""[..], b"\xFF\xFE", b"<html>", &test_key("rsa2048.pem")] {
        assert_eq!(trusted(content).unwrap_err(), none);
    }
    let error = |content: &str| trusted(content).unwrap_err();
    assert_eq!(
        error("-----BEGIN CERTIFICATE-----"),
        "ca_file ca.pem holds certificates that cannot be used: \
         certificate 1, in line 1, has no end, or another end than its beginning: get the file anew"
    );
    let trusted_form = error(&ONE.replace("CERTIFICATE", "TRUSTED CERTIFICATE"));
    assert!(
        trusted_form.contains("a form of OpenSSL's own") && trusted_form.contains("openssl x509"),
        "{trusted_form}"
    );
    assert!(error("-----BEGIN PKCS7-----\nMAMCAQA=\n-----END PKCS7-----\n").contains("openssl pkcs7"));
    let der = ibkr_jws::pem_file::blocks(ONE.as_bytes()).remove(0).content.unwrap();
    assert!(
        trusted(&*der)
            .unwrap_err()
            .contains("is binary DER, not PEM: convert it with `openssl x509 -inform DER")
    );
    assert!(
        trusted(vec![b'#'; 4096 * 1024 + 1])
            .unwrap_err()
            .starts_with("ca_file ca.pem is larger than 4096 KiB")
    );
    let missing = Transport { ca_file: Some("no such file".into()), ..Transport::default() };
    let error = missing.trust().unwrap_err().to_string();
    assert_eq!(error, "ca_file no such file does not exist: check the path");
    assert!(missing.warnings().is_empty(), "an error is no warning");
}

#[test]
fn trust_in_nothing_is_refused() {
    let error = Transport { ca_only: true, ..Transport::default() }.trust().unwrap_err();
    assert_eq!(error.to_string(), "ca_only needs ca_file: set that too, or remove this");
}
