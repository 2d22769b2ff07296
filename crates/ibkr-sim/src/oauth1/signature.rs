//! Whether a signature of OAuth 1.0a is right, and what is wrong with it if it is not.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;

use super::claim::Claim;
use crate::{SignedQuery, answer::Answer, sim::Sim};

/// How a call is signed.
pub(crate) trait Scheme {
    /// Whether this is the signature of a text.
    fn made(&self, text: &str, signature: &[u8]) -> bool;

    /// What else may be wrong than the text.
    fn wrong_key(&self, texts: &[&str], signature: &[u8]) -> &'static str;
}

/// By the consumer's signature key.
pub(crate) struct Rsa<'a> {
    pub(crate) claim: &'a Claim,
    /// What stands before the text: the secret, in the call for a live session token.
    pub(crate) prepend: String,
}

impl Scheme for Rsa<'_> {
    fn made(&self, text: &str, signature: &[u8]) -> bool {
        let text = format!("{}{text}", self.prepend);
        self.claim.consumer.signature_key.verify(text.as_bytes(), signature).is_ok()
    }

    fn wrong_key(&self, texts: &[&str], signature: &[u8]) -> &'static str {
        let bare = |text: &&str| self.claim.consumer.signature_key.verify(text.as_bytes(), signature).is_ok();
        if !self.prepend.is_empty() && texts.iter().any(bare) {
            return "the decrypted access token secret, in lowercase hexadecimal digits, is not before the base string";
        }
        match self.prepend.is_empty() {
            true => "the registered signature key did not make this signature of the base string",
            false => {
                "the registered signature key did not make this signature of the base string with the secret before it: \
                 one of these is another"
            }
        }
    }
}

/// By a live session token.
pub(crate) struct Hmac<'a> {
    pub(crate) key: &'a [u8],
    /// What a client has that forgets the zero before a shared secret whose first bit is set.
    pub(crate) without_zero: Option<&'a [u8]>,
}

impl Scheme for Hmac<'_> {
    fn made(&self, text: &str, signature: &[u8]) -> bool {
        hmac_sha256(self.key, text, signature)
    }

    fn wrong_key(&self, texts: &[&str], signature: &[u8]) -> &'static str {
        let made = |key: &[u8]| texts.iter().any(|text| hmac_sha256(key, text, signature));
        if self.without_zero.is_some_and(made) {
            return "the live session token was computed without the zero byte before the shared secret";
        }
        if made(STANDARD.encode(self.key).as_bytes()) {
            return "the key is the base64 text of the live session token, not what it stands for";
        }
        "the live session token did not make this signature of the base string"
    }
}

fn hmac_sha256(key: &[u8], text: &str, signature: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes(), signature).is_ok()
}

impl Sim {
    /// `Ok` when one of the texts that the rules allow was signed.
    pub(super) fn verify_claim(&self, claim: &Claim, scheme: &impl Scheme) -> Result<(), Answer> {
        let Some(signature) = decoded(&claim.signature) else {
            return Err(refused(
                "oauth_signature is no base64",
                "Percent-encode the base64 of the signature, once",
            ));
        };
        if claim.texts.iter().any(|one| scheme.made(&one.text, &signature)) {
            return Ok(());
        }
        if let Some(one) = claim.wrong_texts.iter().find(|one| scheme.made(&one.text, &signature)) {
            let why = match one.query {
                SignedQuery::LeftOut => "the query was left out of the base string",
                SignedQuery::InUrl => "the query is in the URL of the base string",
                _ => "the query is among the parameters of the base string",
            };
            return Err(refused(why, "Sign the query as the rule oauth1_query says"));
        }
        if claim.twice.iter().any(|text| scheme.made(text, &signature)) {
            let fix = "Join the parameters as they are, and encode the whole once: IBKR is no RFC 5849";
            return Err(refused("the parameters were encoded twice", fix));
        }
        let texts: Vec<_> = claim.texts.iter().map(|one| one.text.as_str()).collect();
        let fix = "Compare the base string: METHOD&url&parameters, sorted, of all oauth_ parameters but the signature";
        Err(refused(scheme.wrong_key(&texts, &signature), fix))
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn refused(why: &str, fix: &'static str) -> Answer {
    Answer::text(401, "Invalid signature").because("signature", why, fix)
}
