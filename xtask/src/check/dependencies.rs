//! Which external crates are pulled in: exact lists for the lowest layers, bans and single versions for all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use super::{layers, tree};
use crate::process;

/// Crates whose external dependencies are listed in `xtask/allow/<crate>.txt`.
const LISTED: &[&str] = &["ibkr-jws", "ibkr-oauth1", "ibkr-auth-core"];

/// A section of a list, and the options of `cargo tree` that produce it.
const SECTIONS: &[(&str, &str)] =
    &[("no features", "--no-default-features"), ("all features", "--all-features")];

/// Banned from what users get; mockito, which serves tests, speaks HTTP/2 as well.
const BANNED_FROM_PRODUCTS: &[(&str, &str)] = &[("h2", "IBKR's edge is spoken to in HTTP/1.1")];

type Sections = BTreeMap<String, BTreeSet<String>>;

pub(crate) fn allowed() -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    for name in LISTED {
        match fs::read_to_string(list_path(name)) {
            Ok(text) => problems.extend(differences(name, &read_list(&text), &found(name)?)),
            Err(error) => problems.push(format!("xtask/allow/{name}.txt: {error}")),
        }
    }
    Ok(problems)
}

pub(crate) fn update() -> Result<(), String> {
    for name in LISTED {
        let path = list_path(name);
        let text = write_list(name, &found(name)?);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("wrote xtask/allow/{name}.txt");
    }
    Ok(())
}

pub(crate) fn banned() -> Result<Vec<String>, String> {
    let path = process::root().join("deny.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let banned = read_bans(&text);
    if banned.is_empty() {
        return Err("deny.toml bans nothing".to_owned());
    }
    let everywhere = names(&["--workspace", "--all-features", "-e", "normal,build,dev"])?;
    let products =
        names(&["--workspace", "--exclude", layers::TESTS, "--all-features", "-e", "normal,build"])?;
    let hits = banned.into_iter().filter(|(name, _)| everywhere.contains(*name));
    let hits = hits.chain(BANNED_FROM_PRODUCTS.iter().copied().filter(|(name, _)| products.contains(*name)));
    Ok(hits.map(|(name, why)| format!("{name}: {why}")).collect())
}

/// What the features of the clients bring, and nobody else may.
const OPTIONAL: &[&str] = &["yaml_serde", "pkcs5", "des"];

pub(crate) fn optional() -> Result<Vec<String>, String> {
    let clients = ["-p", "ibkr-auth-async", "-p", "ibkr-auth-blocking", "-e", "normal,build"];
    let (all, lean) = (names(&clients)?, names(&[&clients[..], &["--no-default-features"]].concat())?);
    let unknown = OPTIONAL.iter().filter(|name| !all.contains(**name));
    let unknown = unknown.map(|name| format!("{name}: no feature brings it any more"));
    let hits = OPTIONAL.iter().filter(|name| lean.contains(**name));
    Ok(unknown.chain(hits.map(|name| format!("{name}: comes without any feature"))).collect())
}

/// The lines `{ crate = "…", reason = "…" },` of deny.toml.
fn read_bans(text: &str) -> Vec<(&str, &str)> {
    let entries =
        text.lines().filter_map(|line| line.trim().strip_prefix("{ crate = \"")?.strip_suffix("\" },"));
    entries.filter_map(|entry| entry.split_once("\", reason = \"")).collect()
}

pub(crate) fn duplicates() -> Result<Vec<String>, String> {
    let path = process::root().join("xtask/allow/duplicates.txt");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    // What tests pull in reaches no user.
    let packages =
        tree::packages(&["--workspace", "--exclude", layers::TESTS, "--all-features", "-e", "normal"])?;
    Ok(judge_duplicates(&packages, &text))
}

fn judge_duplicates(packages: &[tree::Package], allowed: &str) -> Vec<String> {
    let allowed: BTreeSet<&str> = entries(allowed).collect();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);

    let mut problems: Vec<String> = versions
        .iter()
        .filter(|(name, _)| !allowed.contains(*name))
        .map(|(name, versions)| {
            format!("{name}: {}", versions.iter().copied().collect::<Vec<_>>().join(", "))
        })
        .collect();
    let stale = allowed.iter().filter(|name| !versions.contains_key(*name));
    problems
        .extend(stale.map(|name| format!("{name} comes in one version now: strike it off duplicates.txt")));
    problems
}

fn list_path(name: &str) -> PathBuf {
    process::root().join("xtask/allow").join(name).with_extension("txt")
}

fn found(name: &str) -> Result<Sections, String> {
    let section = |(title, features): &(&str, &str)| {
        Ok((title.to_string(), names(&["--package", name, "-e", "normal", features])?))
    };
    SECTIONS.iter().map(section).collect()
}

/// The external crates that `cargo tree` lists, by name: versions are Cargo.lock's business.
fn names(arguments: &[&str]) -> Result<BTreeSet<String>, String> {
    let packages = tree::packages(arguments)?;
    Ok(packages.into_iter().filter(|package| !package.local).map(|package| package.name).collect())
}

fn differences(name: &str, listed: &Sections, found: &Sections) -> Vec<String> {
    let none = BTreeSet::new();
    let mut lines = Vec::new();
    for (title, _) in SECTIONS {
        let listed = listed.get(*title).unwrap_or(&none);
        let found = found.get(*title).unwrap_or(&none);
        lines.extend(found.difference(listed).map(|extra| format!("{name}, {title}: + {extra}")));
        lines.extend(listed.difference(found).map(|gone| format!("{name}, {title}: - {gone}")));
    }
    lines
}

fn read_list(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut title = String::new();
    for entry in entries(text) {
        match entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(new) => title = new.to_owned(),
            None => {
                sections.entry(title.clone()).or_default().insert(entry.to_owned());
            }
        }
    }
    sections
}

fn write_list(name: &str, sections: &Sections) -> String {
    let mut text = format!("# External crates below {name}: normal dependencies, every platform.\n");
    text.push_str("# Written by `cargo xtask check --update-allow`.\n");
    for (title, _) in SECTIONS {
        text.push_str(&format!("\n[{title}]\n"));
        for entry in sections.get(*title).into_iter().flatten() {
            text.push_str(&format!("{entry}\n"));
        }
    }
    text
}

/// The lines that say something, without what follows a `#`.
fn entries(text: &str) -> impl Iterator<Item = &str> {
    let uncommented = text.lines().map(|line| line.split_once('#').map_or(line, |(before, _)| before).trim());
    uncommented.filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(none: &[&str], all: &[&str]) -> Sections {
        let set = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<BTreeSet<_>>();
        [("no features".to_owned(), set(none)), ("all features".to_owned(), set(all))].into()
    }

    #[test]
    fn a_list_reads_back_as_written() {
        let sections = sections(&["http", "serde"], &["http", "serde", "tracing"]);
        assert_eq!(read_list(&write_list("a", &sections)), sections);
    }

    #[test]
    fn shows_what_came_and_what_went() {
        let listed = sections(&["http"], &["http", "old"]);
        let found = sections(&["http", "new"], &["http", "new"]);
        let expected = ["a, no features: + new", "a, all features: + new", "a, all features: - old"];
        assert_eq!(differences("a", &listed, &found), expected);
        assert!(differences("a", &found, &found).is_empty());
    }

    #[test]
    fn everything_is_new_without_a_list() {
        assert_eq!(differences("a", &read_list(""), &sections(&["http"], &[])), ["a, no features: + http"]);
    }

    #[test]
    fn reads_the_bans_of_deny_toml() {
        let text = "deny = [\n    { crate = \"rsa\", reason = \"slow\" },\n    { crate = \"h2\", reason = \"a, b\" },\n]\n";
        assert_eq!(read_bans(text), [("rsa", "slow"), ("h2", "a, b")]);
    }

    #[test]
    fn finds_duplicates_and_stale_permissions() {
        let package = |name: &str, version: &str| tree::Package {
            name: name.into(),
            version: version.into(),
            local: false,
        };
        let packages =
            [package("a", "1.0.0"), package("a", "2.0.0"), package("b", "1.0.0"), package("b", "1.0.0")];
        assert_eq!(judge_duplicates(&packages, ""), ["a: 1.0.0, 2.0.0"]);
        assert!(judge_duplicates(&packages, "# why\na  # because\n").is_empty());
        let stale = ["b comes in one version now: strike it off duplicates.txt"];
        assert_eq!(judge_duplicates(&packages, "a\nb\n"), stale);
    }
}
