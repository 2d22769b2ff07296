//! Rules about the text of the source files.

use std::fs;
use std::path::Path;

use super::scrub::{is_word, scrub, without_tests};
use crate::process;

const MOST_LINES: usize = 500;

/// Crates that get every effect passed in.
const PURE: &[&str] = &["ibkr-auth-core", "ibkr-jws"];

/// The front page of a crate whose README is that.
const README: &str = "#![doc = include_str!(\"../README.md\")]";

const BANNED_PATHS: &[&str] = &["tokio", "Instant::now", "SystemTime::now"];

/// Modules of `std` that reach outside.
const BANNED_MODULES: &[&str] = &["env", "fs", "net", "process", "thread"];

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

pub(crate) fn purity() -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    for name in PURE {
        for source in read_all(&[&format!("crates/{name}/src")])? {
            if is_test_file(&source.path) {
                continue;
            }
            let code = without_tests(&scrub(&source.text));
            problems.extend(effects(&code).into_iter().map(|effect| format!("{}: {effect}", source.path)));
        }
    }
    Ok(problems)
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

/// Lines that hold more than blanks and comments. The lines inside a long string count as blank.
fn code_lines(text: &str) -> usize {
    scrub(text).lines().filter(|line| !line.trim().is_empty()).count()
}

/// A module that its parent includes under `#[cfg(test)]` or `#[cfg(feature = "testing")]`.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.ends_with("/src/testing.rs")
}

fn effects(code: &str) -> Vec<String> {
    // `std :: fs` is legal too.
    let code = &code.split_whitespace().collect::<Vec<_>>().join(" ").replace(" :: ", "::");
    let mut found: Vec<String> = Vec::new();
    for path in BANNED_PATHS {
        if has_path(code, path) {
            found.push((*path).to_owned());
        }
    }
    for module in BANNED_MODULES {
        let path = format!("std::{module}");
        if has_path(code, &path) || grouped_imports(code).any(|word| word == *module) {
            found.push(path);
        }
    }
    found
}

fn has_path(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + path.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The words within each `std::{…}`.
fn grouped_imports(code: &str) -> impl Iterator<Item = &str> {
    let groups = code.match_indices("std::{").filter_map(|(at, _)| super::scrub::block(&code[at..]));
    groups.flat_map(|group| group.split(|c| !is_word(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_code_alone() {
        assert_eq!(code_lines("//! doc\n\nfn f() {\n    // why\n    g(); /* a\n b */\n}\n"), 3);
    }

    #[test]
    fn finds_effects() {
        let cases = [
            ("use std::net::TcpStream;", "std::net"),
            ("use std::{io, fs};", "std::fs"),
            ("use std::{sync::Arc, thread::{self, sleep}};", "std::thread"),
            ("use std::time::Instant; let t = Instant::now();", "Instant::now"),
            ("std::time::SystemTime :: now()", "SystemTime::now"),
            ("use tokio::spawn;", "tokio"),
            ("std::env::var", "std::env"),
        ];
        for (code, effect) in cases {
            assert_eq!(effects(code), [effect], "{code}");
        }
    }

    #[test]
    fn leaves_what_only_looks_like_an_effect() {
        for code in
            ["use core::net::IpAddr;", "my_std::netting()", "env!", "fn process()", "use std::{fmt, io};"]
        {
            assert!(effects(code).is_empty(), "{code}");
        }
    }

    #[test]
    fn looks_past_comments_and_tests() {
        let source = "// std::fs\nfn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }";
        assert!(effects(&without_tests(&scrub(source))).is_empty());
        assert!(is_test_file("crates/a/src/session/tests.rs"));
        assert!(is_test_file("crates/a/src/testing.rs"));
        assert!(!is_test_file("crates/a/src/session.rs"));
    }
}
