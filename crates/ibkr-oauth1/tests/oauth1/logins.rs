//! Logins with random numbers, against the server of `server.rs`.
//!
//! `IBKR_OAUTH1_LOGINS=100000 cargo test --release -p ibkr-oauth1 logins -- --nocapture` makes more of them,
//! and `IBKR_OAUTH1_SEED` others.

use std::{env, thread};

use base64::{Engine, engine::general_purpose::STANDARD};
use ibkr_oauth1::{AccessTokenSecret, Call, DhParameters, LiveSessionToken, QueryTreatment, Random};

use crate::{
    published::{GROUP_14, V1},
    server::{self, Server},
};

/// `SplitMix64`: the same numbers for the same seed.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Text of characters that are encoded and of such that are not.
    fn text(&mut self, longest: u64) -> String {
        let characters: Vec<char> = "aZ09-._~ /+%,|:@é€".chars().collect();
        let count = self.below(longest + 1);
        (0..count).map(|_| characters[self.below(characters.len() as u64) as usize]).collect()
    }
}

/// What was met among the logins: without it they would prove little.
#[derive(Debug, Default)]
struct Met {
    logins: u64,
    leading_zeros: u64,
    odd_challenges: u64,
    odd_responses: u64,
    short_secrets: u64,
}

#[test]
fn random_logins_end_with_the_same_token_on_both_sides() {
    let number = |name: &str, default| env::var(name).map_or(default, |text| text.parse().unwrap());
    let (logins, seed) = (number("IBKR_OAUTH1_LOGINS", 300), number("IBKR_OAUTH1_SEED", 1));
    println!("{logins} logins, seed {seed}");
    let halves = [(seed, logins / 2), (seed ^ 1 << 63, logins - logins / 2)];
    let threads = halves.map(|(seed, logins)| thread::spawn(move || many(Numbers(seed), logins)));
    let met = threads.map(|thread| thread.join().unwrap());
    println!("{met:#?}");
    let sum = |of: fn(&Met) -> u64| met.iter().map(of).sum::<u64>();
    assert_eq!(sum(|met| met.logins), logins);
    // Every other one, and every sixteenth.
    assert!(sum(|met| met.leading_zeros) > logins / 3);
    assert!(sum(|met| met.odd_challenges) > 0 && sum(|met| met.odd_responses) > 0);
}

fn many(mut numbers: Numbers, logins: u64) -> Met {
    let groups = [(GROUP_14, 2), (GROUP_14, 5), (V1.prime, 2)]
        .map(|(prime, generator)| (prime, generator, DhParameters::from_hex(prime, generator).unwrap()));
    let servers = [GROUP_14, V1.prime].map(|prime| (prime, Server::new(prime)));
    let mut met = Met::default();
    for login in 0..logins {
        let (prime, generator, group) = match numbers.below(10) {
            0 => &groups[2],
            1 => &groups[1],
            _ => &groups[0],
        };
        let server = &servers.iter().find(|(of, _)| of == prime).unwrap().1;
        let state = numbers.0;
        assert!(one(&mut numbers, server, *generator, group, &mut met), "login {login}, state {state}");
        met.logins += 1;
    }
    met
}

fn one(numbers: &mut Numbers, server: &Server, generator: u32, group: &DhParameters, met: &mut Met) -> bool {
    let length = 1 + numbers.below(64) as usize;
    let secret_bytes = numbers.bytes(length);
    let secret = AccessTokenSecret::new(secret_bytes.clone());
    let seed = numbers.next();
    let random = Random::from_fn(move |bytes| {
        bytes.copy_from_slice(&Numbers(seed).bytes(bytes.len()));
        Ok(())
    });
    let exponent = random.exponent().unwrap();
    let challenge = group.challenge(&exponent);
    met.odd_challenges += challenge.len() as u64 % 2;

    // The server's turn.
    let theirs = numbers.bytes(32);
    let response = server::hex(&server.power(&server.small(generator.into()), &theirs));
    let shared = server.power(&server.number(&challenge), &theirs);
    let shared_bytes = server::to_byte_array(&shared);
    let token = server::hmac_sha1(&shared_bytes, &secret_bytes);
    let consumer = format!("C{}", numbers.next());
    let proof: String =
        server::hmac_sha1(&token, consumer.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    met.leading_zeros += u64::from(shared_bytes[0] == 0);
    met.short_secrets += u64::from(server::bit_length(&shared) + 8 < group.bits());
    met.odd_responses += response.len() as u64 % 2;
    let written = match numbers.below(3) {
        0 => response.to_uppercase(),
        1 => format!("{response:0>width$}", width = group.bits() / 4),
        _ => response,
    };

    // The client's, and a request.
    let ours = LiveSessionToken::derive(&group.shared(&written, &exponent).unwrap(), &secret);
    let query: Vec<(String, String)> =
        (0..numbers.below(4)).map(|_| (format!("k{}", numbers.below(3)), numbers.text(12))).collect();
    let text: Vec<String> =
        query.iter().map(|(name, value)| format!("{name}={}", server::encoded(value))).collect();
    let path = "https://api.ibkr.com/v1/api/iserver/accounts";
    let call = Call {
        method: "GET",
        url: &format!("{path}?{}", text.join("&")),
        form: b"",
        query: QueryTreatment::Merged,
        realm: "limited_poa",
        consumer_key: &consumer,
        token: Some("c69a36406472d1f5b6de"),
        nonce: &random.nonce().unwrap(),
        timestamp: 1_700_000_000 + numbers.below(1 << 28),
        extra: &[],
    };
    *ours.to_base64() == STANDARD.encode(&token)
        && ours.proves_itself(&consumer, &proof)
        && server::accepts(&call.signed_by_token(&ours), "GET", path, &query, &token)
        && !server::accepts(&call.signed_by_token(&ours), "POST", path, &query, &token)
}

/// The judge is judged by numbers that can be checked by hand.
#[test]
fn the_server_can_count() {
    let server = Server::new("fffffffb");
    for (base, exponent, power) in [(2, 3, "8"), (3, 0, "1"), (7, 5, "41a7"), (2, 32, "5"), (2, 33, "a")] {
        assert_eq!(server::hex(&server.power(&server.small(base), &[exponent])), power);
    }
    for (number, bytes) in
        [("1", &[1][..]), ("7f", &[0x7F]), ("80", &[0, 0x80]), ("100", &[1, 0]), ("ff00", &[0, 0xFF, 0])]
    {
        assert_eq!(server::to_byte_array(&server.number(number)), bytes, "{number}");
    }
}
