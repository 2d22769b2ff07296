//! Live session tokens: how one is minted, and whose requests it signs.

use base64::{Engine, engine::general_purpose::STANDARD};
use num_bigint::BigUint;
use serde_json::json;

use super::{
    Step,
    claim::Claim,
    number::{from_hex, hmac_sha1, java_bytes},
    signature::{Hmac, Rsa},
};
use crate::{
    AccessToken, Consumer, DhParameters,
    answer::{Answer, Answered, shown},
    call::Call,
    ids,
    sim::Sim,
    store::Session,
};

/// What makes a session one of OAuth 1.0a.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) consumer_key: String,
    /// The access token that it was minted for.
    pub(crate) token: String,
    /// The live session token.
    key: Vec<u8>,
    without_zero: Option<Vec<u8>>,
}

impl Live {
    fn is_of(&self, claim: &Claim) -> bool {
        self.consumer_key == claim.consumer.consumer_key && self.token == claim.get("oauth_token")
    }
}

/// The servers' half of an exchange.
struct Exchange {
    response: BigUint,
    shared: BigUint,
}

impl Exchange {
    /// `None` when the client's number gives its secret away.
    fn with(challenge: &BigUint, secret: &BigUint, dh: &DhParameters) -> Option<Self> {
        let one = BigUint::from(1_u8);
        if *challenge <= one || *challenge >= &dh.prime - &one {
            return None;
        }
        let response = dh.generator.modpow(secret, &dh.prime);
        Some(Self { response, shared: challenge.modpow(secret, &dh.prime) })
    }

    fn live_session_token(&self, access_secret: &[u8]) -> Vec<u8> {
        hmac_sha1(&java_bytes(&self.shared), access_secret)
    }

    fn without_zero(&self, access_secret: &[u8]) -> Option<Vec<u8>> {
        let bare = self.shared.to_bytes_be();
        (bare != java_bytes(&self.shared)).then(|| hmac_sha1(&bare, access_secret))
    }
}

impl Sim {
    /// `POST /v1/api/oauth/live_session_token`
    pub(super) fn live_session_token(&mut self, call: &Call<'_>) -> Answered {
        let claim = self.claim(call, Step::LiveSessionToken)?;
        let token = self.access_token_of(&claim)?;
        if self.config.rules.signatures {
            self.verify_claim(&claim, &Rsa { claim: &claim, prepend: ids::hex(&token.secret) })?;
        }
        let exchange = self.exchange(&claim)?;
        self.login_pace(call, &claim.consumer.consumer_key)?;
        self.use_up_claim(&claim, call.now);

        let rules = &self.config.rules;
        let expires = call.now + rules.live_session_token_life;
        let key = exchange.live_session_token(&token.secret);
        let live = Live {
            consumer_key: claim.consumer.consumer_key.clone(),
            token: token.token,
            key: key.clone(),
            without_zero: exchange.without_zero(&token.secret),
        };
        if rules.live_session_token_replaced {
            let same = |other: &Live| other.is_of(&claim);
            self.store.sessions.retain(|_, session| !session.live.as_ref().is_some_and(same));
        }
        let (ends, cookie) = (self.config.calendar.session_end(call.now), self.ids.hex(32));
        // Whoever signs by it knows it; nobody can be told it by the servers.
        let name = STANDARD.encode(&key);
        let session = Session {
            live: Some(live),
            ..Session::new(name, token.credential, call.now, expires, ends, cookie)
        };
        self.store.keep_session(session);
        self.counters.live_session_tokens += 1;
        Ok(Answer::ok(&json!({
            "diffie_hellman_response": format!("{:x}", exchange.response),
            "live_session_token_signature": ids::hex(&hmac_sha1(&key, claim.consumer.consumer_key.as_bytes())),
            "live_session_token_expiration": expires.millis(),
        })))
    }

    /// The session whose live session token has signed a request.
    pub(crate) fn signed_session(&mut self, call: &Call<'_>) -> Result<Session, Answer> {
        let claim = self.claim(call, Step::Resource)?;
        let token = claim.get("oauth_token");
        let unauthorized = || Answer::problem(401, "Unauthorized", Some("Access token expired"));
        let own = &claim.consumer.access_tokens;
        if !own.iter().any(|known| known.token == token) {
            let why = format!("`{}` has no such access token", shown(&claim.consumer.consumer_key));
            return Err(unauthorized().because("oauth_token", why, FIX));
        }
        let sessions = self.store.sessions.values();
        let mut sessions: Vec<_> = sessions
            .filter_map(|session| {
                session.live.as_ref().filter(|live| live.is_of(&claim)).map(|live| (session, live))
            })
            .collect();
        sessions.sort_by_key(|(session, _)| std::cmp::Reverse(session.made));
        let mut refused = None;
        for (session, live) in sessions {
            let scheme = Hmac { key: &live.key, without_zero: live.without_zero.as_deref() };
            match self.verify_claim(&claim, &scheme) {
                Ok(()) => {
                    let session = session.clone();
                    self.use_up_claim(&claim, call.now);
                    return self.alive(&session, call).map(|()| session);
                }
                Err(answer) => refused = refused.or(Some(answer)),
            }
        }
        Err(refused.unwrap_or_else(|| {
            let why = "no live session token is alive for this access token";
            unauthorized().because("live-session-token", why, MINT)
        }))
    }

    /// Whether its consumer is registered, and has the access token.
    pub(crate) fn knows(&self, live: &Live) -> bool {
        let own = |consumer: &&Consumer| consumer.consumer_key == live.consumer_key;
        let tokens = self.config.consumers.iter().filter(own).flat_map(|consumer| &consumer.access_tokens);
        tokens.map(|known| &known.token).any(|token| *token == live.token)
    }

    /// The access token that the header names, which must be the consumer's own.
    fn access_token_of(&mut self, claim: &Claim) -> Result<AccessToken, Answer> {
        let asked = claim.get("oauth_token");
        if let Some(token) = claim.consumer.access_tokens.iter().find(|known| known.token == asked) {
            return Ok(token.clone());
        }
        let consumer = &claim.consumer.consumer_key;
        let answer =
            self.oauth1_error(&format!("LST failed, error: No access secret key found for {consumer}"));
        Err(answer.because("oauth_token", format!("`{}` has no such access token", shown(consumer)), FIX))
    }

    fn exchange(&mut self, claim: &Claim) -> Result<Exchange, Answer> {
        // Without signatures nothing is to cost anything: with few bits the exchange is as right, and quick.
        let digits = if self.config.rules.signatures { 64 } else { 4 };
        let secret = from_hex(&format!("1{}", self.ids.hex(digits - 1))).unwrap_or_default();
        let challenge = from_hex(claim.get("diffie_hellman_challenge"));
        let exchange =
            challenge.and_then(|challenge| Exchange::with(&challenge, &secret, &claim.consumer.dh));
        exchange.ok_or_else(|| {
            let fix =
                "Send g^a mod p in hexadecimal digits, without 0x, with the registered prime and generator";
            let why = "diffie_hellman_challenge is no number between 1 and the prime less 1";
            self.oauth1_error("invalid diffie_hellman_challenge").because(
                "diffie_hellman_challenge",
                why,
                fix,
            )
        })
    }
}

const FIX: &str =
    "Take token and secret from the portal, or from the access_token call: both change together";
pub(crate) const MINT: &str = "Ask /oauth/live_session_token for a new one: it lives for a day at most";

#[cfg(test)]
mod tests;
