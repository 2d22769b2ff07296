//! A client of OAuth 1.0a of the tests' own, which does everything right until it is told otherwise.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Request;
use ibkr_sim::{Reply, demo};
use num_bigint::BigUint;
use ring::{hmac, rand::SystemRandom, rsa, signature::RSA_PKCS1_SHA256};

use crate::world::*;

/// Where the query goes in the base string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Query {
    Merged,
    LeftOut,
    InUrl,
}

#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) consumer: &'static str,
    pub(crate) realm: &'static str,
    pub(crate) signature_pem: &'static str,
    pub(crate) encryption_pem: &'static str,
    pub(crate) token: String,
    /// Encrypted, base64.
    pub(crate) secret: String,
    /// The live session token.
    pub(crate) key: Vec<u8>,
    pub(crate) query: Query,
    /// Unreserved beside letters, digits and `-._~`, and what a space becomes.
    pub(crate) encoding: (&'static str, &'static str),
    pub(crate) separator: &'static str,
    /// Added to the true time.
    pub(crate) late: i64,
    pub(crate) nonce: u64,
}

/// The header's parameters while it is made.
pub(crate) type Parameters = Vec<(String, String)>;

impl Signer {
    pub(crate) fn demo() -> Self {
        Self {
            consumer: demo::oauth1::CONSUMER_KEY,
            realm: "limited_poa",
            signature_pem: demo::oauth1::SIGNATURE_KEY_PEM,
            encryption_pem: demo::oauth1::ENCRYPTION_KEY_PEM,
            token: demo::oauth1::ACCESS_TOKEN.to_owned(),
            secret: demo::oauth1::ACCESS_TOKEN_SECRET.to_owned(),
            key: Vec::new(),
            query: Query::Merged,
            encoding: ("", "%20"),
            separator: ", ",
            late: 0,
            nonce: 0,
        }
    }

    pub(crate) fn testcons() -> Self {
        Self {
            consumer: demo::testcons::CONSUMER_KEY,
            realm: "test_realm",
            signature_pem: demo::testcons::SIGNATURE_KEY_PEM,
            encryption_pem: demo::testcons::ENCRYPTION_KEY_PEM,
            token: String::new(),
            secret: String::new(),
            ..Self::demo()
        }
    }

    /// One that has its live session token.
    pub(crate) fn minted(world: &mut World) -> Self {
        let mut signer = Self::demo();
        signer.mint(world);
        signer
    }

    /// A request with what is changed before and after it is signed.
    pub(crate) fn changed(
        &mut self,
        world: &World,
        method: &str,
        path: &str,
        before: impl FnOnce(&mut Parameters),
        after: impl FnOnce(&mut Parameters),
    ) -> Request<Vec<u8>> {
        self.nonce += 1;
        let rsa = path.starts_with("/v1/api/oauth/");
        let mut parameters: Parameters = [
            ("oauth_consumer_key", self.consumer.to_owned()),
            ("oauth_nonce", format!("nonce{}", self.nonce)),
            ("oauth_signature_method", if rsa { "RSA-SHA256" } else { "HMAC-SHA256" }.to_owned()),
            ("oauth_timestamp", (world.sim.now(world.now).secs() + self.late).to_string()),
            ("oauth_token", self.token.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        parameters.retain(|(_, value)| !value.is_empty());
        before(&mut parameters);
        let text = self.base_string(method, path, &parameters);
        let signature = if rsa { self.rsa(path, &text) } else { self.hmac(&text) };
        set(&mut parameters, "oauth_signature", &STANDARD.encode(signature));
        parameters.insert(0, ("realm".to_owned(), self.realm.to_owned()));
        after(&mut parameters);
        let pairs =
            parameters.iter().map(|(name, value)| format!("{name}=\"{}\"", encoded(value, ("", "%20"))));
        let header = format!("OAuth {}", pairs.collect::<Vec<_>>().join(self.separator));
        let request = builder(method, path).header("authorization", header);
        if method == "POST" { with_body(request, "") } else { request.body(Vec::new()).unwrap() }
    }

    pub(crate) fn get(&mut self, world: &World, path: &str) -> Request<Vec<u8>> {
        self.changed(world, "GET", path, |_| {}, |_| {})
    }

    pub(crate) fn post(&mut self, world: &World, path: &str) -> Request<Vec<u8>> {
        self.changed(world, "POST", path, |_| {}, |_| {})
    }

    pub(crate) fn tickle(&mut self, world: &mut World) -> Reply {
        let request = self.get(world, "/v1/api/tickle");
        world.send(&request)
    }

    pub(crate) fn init(&mut self, world: &mut World, compete: bool) -> Reply {
        let path = format!("/v1/api/iserver/auth/ssodh/init?publish=true&compete={compete}");
        let request = self.post(world, &path);
        world.send(&request)
    }

    /// The request for a live session token, and the exponent behind it.
    pub(crate) fn challenge(&mut self, world: &World) -> (Request<Vec<u8>>, BigUint) {
        let exponent = BigUint::from(3_u8).pow(100) + self.nonce;
        let challenge = format!("{:x}", BigUint::from(2_u8).modpow(&exponent, &prime()));
        let add = |parameters: &mut Parameters| set(parameters, "diffie_hellman_challenge", &challenge);
        (self.changed(world, "POST", LIVE, add, |_| {}), exponent)
    }

    /// Asks for a live session token, checks that it is the servers', and returns what they answered.
    pub(crate) fn mint(&mut self, world: &mut World) -> serde_json::Value {
        let (request, exponent) = self.challenge(world);
        let reply = world.send(&request);
        assert_eq!((status(&reply), rules(&reply)), (200, vec![]));
        let answer = body(&reply);
        let response = answer["diffie_hellman_response"].as_str().unwrap().as_bytes();
        let shared = BigUint::parse_bytes(response, 16).unwrap().modpow(&exponent, &prime());
        // Two's complement: a zero before a first bit that is set.
        let mut bytes = shared.to_bytes_be();
        if bytes[0] >= 0x80 {
            bytes.insert(0, 0);
        }
        self.key = sha1(&bytes, &self.decrypted());
        assert_eq!(answer["live_session_token_signature"], hex(&sha1(&self.key, self.consumer.as_bytes())));
        answer
    }

    /// As [`Sim::ready`](ibkr_sim::Sim::ready) knows it.
    pub(crate) fn live_session_token(&self) -> String {
        STANDARD.encode(&self.key)
    }

    /// The access token's secret.
    pub(crate) fn decrypted(&self) -> Vec<u8> {
        let [_, modulus, _, exponent] = &private_numbers(self.encryption_pem)[..4] else { panic!() };
        let secret = BigUint::from_bytes_be(&STANDARD.decode(&self.secret).unwrap());
        let block = secret.modpow(exponent, modulus).to_bytes_be();
        // 02, padding, 00, secret; the 00 before them is no digit.
        assert_eq!((block[0], block.len()), (2, 255));
        let end = block.iter().position(|byte| *byte == 0).unwrap();
        block[end + 1..].to_vec()
    }

    fn base_string(&self, method: &str, path: &str, parameters: &[(String, String)]) -> String {
        let mut all = parameters.to_vec();
        let (bare, query) = path.split_once('?').unwrap_or((path, ""));
        if self.query == Query::Merged {
            all.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        }
        all.sort();
        let joined: Vec<_> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let url = format!("https://api.ibkr.com{}", if self.query == Query::InUrl { path } else { bare });
        format!("{method}&{}&{}", encoded(&url, ("", "%20")), encoded(&joined.join("&"), self.encoding))
    }

    fn rsa(&self, path: &str, text: &str) -> Vec<u8> {
        let prepend = if path == LIVE { hex(&self.decrypted()) } else { String::new() };
        let key = rsa::KeyPair::from_pkcs8(&der(self.signature_pem)).unwrap();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), (prepend + text).as_bytes(), &mut signature)
            .unwrap();
        signature
    }

    fn hmac(&self, text: &str) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key);
        hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
    }
}

pub(crate) const LIVE: &str = "/v1/api/oauth/live_session_token";

/// Sets a parameter, or adds it.
pub(crate) fn set(parameters: &mut Parameters, name: &str, value: &str) {
    parameters.retain(|(key, _)| key != name);
    parameters.push((name.to_owned(), value.to_owned()));
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha1(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key), text).as_ref().to_vec()
}

fn encoded(text: &str, (kept, space): (&str, &str)) -> String {
    let encode = |character: char| match character {
        ' ' => space.to_owned(),
        _ if character.is_ascii_alphanumeric() || "-._~".contains(character) || kept.contains(character) => {
            character.to_string()
        }
        _ => character.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
    };
    text.chars().map(encode).collect()
}

fn prime() -> BigUint {
    let der = der(demo::oauth1::DH_PARAM_PEM);
    // 30 82 …… 02 82 ……, then the prime.
    BigUint::from_bytes_be(&der[8..8 + 257])
}

fn der(pem: &str) -> Vec<u8> {
    let body = pem.split("-----").nth(2).unwrap();
    STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap()
}

/// Those of a PKCS#8 file with an RSA key of 2048 bits: its version, modulus, exponent, private exponent, …
fn private_numbers(pem: &str) -> Vec<BigUint> {
    let der = der(pem);
    // Version, algorithm and lengths before the PKCS#1 key have a fixed size.
    let mut rest = &der[30..];
    let mut numbers = Vec::new();
    while let [2, first, after @ ..] = rest {
        let (length, after) = match first {
            0x81 => (usize::from(after[0]), &after[1..]),
            0x82 => (usize::from(after[0]) << 8 | usize::from(after[1]), &after[2..]),
            length => (usize::from(*length), after),
        };
        numbers.push(BigUint::from_bytes_be(&after[..length]));
        rest = &after[length..];
    }
    numbers
}
