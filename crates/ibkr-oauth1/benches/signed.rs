//! What a signed request costs over its HMAC, and the steps of a login: `cargo bench -p ibkr-oauth1`.
//!
//! Header and HMAC are measured in turn, in one run, on the same bytes; the difference of the medians is what
//! counts.

use std::{hint::black_box, time::Instant};

use ibkr_oauth1::{
    Call, DecryptionKey, DhParameters, LiveSessionToken, QueryTreatment, Random, SignatureMethod,
};

const ROUNDS: usize = 200;
/// Calls of a round: one is too short for the clock.
const CALLS: usize = 200;

const SNAPSHOT: &str =
    "https://api.ibkr.com/v1/api/iserver/marketdata/snapshot?conids=15016128%2C39453424&fields=84%2C86";
const ORDER: &[u8] = b"symbol=AAPL&secType=STK&name=false";

fn main() {
    let token = LiveSessionToken::from_base64("vF0KfK5239p+7JfUbJmqFJFGkCE=").expect("it is 20 bytes");
    let call = |method, url, form| Call {
        method,
        url,
        form,
        query: QueryTreatment::Merged,
        realm: "limited_poa",
        consumer_key: "ZCSGTLJAN",
        token: Some("c69a36406472d1f5b6de"),
        nonce: "39b86f0297c841ac8578b8103e15b096",
        timestamp: 1_772_724_660,
        extra: &[],
    };
    println!("| request | bare HMAC, median µs | whole header, median µs | beyond the HMAC, µs |");
    println!("|---|---|---|---|");
    for (what, call) in [
        ("tickle", call("POST", "https://api.ibkr.com/v1/api/tickle", &[][..])),
        ("snapshot, query", call("GET", SNAPSHOT, &[])),
        ("search, form", call("POST", "https://api.ibkr.com/v1/api/iserver/secdef/search", ORDER)),
    ] {
        let base_string = call.base_string(SignatureMethod::HmacSha256);
        let (mut bare, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(micros(CALLS, || drop(black_box(token.sign(black_box(base_string.as_bytes()))))));
            whole.push(micros(CALLS, || drop(black_box(black_box(&call).signed_by_token(&token)))));
        }
        let (bare, whole) = (median(bare), median(whole));
        println!("| {what} | {bare:.2} | {whole:.2} | {:.2} |", whole - bare);
    }
    login();
}

fn login() {
    println!("\n| step of a login | median µs |");
    println!("|---|---|");
    let random = Random::system();
    let group =
        DhParameters::from_pem(include_bytes!("../tests/files/dh_generator2.pem")).expect("it is valid");
    let exponent = random.exponent().expect("there is randomness");
    let response = group.challenge(&random.exponent().expect("there is randomness"));
    step("challenge, 2048 bits", || drop(black_box(group.challenge(&exponent))));
    step("shared secret, 2048 bits", || drop(black_box(group.shared(&response, &exponent))));
    for (bits, pem, secret) in [
        (
            "2048",
            &include_bytes!("../tests/files/rsa2048.pem")[..],
            include_str!("../tests/files/rsa2048.secret"),
        ),
        ("3072", include_bytes!("../tests/files/rsa3072.pem"), include_str!("../tests/files/rsa3072.secret")),
        ("4096", include_bytes!("../tests/files/rsa4096.pem"), include_str!("../tests/files/rsa4096.secret")),
    ] {
        let key = DecryptionKey::from_pem(pem).expect("the test key is valid");
        assert!(key.decrypt(secret).is_ok());
        step(&format!("key read, {bits} bits"), || drop(black_box(DecryptionKey::from_pem(pem))));
        step(&format!("secret decrypted, {bits} bits"), || drop(black_box(key.decrypt(secret))));
    }
}

fn step(what: &str, work: impl Fn()) {
    println!("| {what} | {:.0} |", median((0..50).map(|_| micros(1, &work)).collect()));
}

fn micros(calls: usize, work: impl Fn()) -> f64 {
    let start = Instant::now();
    (0..calls).for_each(|_| work());
    start.elapsed().as_secs_f64() * 1e6 / calls as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
