//! The oldest Rust that we promise is one with which all that we depend on can be built.

use crate::process;

pub(crate) fn check() -> Result<Vec<String>, String> {
    let metadata = process::output(process::cargo().args(["metadata", "--locked", "--format-version", "1"]))?;
    let packages = read(&metadata);
    let ours = packages.iter().find(|(name, _)| name == "xtask").and_then(|(_, version)| *version);
    let Some(ours) = ours else { return Err("cargo metadata names no rust-version of ours".to_owned()) };
    let newer = packages.iter().filter(|(_, version)| version.is_some_and(|version| version > ours));
    let text = |(major, minor): (u32, u32)| format!("{major}.{minor}");
    Ok(newer
        .map(|(name, version)| {
            format!("{name} asks for Rust {}, ours is {}", version.map(text).unwrap_or_default(), text(ours))
        })
        .collect())
}

/// Each package's name, and the `rust-version` it declares. Packages begin with their name and version, which
/// nothing else in the output of `cargo metadata` does, and quotes within texts are escaped.
fn read(metadata: &str) -> Vec<(String, Option<(u32, u32)>)> {
    let objects = metadata.split("{\"name\":\"").skip(1);
    let mut packages: Vec<(String, Option<(u32, u32)>)> = Vec::new();
    for object in objects {
        let (name, rest) = object.split_once('"').unwrap_or_default();
        if rest.starts_with(",\"version\":\"") {
            packages.push((name.to_owned(), None));
        }
        // It comes after the package's dependencies, which are objects with names too.
        let declared = object.split_once("\"rust_version\":\"").and_then(|(_, rest)| version(rest));
        if let (Some(package), Some(_)) = (packages.last_mut(), declared) {
            package.1 = declared;
        }
    }
    packages
}

/// The first two numbers of `1.89` or `1.88.0`.
fn version(text: &str) -> Option<(u32, u32)> {
    let (version, _) = text.split_once('"')?;
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next().unwrap_or(Some(0))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_packages_declare() {
        let metadata = concat!(
            r#"{"packages":[{"name":"a","version":"1.0.0","description":"\"rust_version\":\"9.9\"","#,
            r#""dependencies":[{"name":"b","source":null}],"rust_version":"1.88.0"},"#,
            r#"{"name":"b","version":"0.1.0","dependencies":[],"rust_version":null}]}"#
        );
        assert_eq!(read(metadata), [("a".to_owned(), Some((1, 88))), ("b".to_owned(), None)]);
    }
}
