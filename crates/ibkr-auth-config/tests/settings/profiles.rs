//! Profiles that work: which one counts, and what overrides what.

use ibkr_auth_config::{Reader, Settings, Unkeyed};

use crate::folder::{Folder, MINIMAL, test_key};

const PROFILES: &str = "client_id: shared\nclient_key_id: main\nprivate_key_file: private.pem\n\
                        profiles:\n  live:\n    credential: me\n  paper:\n    credential: mepaper\n    client_id: other\n";

fn read(content: &str, profile: Option<&str>, vars: &[(&str, &str)]) -> Unkeyed {
    let folder = Folder::new();
    let reader = folder.reader(content).vars(vars.iter().copied());
    let reader = match profile {
        Some(name) => reader.profile(name),
        None => reader,
    };
    reader.read().unwrap_or_else(|error| panic!("{error}"))
}

fn client_id(settings: &Unkeyed) -> String {
    let shown = format!("{:?}", settings.config);
    shown.split("client_id: \"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn a_profile_overrides_the_top_level_and_variables_override_both() {
    let live = read(PROFILES, Some("live"), &[]);
    assert_eq!((live.profile.as_deref(), client_id(&live)), (Some("live"), "shared".to_owned()));
    let paper = read(PROFILES, Some("paper"), &[]);
    assert_eq!((paper.profile.as_deref(), client_id(&paper)), (Some("paper"), "other".to_owned()));
    let both = read(PROFILES, Some("paper"), &[("IBKR_AUTH_CLIENT_ID", "set")]);
    assert_eq!(client_id(&both), "set");
}

#[test]
fn the_caller_chooses_before_the_variable_and_that_before_the_file() {
    let default = format!("default_profile: live\n{PROFILES}");
    let chosen = |profile, vars: &[(&str, &str)]| read(&default, profile, vars).profile.unwrap();
    assert_eq!(chosen(None, &[]), "live");
    assert_eq!(chosen(None, &[("IBKR_AUTH_PROFILE", "paper")]), "paper");
    assert_eq!(chosen(Some("live"), &[("IBKR_AUTH_PROFILE", "paper")]), "live");
    // What is not asked is not judged.
    assert_eq!(chosen(Some("live"), &[("IBKR_AUTH_PROFILE", "")]), "live");
    let none = read(&format!("{PROFILES}credential: top\n"), None, &[]);
    assert_eq!(none.profile, None);
    assert_eq!(client_id(&none), "shared");
}

#[test]
fn the_short_ways_know_profiles_too() {
    let folder = Folder::new();
    let content = format!("{PROFILES}default_profile: paper\n");
    assert!(format!("{:?}", folder.read(&content).unwrap().config).contains("\"other\""));
    let settings = folder.read_with(&content, &[("IBKR_AUTH_PROFILE", "live")]).unwrap();
    assert!(format!("{:?}", settings.config).contains("\"shared\""));
    let settings = Settings::from_yaml_profile(folder.write("config.yaml", &content), "live").unwrap();
    assert!(format!("{:?}", settings.config).contains("\"shared\""));
}

#[test]
fn a_profile_replaces_the_rival_on_the_top_level() {
    let with = |top: &str, profile: &str| {
        let content = format!("{MINIMAL}{top}\nprofiles: {{ one: {{ {profile} }} }}\n");
        read(&content, Some("one"), &[])
    };
    let shown = |top: &str, profile: &str| format!("{:?}", with(top, profile).config);
    assert!(
        shown("domain: 1.api.ibkr.com", "base_url: 'http://localhost:1'")
            .contains("Host(http://localhost:1)")
    );
    assert!(shown("base_url: http://localhost:1", "domain: 1.api.ibkr.com").contains("Host(1.api.ibkr.com)"));
    assert!(shown("public_ip: 203.0.113.7", "ip_services: 'https://a.example'").contains("Lookup("));
    assert!(shown("ip_services: https://a.example", "public_ip: 203.0.113.7").contains("Fixed(203.0.113.7)"));
    assert_eq!(with("", "private_key: x").key.file(), None);
    let names = ["private_key_passphrase_env", "private_key_passphrase_file"];
    for (top, own) in [(names[0], names[1]), (names[1], names[0])] {
        let settings = with(&format!("{top}: nothing"), &format!("{own}: something"));
        assert!(settings.sets(own) && !settings.sets(top));
    }
    let vars = [("IBKR_AUTH_DOMAIN", "1.api.ibkr.com")];
    let content = format!("{MINIMAL}profiles: {{ one: {{ base_url: 'http://localhost:1' }} }}\n");
    assert_eq!(read(&content, Some("one"), &vars).config.host().to_string(), "1.api.ibkr.com");
}

#[test]
fn a_wrong_value_that_a_profile_overrides_does_no_harm() {
    let content = format!("{MINIMAL}timeout: soon\nprofiles:\n  good: {{timeout: 10}}\n  bad: {{}}\n");
    assert_eq!(read(&content, Some("good"), &[]).config.timeout().as_secs(), 10);
    let folder = Folder::new();
    assert!(folder.reader(&content).profile("bad").read().unwrap_err().message().contains("`timeout`"));
    // Nor does one of a profile that is not chosen.
    let content = format!("{MINIMAL}profiles:\n  good: {{}}\n  bad: {{timeout: soon}}\n");
    assert!(read(&content, Some("good"), &[]).profile.is_some());
}

#[test]
fn each_profile_may_have_its_key() {
    let folder = Folder::new();
    folder.write("paper.pem", test_key("encrypted.pem"));
    let content = format!(
        "{MINIMAL}profiles:\n  live: {{}}\n  paper:\n    private_key_file: paper.pem\n    \
         private_key_passphrase_env: IBKR_AUTH_PAPER_WORD\n"
    );
    // The passphrase's variable is known whichever profile is chosen.
    let vars = [("IBKR_AUTH_PAPER_WORD", "secret")];
    for (profile, bits) in [("live", 2048), ("paper", 3072)] {
        let settings = folder.reader(&content).vars(vars).profile(profile).read().unwrap();
        assert_eq!(settings.with_key().unwrap().key.bits(), bits);
    }
}

#[test]
fn names_are_text_in_the_files_order() {
    let longest = "x".repeat(64);
    let written = ["z", "007", "true", "a.b-c_d", "1.10", "_1", &longest];
    let list: String = written.iter().map(|name| format!("  {name}: {{}}\n")).collect();
    let folder = Folder::new();
    let reader = folder.reader(format!("\u{feff}{MINIMAL}profiles:\n{list}").replace('\n', "\r\n"));
    assert_eq!(reader.profiles().unwrap(), written);
    for name in written {
        assert_eq!(reader.clone().profile(name).read().unwrap().profile.as_deref(), Some(name));
    }
}

#[test]
fn the_names_are_told_though_the_rest_is_wrong() {
    let folder = Folder::new();
    let names = |content: &str| folder.reader(content).profiles().unwrap();
    assert_eq!(
        names(
            "colour: blue\ntimeout: [[]]\nprofiles: {a: {colour: blue}, b: 7, c: , d: [x]}\nclient_id: ''\n"
        ),
        ["a", "b", "c", "d"]
    );
    assert!(names(MINIMAL).is_empty());
    assert!(Reader::new().profiles().unwrap().is_empty());
}

#[test]
fn anchors_and_aliases_work() {
    let content = format!("{MINIMAL}profiles:\n  live: &live\n    timeout: 10\n  same: *live\n");
    assert_eq!(read(&content, Some("same"), &[]).config.timeout().as_secs(), 10);
    let content = format!(
        "{MINIMAL}service: &name other\nprofiles:\n  live:\n    client_id: *name\n    scope: [*name]\n"
    );
    assert_eq!(client_id(&read(&content, Some("live"), &[])), "other");
}

#[test]
fn hundreds_of_clients_fit() {
    let many: String =
        (0..900).map(|n| format!("  client{n}: {{client_id: id{n}, scope: [a, b]}}\n")).collect();
    let content = format!("{MINIMAL}profiles:\n{many}");
    assert_eq!(client_id(&read(&content, Some("client899"), &[])), "id899");
    let folder = Folder::new();
    assert_eq!(folder.reader(&content).profiles().unwrap().len(), 900);
}

#[test]
fn the_examples_profiles_work() {
    let example = include_str!("../../config.example.yaml");
    let (before, profiles) = example.split_once("# default_profile").unwrap();
    let uncommented: String =
        format!("# default_profile{profiles}").lines().map(|line| format!("{}\n", &line[2..])).collect();
    let folder = Folder::new();
    let reader = folder.reader(format!("{before}{uncommented}"));
    assert_eq!(reader.profiles().unwrap(), ["live", "paper"]);
    assert_eq!(reader.read().unwrap().profile.as_deref(), Some("live"));
    assert_eq!(client_id(&reader.profile("paper").read().unwrap()), "your-other-client-id");
}
