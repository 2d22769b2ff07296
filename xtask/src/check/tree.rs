//! Reads the lines of `cargo tree --prefix none` and `--prefix depth`.

use crate::process;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    pub name: String,
    pub version: String,
    /// Built from a folder, so one of ours.
    pub local: bool,
}

/// The packages `cargo tree` lists, for every platform, sorted, each once.
pub(crate) fn packages(arguments: &[&str]) -> Result<Vec<Package>, String> {
    let mut all: Vec<Package> = run("none", arguments)?.lines().filter_map(package).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// What `cargo tree` draws one level deep: each package of the workspace with what it names in its
/// Cargo.toml.
pub(crate) fn edges(arguments: &[&str]) -> Result<Vec<(Package, Vec<Package>)>, String> {
    Ok(read_edges(&run("depth", &[arguments, &["--depth", "1"]].concat())?))
}

fn run(prefix: &str, arguments: &[&str]) -> Result<String, String> {
    let fixed = ["tree", "--target", "all", "--format", "{p}", "--prefix", prefix];
    process::output(process::cargo().args(fixed).args(arguments))
}

fn read_edges(text: &str) -> Vec<(Package, Vec<Package>)> {
    let mut edges: Vec<(Package, Vec<Package>)> = Vec::new();
    for line in text.lines() {
        let name_at = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
        let (depth, rest) = line.split_at(name_at);
        let Some(package) = package(rest) else { continue };
        match (depth, edges.last_mut()) {
            ("0", _) => edges.push((package, Vec::new())),
            (_, Some((_, below))) => below.push(package),
            (_, None) => {}
        }
    }
    edges
}

/// Reads `name v1.2.3`, which may be followed by `(proc-macro)`, a folder, a URL, `(*)`.
fn package(line: &str) -> Option<Package> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let version = words.next()?.strip_prefix('v')?;
    // A Windows path starts with a drive letter: `(C:\`.
    let local = line.contains(" (/") || line.contains(":\\");
    Some(Package { name: name.to_owned(), version: version.to_owned(), local })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn external(name: &str, version: &str) -> Package {
        Package { name: name.into(), version: version.into(), local: false }
    }

    #[test]
    fn reads_the_forms_of_a_package_line() {
        assert_eq!(package("serde v1.0.229"), Some(external("serde", "1.0.229")));
        assert_eq!(
            package("serde_derive v1.0.229 (proc-macro) (*)"),
            Some(external("serde_derive", "1.0.229"))
        );
        assert_eq!(package("x v0.1.0 (https://example.org/x?rev=1#abc)"), Some(external("x", "0.1.0")));
        for ours in ["core v0.1.0 (/a b/core)", "core v0.1.0 (/a b/core) (*)", r"core v0.1.0 (C:\a b\core)"] {
            let expected = Package { local: true, ..external("core", "0.1.0") };
            assert_eq!(package(ours), Some(expected), "{ours}");
        }
    }

    #[test]
    fn skips_lines_that_name_no_package() {
        for line in ["", "[dev-dependencies]", "warning: nothing to print."] {
            assert_eq!(package(line), None, "{line}");
        }
    }

    #[test]
    fn reads_edges() {
        let text =
            "0a v0.1.0 (/a)\n1b v0.1.0 (/b)\n[dev-dependencies]\n1serde v1.0.0 (*)\n\n0b v0.1.0 (/b)\n";
        let names: Vec<(String, Vec<String>)> = read_edges(text)
            .into_iter()
            .map(|(from, to)| (from.name, to.into_iter().map(|package| package.name).collect()))
            .collect();
        assert_eq!(names, [("a".into(), vec!["b".into(), "serde".into()]), ("b".into(), vec![])]);
    }
}
