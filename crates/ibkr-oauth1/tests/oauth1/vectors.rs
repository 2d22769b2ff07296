//! What others have computed, down to the last character.

use base64::{Engine, engine::general_purpose::STANDARD};
use ibkr_oauth1::{
    AccessTokenSecret, Call, DhParameters, Exponent, LiveSessionToken, QueryTreatment, SignatureMethod,
};

use crate::{
    published::{Exchange, V1, V2, V3, bytes},
    server,
};

const NONCE: &str = "39b86f02-97c8-41ac-8578-b8103e15b096";

fn exponent(exchange: &Exchange) -> Exponent {
    Exponent::new(bytes(exchange.exponent).try_into().unwrap())
}

fn derived(exchange: &Exchange) -> LiveSessionToken {
    let group = DhParameters::from_hex(exchange.prime, 2).unwrap();
    let shared = group.shared(exchange.response, &exponent(exchange)).unwrap();
    LiveSessionToken::derive(&shared, &AccessTokenSecret::new(bytes(exchange.secret)))
}

#[test]
fn challenges_are_those_of_the_vectors() {
    for exchange in [V1, V2, V3] {
        let group = DhParameters::from_hex(exchange.prime, 2).unwrap();
        assert_eq!(group.challenge(&exponent(&exchange)), exchange.challenge);
    }
    assert_eq!(V1.challenge.len(), 63, "an odd number of digits is not padded");
}

#[test]
fn live_session_tokens_are_those_of_the_vectors() {
    for exchange in [V1, V2, V3] {
        let token = derived(&exchange);
        assert_eq!(*token.to_base64(), exchange.token);
        assert!(token.proves_itself(exchange.consumer, exchange.signature));
        assert!(token.proves_itself(exchange.consumer, &exchange.signature.to_uppercase()));
        assert!(!token.proves_itself("ANOTHER", exchange.signature));
    }
}

#[test]
fn a_token_without_the_leading_zero_proves_nothing() {
    let wrong = LiveSessionToken::from_base64("nV80q8AZg0vRuQrNOa/7qFsn4PE=").unwrap();
    assert_ne!(wrong.to_base64(), derived(&V1).to_base64());
    assert!(!wrong.proves_itself(V1.consumer, V1.signature));
}

#[test]
fn what_is_no_signature_proves_nothing() {
    let token = derived(&V1);
    let mut one_off = V1.signature.to_owned();
    one_off.replace_range(39.., "4");
    let padded = format!("0{}", V1.signature);
    for signature in ["", "a2", &V1.signature[..38], &V1.signature[1..], &one_off, &padded, &"g".repeat(40)] {
        assert!(!token.proves_itself(V1.consumer, signature), "{signature}");
    }
}

#[test]
fn a_signature_has_all_of_its_digits() {
    let token = derived(&V1);
    let key = STANDARD.decode(V1.token).unwrap();
    let signatures = (0..200).map(|number| {
        let consumer = format!("C{number}");
        let signature = server::hmac_sha1(&key, consumer.as_bytes());
        (consumer, signature.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    });
    let mut shortened = 0;
    for (consumer, signature) in signatures {
        assert!(token.proves_itself(&consumer, &signature));
        if let Some(shorter) = signature.strip_prefix('0') {
            assert!(!token.proves_itself(&consumer, shorter));
            shortened += 1;
        }
    }
    assert!(shortened > 0);
}

/// The request of vectors V5 and following, but for method, URL, form and treatment of the query.
fn call<'a>(method: &'a str, url: &'a str, form: &'a str, query: QueryTreatment) -> Call<'a> {
    Call {
        method,
        url,
        form: form.as_bytes(),
        query,
        realm: "limited_poa",
        consumer_key: V1.consumer,
        token: Some("c69a36406472d1f5b6de"),
        nonce: NONCE,
        timestamp: 1_772_724_660,
        extra: &[],
    }
}

fn signature(call: Call<'_>) -> String {
    let base_string = call.base_string(SignatureMethod::HmacSha256);
    LiveSessionToken::from_base64(V1.token).unwrap().sign(base_string.as_bytes())
}

const SNAPSHOT: &str = "https://api.ibkr.com/v1/api/iserver/marketdata/snapshot";

#[test]
fn v4_the_whole_request_for_a_live_session_token() {
    let call = Call {
        extra: &[("diffie_hellman_challenge", V1.challenge)],
        ..call("POST", "https://api.ibkr.com/v1/api/oauth/live_session_token", "", QueryTreatment::Merged)
    };
    assert_eq!(
        call.base_string(SignatureMethod::RsaSha256),
        "POST&https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Foauth%2Flive_session_token&diffie_hellman_challenge\
         %3D7d04de39dec12123f206ba594052de12115dc493fa70b1b7497f640d6f6574f%26oauth_consumer_key%3DZCSGTLJAN\
         %26oauth_nonce%3D39b86f02-97c8-41ac-8578-b8103e15b096%26oauth_signature_method%3DRSA-SHA256\
         %26oauth_timestamp%3D1772724660%26oauth_token%3Dc69a36406472d1f5b6de"
    );
}

#[test]
fn v5_the_query_among_the_parameters() {
    for commas in [",", "%2C", "%2c"] {
        let url = format!("{SNAPSHOT}?conids=15016128{commas}39453424&fields=84{commas}86");
        let call = call("GET", &url, "", QueryTreatment::Merged);
        assert_eq!(
            call.base_string(SignatureMethod::HmacSha256),
            "GET&https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Fiserver%2Fmarketdata%2Fsnapshot&conids%3D15016128\
             %2C39453424%26fields%3D84%2C86%26oauth_consumer_key%3DZCSGTLJAN%26oauth_nonce%3D39b86f02-97c8-41ac\
             -8578-b8103e15b096%26oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D1772724660\
             %26oauth_token%3Dc69a36406472d1f5b6de"
        );
        assert_eq!(signature(call), "sfx/4ieDHsnzrbt1JgphRcuWfvl2EnqmrmOB+6rZOLY=");
    }
}

#[test]
fn v5_the_whole_header() {
    let url = format!("{SNAPSHOT}?fields=84,86&conids=15016128,39453424");
    let token = LiveSessionToken::from_base64(V1.token).unwrap();
    assert_eq!(
        *call("get", &url, "", QueryTreatment::default()).signed_by_token(&token),
        "OAuth realm=\"limited_poa\", oauth_consumer_key=\"ZCSGTLJAN\", \
         oauth_nonce=\"39b86f02-97c8-41ac-8578-b8103e15b096\", \
         oauth_signature=\"sfx%2F4ieDHsnzrbt1JgphRcuWfvl2EnqmrmOB%2B6rZOLY%3D\", \
         oauth_signature_method=\"HMAC-SHA256\", oauth_timestamp=\"1772724660\", \
         oauth_token=\"c69a36406472d1f5b6de\""
    );
}

#[test]
fn v6_the_query_left_out() {
    let url = format!("{SNAPSHOT}?conids=15016128,39453424&fields=84,86");
    let left_out = signature(call("GET", &url, "", QueryTreatment::LeftOut));
    assert_eq!(left_out, "8L673l9VhpEZ9wScr5kdBCcuhG1pcUxXMJ5ymAZqvQA=");
    for query in [QueryTreatment::Merged, QueryTreatment::LeftOut, QueryTreatment::InUrl] {
        assert_eq!(signature(call("GET", SNAPSHOT, "", query)), left_out, "without one: {query:?}");
    }
}

#[test]
fn v7_the_query_in_the_url() {
    for (commas, expected) in [
        (",", "65pzk3QNZRCcl2GNYN6mc4ZdU+lXW3PBBt5+T7vqFDM="),
        ("%2C", "p+phexwnMkIJK1w1JwmcbrLStvBaSXToeEKXW/nJRek="),
    ] {
        let url = format!("{SNAPSHOT}?conids=15016128{commas}39453424&fields=84{commas}86");
        assert_eq!(signature(call("GET", &url, "", QueryTreatment::InUrl)), expected);
    }
}

#[test]
fn v8_nothing_is_encoded_twice() {
    const STRICT: &str = "yCxilGQxgjIhutOsXuGOGIm/OL36G7NJ4fO5ZAwrM8E=";
    for query in [QueryTreatment::Merged, QueryTreatment::LeftOut, QueryTreatment::InUrl] {
        for commas in [",", "%2C"] {
            let url = format!("{SNAPSHOT}?conids=15016128{commas}39453424&fields=84{commas}86");
            assert_ne!(signature(call("GET", &url, "", query)), STRICT);
        }
    }
    // What IBKR refuses is what RFC 5849 says: the vector is the one that it is said to be.
    let url = format!("{SNAPSHOT}?conids=15016128%252C39453424&fields=84%252C86");
    assert_eq!(signature(call("GET", &url, "", QueryTreatment::Merged)), STRICT);
}

#[test]
fn v9_a_post_without_a_body() {
    let call = call("POST", "https://api.ibkr.com/v1/api/tickle", "", QueryTreatment::Merged);
    assert_eq!(signature(call), "FW6DhwuGXK+sqegslr+EhZ7n9hzwp0+9E/mbrKdPdPw=");
}

const SEARCH: &str = "https://api.ibkr.com/v1/api/iserver/secdef/search";

#[test]
fn v10_a_form_among_the_parameters() {
    for query in [QueryTreatment::Merged, QueryTreatment::LeftOut, QueryTreatment::InUrl] {
        let call = call("POST", SEARCH, "symbol=AAPL&secType=STK", query);
        assert_eq!(signature(call), "ujlm58F7ZUJvvw798ja8Amn1kGLK5fgXBPxuhntAFcM=");
    }
}

#[test]
fn v11_characters_that_others_encode_otherwise() {
    for query in [
        "symbol=BRK%20B%2Fx&name=a%7Cb%3Ac%2Bd&note=%C3%A9",
        "symbol=BRK+B/x&name=a|b:c%2Bd&note=%c3%a9",
        "note=é&&name=a%7cb:c%2bd&symbol=BRK%20B/x",
    ] {
        let url = format!("{SEARCH}?{query}");
        let call = call("GET", &url, "", QueryTreatment::Merged);
        assert_eq!(signature(call), "3sYbF+2P+hWoznoPBtgLaFGp1u+kUXHKdEDJWpfXK4c=", "{query}");
    }
}
