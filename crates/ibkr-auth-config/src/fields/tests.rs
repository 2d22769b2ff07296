//! Holds the table against its documentation.

use super::*;

#[test]
fn the_documented_table_is_this_table() {
    let (documented, _profiles) = crate::KEYS.split_once("\n## ").unwrap();
    let rows: Vec<&str> = documented.lines().skip(2).collect();
    assert_eq!(rows.len(), ALL.len());
    for (row, field) in rows.into_iter().zip(ALL) {
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        assert!(cells.len() == 3 && cells.iter().all(|cell| !cell.is_empty()), "{row}");
        assert_eq!(cells[0], format!("`{}`", field.name));
        let needed = if field.required { " **Required.**" } else { "" };
        let instead = field.instead.map(|other| format!(" Excludes `{other}`.")).unwrap_or_default();
        let about = cells[2].strip_suffix(&format!("{needed}{instead}")).unwrap_or_default();
        assert!(about.ends_with('.') && !about.contains("Required") && !about.contains("Excludes"), "{row}");
    }
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
