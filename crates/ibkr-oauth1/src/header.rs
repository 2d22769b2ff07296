//! The value of `Authorization`.

use base64::{Engine, engine::general_purpose::STANDARD};
use ibkr_jws::{Sign, SignError};
use zeroize::Zeroizing;

use crate::{AccessTokenSecret, Call, LiveSessionToken, SignatureMethod, percent};

impl Call<'_> {
    /// The whole value of `Authorization`, signed with HMAC-SHA256: for every request but the three for
    /// tokens.
    pub fn signed_by_token(&self, token: &LiveSessionToken) -> Zeroizing<String> {
        let method = SignatureMethod::HmacSha256;
        let signature = token.sign(Zeroizing::new(self.base_string(method)).as_bytes());
        self.header(method, &signature)
    }

    /// The whole value of `Authorization`, signed with RSA-SHA256 by the *signature* key: for
    /// `request_token`, `access_token` and `live_session_token`.
    ///
    /// `secret` is for `live_session_token` alone: it is prepended to what is signed, in hex (O OAPDF).
    ///
    /// # Errors
    /// When `key` cannot sign: what to do is for the signer to say.
    pub fn signed_by_key(
        &self,
        key: &(impl Sign + ?Sized),
        secret: Option<&AccessTokenSecret>,
    ) -> Result<Zeroizing<String>, SignError> {
        let method = SignatureMethod::RsaSha256;
        let base_string = Zeroizing::new(self.base_string(method));
        let prepend = secret.map(AccessTokenSecret::hex).unwrap_or_default();
        let signed = Zeroizing::new([prepend.as_bytes(), base_string.as_bytes()].concat());
        Ok(self.header(method, &STANDARD.encode(key.sign(&signed)?)))
    }

    /// The realm first, then the rest by name (O OAPDF; IBKR takes other orders too). Values are
    /// percent-encoded (RFC 5849 §3.5.1): whatever they hold, none ends its quotes.
    fn header(&self, method: SignatureMethod, signature: &str) -> Zeroizing<String> {
        let timestamp = self.timestamp.to_string();
        let mut pairs = self.oauth(method, &timestamp);
        pairs.push(("oauth_signature", signature));
        pairs.sort_unstable();
        // With room for all of it: a text that grows leaves copies behind.
        let longest = |pairs: &[(&str, &str)]| -> usize {
            pairs.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 5).sum()
        };
        let mut header = Zeroizing::new(String::with_capacity(20 + 3 * self.realm.len() + longest(&pairs)));
        header.push_str("OAuth ");
        push(&mut header, "realm", self.realm);
        for (name, value) in pairs {
            header.push_str(", ");
            push(&mut header, name, value);
        }
        header
    }
}

fn push(header: &mut String, name: &str, value: &str) {
    percent::encode(name.as_bytes(), header);
    header.push_str("=\"");
    percent::encode(value.as_bytes(), header);
    header.push('"');
}
