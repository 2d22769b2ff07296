//! The rule that no claim of the threat model stands without its test.

use std::collections::HashSet;
use std::fs;

use super::sources;
use crate::process;

const FILE: &str = "docs/THREAT_MODEL.md";

/// The column that says how a claim is proved.
const COLUMN: &str = "test";

const NOT_DEFENDED: &str = "not defended";

pub(crate) fn check() -> Result<Vec<String>, String> {
    let text = fs::read_to_string(process::root().join(FILE)).map_err(|error| format!("{FILE}: {error}"))?;
    let sources = sources::read_all(&["crates", "xtask", "tests"])?;
    let tests: HashSet<&str> = sources.iter().flat_map(|source| functions(&source.text)).collect();
    let is_there = |path: &str| process::root().join(path).exists();
    Ok(problems(&text, |name| if name.contains('/') { is_there(name) } else { tests.contains(name) }))
}

/// The names of private functions. Tests of both clients have type parameters, those of random values
/// arguments.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
    starts.filter_map(|rest| rest.split(['(', '<']).next())
}

fn problems(text: &str, is_there: impl Fn(&str) -> bool) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |line: Option<&&str>| line.is_some_and(|line| line.starts_with("|---"));
    let (mut found, mut proves) = (Vec::new(), false);
    for (at, line) in lines.iter().enumerate() {
        let Some(cells) = line.strip_prefix('|').filter(|_| !is_rule(Some(line))) else { continue };
        let last = cells.trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim();
        if is_rule(lines.get(at + 1)) {
            proves = last == COLUMN;
        } else if proves && last != NOT_DEFENDED {
            let names: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
            if names.is_empty() {
                found.push(format!("{FILE}:{}: names no test: {last}", at + 1));
            }
            let missing = names.into_iter().filter(|name| !is_there(name));
            found.extend(missing.map(|name| format!("{FILE}:{}: there is no `{name}`", at + 1)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{functions, problems};

    #[test]
    fn tests_are_known_by_their_names() {
        let text =
            "#[test]\nfn one() {}\n    fn two() {\nfn three<D: Driver>(client: &D) {}\npub fn four() {}\n";
        assert_eq!(functions(text).collect::<Vec<_>>(), ["one", "two", "three"]);
    }

    #[test]
    fn each_claim_is_proved_or_given_up() {
        let table = "| claim | test |\n|---|---|\n";
        let told =
            |row: &str| problems(&format!("{table}{row}\n"), |name| name == "there" || name == "tests/x/");
        assert!(told("| a | `there` |").is_empty());
        assert!(told("| a | not defended |").is_empty());
        assert!(told("| a | `there`, see the tests of `tests/x/` |").is_empty());
        assert_eq!(told("| a | `there`, `gone` |"), ["docs/THREAT_MODEL.md:3: there is no `gone`"]);
        assert_eq!(told("| a | somehow |"), ["docs/THREAT_MODEL.md:3: names no test: somehow"]);
        assert!(problems("| question | decided in |\n|---|---|\n| a | b |\n", |_| false).is_empty());
    }
}
