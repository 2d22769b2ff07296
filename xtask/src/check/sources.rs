//! Rules about the text of the source files.

use std::fs;
use std::path::Path;

use crate::process;

const MOST_LINES: usize = 500;
/// `max_width` in rustfmt.toml, which leaves comments alone.
const WIDEST: usize = 110;

/// The front page of a crate whose README is that.
const README: &str = "#![doc = include_str!(\"../README.md\")]";

pub(crate) struct Source {
    /// Relative to the workspace, with `/`.
    pub path: String,
    pub text: String,
}

pub(crate) fn headers() -> Result<Vec<String>, String> {
    let sources = read_all(&["crates", "xtask", "tests"])?;
    let bare =
        sources.iter().filter(|source| !source.text.starts_with("//!") && !source.text.starts_with(README));
    Ok(bare.map(|source| source.path.clone()).collect())
}

pub(crate) fn budget() -> Result<Vec<String>, String> {
    let sources = read_all(&["crates", "xtask", "tests"])?;
    let counted = sources.iter().map(|source| (&source.path, code_lines(&source.text)));
    let long = counted.filter(|(_, lines)| *lines > MOST_LINES);
    Ok(long.map(|(path, lines)| format!("{path}: {lines} lines of code")).collect())
}

pub(crate) fn width() -> Result<Vec<String>, String> {
    let sources = read_all(&["crates", "xtask", "tests"])?;
    let wide = sources.iter().flat_map(|source| {
        wide_comments(&source.text).map(|number| format!("{}:{number}", source.path)).collect::<Vec<_>>()
    });
    Ok(wide.collect())
}

/// Every `.rs` file below the folders, sorted by path.
pub(crate) fn read_all(folders: &[&str]) -> Result<Vec<Source>, String> {
    let root = process::root();
    let mut sources = Vec::new();
    for folder in folders {
        walk(&root, &root.join(folder), &mut sources)?;
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn walk(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<(), String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            walk(root, &path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
            let relative = path.strip_prefix(root).unwrap_or(&path);
            sources.push(Source { path: relative.display().to_string().replace('\\', "/"), text });
        }
    }
    Ok(())
}

/// Lines that hold more than blanks and a line comment.
fn code_lines(text: &str) -> usize {
    text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

/// Lines with a comment wider than rustfmt makes code. Rows of tables cannot be broken.
fn wide_comments(text: &str) -> impl Iterator<Item = usize> {
    let is_wide = |line: &str| {
        let comment = line.trim_start().strip_prefix("//");
        let words = comment.map(|comment| comment.trim_start_matches(['/', '!', ' ']));
        words.is_some_and(|words| !words.starts_with('|')) && line.chars().count() > WIDEST
    };
    text.lines().enumerate().filter(move |(_, line)| is_wide(line)).map(|(index, _)| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_code_alone() {
        assert_eq!(code_lines("//! doc\n\nfn f() {\n    // why\n    g(); // twice\n}\n"), 3);
    }

    #[test]
    fn a_comment_is_as_wide_as_code_at_most() {
        let word = "w".repeat(WIDEST - 4);
        let text = format!("/// {word}\n/// {word}w\n//! | {word} |\nlet {word}wide;\n");
        assert_eq!(wide_comments(&text).collect::<Vec<_>>(), [2]);
    }
}
