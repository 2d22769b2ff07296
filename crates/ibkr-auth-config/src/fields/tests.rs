//! Holds the table against its documentation.

use super::*;

fn table() -> String {
    let mut table = "| key | value | meaning |\n|---|---|---|\n".to_owned();
    for field in ALL {
        let needed = if field.required { " **Required.**" } else { "" };
        let instead = field.instead.map(|other| format!(" Excludes `{other}`.")).unwrap_or_default();
        let takes = field.takes.replace('|', "\\|");
        table += &format!("| `{}` | {takes} | {}{needed}{instead} |\n", field.name, field.about);
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
    for field in ALL {
        let written = |line: &&str| line.trim_start_matches("# ").starts_with(&format!("{}: ", field.name));
        assert_eq!(example.lines().filter(written).count(), 1, "{}", field.name);
    }
}

#[test]
fn partners_name_each_other() {
    for field in ALL {
        if let Some(other) = field.instead {
            assert_eq!(find(other).and_then(|other| other.instead), Some(field.name));
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
