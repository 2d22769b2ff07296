//! Text as wide as the terminal, broken between words.

use std::fmt::Write;

use console::Term;

const NARROWEST: usize = 40;
const WIDEST: usize = 100;

/// As wide as the terminal, within bounds; as wide as may be where there is none.
pub(crate) fn width(columns: Option<u16>) -> usize {
    columns.map_or(WIDEST, |columns| usize::from(columns).clamp(NARROWEST, WIDEST))
}

/// Text behind `start`, which takes `column` columns; further lines are indented.
pub(crate) fn behind(text: &str, (mut column, indent): (usize, usize), start: &str, width: usize) -> String {
    let mut shown = start.to_owned();
    for (index, word) in text.split(' ').filter(|word| !word.is_empty()).enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > width {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\n{:indent$}", "");
            column = indent;
        } else if index > 0 {
            shown.push(' ');
            column += 1;
        }
        shown.push_str(word);
        column += length;
    }
    shown
}

/// Each line of the text, broken where it would be wider than the terminal.
pub(crate) fn wrapped(text: &str, terminal: &Term) -> String {
    lines(text, width(terminal.size_checked().map(|(_, columns)| columns)))
}

/// The same, as wide as this. A line that begins with a space stays as it is: it is there to be copied.
pub(crate) fn lines(text: &str, width: usize) -> String {
    let line =
        |line: &str| if line.starts_with(' ') { line.to_owned() } else { behind(line, (0, 0), "", width) };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        assert_eq!(lines("a bc def ghij\n\nk", 9), "a bc def\nghij\n\nk");
        assert_eq!(lines("longer a b c", 4), "longer\na b\nc", "a word that is too long has its own line");
        assert_eq!(lines("  to be copied", 4), "  to be copied");
    }
}
