//! What keeps secrets, and what could steer a terminal, out of what others read.

use std::env;

use ibkr_auth_core::text;
use zeroize::Zeroizing;

const LONGEST: usize = 120;
/// Shorter texts stand in many words by chance.
const SHORTEST_SECRET: usize = 4;

/// Its letters, which say what kind of account it is, and its last three digits: `DU•••567`.
pub(crate) fn account(id: &str) -> String {
    let kind: String = id.chars().take_while(char::is_ascii_uppercase).take(3).collect();
    let rest: Vec<char> = id.chars().skip(kind.len()).filter(char::is_ascii_alphanumeric).collect();
    let end: String = if rest.len() > 5 { rest[rest.len() - 3..].iter().collect() } else { String::new() };
    format!("{kind}•••{end}")
}

/// A few words of a server: one short line, and nothing that looks like a token.
pub(crate) fn said(said: &str) -> String {
    text::excerpt(said, &[], LONGEST)
}

/// A path for a report that others read: the home folder is `~`.
pub(crate) fn path(path: &std::path::Path) -> String {
    let home = env::var_os("HOME").filter(|home| !home.is_empty() && home != "/");
    match home.and_then(|home| path.strip_prefix(home).ok().map(std::path::Path::to_owned)) {
        Some(rest) => std::path::Path::new("~").join(rest).display().to_string(),
        None => path.display().to_string(),
    }
}

/// What no line of the report may hold, wherever it comes from.
#[derive(Default)]
pub(crate) struct Secrets(Vec<Zeroizing<String>>);

impl Secrets {
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.len() >= SHORTEST_SECRET {
            self.0.push(Zeroizing::new(secret.to_owned()));
        }
    }

    /// The text without them, and without characters that move the cursor, turn the text around or cannot be
    /// seen.
    pub(crate) fn cleaned(&self, text: &str) -> String {
        let secrets: Vec<&str> = self.0.iter().map(|secret| secret.as_str()).collect();
        text::hide(&text::seen(text), &secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_show_their_ends_alone() {
        let shown = ["DU1234567", "U7654321", "F1234", "", "du1234567\u{1b}[31m"].map(account);
        assert_eq!(shown, ["DU•••567", "U•••321", "F•••", "•••", "•••31m"]);
    }

    #[test]
    fn what_a_server_says_is_one_short_line_without_tokens() {
        assert_eq!(said("a\r\n\u{1b}[31mb \u{202e}c"), "a [31mb c");
        assert_eq!(said("token 0123456789abcdef0123456789abcdef"), "token [redacted]");
        assert_eq!(said(&"word ".repeat(100)).chars().count(), LONGEST);
    }

    #[test]
    fn secrets_go_in_capitals_or_not() {
        let mut secrets = Secrets::default();
        secrets.add("hunter2");
        secrets.add("abc");
        assert_eq!(secrets.cleaned("HUNTER2, hunter2\nabc"), "[redacted], [redacted] abc");
        assert_eq!(secrets.cleaned("hun\u{200b}ter2 hunter2s"), "[redacted] hunter2s", "a word of its own");
    }
}
