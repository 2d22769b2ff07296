//! The rules by name: listed, set, and written down in the README; and the names under which something is
//! refused.

use std::{fs, time::Duration};

use ibkr_sim::{Expires, Extension, Limit, Refusal, Rules, Sim, SimConfig};

const README: &str = include_str!("../README.md");

/// A value that is not the default, for each kind of rule.
fn another(takes: &str) -> &'static str {
    match takes {
        "a time" => "1h30m",
        "a number" => "7",
        "a time, or `off`" => "20s",
        "a number, or `off`" => "3",
        "a number and a time, or `off`" => "3/10m",
        "`true` or `false`" => "",
        "`validate`, `any_request` or `nothing`" => "any_request",
        "`any`, `merged`, `left_out` or `in_url`" => "left_out",
        "`millis_left` or `epoch_millis`" => "epoch_millis",
        "`flag`, `fail_text` or `never`" => "fail_text",
        other => panic!("a new kind of rule: {other}"),
    }
}

#[test]
fn every_rule_can_be_set_and_reads_what_it_shows() {
    for rule in Rules::default().list() {
        assert_eq!(rule.default, rule.value, "{}", rule.name);
        let other = match (another(&rule.takes), rule.default.as_str()) {
            ("", "true") => "false",
            ("", _) => "true",
            (other, _) => other,
        };
        let mut rules = Rules::default();
        rules.set(rule.name, other).unwrap();
        let changed: Vec<_> = rules.list().into_iter().filter(|rule| rule.default != rule.value).collect();
        assert_eq!(changed.len(), 1, "{}", rule.name);
        assert_eq!((changed[0].name, changed[0].value.as_str()), (rule.name, other));
        rules.set(rule.name, &rule.default).unwrap();
        assert_eq!(rules, Rules::default(), "{}", rule.name);
    }
}

#[test]
fn a_name_is_the_fields() {
    let mut rules = Rules::default();
    for (name, value) in [
        ("access_token_life", "10m"),
        ("clock_tolerance", "500ms"),
        ("replay_refused", "false"),
        ("bearer-extended-by", "any-request"),
        ("expires", "epoch_millis"),
        ("pacing", "off"),
        ("pacing_patience", "1"),
        ("pacing_penalty", "10m"),
        ("login_limit", "3/1h"),
    ] {
        rules.set(name, value).unwrap();
    }
    let expected = Rules {
        access_token_life: Duration::from_secs(600),
        clock_tolerance: Duration::from_millis(500),
        replay_refused: false,
        bearer_extended_by: Extension::AnyRequest,
        expires: Expires::EpochMillis,
        pacing: None,
        pacing_patience: 1,
        pacing_penalty: Duration::from_secs(600),
        login_limit: Some(Limit::new(3, 3600)),
        ..Rules::default()
    };
    assert_eq!(rules, expected);
}

#[test]
fn what_cannot_be_set_says_what_can() {
    for (name, value, expected) in [
        ("berer_life", "1m", "there is no rule `berer_life`; did you mean `bearer_life`?"),
        ("colour", "red", "there is no rule `colour`; the rules are access_token_life, assertion_life, "),
        ("bearer_life", "soon", "bearer_life: `soon` is no time: write it like 500ms, 10s, 5m or 24h"),
        ("bearer_life", "10", "bearer_life: `10` is no time"),
        ("bearer_life", "-1s", "bearer_life: `-1s` is no time"),
        ("gzip", "maybe", "gzip: `maybe` is neither `true` nor `false`"),
        ("expires", "never", "expires: `never` is neither `millis_left` nor `epoch_millis`"),
        ("pacing_patience", "0", "pacing_patience: `0` is no number from 1 on"),
        (
            "connection_idle",
            "x",
            "connection_idle: `x` is no time: write it like 500ms, 10s, 5m or 24h, or `off` for none",
        ),
        ("competing_shown", "x", "competing_shown: `x` is neither `flag`, `fail_text` nor `never`"),
        ("pacing", "0/1s", "pacing: `0/1s` is no limit: write it like 50/1s or 3/10m, or `off` for none"),
        ("pacing", "50", "pacing: `50` is no limit"),
        ("login_limit", "1/0s", "login_limit: `1/0s` is no limit"),
        ("login_limit", "1/s", "login_limit: `1/s` is no limit"),
    ] {
        let mut rules = Rules::default();
        let said = rules.set(name, value).unwrap_err().to_string();
        assert!(said.starts_with(expected), "{said}");
        assert_eq!(rules, Rules::default());
    }
}

#[test]
fn the_readme_lists_the_rules() {
    let mut table = "| rule | default | takes | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for rule in Rules::default().list() {
        let row = format!("| `{}` | `{}` | {} | {} |\n", rule.name, rule.default, rule.takes, rule.meaning);
        table.push_str(&row);
    }
    assert!(README.contains(&format!("\n\n{table}\n")), "the table in README.md should be\n\n{table}");
}

#[test]
#[should_panic = "nothing is refused under `assertion-replay`"]
fn what_nothing_is_refused_under_cannot_be_counted() {
    let sim = Sim::new(SimConfig::default());
    assert_eq!(sim.counters().refused_for("replay"), 0);
    sim.counters().refused_for("assertion-replay");
}

#[test]
fn something_is_refused_under_each_name() {
    let folders = ["/src", "/src/oauth1"].map(|folder| format!("{}{folder}", env!("CARGO_MANIFEST_DIR")));
    let files =
        folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some() && !path.ends_with("answer.rs"));
    let source: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    for name in Refusal::RULES {
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
    }
}
