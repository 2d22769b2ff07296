//! The private key: what kind it is, and its fingerprint, to compare with what was uploaded.

use ibkr_auth_config::{KeySource, local};

use super::{
    context::{Context, Need},
    finding::Finding,
};
use crate::public_key::PublicKey;

/// What IBKR's page for OAuth 1.0a asks for.
const OAUTH1_BITS: usize = 2048;

pub(super) fn key(context: &mut Context<'_>) -> Finding {
    let Some(sessions) = &context.sessions else { return Finding::skip("needs: settings") };
    let is_oauth1 = context.config.login().oauth1().is_some();
    let source = sessions.profile.key.source();
    let loaded = match sessions.profile.key.load() {
        Ok(loaded) => loaded,
        Err(failure) => {
            return Finding::fail(
                failure.what,
                "IBKR takes RSA keys alone (RS256), of 3072 bits or more; nothing can be signed without one \
                 (`ibkr-auth guide`, §4)",
                failure.help.unwrap_or_else(|| "check the file".to_owned()),
            );
        }
    };
    let public = match PublicKey::of(&loaded.key.rsa()) {
        Ok(public) => public,
        Err(failure) => {
            return Finding::fail(failure.what, "nothing can be uploaded to IBKR", "use another key");
        }
    };
    let stored = stored(source);
    let text =
        format!("RSA, {} bits, {stored}; SHA-256 of the public key: {}", public.bits, public.fingerprint());
    context.there.insert(Need::Key);
    let has_enough = is_oauth1 && public.bits >= OAUTH1_BITS;
    if public.is_short() && !has_enough {
        let means = match is_oauth1 {
            true => "IBKR asks for RSA keys of 2048 bits with OAuth 1.0a",
            false => "IBKR asks for RSA keys of 3072 bits or more (`ibkr-auth guide`, §4)",
        };
        return Finding::warn(
            text,
            means,
            "if IBKR refuses it, make a new one with `ibkr-auth init` and upload its public half",
        );
    }
    Finding::pass(text)
}

fn stored(source: &KeySource) -> &'static str {
    let Some(file) = source.file() else { return "in the settings" };
    let content = local::read(file).map(|content| content.bytes).unwrap_or_default();
    let mark = b"BEGIN ENCRYPTED PRIVATE KEY";
    if content.windows(mark.len()).any(|part| part == mark) { "encrypted" } else { "not encrypted" }
}
