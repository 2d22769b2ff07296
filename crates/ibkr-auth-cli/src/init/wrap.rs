//! Explanations as wide as the terminal.

use console::Term;

/// The narrowest and the widest; the widest too where there is no terminal.
const WIDTHS: (usize, usize) = (40, 100);

/// Each line of the text, broken where it would be wider than the terminal.
pub(super) fn wrapped(text: &str, terminal: &Term) -> String {
    let (narrowest, widest) = WIDTHS;
    let columns = terminal.size_checked().map_or(widest, |(_, columns)| usize::from(columns));
    to(columns.clamp(narrowest, widest), text)
}

/// A line that begins with a space stays as it is: it is there to be copied.
fn to(width: usize, text: &str) -> String {
    let line = |line: &str| if line.starts_with(' ') { line.to_owned() } else { filled(width, line) };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn filled(width: usize, line: &str) -> String {
    let (mut text, mut used) = (String::with_capacity(line.len()), 0);
    for word in line.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            text.push('\n');
            used = 0;
        } else if used > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += length;
    }
    text
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
