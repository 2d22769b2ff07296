//! The private key: what kind it is, and its fingerprint, to compare with what was uploaded.

use std::fs;

use base64::{Engine, engine::general_purpose::STANDARD};
use ibkr_auth_config::KeySource;
use ring::digest::{SHA256, digest};

use super::{
    context::{Context, Need},
    finding::Finding,
};

/// IBKR asks for as many.
const WANTED: usize = 3072;

pub(super) fn key(context: &mut Context<'_>) -> Finding {
    let Some(sessions) = &context.sessions else { return Finding::skip("needs: settings") };
    let source = sessions.profile.key.source();
    let loaded = match sessions.profile.key.load() {
        Ok(loaded) => loaded,
        Err(failure) => {
            return Finding::fail(
                failure.what,
                "IBKR takes RSA keys alone (RS256), of 3072 bits or more; nothing can be signed without one \
                 (docs/ONBOARDING.md §4)",
                failure.todo.unwrap_or_else(|| "check the file".to_owned()),
            );
        }
    };
    let bits = loaded.key.bits();
    let pem = loaded.key.public_key_pem().unwrap_or_default();
    let stored = stored(source);
    let text = format!("RSA, {bits} bits, {stored}; SHA-256 of the public key: {}", fingerprint(&pem));
    context.there.insert(Need::Key);
    if bits < WANTED {
        let means = "IBKR asks for RSA keys of 3072 bits or more (docs/ONBOARDING.md §4)";
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
    let content = zeroize::Zeroizing::new(fs::read(file).unwrap_or_default());
    let mark = b"BEGIN ENCRYPTED PRIVATE KEY";
    if content.windows(mark.len()).any(|part| part == mark) { "encrypted" } else { "not encrypted" }
}

/// The same as `openssl rsa -in private.pem -pubout -outform DER | openssl sha256`.
fn fingerprint(public_pem: &str) -> String {
    let body: String = public_pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).unwrap_or_default();
    digest(&SHA256, &der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_that_of_openssl() {
        let shown = fingerprint(ibkr_sim::demo::PUBLIC_KEY_PEM);
        assert_eq!(shown, "1e4d1eeebea0ac93e35421ed2a3e771e461211ad1649f4f045deb5cb7840a64f");
    }
}
