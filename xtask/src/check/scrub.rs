//! Blanks out what is not code, so that the other rules can search the rest as text.

/// The source with comments, and the insides of string and character literals, turned into spaces.
/// Line ends stay where they were.
pub(crate) fn scrub(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut after_word = false;
    while let Some(first) = rest.chars().next() {
        // A prefix such as `r#` starts a literal only where no word is running: `for"` is no raw string.
        let length = comment(rest).or_else(|| literal(rest, after_word));
        match length {
            Some(length) => {
                out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
                rest = &rest[length..];
                after_word = false;
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
                after_word = is_word(first);
            }
        }
    }
    out
}

/// Cuts every item under `#[cfg(test)]` out of a scrubbed source.
pub(crate) fn without_tests(scrubbed: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::new();
    let mut rest = scrubbed;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        rest = &item[item_length(item)..];
    }
    out.push_str(rest);
    out
}

/// The length of the block that starts with the first `{` of the scrubbed text, both braces included.
pub(crate) fn block(scrubbed: &str) -> Option<&str> {
    let start = scrubbed.find('{')?;
    let mut depth = 0_usize;
    for (at, c) in scrubbed[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&scrubbed[start..=start + at]);
        }
    }
    None
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// An item ends with its block, or with a semicolon before any block.
fn item_length(item: &str) -> usize {
    let brace = item.find('{').unwrap_or(item.len());
    match item.find(';') {
        Some(semicolon) if semicolon < brace => semicolon + 1,
        _ => block(item).map_or(item.len(), |block| brace + block.len()),
    }
}

fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let here = &text.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
    Some(text.len())
}

fn literal(text: &str, after_word: bool) -> Option<usize> {
    if text.starts_with('"') {
        return Some(quoted(text, '"'));
    }
    if text.starts_with('\'') {
        return character(text);
    }
    if after_word {
        return None;
    }
    let prefix = ["br", "cr", "r", "b", "c"]
        .into_iter()
        .find(|prefix| text.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['"', '#', '\''])))?;
    let rest = &text[prefix.len()..];
    let length = match (prefix.ends_with('r'), rest.starts_with('\'')) {
        (true, false) => raw(rest)?,
        (false, true) if prefix == "b" => character(rest)?,
        (false, false) if rest.starts_with('"') => quoted(rest, '"'),
        _ => return None,
    };
    Some(prefix.len() + length)
}

/// The length of a literal that starts with `quote` and may hold escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// `'a'` and `'\n'`, but not the lifetime `'a`.
fn character(text: &str) -> Option<usize> {
    let mut inside = text.chars().skip(1);
    match (inside.next()?, inside.next()?) {
        ('\\', _) => Some(quoted(text, '\'')),
        (first, '\'') => Some(2 + first.len_utf8()),
        _ => None,
    }
}

/// `#"…"#` with any number of `#`; the raw identifier `r#name` is none.
fn raw(text: &str) -> Option<usize> {
    let hashes = text.bytes().take_while(|byte| *byte == b'#').count();
    let inside = text[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(inside.find(&end).map_or(text.len(), |at| hashes + 1 + at + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeezed(source: &str) -> String {
        scrub(source).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn blanks_comments() {
        assert_eq!(squeezed("a // b\n/// c\nd /* e /* f */ g */ h"), "a d h");
        assert_eq!(scrub("a /*\n\n*/ b").lines().count(), 3);
        assert_eq!(squeezed("a /* never closed"), "a");
    }

    #[test]
    fn blanks_literals() {
        assert_eq!(squeezed(r#"f("a // \" b", 'c', '\'', '"', b'x', b"y\\", c"z") g"#), "f( , , , , , , ) g");
        assert_eq!(squeezed("f(r\"\\\", r#\"a\"b\"#, br##\"c\"#\"##) g"), "f( , , ) g");
    }

    #[test]
    fn leaves_lifetimes_labels_and_raw_identifiers() {
        for code in
            ["fn f<'a>(x: &'a str) -> &'static str {}", "'outer: loop { break 'outer; }", "r#type + b'"]
        {
            assert_eq!(scrub(code), code);
        }
    }

    #[test]
    fn blanks_letters_beyond_ascii() {
        assert_eq!(squeezed("f('é', \"ü // \u{1f511}\") // ß\ng"), "f( , ) g");
    }

    #[test]
    fn cuts_tests() {
        let source =
            "a {}\n#[cfg(test)]\nmod tests { fn f() { if x { y } } }\nb;\n#[cfg(test)]\nmod more;\nc";
        let cut = without_tests(source);
        assert_eq!(cut.split_whitespace().collect::<Vec<_>>(), ["a", "{}", "b;", "c"]);
    }

    #[test]
    fn finds_blocks() {
        assert_eq!(block("x { a { b } c } d"), Some("{ a { b } c }"));
        assert_eq!(block("x { a"), None);
        assert_eq!(block("x"), None);
    }
}
