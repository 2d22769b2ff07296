//! `--rule help`.

use std::fmt::Write as _;

use crate::Rules;

/// Columns that every terminal has.
const WIDTH: usize = 80;

/// Every rule with its default and meaning.
pub(super) fn help() -> String {
    let mut text = "Each rule with its default; `--rule NAME=VALUE` sets one.\n".to_owned();
    for rule in Rules::default().list() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n  {}={}  ({})", rule.name, rule.default, rule.takes);
        for line in lines(rule.meaning, WIDTH - 6) {
            let _ = writeln!(text, "      {line}");
        }
    }
    text
}

fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
