//! Text as wide as the terminal, broken between words.

use std::fmt::Write;

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
