//! Texts of servers, certificates and users, made fit to be shown on a terminal, in a log or in a report.

/// Whether a character steers a terminal, turns the direction of reading round, or cannot be seen: controls
/// (but line feed and tab), marks of direction, joiners, soft hyphens, fillers, tags.
pub fn is_treacherous(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e01ef}' => true,
        _ => c.is_control(),
    }
}

/// The text in one line that deceives nobody: space for what breaks it, `U+FFFD` for what [is
/// treacherous](is_treacherous). It may still hold secrets: see [`hide`].
pub fn one_line(text: &str) -> String {
    let shown = |c| match c {
        '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        _ if is_treacherous(c) => char::REPLACEMENT_CHARACTER,
        _ => c,
    };
    text.chars().map(shown).collect()
}

/// The text without what cannot be seen, which could part a word; space for controls.
pub fn seen(text: &str) -> String {
    let shown = |c: char| match c {
        _ if c.is_control() => Some(' '),
        _ if is_treacherous(c) => None,
        _ => Some(c),
    };
    text.chars().filter_map(shown).collect()
}

/// The ends of a username: enough to tell two apart, for pages and logs that others see.
pub fn masked_username(name: &str) -> String {
    match (name.chars().next(), name.chars().next_back()) {
        (Some(first), Some(last)) if name.chars().count() > 3 => format!("{first}…{last}"),
        _ => "…".to_owned(),
    }
}

/// So much of a text is looked at for an excerpt, in bytes: what is hidden is longer than what stands for it.
pub(crate) const LOOKED_AT: usize = 4 * 1024;
/// Runs of characters that are as long may be tokens.
const TOKEN_LIKE: usize = 24;

/// The beginning of a foreign text in one line of about `longest` characters, without these secrets, without
/// what looks like a token, and without what deceives.
pub fn excerpt(text: &str, secrets: &[&str], longest: usize) -> String {
    let shown = hide(&seen(beginning(text, LOOKED_AT)), secrets);
    let shown: Vec<_> = shown.split_whitespace().map(hide_token_runs).collect();
    let shown = shown.join(" ");
    match shown.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", beginning(&shown, end)),
        None => shown,
    }
}

/// As many whole words as fit in so many bytes: half a secret would not be known for one.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let parts = |c: char| c.is_whitespace() || c.is_control();
    let (head, rest) = text.split_at((0..=most).rfind(|end| text.is_char_boundary(*end)).unwrap_or_default());
    match head.rfind(parts) {
        _ if rest.starts_with(parts) => head,
        Some(end) => &head[..end],
        None => REDACTED,
    }
}

fn hide_token_runs(word: &str) -> String {
    let mut shown = String::new();
    let mut run = String::new();
    for c in word.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_alphanumeric() || "-_.+/=~%".contains(c) {
            run.push(c);
        } else {
            shown.push_str(if run.len() >= TOKEN_LIKE { REDACTED } else { &run });
            run.clear();
            if c != '\0' {
                shown.push(c);
            }
        }
    }
    shown
}

/// What stands for a secret.
const REDACTED: &str = "[redacted]";

/// Shorter secrets stand in many words by chance: they go where they are words of their own.
const LONG: usize = 8;

/// The text without these secrets, in capitals or not, in one pass. A short one is hidden as a whole word
/// only: a user `cred` takes nothing from `credential`.
pub fn hide(text: &str, secrets: &[&str]) -> String {
    let mut shown = String::with_capacity(text.len());
    let (mut rest, mut before) = (text, None);
    while let Some(c) = rest.chars().next() {
        let longest =
            secrets.iter().filter(|secret| stands_at(rest, secret, before)).map(|secret| secret.len());
        let (taken, said) = match longest.max() {
            Some(length) => rest.split_at(length),
            None => ("", rest),
        };
        before = Some(taken.chars().next_back().unwrap_or(c));
        if taken.is_empty() {
            shown.push(c);
            rest = &said[c.len_utf8()..];
        } else {
            shown.push_str(REDACTED);
            rest = said;
        }
    }
    shown
}

/// Whether the text begins with the secret. `before` is the character before the text.
fn stands_at(text: &str, secret: &str, before: Option<char>) -> bool {
    let is_there = |head: &[u8]| head.eq_ignore_ascii_case(secret.as_bytes());
    if secret.is_empty() || !text.as_bytes().get(..secret.len()).is_some_and(is_there) {
        return false;
    }
    let after = text[secret.len()..].chars().next();
    secret.len() >= LONG || ![before, after].into_iter().flatten().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_show_their_ends_alone() {
        assert_eq!(["demouser", "me1", ""].map(masked_username), ["d…r", "…", "…"]);
    }

    #[test]
    fn nothing_steers_a_terminal_or_hides() {
        let treacherous = "\u{1b}\u{0}\u{7f}\u{9b}\u{ad}\u{61c}\u{180e}\u{200b}\u{200e}\u{200f}\u{202a}\u{202e}\u{2060}\
                           \u{2066}\u{2069}\u{feff}\u{fff9}\u{fffb}\u{e0001}\u{e0041}\u{e007f}";
        for c in treacherous.chars() {
            assert!(is_treacherous(c), "{c:?}");
            assert_eq!(one_line(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
        assert_eq!(one_line("a\r\nb\tc\u{2028}ä€🙂"), "a  b c ä€🙂");
    }

    #[test]
    fn an_excerpt_is_one_line_without_tokens_and_what_deceives() {
        let token = "x".repeat(TOKEN_LIKE);
        assert_eq!(excerpt(&format!("<p>a\nb\u{1b} \u{202e}{token}</p>"), &[], 200), "<p>a b [redacted]</p>");
        assert_eq!(excerpt("user hun\u{200b}ter2", &["hunter2"], 200), "user [redacted]");
        assert_eq!(excerpt(&"a ".repeat(1_000), &[], 200).chars().count(), 200);
    }

    #[test]
    fn a_short_secret_is_hidden_as_a_word_and_a_long_one_anywhere() {
        let secrets = ["cred", "demouser", "", "ümläut"];
        for (text, shown) in [
            ("check credential of cred", "check credential of [redacted]"),
            ("CRED, xcred, cred1, \"cred\"", "[redacted], xcred, cred1, \"[redacted]\""),
            ("xDemoUserx demousercred", "x[redacted]x [redacted]cred"),
            ("demousedemouser", "demouse[redacted]"),
            ("ümläut ämläut ü", "[redacted] ämläut ü"),
            ("", ""),
        ] {
            assert_eq!(hide(text, &secrets), shown, "{text}");
        }
        assert_eq!(hide("ababab", &["ab", "abab"]), "ababab");
        assert_eq!(hide("longsecret longsecrets", &["longsecret", "longsecrets"]), "[redacted] [redacted]");
    }

    #[test]
    fn a_text_that_is_one_secret_after_the_other_takes_one_pass() {
        // A pass for each of them would take hours.
        let text = "demouser".repeat(1 << 20);
        assert_eq!(hide(&text, &["demouser"]).len(), REDACTED.len() << 20);
    }
}
