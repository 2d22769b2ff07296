//! Which key files are read, and what is said about those that are not.

use base64::{Engine, engine::general_purpose::STANDARD};
use ibkr_jws::{
    Jws, KeyError, RsaKey, Sign,
    pem_file::{Damage, blocks, rsa_private_key},
};

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

fn utf16(ascii: &[u8], bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    ascii.iter().flat_map(|byte| bytes(u16::from(*byte))).collect()
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
        text(pkcs8).replace('\n', "\n\n").into_bytes(),
        text(pkcs8).replace('\n', " ").into_bytes(),
        // Whoever exports from PKCS#12 gets the name in any encoding.
        [b"    friendlyName: Schl\xFCssel\n", pkcs8].concat(),
        [b"\xFF\xFE".to_vec(), utf16(pkcs8, u16::to_le_bytes)].concat(),
        [b"\xFE\xFF".to_vec(), utf16(pkcs8, u16::to_be_bytes)].concat(),
        utf16(pkcs8, u16::to_le_bytes),
        utf16(pkcs8, u16::to_be_bytes),
        // Another label than the content has.
        text(pkcs8).replace("PRIVATE KEY", "RSA PRIVATE KEY").into_bytes(),
        text(file!("pkcs1.pem")).replace("RSA PRIVATE KEY", "PRIVATE KEY").into_bytes(),
        text(pkcs8).replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY").into_bytes(),
        // A damaged block before it is not the key's fault.
        [&file!("public.pem")[..60], b"\n", pkcs8].concat(),
        [text(file!("public.pem")).replacen("MII", "M!I", 1).as_bytes(), pkcs8].concat(),
    ];
    let expected = RsaKey::from_pem(pkcs8).unwrap().sign(b"message").unwrap();
    for form in forms {
        assert_eq!(RsaKey::from_pem(&form).unwrap().sign(b"message").unwrap(), expected);
    }
}

#[test]
fn line_breaks_that_were_written_out_are_line_breaks() {
    let pkcs8 = text(file!("rsa3072.pem"));
    let whole = |pem: &str| STANDARD.encode(pem);
    let folded = whole(&pkcs8).as_bytes().chunks(76).map(text).collect::<Vec<_>>().join("\n");
    for form in [
        pkcs8.replace('\n', "\\n"),
        pkcs8.replace('\n', "\\n") + "\n",
        pkcs8.replace('\n', "\\r\\n"),
        pkcs8.replace('\n', "\\\\n"),
        pkcs8.replace('\n', "\\\\r\\\\n") + "\r\n",
        pkcs8.replace('\n', "\\n\n"),
        format!("\"{}\"", pkcs8.replace('\n', "\\n")),
        // The base64 of the whole file, as secret stores keep it.
        whole(&pkcs8),
        whole(&pkcs8) + "\n",
        folded,
        format!("'{}'", whole(&pkcs8)),
        whole(&pkcs8.replace('\n', "\\n")) + "\\n",
    ] {
        assert!(RsaKey::from_pem(form.as_bytes()).is_ok(), "{form:.80}");
    }
}

#[test]
fn each_block_is_read_for_itself() {
    let one = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n";
    let damaged = one.replace("AAEC", "A!EC");
    let cut = "-----BEGIN CERTIFICATE-----\nAAEC\n";
    let found = blocks(format!("# a comment\n{one}{damaged}{cut}{one}").as_bytes());
    let shown: Vec<_> =
        found.iter().map(|block| (block.line, block.content.as_ref().map(|der| der.to_vec()))).collect();
    let whole = Ok(vec![0, 1, 2]);
    assert_eq!(
        shown,
        [(2, whole.clone()), (5, Err(&Damage::NotBase64)), (8, Err(&Damage::CutOff)), (10, whole),]
    );
    assert!(found.iter().all(|block| block.label == "CERTIFICATE"));
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
    assert_eq!(refused(file!("rsa1024.pem")), KeyError::Size { bits: 1024 });
    assert_eq!(refused(file!("rsa2047.pem")), KeyError::Size { bits: 2047 });
    assert_eq!(refused(file!("rsa2560.pem")), KeyError::Size { bits: 2560 });
    assert_eq!(refused(file!("rsa8192.pem")), KeyError::Size { bits: 8192 });
    assert_eq!(refused(file!("exponent3.pem")), KeyError::Exponent);
    assert_eq!(refused(file!("primes3.pem")), KeyError::MultiPrime);
    assert_eq!(refused(file!("ec.pem")), KeyError::NotRsa("EC"));
    assert_eq!(refused(file!("ed25519.pem")), KeyError::NotRsa("Ed25519"));
    assert_eq!(refused(file!("rsa_pss.pem")), KeyError::NotRsa("RSA-PSS"));
    assert_eq!(refused(file!("ec_sec1.pem")), KeyError::NotRsa("EC"));
    assert_eq!(refused(file!("public.pem")), KeyError::NoPrivateKey("a public key"));
    assert_eq!(refused(file!("openssh_rsa.pem")), KeyError::OpenSsh);
    assert_eq!(refused(file!("openssh_ed25519.pem")), KeyError::NotRsa("Ed25519"));
    assert_eq!(refused(file!("legacy_encrypted.pem")), KeyError::LegacyEncryption);
    assert_eq!(refused(file!("encrypted.pem")), KeyError::Encrypted);
    assert_eq!(refused(b""), KeyError::Empty);
    assert_eq!(refused(b"\xEF\xBB\xBF \r\n"), KeyError::Empty);
    assert_eq!(refused(b"client_id: abc"), KeyError::NoPemSection);
    assert_eq!(refused(b"\x30\x82\x06\xFE\x02\x01\x00"), KeyError::Der);
    assert_eq!(refused(b"\xFF\xFE\x00"), KeyError::Empty);
    assert_eq!(refused(b"\xFF\xFE\x41\x00"), KeyError::NoPemSection);
    assert_eq!(refused(b"0 is where DER begins too"), KeyError::NoPemSection);
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
    use pkcs8::{EncryptedPrivateKeyInfoRef, der::Encode, pkcs5::pbes2::Kdf};

    use super::*;

    fn open(file: &[u8], passphrase: &str) -> Result<RsaKey, KeyError> {
        RsaKey::from_encrypted_pem(file, passphrase.as_bytes())
    }

    #[test]
    fn pbes2_with_pbkdf2_and_scrypt_opens() {
        let expected = RsaKey::from_pem(file!("rsa3072.pem")).unwrap().sign(b"message").unwrap();
        for file in [
            file!("encrypted.pem"),
            file!("encrypted_scrypt.pem"),
            file!("encrypted_3des.pem"),
            file!("encrypted_sha1.pem"),
            file!("rsa3072.pem"),
            file!("pkcs1.pem"),
        ] {
            assert_eq!(open(file, "secret").unwrap().sign(b"message").unwrap(), expected);
        }
    }

    #[test]
    fn a_wrong_passphrase_and_old_ciphers_say_so() {
        for wrong in ["", "Secret", "another", "x1", "x2", "x3", "x4", "x5"] {
            assert_eq!(open(file!("encrypted.pem"), wrong).unwrap_err(), KeyError::WrongPassphrase);
        }
        assert_eq!(open(file!("encrypted_pbes1.pem"), "secret").unwrap_err(), KeyError::UnsupportedCipher);
        assert_eq!(open(file!("legacy_encrypted.pem"), "secret").unwrap_err(), KeyError::LegacyEncryption);
        // Whatever the label says.
        let mislabelled = text(file!("encrypted.pem")).replace("ENCRYPTED ", "");
        assert_eq!(refused(mislabelled.as_bytes()), KeyError::Encrypted);
        assert!(open(mislabelled.as_bytes(), "secret").is_ok());
    }

    /// The key of `file` with other parameters of its key derivation: no passphrase opens it any more.
    fn stretched(file: &[u8], change: impl FnOnce(&mut Kdf)) -> KeyError {
        let block = blocks(file).into_iter().next().unwrap().content.unwrap();
        let key = EncryptedPrivateKeyInfoRef::try_from(block.as_slice()).unwrap();
        let mut parameters = key.encryption_algorithm.pbes2().unwrap().clone();
        change(&mut parameters.kdf);
        let key = EncryptedPrivateKeyInfoRef {
            encryption_algorithm: parameters.into(),
            encrypted_data: key.encrypted_data,
        };
        let pem = pem::encode(&pem::Pem::new("ENCRYPTED PRIVATE KEY", key.to_der().unwrap()));
        open(pem.as_bytes(), "secret").unwrap_err()
    }

    #[test]
    fn what_would_take_the_machine_is_refused_before_any_work() {
        let iterations = |count| {
            stretched(file!("encrypted.pem"), |kdf| match kdf {
                Kdf::Pbkdf2(pbkdf2) => pbkdf2.iteration_count = count,
                _ => panic!("not PBKDF2"),
            })
        };
        assert_eq!(iterations(2049), KeyError::WrongPassphrase);
        for count in [10_000_001, i32::MAX as u32, u32::MAX] {
            assert_eq!(iterations(count), KeyError::CostlyDerivation);
        }
        let scrypt = |cost, block_size, parallelization| {
            stretched(file!("encrypted_scrypt.pem"), |kdf| match kdf {
                Kdf::Scrypt(scrypt) => {
                    (scrypt.cost_parameter, scrypt.block_size) = (cost, block_size);
                    scrypt.parallelization = parallelization;
                }
                _ => panic!("not scrypt"),
            })
        };
        assert_eq!(scrypt(2, 8, 1), KeyError::WrongPassphrase);
        for (cost, block_size, parallelization) in
            [(1 << 18, 9, 1), (1 << 18, 8, 2), (1 << 63, u16::MAX, u16::MAX), (1 << 24, 8, 1)]
        {
            assert_eq!(scrypt(cost, block_size, parallelization), KeyError::CostlyDerivation);
        }
        // What scrypt does not know; the first would be a panic.
        for (cost, block_size) in [(0, 8), (3, 8), (2, 0)] {
            assert_eq!(scrypt(cost, block_size, 1), KeyError::UnsupportedCipher);
        }
    }
}

#[test]
fn a_key_is_given_as_pkcs1_for_other_uses() {
    let pkcs1 = rsa_private_key(file!("pkcs1.pem")).unwrap();
    assert_eq!(rsa_private_key(file!("rsa3072.pem")).unwrap(), pkcs1);
    assert_eq!(RsaKey::from_pkcs1_der(&pkcs1).unwrap(), RsaKey::from_pem(file!("rsa3072.pem")).unwrap());
    assert_eq!(rsa_private_key(file!("ec.pem")).unwrap_err(), KeyError::NotRsa("EC"));
    assert_eq!(rsa_private_key(file!("encrypted.pem")).unwrap_err(), KeyError::Encrypted);
    // Sizes are for the reader to judge.
    assert!(rsa_private_key(file!("rsa1024.pem")).is_ok());
}

#[test]
#[cfg(feature = "encrypted-pem")]
fn an_encrypted_key_is_given_as_pkcs1_too() {
    use ibkr_jws::pem_file::encrypted_rsa_private_key;

    let pkcs1 = rsa_private_key(file!("pkcs1.pem")).unwrap();
    for file in [file!("encrypted.pem"), file!("rsa3072.pem"), file!("pkcs1.pem")] {
        assert_eq!(encrypted_rsa_private_key(file, b"secret").unwrap(), pkcs1);
    }
    let error = encrypted_rsa_private_key(file!("encrypted.pem"), b"wrong").unwrap_err();
    assert_eq!(error, KeyError::WrongPassphrase);
}
