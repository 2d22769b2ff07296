//! Holds the table against its documentation.

use super::*;

fn table() -> String {
    let mut table = "| key | value | meaning |\n|---|---|---|\n".to_owned();
    for key in ALL {
        let needed = if key.required { " **Required.**" } else { "" };
        let instead = key.instead.map(|other| format!(" Excludes `{other}`.")).unwrap_or_default();
        let takes = key.takes.replace('|', "\\|");
        table += &format!("| `{}` | {takes} | {}{needed}{instead} |\n", key.name, key.about);
    }
    table
}

#[test]
fn the_documented_table_is_this_table() {
    let documented = include_str!("../../KEYS.md");
    let (documented, _profiles) = documented.split_once("\n## ").unwrap();
    assert_eq!(documented, table(), "KEYS.md should start with:\n{}", table());
}

#[test]
fn the_example_names_every_key() {
    let example = include_str!("../../config.example.yaml");
    for key in ALL {
        let written = |line: &&str| line.trim_start_matches("# ").starts_with(&format!("{}: ", key.name));
        assert_eq!(example.lines().filter(written).count(), 1, "{}", key.name);
    }
}

#[test]
fn partners_name_each_other() {
    for key in ALL {
        if let Some(other) = key.instead {
            assert_eq!(find(other).and_then(|other| other.instead), Some(key.name));
        }
    }
}

#[test]
fn near_misses_find_their_key() {
    let near = |unknown: &str| advice(unknown, &[], str::to_owned);
    for (unknown, meant) in [
        ("privat_key_file", "private_key_file"),
        ("clientId", "client_id"),
        ("client-id", "client_id"),
        ("Client ID", "client_id"),
        ("credentials", "credential"),
        ("domian", "domain"),
        ("time_out", "timeout"),
        ("ip_service", "ip_services"),
        ("privatekey", "private_key"),
        ("scopes", "scope"),
    ] {
        assert_eq!(near(unknown), Some(format!("did you mean {meant}?")), "{unknown}");
    }
    for far in ["", "x", "username", "kid", "colour"] {
        assert_eq!(near(far), None, "{far}");
    }
}
