//! Checks that both signed requests share: the client assertion of the token endpoint and the body of
//! `sso-sessions`.

use std::time::Duration;

use ibkr_jws::verify::{Compact, VerifyError};
use serde_json::Value;

use crate::{Client, Moment, Refusal, answer::shown, ids::sha256_hex, sim::Sim, store::Used};

/// A JWS that was looked at, and everything that is wrong with it.
pub(crate) struct Examined<'a> {
    /// The registered client that `iss` names.
    pub(crate) client: Option<&'a Client>,
    pub(crate) claims: Value,
    pub(crate) refusals: Vec<Refusal>,
}

/// How a JWS is to be looked at.
pub(crate) struct Standard {
    pub(crate) now: Moment,
    pub(crate) tolerance: Duration,
    /// The longest `exp - iat`.
    pub(crate) life: Duration,
    pub(crate) signatures: bool,
}

/// What was signed, as it is remembered once it has had its effect.
pub(crate) struct Signed {
    pub(crate) digest: String,
    /// From when on it is refused for its age.
    pub(crate) expires: Moment,
}

impl Sim {
    /// Refuses what had its effect before.
    pub(crate) fn once(&self, text: &str, claims: &Value, refusals: &mut Vec<Refusal>) -> Signed {
        let rules = &self.config.rules;
        let digest = sha256_hex(text.as_bytes());
        if rules.replay_refused && self.store.used.contains_key(&digest) {
            let fix =
                "Sign every request anew, in another second: RS256 makes the same bytes of the same claims";
            refusals.push(Refusal::new("replay", "this very JWS was used before", fix));
        }
        let expires = Moment::from_secs(claims["exp"].as_i64().unwrap_or(0)) + rules.clock_tolerance;
        Signed { digest, expires }
    }

    /// From now on it is refused.
    pub(crate) fn use_up(&mut self, signed: Signed, now: Moment) {
        self.store.keep_used(signed.digest, Used { at: now, expires: signed.expires });
    }
}

/// Looks at header, signature, `iss`, `iat` and `exp`. `None` when it is no compact JWS at all.
pub(crate) fn examine<'a>(clients: &'a [Client], text: &str, standard: &Standard) -> Option<Examined<'a>> {
    let jws = Compact::parse(text).ok()?;
    let mut refusals = Vec::new();
    let header = jws.header();
    if header["typ"] != "JWT" {
        refusals.push(Refusal::new("typ", "the header's typ is not JWT", "Send {alg, typ: JWT, kid}"));
    }
    let issuer = jws.claims()["iss"].as_str().unwrap_or("");
    let client = clients.iter().find(|client| client.client_id == issuer);
    if client.is_none() {
        let why = format!("no client is registered as `{}`", shown(issuer));
        refusals.push(Refusal::new("iss", why, "iss is the client id"));
    }
    if let Some(client) = client {
        refusals.extend(signature(&jws, client, standard));
    } else if !header_is_rs256(&jws) {
        refusals.push(wrong_algorithm());
    }
    times(jws.claims(), standard, &mut refusals);
    Some(Examined { client, claims: jws.claims().clone(), refusals })
}

fn signature(jws: &Compact, client: &Client, standard: &Standard) -> Option<Refusal> {
    let kid = jws.header()["kid"].as_str().unwrap_or("");
    let Some(key) = client.keys.get(kid) else {
        let why = format!("`{}` has no key `{}`", shown(&client.client_id), shown(kid));
        return Some(Refusal::new(
            "kid",
            why,
            "kid is the client key id under which the public key was registered",
        ));
    };
    if !standard.signatures && header_is_rs256(jws) {
        return None;
    }
    match jws.verify_rs256(key) {
        Ok(()) => None,
        Err(VerifyError::Algorithm) => Some(wrong_algorithm()),
        Err(_) => {
            let why = format!("the key `{}` did not make this signature", shown(kid));
            Some(Refusal::new("signature", why, "Sign with the private half of the registered key, RS256"))
        }
    }
}

fn header_is_rs256(jws: &Compact) -> bool {
    jws.header()["alg"] == "RS256"
}

fn wrong_algorithm() -> Refusal {
    Refusal::new("alg", "the header's alg is not RS256", "Sign with RS256")
}

fn times(claims: &Value, standard: &Standard, refusals: &mut Vec<Refusal>) {
    let mut time = |claim: &'static str| {
        let found = claims[claim].as_i64();
        if found.is_none() {
            let why = format!("{claim} is missing or no integer");
            refusals.push(Refusal::new(claim, why, "iat and exp are whole seconds since 1970"));
        }
        found
    };
    let (Some(issued), Some(expires)) = (time("iat"), time("exp")) else { return };
    let now = standard.now.secs();
    let tolerance = seconds(standard.tolerance);
    if expires.saturating_add(tolerance) <= now {
        let why = format!("it expired {} s ago by the server's clock", now.saturating_sub(expires));
        refusals.push(Refusal::new(
            "exp",
            why,
            "Sign each request anew, and set the clock: see the Date header",
        ));
    }
    if issued > now.saturating_add(tolerance) {
        let why = format!("iat is {} s in the future by the server's clock", issued.saturating_sub(now));
        refusals.push(Refusal::new(
            "iat",
            why,
            "Date iat back by 10 s, and set the clock: see the Date header",
        ));
    }
    let life = expires.saturating_sub(issued);
    if life > seconds(standard.life) {
        let why = format!("it lives {life} s, at most {} s are taken", seconds(standard.life));
        refusals.push(Refusal::new("lifetime", why, "iat = now - 10, exp = now + 20 for the token endpoint"));
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
