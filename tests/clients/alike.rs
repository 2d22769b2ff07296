//! Both clients have the same public methods, and `src/driver.rs` has them all: what the compiler cannot see
//! there is a method that is missing.

use std::{collections::BTreeSet, fs, path::Path};

/// In which file each of the types stands, and the trait that lists its methods.
const TYPES: [(&str, &str); 3] = [("client", "Driver"), ("handle", "Kept"), ("transport", "Http")];

#[test]
fn the_common_list_has_every_public_method_of_either_client() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let driver = read("tests/src/driver.rs");
    for (file, name) in TYPES {
        let methods =
            |client: &str| names(&read(&format!("crates/ibkr-auth-{client}/src/{file}.rs")), "pub ");
        let list = driver.split(&format!("\npub trait {name}: ")).nth(1).unwrap();
        let list = names(list.split("\n}").next().unwrap(), "");
        assert!(methods("async").len() > 1, "rustfmt has changed the layout that this test reads");
        assert_eq!(methods("async"), methods("blocking"), "{file}.rs");
        let unlisted: Vec<_> = methods("async").difference(&list).cloned().collect();
        assert!(unlisted.is_empty(), "not in `{name}`: {unlisted:?}");
    }
}

/// The functions that stand in a block: rustfmt gives each a line that is indented by four.
fn names(source: &str, visibility: &str) -> BTreeSet<String> {
    let starts = ["", "const ", "async "].map(|kind| format!("    {visibility}{kind}fn "));
    let rest = |line| starts.iter().find_map(|start| str::strip_prefix(line, start.as_str()));
    source
        .lines()
        .filter_map(rest)
        .filter_map(|rest| rest.split(['(', '<']).next())
        .map(str::to_owned)
        .collect()
}
