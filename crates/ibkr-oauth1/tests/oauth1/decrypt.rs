//! Which secrets are decrypted, which key files are read, and that nothing is said about what is wrong with a
//! secret.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};
use crypto_bigint::{
    BoxedUint,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use ibkr_oauth1::{AccessTokenSecret, DecryptError, DecryptionKey, KeyError};
use pkcs1::{RsaPrivateKeyRef, der::Encode};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../files/", $name)).as_slice()
    };
}

fn key(file: &[u8]) -> DecryptionKey {
    DecryptionKey::from_pem(file).unwrap()
}

fn text(file: &[u8]) -> String {
    String::from_utf8(file.to_vec()).unwrap()
}

fn counting(length: u8) -> AccessTokenSecret {
    AccessTokenSecret::new((0..length).collect::<Vec<u8>>())
}

/// What makes a ciphertext of anything, well padded or not.
struct Public {
    modulus: BoxedMontyParams,
    length: usize,
}

impl Public {
    fn of(file: &[u8]) -> Self {
        let der = ibkr_jws::pem_file::rsa_private_key(file).unwrap();
        let modulus = RsaPrivateKeyRef::try_from(der.as_slice()).unwrap().modulus;
        let length = modulus.as_bytes().len();
        let modulus = BoxedUint::from_be_slice_vartime(modulus.as_bytes());
        Self { modulus: BoxedMontyParams::new_vartime(modulus.into_odd().unwrap()), length }
    }

    fn encrypted(&self, encoded: &[u8]) -> String {
        assert_eq!(encoded.len(), self.length);
        let precision = self.modulus.bits_precision();
        let number = BoxedUint::from_be_slice(encoded, precision).unwrap();
        let power = BoxedMontyForm::new(number, &self.modulus).pow(&BoxedUint::from(65537_u32));
        let bytes = power.retrieve().to_be_bytes();
        STANDARD.encode(&bytes[bytes.len() - self.length..])
    }

    /// `00 02 padding 00 message`.
    fn padded(&self, message: &[u8]) -> Vec<u8> {
        let padding = (0..self.length - 3 - message.len()).map(|place| (place % 255 + 1) as u8);
        [0, 2].into_iter().chain(padding).chain([0]).chain(message.iter().copied()).collect()
    }
}

#[test]
fn what_openssl_has_encrypted_is_decrypted() {
    for (bits, pem, secret) in [
        (1024, file!("rsa1024.pem"), file!("rsa1024.secret")),
        (1025, file!("rsa1025.pem"), file!("rsa1025.secret")),
        (2047, file!("rsa2047.pem"), file!("rsa2047.secret")),
        (2048, file!("rsa2048.pem"), file!("rsa2048.secret")),
        (3072, file!("rsa3072.pem"), file!("rsa3072.secret")),
        (4096, file!("rsa4096.pem"), file!("rsa4096.secret")),
    ] {
        let key = key(pem);
        assert_eq!(key.bits(), bits);
        assert_eq!(key.decrypt(&text(secret)), Ok(counting(32)), "{bits} bits");
    }
    let key = key(file!("rsa2048.pem"));
    assert_eq!(key.decrypt(&text(file!("shortest.secret"))), Ok(counting(1)));
    assert_eq!(key.decrypt(&text(file!("longest.secret"))), Ok(counting(245)));
}

#[test]
fn a_secret_may_have_been_copied_carelessly() {
    let key = key(file!("rsa2048.pem"));
    let secret = text(file!("rsa2048.secret"));
    let lines = secret.as_bytes().chunks(64).map(|line| text(line) + "\r\n").collect::<String>();
    for copied in [format!(" {secret}\n"), lines, secret.trim_end_matches('=').to_owned()] {
        assert_eq!(key.decrypt(&copied), Ok(counting(32)), "{copied}");
    }
}

#[test]
fn key_files_are_read_in_every_form() {
    let pkcs8 = key(file!("rsa2048.pem"));
    assert_eq!(pkcs8.public_key_pem(), text(file!("public.pem")));
    for pem in [file!("rsa2048.pem"), file!("pkcs1.pem")] {
        let crlf = text(pem).replace('\n', "\r\n");
        let one_line = text(pem).replace('\n', "\\n");
        for shape in [pem, crlf.as_bytes(), one_line.as_bytes(), STANDARD.encode(pem).as_bytes()] {
            let key = key(shape);
            assert_eq!(key, pkcs8);
            assert_eq!(key.decrypt(&text(file!("rsa2048.secret"))), Ok(counting(32)));
        }
    }
    assert_ne!(key(file!("another2048.pem")), pkcs8);
    assert_eq!(format!("{pkcs8:?}"), "DecryptionKey { bits: 2048, .. }");
}

#[test]
#[cfg(feature = "encrypted-pem")]
fn encrypted_key_files_are_opened() {
    let opened = |passphrase: &[u8]| DecryptionKey::from_encrypted_pem(file!("encrypted.pem"), passphrase);
    assert_eq!(opened(b"secret").unwrap().decrypt(&text(file!("rsa2048.secret"))), Ok(counting(32)));
    assert_eq!(opened(b"wrong").unwrap_err(), KeyError::WrongPassphrase);
    assert!(DecryptionKey::from_encrypted_pem(file!("rsa2048.pem"), b"any").is_ok());
}

#[test]
fn key_files_that_cannot_be_used_are_told_by_their_fault() {
    let refused = |file: &[u8]| DecryptionKey::from_pem(file).unwrap_err();
    assert_eq!(refused(file!("rsa512.pem")), KeyError::Size { bits: 512 });
    assert_eq!(refused(file!("rsa4104.pem")), KeyError::Size { bits: 4104 });
    assert_eq!(refused(file!("exponent3.pem")), KeyError::Exponent);
    assert_eq!(refused(file!("primes3.pem")), KeyError::MultiPrime);
    assert_eq!(refused(file!("ec.pem")), KeyError::NotRsa("EC"));
    assert_eq!(refused(file!("public.pem")), KeyError::NoPrivateKey("a public key"));
    assert_eq!(refused(file!("encrypted.pem")), KeyError::Encrypted);
    assert_eq!(refused(file!("dh_generator2.pem")), KeyError::NoPrivateKey("parameters"));
    assert_eq!(refused(b""), KeyError::Empty);
}

#[test]
fn a_damaged_key_is_no_key() {
    let der = ibkr_jws::pem_file::rsa_private_key(file!("rsa2048.pem")).unwrap();
    let key = RsaPrivateKeyRef::try_from(der.as_slice()).unwrap();
    let place = |number: &[u8]| der.windows(number.len()).position(|part| part == number).unwrap();
    let [n, d, p, q] = [key.modulus, key.private_exponent, key.prime1, key.prime2]
        .map(|number| (place(number.as_bytes()), number.as_bytes().len()));
    for (number, (start, length)) in [("n", n), ("d", d), ("p", p), ("q", q)] {
        for (at, bit) in
            [(start + 1, 1), (start + length / 2, 0x80), (start + length - 1, 1), (start + length - 1, 2)]
        {
            let mut damaged = der.to_vec();
            damaged[at] ^= bit;
            let pem = pem::encode(&pem::Pem::new("RSA PRIVATE KEY", damaged));
            let error = DecryptionKey::from_pem(pem.as_bytes()).unwrap_err();
            assert_eq!(error, KeyError::Malformed, "{number}, byte {at}, bit {bit}");
        }
    }
}

#[test]
fn an_exponent_for_one_prime_alone_is_no_key() {
    let der = ibkr_jws::pem_file::rsa_private_key(file!("rsa2048.pem")).unwrap();
    let key = RsaPrivateKeyRef::try_from(der.as_slice()).unwrap();
    for half in [key.exponent1, key.exponent2] {
        let halved = RsaPrivateKeyRef { private_exponent: half, ..key.clone() };
        let pem = pem::encode(&pem::Pem::new("RSA PRIVATE KEY", halved.to_der().unwrap()));
        assert_eq!(DecryptionKey::from_pem(pem.as_bytes()).unwrap_err(), KeyError::Malformed);
    }
}

#[test]
fn secrets_of_every_length_are_decrypted() {
    let (key, public) = (key(file!("rsa1024.pem")), Public::of(file!("rsa1024.pem")));
    for length in 1..=public.length - 11 {
        let message: Vec<u8> = (0..length).map(|place| (place * 7) as u8).collect();
        let decrypted = key.decrypt(&public.encrypted(&public.padded(&message)));
        assert_eq!(decrypted, Ok(AccessTokenSecret::new(message)), "{length} bytes");
    }
}

#[test]
fn every_wrong_padding_is_the_same_error_as_a_wrong_key() {
    for pem in [file!("rsa1024.pem"), file!("rsa1025.pem"), file!("rsa2048.pem")] {
        let (key, public) = (key(pem), Public::of(pem));
        let good = public.padded(&[7; 20]);
        assert!(key.decrypt(&public.encrypted(&good)).is_ok());
        let end = public.length - 21;
        let mut wrong = Vec::new();
        let mut changed = |place: usize, byte: u8| {
            let mut encoded = good.clone();
            encoded[place] = byte;
            wrong.push((format!("{byte} at {place}"), encoded));
        };
        // What is no encryption block, or one of a signature.
        changed(0, 1);
        for byte in [0, 1, 3, 0x82, 0xFF] {
            changed(1, byte);
        }
        // A padding of 0 to 7 bytes.
        for place in 2..10 {
            changed(place, 0);
        }
        // None that ends.
        changed(end, 1);
        wrong.push(("an empty message".into(), public.padded(&[])));
        wrong.push(("nothing".into(), vec![0; public.length]));
        wrong.push(("one".into(), [vec![0; public.length - 1], vec![1]].concat()));
        for (what, encoded) in wrong {
            assert_eq!(key.decrypt(&public.encrypted(&encoded)), Err(DecryptError::AnotherKey), "{what}");
        }
        // The shortest padding that is one.
        let mut shortest = good.clone();
        shortest[10] = 0;
        assert_eq!(key.decrypt(&public.encrypted(&shortest)), Ok(AccessTokenSecret::new(&shortest[11..])));
    }
}

#[test]
fn the_secret_of_another_key_is_told_as_such() {
    let secret = text(file!("rsa2048.secret"));
    assert_eq!(key(file!("another2048.pem")).decrypt(&secret), Err(DecryptError::AnotherKey));
    // Beyond the modulus: of another key that is as long.
    let beyond = STANDARD.encode([0xFF; 256]);
    assert_eq!(key(file!("rsa2048.pem")).decrypt(&beyond), Err(DecryptError::AnotherKey));
    for length in [0, 1, 255, 257, 512] {
        let other = STANDARD.encode(vec![1; length]);
        assert_eq!(key(file!("rsa2048.pem")).decrypt(&other), Err(DecryptError::Ciphertext), "{length}");
    }
    for no_base64 in ["?", "AAA%3D", "é", "00ff:"] {
        assert_eq!(
            key(file!("rsa2048.pem")).decrypt(no_base64),
            Err(DecryptError::Ciphertext),
            "{no_base64}"
        );
    }
}

#[test]
fn secrets_are_compared_and_never_shown() {
    let secret = AccessTokenSecret::new(*b"a secret");
    assert_eq!(secret, secret.clone());
    assert_ne!(secret, AccessTokenSecret::new(*b"a secreT"));
    assert_ne!(secret, AccessTokenSecret::new(*b"a secret "));
    assert_eq!(format!("{secret:?}"), "AccessTokenSecret([redacted])");
    let mut errors = String::new();
    for error in [DecryptError::AnotherKey, DecryptError::Ciphertext] {
        write!(errors, "{error} {error:?}").unwrap();
    }
    assert!(!errors.contains("padding"), "{errors}");
}
