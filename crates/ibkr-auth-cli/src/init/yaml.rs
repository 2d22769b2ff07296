//! Text as YAML that is read back as the same text.

/// In double quotes; whatever YAML could take for something else is escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ if c.is_alphanumeric() => quoted.push(c),
            _ => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

/// The line of this key in the outermost mapping, be it commented out or not, is replaced by `key: value`.
/// Without one there is a new line at the end.
pub(super) fn with_line(text: &str, key: &str, value: &str) -> String {
    let is_active = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
    let is_commented = |line: &str| line.strip_prefix('#').is_some_and(|rest| is_active(rest.trim_start()));
    let mut lines: Vec<&str> = text.lines().collect();
    let at = lines
        .iter()
        .position(|line| is_active(line))
        .or_else(|| lines.iter().position(|line| is_commented(line)));
    let new = format!("{key}: {value}");
    match at {
        Some(at) => lines[at] = &new,
        None => lines.push(&new),
    }
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_backslashes_and_invisible_characters_are_escaped() {
        assert_eq!(quoted(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(quoted("Zoë\u{2028}\u{feff}"), r#""Zoë\U00002028\U0000FEFF""#);
    }

    #[test]
    fn a_line_is_replaced_where_it_stands_else_added() {
        let text = "a: 1\n# b: \"x\"  # not there yet\nab: 3\n";
        assert_eq!(with_line(text, "a", "9"), "a: 9\n# b: \"x\"  # not there yet\nab: 3\n");
        assert_eq!(with_line(text, "b", "9"), "a: 1\nb: 9\nab: 3\n");
        assert_eq!(with_line(text, "c", "9"), format!("{text}c: 9\n"));
        assert_eq!(with_line("#k: 1\nk: 2\n", "k", "3"), "#k: 1\nk: 3\n", "what counts comes first");
    }
}
