//! Which key files are read, and what is said about those that are not.

use ibkr_jws::{Jws, KeyError, RsaKey, Sign};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("keys/", $name)).as_slice()
    };
}

fn refused(file: &[u8]) -> KeyError {
    RsaKey::from_pem(file).expect_err("this key must not load")
}

fn text(file: &[u8]) -> String {
    String::from_utf8(file.to_vec()).unwrap()
}

#[test]
fn every_form_of_one_key_signs_alike() {
    let pkcs8 = file!("rsa3072.pem");
    let forms = [
        pkcs8.to_vec(),
        file!("pkcs1.pem").to_vec(),
        text(pkcs8).replace('\n', "\r\n").into_bytes(),
        [b"\xEF\xBB\xBF", pkcs8].concat(),
        format!("Bag Attributes\n    friendlyName: k\nKey Attributes: <No Attributes>\n{}", text(pkcs8))
            .into_bytes(),
        [file!("public.pem"), pkcs8].concat(),
        text(pkcs8).lines().map(|line| format!("    {line}\n")).collect::<String>().into_bytes(),
        text(pkcs8).trim_end().as_bytes().to_vec(),
    ];
    let expected = RsaKey::from_pem(pkcs8).unwrap().sign(b"message").unwrap();
    for form in forms {
        assert_eq!(RsaKey::from_pem(&form).unwrap().sign(b"message").unwrap(), expected);
    }
}

#[test]
fn lengths_from_2048_to_4096_bits_sign() {
    for (bits, file) in
        [(2048, file!("rsa2048.pem")), (3072, file!("rsa3072.pem")), (4096, file!("rsa4096.pem"))]
    {
        let key = RsaKey::from_pem(file).unwrap();
        assert_eq!((key.bits(), key.sign(b"").unwrap().len()), (bits, bits / 8));
    }
}

#[test]
fn each_bad_key_gets_its_own_plain_error() {
    let cut = |file: &[u8], at: usize| refused(&file[..at]);
    let key = file!("rsa3072.pem");
    assert_eq!(refused(file!("rsa1024.pem")), KeyError::TooShort { bits: 1024 });
    assert_eq!(refused(file!("rsa2047.pem")), KeyError::TooShort { bits: 2047 });
    assert_eq!(refused(file!("rsa8192.pem")), KeyError::TooLong { bits: 8192 });
    assert_eq!(refused(file!("exponent3.pem")), KeyError::Exponent);
    assert_eq!(refused(file!("primes3.pem")), KeyError::MultiPrime);
    assert_eq!(refused(file!("ec.pem")), KeyError::NotRsa("EC"));
    assert_eq!(refused(file!("ed25519.pem")), KeyError::NotRsa("Ed25519"));
    assert_eq!(refused(file!("rsa_pss.pem")), KeyError::NotRsa("RSA-PSS"));
    assert_eq!(refused(file!("ec_sec1.pem")), KeyError::NotRsa("EC"));
    assert_eq!(refused(file!("public.pem")), KeyError::NoPrivateKey("PUBLIC KEY"));
    assert_eq!(refused(file!("legacy_encrypted.pem")), KeyError::LegacyEncryption);
    assert_eq!(refused(file!("encrypted.pem")), KeyError::Encrypted);
    assert_eq!(refused(b""), KeyError::Empty);
    assert_eq!(refused(b"\xEF\xBB\xBF \r\n"), KeyError::Empty);
    assert_eq!(refused(b"client_id: abc"), KeyError::NoPemSection);
    assert_eq!(refused(b"\x30\x82\x06\xFE\x02\x01\x00"), KeyError::Der);
    assert_eq!(refused(b"\xFF\xFE\x00"), KeyError::NoPemSection);
    assert_eq!(cut(key, 700), KeyError::Truncated);
    assert_eq!(cut(key, key.len() - 8), KeyError::Truncated);
    assert_eq!(refused(text(key).replacen("MII", "M!I", 1).as_bytes()), KeyError::BadBase64);
    assert_eq!(
        refused(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        KeyError::Malformed
    );
}

#[test]
fn errors_and_debug_show_nothing_of_the_file() {
    let marked = "-----BEGIN hunter2secret-----\nAAAA\n-----END hunter2secret-----\n";
    assert!(!format!("{0} {0:?}", refused(marked.as_bytes())).contains("hunter2"));
    let key = RsaKey::from_pem(file!("rsa3072.pem")).unwrap();
    assert_eq!(format!("{key:?}"), "RsaKey { bits: 3072, .. }");
    let jws = Jws::rs256("main", &serde_json::json!({"sub": "hunter2"}), &key).unwrap();
    assert_eq!(format!("{jws:?}"), "Jws([redacted])");
}

#[test]
fn the_public_half_is_what_openssl_writes() {
    assert_eq!(
        RsaKey::from_pem(file!("rsa3072.pem")).unwrap().public_key_pem().unwrap(),
        text(file!("public.pem"))
    );
}

#[cfg(feature = "encrypted-pem")]
mod encrypted {
    use super::*;

    fn open(file: &[u8], passphrase: &str) -> Result<RsaKey, KeyError> {
        RsaKey::from_encrypted_pem(file, passphrase.as_bytes())
    }

    #[test]
    fn pbes2_with_pbkdf2_and_scrypt_opens() {
        let expected = RsaKey::from_pem(file!("rsa3072.pem")).unwrap().sign(b"message").unwrap();
        for file in
            [file!("encrypted.pem"), file!("encrypted_scrypt.pem"), file!("rsa3072.pem"), file!("pkcs1.pem")]
        {
            assert_eq!(open(file, "secret").unwrap().sign(b"message").unwrap(), expected);
        }
    }

    #[test]
    fn a_wrong_passphrase_and_old_ciphers_say_so() {
        for wrong in ["", "Secret", "another", "x1", "x2", "x3", "x4", "x5"] {
            assert_eq!(open(file!("encrypted.pem"), wrong).unwrap_err(), KeyError::WrongPassphrase);
        }
        for file in [file!("encrypted_3des.pem"), file!("encrypted_pbes1.pem")] {
            assert_eq!(open(file, "secret").unwrap_err(), KeyError::UnsupportedCipher);
        }
        assert_eq!(open(file!("legacy_encrypted.pem"), "secret").unwrap_err(), KeyError::LegacyEncryption);
    }
}
