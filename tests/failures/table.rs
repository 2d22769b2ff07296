//! docs/FAILURES.md: written, and looked up.

use std::{collections::BTreeMap, path::PathBuf};

/// Title of a table, fault, column.
pub(crate) type Place = (&'static str, &'static str, String);

pub(crate) fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/FAILURES.md")
}

/// Tables in the order in which they were named, each with its columns.
pub(crate) fn write(
    introduction: &str,
    tables: &[(&'static str, &'static str, Vec<String>)],
    rows: &[&'static str],
    cells: &BTreeMap<Place, String>,
) -> String {
    let mut text = introduction.to_owned();
    for (title, about, columns) in tables {
        text += &format!("\n## {title}\n\n{about}\n\n| fault | {} |\n", columns.join(" | "));
        text += &format!("|---{}|\n", "|---".repeat(columns.len()));
        for row in rows {
            let cell =
                |column: &String| cells.get(&(*title, *row, column.clone())).map_or("", String::as_str);
            let line: Vec<&str> = columns.iter().map(cell).collect();
            if line.iter().any(|cell| !cell.is_empty()) {
                text += &format!("| {row} | {} |\n", line.join(" | "));
            }
        }
    }
    text
}

/// What the document says at a place.
pub(crate) fn read(text: &str, (title, row, column): &Place) -> Option<String> {
    let table = text.split(&format!("\n## {title}\n")).nth(1)?;
    let table = table.split("\n## ").next()?;
    let split = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let header = split(table.lines().find(|line| line.starts_with("| fault |"))?);
    let index = header.iter().position(|name| name == column)?;
    let line = table.lines().find(|line| line.starts_with(&format!("| {row} |")))?;
    split(line).get(index).cloned()
}
