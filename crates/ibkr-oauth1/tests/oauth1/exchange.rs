//! The exchange beyond the vectors: files, hexadecimal as people write it, and what is refused.

use crate::published::{GROUP_14, V1, V2, bytes};
use ibkr_oauth1::{DhError, DhParameters, Exponent, Random, SignError};

const GENERATOR_2: &[u8] = include_bytes!("../files/dh_generator2.pem");
const GENERATOR_5: &[u8] = include_bytes!("../files/dh_generator5.pem");

fn exponent(byte: u8) -> Exponent {
    Exponent::new([byte; 32])
}

#[test]
fn files_are_read_with_their_generator_and_written_as_they_were() {
    let [two, five] = [GENERATOR_2, GENERATOR_5].map(|file| DhParameters::from_pem(file).unwrap());
    assert_eq!(two.bits(), 2048);
    assert_eq!(two.to_pem().as_bytes(), GENERATOR_2);
    assert_eq!(five.to_pem().as_bytes(), GENERATOR_5);
    let mut small = [0; 32];
    small[31] = 3;
    assert_eq!(two.challenge(&Exponent::new(small)), "8");
    assert_eq!(five.challenge(&Exponent::new(small)), "7d");
    assert_ne!(two, five);
    let group_14 = DhParameters::from_hex(GROUP_14, 2).unwrap();
    assert_eq!(DhParameters::from_pem(group_14.to_pem().as_bytes()).unwrap(), group_14);
    assert_ne!(DhParameters::from_hex(GROUP_14, 5).unwrap(), group_14);
    let crlf = String::from_utf8(GENERATOR_5.to_vec()).unwrap().replace('\n', "\r\n");
    assert_eq!(DhParameters::from_pem(crlf.as_bytes()).unwrap(), five);
    assert_eq!(format!("{five:?}"), "DhParameters { bits: 2048, .. }");
}

#[test]
fn a_file_may_name_the_length_of_exponents_and_a_long_generator() {
    let prime = bytes(V1.prime);
    let integer = |number: &[u8]| {
        let sign: &[u8] = if number[0] >= 0x80 { &[0] } else { &[] };
        [&[2, (sign.len() + number.len()) as u8], sign, number].concat()
    };
    let file = |parts: &[Vec<u8>]| {
        let parts = parts.concat();
        let length = u8::try_from(parts.len()).unwrap();
        assert!(length < 0x80);
        pem::encode(&pem::Pem::new("DH PARAMETERS", [&[0x30, length], parts.as_slice()].concat()))
    };
    let group = DhParameters::from_hex(V1.prime, 2).unwrap();
    let with_length = file(&[integer(&prime), integer(&[2]), integer(&[1, 0])]);
    assert_eq!(DhParameters::from_pem(with_length.as_bytes()), Ok(group.clone()));
    let long = file(&[integer(&prime), integer(&bytes(V1.response))]);
    let long = DhParameters::from_pem(long.as_bytes()).unwrap();
    assert_ne!(long, group);
    assert_eq!(DhParameters::from_pem(long.to_pem().as_bytes()), Ok(long));
    let refused = |parts: &[Vec<u8>]| DhParameters::from_pem(file(parts).as_bytes()).unwrap_err();
    assert_eq!(refused(&[integer(&prime)]), DhError::Malformed);
    assert_eq!(refused(&[integer(&prime), integer(&[2]), integer(&[1]), integer(&[1])]), DhError::Malformed);
    assert_eq!(refused(&[integer(&prime), vec![4, 1, 2]]), DhError::Malformed);
    assert_eq!(refused(&[integer(&prime), integer(&prime)]), DhError::Generator);
}

#[test]
fn files_that_hold_no_parameters_are_told_by_their_fault() {
    let refused = |file: &[u8]| DhParameters::from_pem(file).unwrap_err();
    for file in ["", "nothing", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        assert_eq!(refused(file.as_bytes()), DhError::NoPemSection, "{file}");
    }
    assert_eq!(refused(include_bytes!("../files/dh_x942.pem")), DhError::NoPemSection);
    assert_eq!(refused(&GENERATOR_2[..200]), DhError::Malformed);
    assert_eq!(
        refused(b"-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n"),
        DhError::Malformed
    );
}

#[test]
fn primes_are_read_as_people_write_them() {
    let group = DhParameters::from_hex(GROUP_14, 2).unwrap();
    let colons = GROUP_14.as_bytes().chunks(2).map(|pair| String::from_utf8(pair.to_vec()).unwrap());
    let colons = colons.collect::<Vec<_>>().join(":");
    let lines = GROUP_14.as_bytes().chunks(63).map(|line| String::from_utf8(line.to_vec()).unwrap());
    let lines = lines.collect::<Vec<_>>().join("\n    ");
    for written in [
        format!("0x{GROUP_14}"),
        format!("0X{}\n", GROUP_14.to_uppercase()),
        format!("00:{colons}"),
        format!("\t{lines}\r\n"),
        format!("0{GROUP_14}"),
        format!("000{GROUP_14}"),
    ] {
        assert_eq!(DhParameters::from_hex(&written, 2).unwrap(), group, "{written}");
    }
}

#[test]
fn numbers_that_are_of_no_use_are_refused() {
    let refused = |prime: &str, generator| DhParameters::from_hex(prime, generator).unwrap_err();
    for prime in ["", "0x", "0x0x1", "ffg", "-1", "é"] {
        assert_eq!(refused(prime, 2), DhError::NotHex, "{prime}");
    }
    for (prime, bits) in [("0", 0), ("1", 1), ("2", 2), ("fe", 8)] {
        assert_eq!(refused(prime, 2), DhError::Prime { bits }, "{prime}");
    }
    let even = format!("{}8", &GROUP_14[..511]);
    assert_eq!(refused(&even, 2), DhError::Prime { bits: 2048 });
    assert_eq!(refused("fb", 2), DhError::Size { bits: 8 });
    assert_eq!(refused(&V1.prime[1..], 2), DhError::Size { bits: 252 });
    assert_eq!(refused(&"f".repeat(2049), 2), DhError::Size { bits: 8196 });
    assert_eq!(refused(&"f".repeat(100_000), 2), DhError::Size { bits: 400_000 });
    for generator in [0, 1] {
        assert_eq!(refused(GROUP_14, generator), DhError::Generator);
    }
}

#[test]
fn a_response_that_would_make_the_secret_known_is_refused() {
    let group = DhParameters::from_hex(GROUP_14, 2).unwrap();
    let refused = |response: &str| group.shared(response, &exponent(0xA5)).unwrap_err();
    let last = format!("{}e", &GROUP_14[..511]);
    let beyond = format!("1{}", "0".repeat(512));
    let huge = "f".repeat(5000);
    for response in ["0", "1", "00", "0001", &last, GROUP_14, &beyond, &huge, &format!("000{last}")] {
        assert_eq!(refused(response), DhError::Response, "{response}");
    }
    for response in ["", " 2", "0x2", "2 ", "g", "é", "-2", "2\n"] {
        assert_eq!(refused(response), DhError::ResponseNotHex, "{response}");
    }
    let greatest = format!("{}d", &GROUP_14[..511]);
    for response in [
        "2",
        "02",
        "002",
        &greatest,
        V2.response,
        &format!("000{}", V2.response),
        &V2.response.to_uppercase(),
    ] {
        assert!(group.shared(response, &exponent(0xA5)).is_ok(), "{response}");
    }
    // Its powers are 1 and itself: the exponents are even and odd.
    assert!(group.shared("2", &exponent(0)).is_err());
}

#[test]
fn random_bytes_come_from_where_they_are_told_to() {
    let counting = Random::from_fn(|bytes| {
        bytes.iter_mut().zip(0x9A..).for_each(|(byte, number)| *byte = number);
        Ok(())
    });
    assert_eq!(counting.nonce().unwrap(), "9a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9");
    assert_eq!(format!("{counting:?} {:?}", counting.exponent().unwrap()), "Random(..) Exponent([redacted])");
    let system = Random::system();
    let nonces: std::collections::BTreeSet<String> = (0..1000).map(|_| system.nonce().unwrap()).collect();
    assert_eq!(nonces.len(), 1000);
    assert!(
        nonces.iter().all(|nonce| nonce.len() == 32 && nonce.bytes().all(|digit| digit.is_ascii_hexdigit()))
    );
    let group = DhParameters::from_hex(V1.prime, 2).unwrap();
    let [one, another] = [0, 1].map(|_| group.challenge(&system.exponent().unwrap()));
    assert_ne!(one, another);

    let broken = Random::from_fn(|_| Err(SignError::new("none left")));
    assert_eq!(broken.nonce().unwrap_err().to_string(), "cannot sign: none left");
    assert!(broken.exponent().is_err());
    let mut bytes = [7; 3];
    assert!(broken.clone().fill(&mut bytes).is_err());
}

#[test]
fn shared_secrets_are_never_shown() {
    let group = DhParameters::from_hex(V1.prime, 2).unwrap();
    let shared = group.shared(V1.response, &exponent(3)).unwrap();
    assert_eq!(format!("{shared:?}"), "SharedSecret([redacted])");
}
