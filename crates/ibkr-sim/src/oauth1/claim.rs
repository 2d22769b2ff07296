//! What every header of OAuth 1.0a is checked for, whatever it is for.

use std::time::Duration;

use super::{
    Step,
    base_string::{self, BaseString},
    header::Header,
};
use crate::{
    Consumer, Moment, Refusal, SignedQuery,
    answer::{Answer, shown},
    call::Call,
    ids::sha256_hex,
    sim::Sim,
    store::Used,
};

/// A header that is well so far: its signature is still to be checked.
pub(crate) struct Claim {
    pub(crate) consumer: Consumer,
    /// The texts that the rules let it sign, and those they do not.
    pub(crate) texts: Vec<BaseString>,
    pub(crate) wrong_texts: Vec<BaseString>,
    pub(crate) twice: Vec<String>,
    /// `oauth_signature`, base64.
    pub(crate) signature: String,
    header: Header,
    timestamp: i64,
    /// Whose timestamps rise together.
    series: String,
    nonce: String,
}

impl Claim {
    /// A parameter that the step needs, and so is there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.header.get(name).unwrap_or("")
    }
}

impl Sim {
    pub(super) fn claim(&mut self, call: &Call<'_>, step: Step) -> Result<Claim, Answer> {
        let Some(text) = call.oauth1() else {
            let fix = "Send Authorization: OAuth realm=\"limited_poa\", oauth_consumer_key=\"…\", …";
            let answer = self.oauth1_error("missing Authorization");
            return Err(answer.because("authorization", "there is no header of OAuth 1.0a", fix));
        };
        let header = match Header::read(text) {
            Ok(header) => header,
            Err(refusal) => {
                return Err(self.oauth1_error("invalid Authorization").with_refusals(vec![refusal]));
            }
        };
        self.complete(&header, step)?;
        let get = |name: &str| header.get(name).unwrap_or("");
        let consumer = self.consumer(get("oauth_consumer_key"), call.now)?;
        // A request token names no series of its own: it is spent before it could have one.
        let token = if step == Step::AccessToken { "" } else { get("oauth_token") };
        let series = format!("{}/{token}", consumer.consumer_key);
        let nonce = sha256_hex(format!("nonce/{}/{}", consumer.consumer_key, get("oauth_nonce")).as_bytes());

        let mut refusals = Vec::new();
        refusals.extend(realm(&consumer, get("realm")));
        refusals.extend(method(step, get("oauth_signature_method")));
        if header.get("oauth_version").is_some_and(|version| version != "1.0") {
            let fix = "Leave oauth_version out: IBKR does not ask for it";
            refusals.push(Refusal::new("oauth_version", "oauth_version is not 1.0", fix));
        }
        if self.store.used.contains_key(&nonce) {
            let fix = "Make a nonce of 128 random bits for every request";
            refusals.push(Refusal::new("oauth_nonce", "this nonce was used before", fix));
        }
        let timestamp = self.timestamp(call.now, &series, get("oauth_timestamp")).unwrap_or_else(|refusal| {
            refusals.push(refusal);
            0
        });
        if let Some(first) = refusals.first() {
            let answer = self.oauth1_error(&format!("invalid {}", first.rule));
            return Err(answer.with_refusals(refusals));
        }
        let signed = header.signed();
        let rule = self.config.rules.oauth1_query;
        let fits = |text: &BaseString| {
            call.request.uri().query().is_none() || rule == SignedQuery::Any || rule == text.query
        };
        let (texts, wrong_texts) = base_string::all(call, &signed).into_iter().partition(fits);
        Ok(Claim {
            consumer,
            texts,
            wrong_texts,
            twice: base_string::encoded_twice(call, &signed),
            signature: get("oauth_signature").to_owned(),
            header,
            timestamp,
            series,
            nonce,
        })
    }

    /// From now on the nonce is refused, and an earlier timestamp.
    pub(super) fn use_up_claim(&mut self, claim: &Claim, now: Moment) {
        let stamped = Moment::from_secs(claim.timestamp);
        let expires = now.max(stamped) + self.config.rules.oauth1_clock_tolerance + Duration::from_secs(1);
        self.store.keep_used(claim.nonce.clone(), Used { at: now, expires });
        let last = self.store.timestamps.entry(claim.series.clone()).or_default();
        *last = claim.timestamp;
    }

    /// Each parameter of the step is there, and no other.
    fn complete(&mut self, header: &Header, step: Step) -> Result<(), Answer> {
        let (missing, foreign) = header.compare(step.needs(), step.allows());
        let error = match (missing.first(), foreign.first()) {
            (Some(name), _) => format!("missing {name}"),
            (None, Some(_)) => "invalid Authorization".to_owned(),
            (None, None) => return Ok(()),
        };
        let missing = missing.iter().map(|name| {
            Refusal::new(
                "authorization",
                format!("{name} is missing or empty"),
                "Send each parameter of the header that this call needs, and realm",
            )
        });
        let foreign = foreign.iter().map(|name| {
            Refusal::new(
                "authorization",
                format!("`{}` does not belong into this call", shown(name)),
                "Send oauth_callback, oauth_verifier and diffie_hellman_challenge with their own calls alone",
            )
        });
        let refusals = missing.chain(foreign).collect();
        Err(self.oauth1_error(&error).with_refusals(refusals))
    }

    fn consumer(&mut self, key: &str, now: Moment) -> Result<Consumer, Answer> {
        let known = self.config.consumers.iter().find(|consumer| consumer.consumer_key == key);
        let why = match known {
            Some(consumer) if consumer.is_active(now) => return Ok(consumer.clone()),
            Some(_) => "this consumer is not active yet",
            None => "there is no such consumer",
        };
        let fix =
            "Check oauth_consumer_key; a new one works after IBKR's next restart at night or on the weekend";
        let why = format!("{why}: `{}`", shown(key));
        Err(self.oauth1_error("invalid consumer").because("oauth_consumer_key", why, fix))
    }

    /// Whole seconds, by the servers' clock, and never earlier than before.
    fn timestamp(&self, now: Moment, series: &str, text: &str) -> Result<i64, Refusal> {
        let refused = |why: String, fix| Err(Refusal::new("oauth_timestamp", why, fix));
        let seconds =
            text.parse().ok().filter(|_| text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(seconds) = seconds else {
            return refused(
                format!("oauth_timestamp is `{}`", shown(text)),
                "Send whole seconds since 1970: ten digits, no milliseconds",
            );
        };
        let rules = &self.config.rules;
        let tolerance = i64::try_from(rules.oauth1_clock_tolerance.as_secs()).unwrap_or(i64::MAX);
        let seconds: i64 = seconds;
        if seconds.abs_diff(now.secs()) > tolerance.unsigned_abs() {
            let off = seconds.saturating_sub(now.secs());
            return refused(
                format!("it is {off} s off the server's clock"),
                "Set the clock: see the Date header",
            );
        }
        let last = self.store.timestamps.get(series).copied();
        // After the servers' clock was set back, all would be too early.
        let last = last.filter(|last| *last <= now.secs().saturating_add(tolerance));
        match last {
            Some(last) if rules.oauth1_timestamps_rise && seconds < last => refused(
                format!("it is {} s earlier than that of the request before", last - seconds),
                "Send requests in the order in which they are stamped",
            ),
            _ => Ok(seconds),
        }
    }
}

/// The public test consumer has a realm of its own.
fn realm(consumer: &Consumer, found: &str) -> Option<Refusal> {
    let expected = if consumer.consumer_key == "TESTCONS" { "test_realm" } else { "limited_poa" };
    (found != expected).then(|| {
        let why = format!("realm is `{}`, not {expected}", shown(found));
        Refusal::new("realm", why, "realm is limited_poa, and test_realm for TESTCONS alone")
    })
}

fn method(step: Step, found: &str) -> Option<Refusal> {
    let expected = step.signature_method();
    (found != expected).then(|| {
        let why = format!("oauth_signature_method is `{}`, not {expected}", shown(found));
        let fix = "RSA-SHA256 for the three calls below /oauth, HMAC-SHA256 for all others";
        Refusal::new("oauth_signature_method", why, fix)
    })
}
