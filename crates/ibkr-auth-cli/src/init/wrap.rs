//! Explanations as wide as the terminal.

use console::Term;

use crate::wrap::{behind, width};

/// Each line of the text, broken where it would be wider than the terminal.
pub(super) fn wrapped(text: &str, terminal: &Term) -> String {
    to(width(terminal.size_checked().map(|(_, columns)| columns)), text)
}

/// A line that begins with a space stays as it is: it is there to be copied.
fn to(width: usize, text: &str) -> String {
    let line =
        |line: &str| if line.starts_with(' ') { line.to_owned() } else { behind(line, (0, 0), "", width) };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        assert_eq!(to(9, "a bc def ghij\n\nk"), "a bc def\nghij\n\nk");
        assert_eq!(to(4, "longer a b c"), "longer\na b\nc", "a word that is too long has its own line");
        assert_eq!(to(4, "  to be copied"), "  to be copied");
    }
}
