//! Headers that the signature key signs, and what is in a header whatever is put into it.

use std::sync::Mutex;

use base64::{Engine, engine::general_purpose::STANDARD};
use ibkr_jws::RsaKey;
use ibkr_oauth1::{
    AccessTokenSecret, Call, LiveSessionToken, QueryTreatment, Sign, SignError, SignatureMethod,
};
use pkcs1::{RsaPrivateKeyRef, der::Encode};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use crate::published::{V1, bytes};

const KEY: &[u8] = include_bytes!("../files/rsa2048.pem");

fn call<'a>(extra: &'a [(&'a str, &'a str)]) -> Call<'a> {
    Call {
        method: "POST",
        url: "https://api.ibkr.com/v1/api/oauth/live_session_token",
        form: b"",
        query: QueryTreatment::Merged,
        realm: "limited_poa",
        consumer_key: V1.consumer,
        token: Some("c69a36406472d1f5b6de"),
        nonce: "39b86f02-97c8-41ac-8578-b8103e15b096",
        timestamp: 1_772_724_660,
        extra,
    }
}

/// The base string of vector V4, prepend and all.
const V4: &str = "be35c67ffb0452d0547c0d929565f7d1404cef05a63b582c496e3c401fd92603POST&https%3A%2F%2F\
    api.ibkr.com%2Fv1%2Fapi%2Foauth%2Flive_session_token&diffie_hellman_challenge%3D7d04de39dec12123f206ba594\
    052de12115dc493fa70b1b7497f640d6f6574f%26oauth_consumer_key%3DZCSGTLJAN%26oauth_nonce%3D39b86f02-97c8-41ac\
    -8578-b8103e15b096%26oauth_signature_method%3DRSA-SHA256%26oauth_timestamp%3D1772724660%26oauth_token%3Dc69\
    a36406472d1f5b6de";

/// Signs with the signature of vector V4, whose key we have not, and keeps what it was given.
struct Recorded(Mutex<Vec<u8>>);

impl Sign for Recorded {
    fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, SignError> {
        *self.0.lock().unwrap() = signing_input.to_owned();
        let signature = "BhZ12VDqyJfNrCTyVIG5VGY5TLT29JOmlJ3e2kaPZE7+4bYKPaTaRdG3T37UdsnpV3TRLEhuEZUEeRF1p7MIx7+N3L3PhOMNzgk\
            WWylAK+Jvh/noid3VGTE/O5mSXRUze3sfY4F37/994tnhDTdICGdAI8KGD6qC3YvNgLQ3rrA=";
        Ok(STANDARD.decode(signature).unwrap())
    }
}

#[test]
fn v4_what_is_signed_and_the_whole_header() {
    let recorded = Recorded(Mutex::default());
    let extra = [("diffie_hellman_challenge", V1.challenge)];
    let secret = AccessTokenSecret::new(bytes(V1.secret));
    let header = call(&extra).signed_by_key(&recorded, Some(&secret)).unwrap();
    assert_eq!(String::from_utf8(recorded.0.into_inner().unwrap()).unwrap(), V4);
    assert_eq!(
        *header,
        "OAuth realm=\"limited_poa\", \
         diffie_hellman_challenge=\"7d04de39dec12123f206ba594052de12115dc493fa70b1b7497f640d6f6574f\", \
         oauth_consumer_key=\"ZCSGTLJAN\", oauth_nonce=\"39b86f02-97c8-41ac-8578-b8103e15b096\", \
         oauth_signature=\"BhZ12VDqyJfNrCTyVIG5VGY5TLT29JOmlJ3e2kaPZE7%2B4bYKPaTaRdG3T37UdsnpV3TRLEhuEZUEeRF1p7MIx7%2B\
         N3L3PhOMNzgkWWylAK%2BJvh%2Fnoid3VGTE%2FO5mSXRUze3sfY4F37%2F994tnhDTdICGdAI8KGD6qC3YvNgLQ3rrA%3D\", \
         oauth_signature_method=\"RSA-SHA256\", oauth_timestamp=\"1772724660\", oauth_token=\"c69a36406472d1f5b6de\""
    );
}

/// The value of a parameter of a header, decoded as far as base64 needs it.
fn value(header: &str, name: &str) -> String {
    let (_, rest) = header.split_once(&format!(" {name}=\"")).unwrap();
    let (value, _) = rest.split_once('"').unwrap();
    value.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")
}

#[test]
fn a_signature_verifies_under_the_public_half() {
    let der = ibkr_jws::pem_file::rsa_private_key(KEY).unwrap();
    let public = RsaPrivateKeyRef::try_from(der.as_slice()).unwrap().public_key().to_der().unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    let key: Box<dyn Sign> = Box::new(RsaKey::from_pem(KEY).unwrap());

    let extra = [("diffie_hellman_challenge", V1.challenge)];
    let secret = AccessTokenSecret::new(bytes(V1.secret));
    let header = call(&extra).signed_by_key(&*key, Some(&secret)).unwrap();
    let signature = STANDARD.decode(value(&header, "oauth_signature")).unwrap();
    public.verify(V4.as_bytes(), &signature).unwrap();

    let request_token = Call { token: None, ..call(&[("oauth_callback", "oob")]) };
    let header = request_token.signed_by_key(&*key, None).unwrap();
    let signature = STANDARD.decode(value(&header, "oauth_signature")).unwrap();
    public.verify(request_token.base_string(SignatureMethod::RsaSha256).as_bytes(), &signature).unwrap();
    assert_eq!(value(&header, "oauth_callback"), "oob");
    assert!(!header.contains("oauth_token"), "{}", *header);
}

#[test]
fn a_signer_that_fails_is_told_as_it_says() {
    struct Broken;
    impl Sign for Broken {
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
            Err(SignError::new("the card is gone"))
        }
    }
    let error = call(&[]).signed_by_key(&Broken, None).unwrap_err();
    assert_eq!(error.to_string(), "cannot sign: the card is gone");
}

#[test]
fn nothing_leaves_its_quotes() {
    let hostile = "\", oauth_token=\"x\r\nHost: é\0";
    let encoded = "%22%2C%20oauth_token%3D%22x%0D%0AHost%3A%20%C3%A9%00";
    let extra = [("oauth_callback", "https://example.org/back?a=b c"), ("oauth_verifier", hostile)];
    let call =
        Call { realm: hostile, consumer_key: hostile, token: Some(hostile), nonce: hostile, ..call(&extra) };
    let header = call.signed_by_token(&LiveSessionToken::from_base64(V1.token).unwrap());
    assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", *header);
    assert_eq!(header.matches(encoded).count(), 5, "{}", *header);
    assert_eq!(header.matches(", ").count(), 8, "{}", *header);
    assert!(header.contains(", oauth_callback=\"https%3A%2F%2Fexample.org%2Fback%3Fa%3Db%20c\", "));
}

#[test]
fn a_call_shows_where_it_goes_and_nothing_else() {
    let call =
        Call { url: "HTTPS://me:pass@API.ibkr.com/v1/api/x?account=U1", ..call(&[("oauth_verifier", "v")]) };
    assert_eq!(format!("{call:?}"), "Call { method: \"POST\", url: \"https://api.ibkr.com/v1/api/x\", .. }");
}
