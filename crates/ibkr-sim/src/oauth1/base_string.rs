//! The text that a signature of OAuth 1.0a is over, as IBKR has it: the parameters are joined first and
//! encoded once, unlike in RFC 5849. Clients that work differ in two ways, so that there are several texts.

use std::fmt::Write as _;

use http::header;

use crate::{SignedQuery, call::Call};

/// A text that may have been signed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BaseString {
    /// Where it has the query.
    pub(crate) query: SignedQuery,
    pub(crate) text: String,
}

/// All texts that a client may have signed, each once. `parameters` are those of the header.
pub(crate) fn all(call: &Call<'_>, parameters: &[(String, String)]) -> Vec<BaseString> {
    let query = call.request.uri().query().filter(|query| !query.is_empty());
    let mut signed = parameters.to_vec();
    if call.content_type() == "application/x-www-form-urlencoded" {
        signed.extend(form_urlencoded::parse(call.body()).into_owned());
    }
    let mut merged = signed.clone();
    merged.extend(call.query());
    let (signed, merged) = (joined(signed), joined(merged));

    let mut all: Vec<BaseString> = Vec::new();
    for url in urls(call) {
        let whole = query.map(|query| format!("{url}?{query}"));
        let ways = [
            (SignedQuery::Merged, Some(url.clone()), &merged),
            (SignedQuery::LeftOut, query.map(|_| url), &signed),
            (SignedQuery::InUrl, whole, &signed),
        ];
        for (query, url, parameters) in ways {
            let Some(url) = url else { continue };
            for encoding in [Encoding::Rfc3986, Encoding::PythonQuote, Encoding::QuotePlus] {
                let text = base_string(call, &url, &encoding.of(parameters));
                if all.iter().all(|one| one.text != text) {
                    all.push(BaseString { query, text });
                }
            }
        }
    }
    all
}

/// What RFC 5849 would have: names and values encoded, then the whole. IBKR takes none of these; it tells the
/// operator what is wrong.
pub(crate) fn encoded_twice(call: &Call<'_>, parameters: &[(String, String)]) -> Vec<String> {
    let encode = |text: &String| Encoding::Rfc3986.of(text);
    let pairs = parameters.iter().cloned().chain(call.query());
    let joined = joined(pairs.map(|(name, value)| (encode(&name), encode(&value))).collect());
    urls(call).iter().map(|url| base_string(call, url, &Encoding::Rfc3986.of(&joined))).collect()
}

fn base_string(call: &Call<'_>, url: &str, parameters: &str) -> String {
    format!("{}&{}&{parameters}", call.request.method(), Encoding::Rfc3986.of(url))
}

fn joined(mut parameters: Vec<(String, String)>) -> String {
    parameters.sort();
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// What was asked for, without the query. A request that names no scheme may have come with either.
fn urls(call: &Call<'_>) -> Vec<String> {
    let uri = call.request.uri();
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => call.header(&header::HOST).unwrap_or(""),
    };
    let schemes = match uri.scheme_str() {
        Some(scheme) => vec![scheme],
        None => vec!["https", "http"],
    };
    let url = |scheme: &str| {
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(default_port).unwrap_or(host).to_ascii_lowercase();
        format!("{scheme}://{host}{}", uri.path())
    };
    schemes.into_iter().map(url).collect()
}

/// How clients that work encode the joined parameters. They differ for `/` and the space.
#[derive(Debug, Clone, Copy)]
enum Encoding {
    /// `%2F`, `%20`.
    Rfc3986,
    /// `/`, `%20`: what IBKR's samples call.
    PythonQuote,
    /// `%2F`, `+`.
    QuotePlus,
}

impl Encoding {
    fn of(self, text: &str) -> String {
        let mut encoded = String::with_capacity(text.len() * 3 / 2);
        for byte in text.bytes() {
            match (byte, self) {
                (b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~', _)
                | (b'/', Self::PythonQuote) => encoded.push(char::from(byte)),
                (b' ', Self::QuotePlus) => encoded.push('+'),
                // Writing to a string cannot fail.
                _ => {
                    let _ = write!(encoded, "%{byte:02X}");
                }
            }
        }
        encoded
    }
}

#[cfg(test)]
mod tests;
