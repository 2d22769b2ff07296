//! How a third party comes to an access token: the calls before and after the user's consent.

use serde_json::json;

use super::{Step, claim::Claim, signature::Rsa};
use crate::{
    AccessToken, Moment,
    answer::{Answer, Answered, shown},
    call::Call,
    sim::Sim,
};

/// A request token.
#[derive(Debug, Clone)]
pub(crate) struct Requested {
    pub(crate) consumer_key: String,
    /// Where the user goes after the consent, unless it is `oob`.
    pub(crate) callback: String,
    pub(crate) expires: Moment,
    /// The username that has consented, and the verifier.
    pub(crate) consent: Option<(String, String)>,
}

impl Sim {
    /// `POST /v1/api/oauth/request_token`
    pub(super) fn request_token(&mut self, call: &Call<'_>) -> Answered {
        let claim = self.third_party(call, Step::RequestToken)?;
        let callback = claim.get("oauth_callback");
        if callback != "oob" && claim.consumer.callback.as_deref() != Some(callback) {
            let why = format!("`{}` is not registered", shown(callback));
            let fix = "oauth_callback is oob, or the URL that was registered";
            return Err(self.oauth1_error("invalid oauth_callback").because("oauth_callback", why, fix));
        }
        self.use_up_claim(&claim, call.now);
        let token = self.ids.hex(20);
        let requested = Requested {
            consumer_key: claim.consumer.consumer_key.clone(),
            callback: callback.to_owned(),
            expires: call.now + self.config.rules.request_token_life,
            consent: None,
        };
        self.store.keep_requested(token.clone(), requested);
        Ok(Answer::ok(&json!({ "oauth_token": token })))
    }

    /// `POST /v1/api/oauth/access_token`
    pub(super) fn access_token(&mut self, call: &Call<'_>) -> Answered {
        let claim = self.third_party(call, Step::AccessToken)?;
        let credential = self.consent_of(&claim, call.now)?;
        self.use_up_claim(&claim, call.now);
        self.store.requested.remove(claim.get("oauth_token"));

        let secret: Vec<u8> = self.ids.bytes();
        let fresh = self.ids.hex(20);
        let key = &claim.consumer.consumer_key;
        let Some(consumer) = self.config.consumers.iter_mut().find(|known| known.consumer_key == *key) else {
            return Err(self.oauth1_error("invalid consumer"));
        };
        // The same token for the same user, with another secret (IBKR's Client Portal API page).
        let tokens = &mut consumer.access_tokens;
        let before = tokens.iter().position(|known| known.credential == credential);
        let token = before.map_or(fresh, |place| tokens.swap_remove(place).token);
        tokens.push(AccessToken {
            token: token.clone(),
            secret: secret.clone(),
            credential: credential.clone(),
        });
        let paper = self.config.users.iter().any(|user| user.paper && user.credential == credential);
        Ok(Answer::ok(&json!({
            "is_paper": paper,
            "oauth_token": token,
            "oauth_token_secret": claim.consumer.encryption_key.encrypt(&secret),
        })))
    }

    /// A claim that a third party has signed.
    fn third_party(&mut self, call: &Call<'_>, step: Step) -> Result<Claim, Answer> {
        let claim = self.claim(call, step)?;
        if !claim.consumer.third_party {
            let why = "this consumer is its user's own: it has its access token from the portal";
            let fix = "Begin with live_session_token: token and secret are in the self-service portal";
            return Err(self.oauth1_error("invalid consumer").because("third-party", why, fix));
        }
        if self.config.rules.signatures {
            self.verify_claim(&claim, &Rsa { claim: &claim, prepend: String::new() })?;
        }
        Ok(claim)
    }

    /// The username that has consented to the request token.
    fn consent_of(&mut self, claim: &Claim, now: Moment) -> Result<String, Answer> {
        let consumer = &claim.consumer.consumer_key;
        let requested = self.store.requested.get(claim.get("oauth_token"));
        let own = requested.filter(|known| known.consumer_key == *consumer && known.expires > now);
        let refusal = match own.map(|known| &known.consent) {
            None => (
                "oauth_token",
                "the request token is unknown, spent or too old",
                "Begin anew with request_token",
            ),
            Some(None) => (
                "oauth_verifier",
                "nobody has consented to this request token",
                "Send the user to /authorize first",
            ),
            Some(Some((credential, verifier))) if verifier == claim.get("oauth_verifier") => {
                return Ok(credential.clone());
            }
            Some(Some(_)) => {
                ("oauth_verifier", "this is not the verifier", "Send oauth_verifier as the callback got it")
            }
        };
        let (rule, why, fix) = refusal;
        Err(self.oauth1_error(&format!("invalid {rule}")).because(rule, why, fix))
    }
}
