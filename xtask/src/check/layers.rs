//! Which crate of the workspace may use which: development and build dependencies count as well.

use super::tree;

/// A crate and all it may name, from the bottom up.
const LAYERS: &[(&str, &[&str])] = &[
    ("ibkr-jws", &[]),
    ("ibkr-oauth1", &["ibkr-jws"]),
    ("ibkr-auth-core", &["ibkr-jws", "ibkr-oauth1"]),
    ("ibkr-auth-config", &["ibkr-auth-core", "ibkr-jws", "ibkr-oauth1"]),
    ("ibkr-auth-async", &["ibkr-auth-config", "ibkr-auth-core", "ibkr-jws"]),
    ("ibkr-auth-blocking", &["ibkr-auth-config", "ibkr-auth-core", "ibkr-jws"]),
    ("ibkr-auth-store", &["ibkr-auth-config", "ibkr-auth-core", "ibkr-jws"]),
    (
        "ibkr-gateway",
        &["ibkr-auth-async", "ibkr-auth-config", "ibkr-auth-core", "ibkr-auth-store", "ibkr-jws"],
    ),
    // The simulator shares no code with what it judges, signatures apart.
    ("ibkr-sim", &["ibkr-jws"]),
    (
        "ibkr-auth-cli",
        &[
            "ibkr-auth-blocking",
            "ibkr-auth-config",
            "ibkr-auth-core",
            "ibkr-auth-store",
            "ibkr-gateway",
            "ibkr-jws",
            "ibkr-sim",
        ],
    ),
];

/// Tests may use everything.
pub(crate) const TESTS: &str = "ibkr-auth-tests";

/// Runs before anything else is built, so it has no dependencies at all.
const XTASK: &str = "xtask";

/// The crates that crates.io gets, each after those it needs.
pub(crate) fn published() -> impl Iterator<Item = &'static str> {
    LAYERS.iter().map(|(name, _)| *name)
}

pub(crate) fn check() -> Result<Vec<String>, String> {
    let edges = tree::edges(&["--workspace", "--all-features", "-e", "normal,build,dev"])?;
    let mut problems = Vec::new();
    for (from, to) in &edges {
        let ours: Vec<&str> = to.iter().filter(|p| p.local).map(|p| p.name.as_str()).collect();
        problems.extend(judge(&from.name, &ours));
        if from.name == XTASK {
            problems.extend(
                to.iter().map(|package| format!("xtask uses {}: it must use std alone", package.name)),
            );
        }
    }
    for (name, _) in LAYERS {
        if !edges.iter().any(|(from, _)| from.name == *name) {
            problems.push(format!("{name} is in LAYERS but not in the workspace"));
        }
    }
    Ok(problems)
}

fn judge(from: &str, ours: &[&str]) -> Vec<String> {
    if from == TESTS || from == XTASK {
        return Vec::new();
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == from) else {
        return vec![format!("{from} has no place in LAYERS")];
    };
    // A crate may name itself, to switch its own features on for its tests.
    let upward = ours.iter().filter(|to| **to != from && !allowed.contains(to));
    upward.map(|to| format!("{from} must not use {to}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_only_point_down() {
        for (place, (name, allowed)) in LAYERS.iter().enumerate() {
            for to in *allowed {
                assert!(LAYERS[..place].iter().any(|(lower, _)| lower == to), "{name} -> {to}");
            }
        }
    }

    #[test]
    fn finds_edges_that_are_not_allowed() {
        assert!(judge("ibkr-auth-core", &["ibkr-jws", "ibkr-auth-core"]).is_empty());
        assert_eq!(judge("ibkr-jws", &["ibkr-auth-core"]), ["ibkr-jws must not use ibkr-auth-core"]);
        assert_eq!(
            judge("ibkr-sim", &["ibkr-jws", "ibkr-auth-core"]),
            ["ibkr-sim must not use ibkr-auth-core"]
        );
        assert_eq!(judge("ibkr-auth-async", &["ibkr-sim"]), ["ibkr-auth-async must not use ibkr-sim"]);
        assert_eq!(judge("newcomer", &[]), ["newcomer has no place in LAYERS"]);
        assert!(judge("ibkr-auth-tests", &["ibkr-sim", "ibkr-auth-core"]).is_empty());
    }
}
