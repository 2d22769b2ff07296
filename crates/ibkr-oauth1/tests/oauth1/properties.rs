//! What holds for any text: of URLs, forms and parameters.

use ibkr_oauth1::{Call, LiveSessionToken, QueryTreatment, SignatureMethod};
use proptest::{prelude::*, test_runner::RngSeed};

use crate::server;

const HOST: &str = "https://api.ibkr.com/v1/api/x";

fn call<'a>(url: &'a str, form: &'a [u8], query: QueryTreatment) -> Call<'a> {
    Call {
        method: "POST",
        url,
        form,
        query,
        realm: "limited_poa",
        consumer_key: "TESTCONS",
        token: None,
        nonce: "nonce",
        timestamp: 1_700_000_000,
        extra: &[],
    }
}

fn base_string(url: &str, form: &[u8], query: QueryTreatment) -> String {
    call(url, form, query).base_string(SignatureMethod::HmacSha256)
}

fn form(pairs: &[(String, String)], encode: impl Fn(&str) -> String) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// As browsers and most libraries write forms.
fn plus(text: &str) -> String {
    server::encoded(text).replace("%20", "+").replace("%2C", ",").replace("%7E", "%7e")
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(("[a-z_]{1,6}", "\\PC{0,12}"), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn how_a_query_is_written_and_ordered_does_not_matter(pairs in pairs(), at in 0_usize..6) {
        let signed = |text: &str| base_string(&format!("{HOST}?{text}"), b"", QueryTreatment::Merged);
        let expected = signed(&form(&pairs, server::encoded));
        prop_assert_eq!(&signed(&form(&pairs, plus)), &expected);
        prop_assert_eq!(&signed(&form(&pairs, plus).to_owned().replace("%E", "%e")), &expected);
        let mut turned = pairs.clone();
        turned.rotate_left(at.min(pairs.len()));
        prop_assert_eq!(&signed(&form(&turned, server::encoded)), &expected);
        // Half of it in the body is the same.
        let (body, query) = pairs.split_at(at.min(pairs.len()));
        let url = format!("{HOST}?{}", form(query, server::encoded));
        let split = base_string(&url, form(body, plus).as_bytes(), QueryTreatment::Merged);
        prop_assert_eq!(&split, &expected);
    }

    #[test]
    fn a_query_that_is_left_out_has_no_part_in_it(query in "\\PC{0,40}") {
        let url = format!("{HOST}?{query}");
        let bare = base_string(HOST, b"", QueryTreatment::Merged);
        prop_assert_eq!(base_string(&url, b"", QueryTreatment::LeftOut), bare);
    }

    #[test]
    fn any_text_is_signed_by_characters_that_a_header_may_hold(
        url in any::<String>(), body in any::<Vec<u8>>(), value in any::<String>(), way in 0..3,
    ) {
        let query = [QueryTreatment::Merged, QueryTreatment::LeftOut, QueryTreatment::InUrl][way as usize];
        let extra = [("oauth_verifier", value.as_str())];
        let call = Call { consumer_key: &value, realm: &value, extra: &extra, ..call(&url, &body, query) };
        let token = LiveSessionToken::from_base64("vF0KfK5239p+7JfUbJmqFJFGkCE=").unwrap();
        let base_string = call.base_string(SignatureMethod::HmacSha256);
        prop_assert!(base_string.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%&".contains(&byte)));
        prop_assert_eq!(base_string.matches('&').count(), 2);
        let header = call.signed_by_token(&token);
        prop_assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert_eq!(header.matches('"').count(), 2 * 7);
    }
}
