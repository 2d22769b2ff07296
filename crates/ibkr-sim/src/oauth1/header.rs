//! `Authorization: OAuth …`, read strictly.

use crate::{Refusal, answer::shown};

/// What the header says: each parameter once, in any order, decoded.
#[derive(Debug)]
pub(crate) struct Header {
    parameters: Vec<(String, String)>,
}

const SYNTAX: &str =
    "Write OAuth realm=\"…\", oauth_consumer_key=\"…\", …: each in double quotes, `, ` or `,` between them";

impl Header {
    /// Reads what follows the word `OAuth`.
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        let wrong = |why: String| Refusal::new("authorization", why, SYNTAX);
        let mut parameters: Vec<(String, String)> = Vec::new();
        let mut rest = text.trim();
        loop {
            let Some((name, value)) = rest.split_once("=\"") else {
                return Err(wrong(format!(
                    "there is no `name=\"` at `{}`",
                    shown(rest.split('=').next().unwrap_or(""))
                )));
            };
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                return Err(wrong(format!("`{}` is no name of a parameter", shown(name))));
            }
            let Some((value, after)) = value.split_once('"') else {
                return Err(wrong(format!("the value of {name} has no closing quote")));
            };
            if name == "oauth_signature" && value.contains(['+', '/', '=']) {
                let fix = "Percent-encode the base64 of the signature, once";
                return Err(Refusal::new("authorization", "oauth_signature is not percent-encoded", fix));
            }
            if parameters.iter().any(|(other, _)| other == name) {
                return Err(wrong(format!("{name} is there twice")));
            }
            let Some(value) = decoded(value) else {
                return Err(wrong(format!("{name} is not percent-encoded")));
            };
            parameters.push((name.to_owned(), value));
            if after.is_empty() {
                return Ok(Self { parameters });
            }
            let Some(next) = after.strip_prefix(", ").or_else(|| after.strip_prefix(',')) else {
                return Err(wrong(format!("there is no comma after {name}")));
            };
            rest = next;
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What is missing, and what is there and belongs elsewhere.
    pub(crate) fn compare(
        &self,
        needed: &[&'static str],
        allowed: &[&str],
    ) -> (Vec<&'static str>, Vec<&str>) {
        let missing = needed.iter().copied().filter(|name| self.get(name).is_none_or(str::is_empty));
        let known = |name: &str| needed.contains(&name) || allowed.contains(&name);
        let foreign = self.parameters.iter().map(|(name, _)| name.as_str()).filter(|name| !known(name));
        (missing.collect(), foreign.collect())
    }

    /// Those that are signed: all but the signature itself and `realm`.
    pub(crate) fn signed(&self) -> Vec<(String, String)> {
        let signed = |name: &String| name != "realm" && name != "oauth_signature";
        self.parameters.iter().filter(|(name, _)| signed(name)).cloned().collect()
    }
}

/// Percent-decoded. A `+` stands for itself.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) =
            rest.split_at_checked(2).filter(|(digits, _)| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}
