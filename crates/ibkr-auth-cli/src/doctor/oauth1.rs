//! What a login by OAuth 1.0a has beside the other: a second key, a prime, and a token that proves itself.

use ibkr_auth_blocking::Session;
use ibkr_auth_store::{seconds, span};

use super::{
    ask::step,
    context::{Context, Need},
    finding::Finding,
    login::{begin, failed, not_wanted, noted},
    meaning::At,
};
use crate::interrupt::Interrupt;

/// The shortest prime that IBKR asks for.
const LEAST_BITS: usize = 2048;

/// Whether it opens the secret of the access token. Nothing is sent.
pub(super) fn encryption_key(context: &mut Context<'_>) -> Finding {
    let Some(settings) = &context.settings else { return Finding::skip("needs: settings") };
    match settings.check_secret() {
        Ok(warnings) => {
            context.there.insert(Need::Secret);
            let text = "it opens the access token secret";
            match warnings.is_empty() {
                true => Finding::pass(text),
                false => Finding::warn(
                    format!("{text}; {}", warnings.join("; ")),
                    "whoever can read it and the settings can log in, with the signature key",
                    "`chmod 600` the file",
                ),
            }
        }
        Err(error) => Finding::fail(
            error.message(),
            "without the access token secret no live session token can be asked for",
            error.help(),
        ),
    }
}

/// How long the prime is. Whether IBKR has the same shows with the live session token.
pub(super) fn dh_parameters(context: &mut Context<'_>) -> Finding {
    let Some(login) = context.config.login().oauth1() else { return Finding::skip("needs: settings") };
    let bits = login.dh_parameters().bits();
    let text = format!("a prime of {bits} bits");
    if bits >= LEAST_BITS {
        return Finding::pass(text);
    }
    Finding::warn(
        text,
        "IBKR asks for 2048 bits: in less, who records the exchange may find out what requests are signed with",
        "make new ones with `openssl dhparam -out dhparam.pem 2048`, upload them on IBKR's OAuth page, and wait until it has \
         taken them over",
    )
}

/// The one step of this login: it opens the read-only tier.
pub(super) fn live_session_token(context: &mut Context<'_>) -> Finding {
    if let Some(finding) = not_wanted(context) {
        return finding;
    }
    if let Err(finding) = begin(context) {
        return *finding;
    }
    // From now on there may be a session that nobody else knows.
    context.interrupt = Some(Interrupt::watch());
    match step(context, At::Live, Session::get_live_session_token) {
        Ok(live) => {
            context.secrets.add(&live.token.to_base64());
            context.is_own = true;
            context.there.insert(Need::Session);
            let now = seconds(std::time::SystemTime::now());
            let ends = live.expires.map_or_else(String::new, |at| {
                format!(", ends in {}", span(seconds(at).saturating_sub(now)))
            });
            let text =
                format!("consumer key, access token, both keys and the prime are right: it is proven{ends}");
            noted(context, None, Finding::pass(text))
        }
        Err(trouble) => failed(context, *trouble),
    }
}
