//! The async and the blocking client offer the same methods: whoever knows one knows the other.

use std::collections::BTreeSet;

use super::scrub::{block, is_word, scrub, without_tests};
use super::sources::read_all;

const CLIENTS: [&str; 2] = ["ibkr-auth-async", "ibkr-auth-blocking"];

const TYPES: &[&str] = &["Client", "Handle"];

pub(crate) fn check() -> Result<Vec<String>, String> {
    let [one, other] = CLIENTS.map(methods_of);
    let (one, other) = (one?, other?);
    if one.is_empty() || other.is_empty() {
        return Ok(vec!["a client without any public method".to_owned()]);
    }
    let only = |name: &str, left: &BTreeSet<String>, right: &BTreeSet<String>| {
        left.difference(right).map(|method| format!("only in {name}: {method}")).collect::<Vec<_>>()
    };
    Ok([only(CLIENTS[0], &one, &other), only(CLIENTS[1], &other, &one)].concat())
}

fn methods_of(name: &str) -> Result<BTreeSet<String>, String> {
    let sources = read_all(&[&format!("crates/{name}/src")])?;
    Ok(sources.iter().flat_map(|source| methods(&without_tests(&scrub(&source.text)))).collect())
}

/// `Type::method` for each public method in an `impl Type` block of scrubbed code.
fn methods(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("impl") {
        let rest = &code[at + "impl".len()..];
        let starts_word = !code[..at].chars().next_back().is_some_and(is_word);
        let ends_word = !rest.chars().next().is_some_and(is_word);
        let (Some(brace), true, true) = (rest.find('{'), starts_word, ends_word) else { continue };
        let (Some(target), Some(body)) = (target(&rest[..brace]), block(rest)) else { continue };
        if TYPES.contains(&target) {
            found.extend(public_functions(body).map(|function| format!("{target}::{function}")));
        }
    }
    found
}

/// The type in `<H: Http> Client<H> where …`; none for `Trait for Type`.
fn target(head: &str) -> Option<&str> {
    let head = head.trim_start();
    let after_generics = if head.starts_with('<') { &head[angle_length(head)?..] } else { head };
    let words = after_generics.split_whitespace().take_while(|word| *word != "where");
    if words.clone().any(|word| word == "for") {
        return None;
    }
    let path = words.into_iter().next()?.split('<').next()?;
    path.rsplit("::").next()
}

/// The length of a `<…>` at the start; the `>` of an `->` closes nothing.
fn angle_length(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
        before = c;
    }
    None
}

fn public_functions(body: &str) -> impl Iterator<Item = &str> {
    let words: Vec<&str> = body.split_whitespace().collect();
    let mut names = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if *word != "pub" {
            continue;
        }
        let mut after = words[at + 1..].iter().skip_while(|word| ["async", "const", "unsafe"].contains(word));
        if after.next() == Some(&"fn")
            && let Some(name) = after.next().and_then(|word| word.split(|c| !is_word(c)).next())
        {
            names.push(name);
        }
    }
    names.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Vec<String> {
        methods(&without_tests(&scrub(source)))
    }

    #[test]
    fn finds_public_methods() {
        let source = "
            impl Client {
                /// pub fn in_a_comment() {}
                pub fn new(config: Config) -> Self { if a { b } }
                pub async fn connect(&mut self) -> Result<(), Error> { \"pub fn in_a_string() {}\" }
                pub const fn limit() -> u32 { 1 }
                #[must_use]
                pub fn with_http<F>(f: F) -> Self where F: Fn() -> u8 {}
                pub(crate) fn inner(&self) {}
                fn private(&self) {}
            }";
        assert_eq!(read(source), ["Client::new", "Client::connect", "Client::limit", "Client::with_http"]);
    }

    #[test]
    fn finds_every_inherent_impl() {
        let source = "
            impl<H: Http> Client<H> { pub fn a(&self) {} }
            impl<F> Client<F> where F: for<'a> Fn(&'a u8) -> Vec<u8> { pub fn b(&self) {} }
            impl<F: Fn() -> u8> self::Handle<F> { pub fn c(&self) {} }
            impl Other { pub fn d(&self) {} }";
        assert_eq!(read(source), ["Client::a", "Client::b", "Handle::c"]);
    }

    #[test]
    fn looks_past_traits_tests_and_impl_arguments() {
        let source = "
            impl Drop for Client { fn drop(&mut self) {} }
            impl<T> From<T> for Client { fn from(_: T) -> Self {} }
            fn f(x: impl Fn(u8)) { implode(); }
            #[cfg(test)]
            mod tests { impl Client { pub fn only_for_tests(&self) {} } }";
        assert!(read(source).is_empty());
    }
}
