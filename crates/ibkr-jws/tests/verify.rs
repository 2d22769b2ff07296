//! Signing and verifying agree with each other, and verifying refuses what it must.
#![cfg(feature = "verify")]

use ibkr_jws::{
    Jws, RsaKey,
    verify::{Compact, RsaPublicKey, VerifyError},
};
use serde_json::json;

const PRIVATE: &[u8] = include_bytes!("keys/rsa3072.pem");
const PUBLIC: &[u8] = include_bytes!("keys/public.pem");

fn signed() -> String {
    let key = RsaKey::from_pem(PRIVATE).unwrap();
    Jws::rs256("main", &json!({"iss": "me", "iat": 1}), &key).unwrap().expose().to_owned()
}

#[test]
fn what_we_sign_verifies() {
    let public = RsaPublicKey::from_pem(PUBLIC).unwrap();
    assert_eq!(public, RsaKey::from_pem(PRIVATE).unwrap().public_key());
    let jws = Compact::parse(&signed()).unwrap();
    assert_eq!(jws.header(), &json!({"alg": "RS256", "typ": "JWT", "kid": "main"}));
    assert_eq!(jws.claims(), &json!({"iss": "me", "iat": 1}));
    assert_eq!(jws.verify_rs256(&public), Ok(()));
}

#[test]
fn another_key_or_another_text_does_not_verify() {
    let jws = signed();
    let other = RsaKey::from_pem(include_bytes!("keys/rsa2048.pem")).unwrap().public_key();
    assert_eq!(Compact::parse(&jws).unwrap().verify_rs256(&other), Err(VerifyError::Signature));

    let (_, tail) = jws.split_once('.').unwrap();
    let none = format!("eyJhbGciOiJub25lIn0.{tail}");
    let public = RsaPublicKey::from_pem(PUBLIC).unwrap();
    assert_eq!(Compact::parse(&none).unwrap().verify_rs256(&public), Err(VerifyError::Algorithm));
}

#[test]
fn what_is_no_jws_is_refused() {
    for text in ["", "a.b", "a.b.c.d", "e30.e30.!", "W10.e30.e30", "e30.e30.e30="] {
        assert_eq!(Compact::parse(text).err(), Some(VerifyError::Malformed), "{text}");
    }
    assert_eq!(RsaPublicKey::from_pem(PRIVATE), Err(VerifyError::Key));
}
