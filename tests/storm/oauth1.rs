//! A login by OAuth 1.0a: its configuration, what a server makes of its requests, and the answers that it
//! alone gets.

use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

use http::header::AUTHORIZATION;
use ibkr_auth_core::{
    Config, Consumer, Request,
    oauth1::{AccessTokenSecret, DhParameters, Exponent, LiveSessionToken, Random},
};
use ibkr_auth_tests::chance::Chance;
use serde_json::{Value, json};

pub(crate) const ACCESS_TOKEN: &str = "canary0access0token0";
const SECRET: &[u8] = b"canary-secret-of-the-access-token";
const CONSUMER_KEY: &str = "TESTERKEY";
/// Short, so that it costs little.
const PRIME: &str = "ed016e7a503ade7c29060cc6c374296984cced37004e12b6fd104111c4a0712b";
/// How far a server lets a timestamp be off, as the simulator does.
const TOLERANCE: u64 = 300;

pub(crate) fn config(chance: &mut Chance) -> Config {
    let random = Mutex::new(Chance::new(chance.number()));
    let random = Random::from_fn(move |bytes| {
        let mut random = random.lock().expect("nobody panics with it");
        bytes.iter_mut().for_each(|byte| *byte = random.number() as u8);
        Ok(())
    });
    let consumer = Consumer {
        consumer_key: CONSUMER_KEY,
        access_token: ACCESS_TOKEN,
        access_token_secret: AccessTokenSecret::new(SECRET).into(),
        dh_parameters: parameters(),
    };
    Config::oauth1(consumer).and_then(|config| config.with_random(random)).expect("valid")
}

fn parameters() -> DhParameters {
    DhParameters::from_hex(PRIME, 2).expect("a prime")
}

/// What a request says of itself, if it is one of OAuth 1.0a.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) nonce: String,
    pub(crate) timestamp: u64,
    challenge: Option<String>,
}

impl Signed {
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("OAuth ")?;
        let member = |name: &str| header.split(&format!("{name}=\"")).nth(1)?.split('"').next();
        Some(Self {
            nonce: member("oauth_nonce")?.to_owned(),
            timestamp: member("oauth_timestamp")?.parse().ok()?,
            challenge: member("diffie_hellman_challenge").map(str::to_owned),
        })
    }
}

/// A server's half of an exchange.
#[derive(Debug, Clone)]
pub(crate) struct Minted {
    response: String,
    proof: String,
    /// In base64.
    pub(crate) token: String,
}

impl Minted {
    /// For the challenge of a request, if it is one for a live session token.
    pub(crate) fn of(signed: &Signed, chance: &mut Chance) -> Option<Self> {
        let mut bytes = [0; 32];
        bytes.iter_mut().for_each(|byte| *byte = chance.number() as u8);
        let (exponent, parameters) = (Exponent::new(bytes), parameters());
        let shared = parameters.shared(signed.challenge.as_ref()?, &exponent).ok()?;
        let token = LiveSessionToken::derive(&shared, &AccessTokenSecret::new(SECRET));
        Some(Self {
            response: parameters.challenge(&exponent),
            proof: token.proof(CONSUMER_KEY),
            token: token.to_base64().to_string(),
        })
    }

    /// As IBKR answers when nothing is wrong, with an end after so many milliseconds.
    pub(crate) fn answer(&self, server: SystemTime, life: u64) -> Value {
        let now = server.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        json!({
            "diffie_hellman_response": self.response,
            "live_session_token_signature": self.proof,
            "live_session_token_expiration": now.as_millis() as u64 + life,
        })
    }

    /// An answer that is no proof, or odd in another way.
    pub(crate) fn odd(&self, chance: &mut Chance, server: SystemTime) -> Value {
        let mut answer = self.answer(server, 86_400_000);
        let prime = PRIME.to_owned();
        let forged =
            format!("{:016x}{:016x}{:08x}", chance.number(), chance.number(), chance.number() as u32);
        let (member, value) = match chance.below(16) {
            0 => ("live_session_token_signature", json!(forged)),
            1 => ("live_session_token_signature", json!(self.proof[1..])),
            2 => ("live_session_token_signature", json!(format!("0x{}", self.proof))),
            3 => ("live_session_token_signature", json!(format!("{}é", &self.proof[2..]))),
            4 => ("diffie_hellman_response", json!("2")),
            5 => {
                ("diffie_hellman_response", json!(chance.pick(&["0", "1", "", "-2", "0x", "zz", "2 ", "١"])))
            }
            6 => ("diffie_hellman_response", json!(prime)),
            7 => ("diffie_hellman_response", json!("f".repeat(chance.below(20_000)))),
            8 => ("diffie_hellman_response", json!(self.response.to_ascii_uppercase())),
            9 => ("diffie_hellman_response", json!(format!("000{}", self.response))),
            // What is left are good tokens with ends of all kinds.
            10 => ("live_session_token_expiration", json!(null)),
            11 => (
                "live_session_token_expiration",
                json!(chance.pick(&[0, 1, u64::MAX, 1 << 53, 1_750_000_000])),
            ),
            12 => (
                "live_session_token_expiration",
                json!(chance.pick(&["", "soon", "-1", "1e400", "1750000000000"])),
            ),
            13 => ("live_session_token_expiration", json!(chance.pick(&[-1.0, 1.5e300, 0.5]))),
            14 => ("live_session_token_expiration", json!({"in": [60]})),
            _ => ("canary", json!("cafecafe")),
        };
        answer[member] = value;
        if chance.per_mille(100)
            && let Some(members) = answer.as_object_mut()
        {
            members.remove(member);
        }
        answer
    }
}

/// What a server that is strict, and whose clock is right, has seen.
#[derive(Debug, Default)]
pub(crate) struct Strict {
    last: u64,
}

impl Strict {
    /// Whether it takes this timestamp, as the simulator would.
    pub(crate) fn takes(&mut self, timestamp: u64, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        let takes = timestamp.abs_diff(now) <= TOLERANCE && timestamp >= self.last;
        if takes {
            self.last = timestamp;
        }
        takes
    }
}
