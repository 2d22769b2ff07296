//! What a whole `Jws::rs256` costs over the bare RSA signature: `cargo bench -p ibkr-jws`.
//!
//! Both are measured in turn, in one run, on the same bytes; the ratio of the medians is what counts.

use std::{hint::black_box, sync::Mutex, time::Instant};

use ibkr_jws::{Jws, RsaKey, Sign, SignError};
use serde_json::json;

const KEYS: [(&str, &[u8]); 3] = [
    ("2048", include_bytes!("../tests/keys/rsa2048.pem")),
    ("3072", include_bytes!("../tests/keys/rsa3072.pem")),
    ("4096", include_bytes!("../tests/keys/rsa4096.pem")),
];
const ROUNDS: usize = 200;

fn main() {
    println!("| key bits | bare signature, median µs | Jws::rs256, median µs | ratio |");
    println!("|---|---|---|---|");
    for (bits, pem) in KEYS {
        let key = RsaKey::from_pem(pem).expect("the test key is valid");
        let claims = json!({"iss": "client", "sub": "client", "aud": "/token", "exp": 1_700_000_020, "iat": 1_699_999_990});
        let signing_input = signing_input(&claims);
        let (mut bare, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(micros(|| key.sign(black_box(&signing_input)).map(drop).is_ok()));
            whole.push(micros(|| Jws::rs256(black_box("main"), black_box(&claims), &key).map(drop).is_ok()));
        }
        let (bare, whole) = (median(bare), median(whole));
        println!("| {bits} | {bare:.1} | {whole:.1} | {:.3} |", whole / bare);
    }
}

/// The very bytes that `Jws::rs256` signs, caught by a signer that only listens.
fn signing_input(claims: &serde_json::Value) -> Vec<u8> {
    struct Listen(Mutex<Vec<u8>>);
    impl Sign for Listen {
        fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
            *self.0.lock().map_err(|_| SignError::new("poisoned"))? = input.to_owned();
            Ok(Vec::new())
        }
    }
    let listen = Listen(Mutex::default());
    Jws::rs256("main", claims, &listen).expect("listening never fails");
    listen.0.into_inner().expect("one thread")
}

fn micros(work: impl FnOnce() -> bool) -> f64 {
    let start = Instant::now();
    assert!(work());
    start.elapsed().as_secs_f64() * 1e6
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
