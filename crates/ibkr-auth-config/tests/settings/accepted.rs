//! Files that work.

use std::fs;

use ibkr_auth_config::{FileError, Proxy, Settings};
use ibkr_auth_core::Tier;

use crate::folder::{Folder, KEYLESS, MINIMAL, test_key_block};

fn debug(content: impl AsRef<[u8]>) -> String {
    format!("{:?}", Folder::new().read(content).unwrap())
}

#[test]
fn ibauths_file_works_unchanged() {
    let folder = Folder::new();
    let key = folder.path().join("private.pem");
    let settings = folder
        .read(format!(
            "client_id: \"your-client-id\"\nclient_key_id: \"your-client-key-id\"\ncredential: \"your-credential\"\n\
             private_key_file: \"{}\"\ndomain: \"api.ibkr.com\"\n",
            key.display()
        ))
        .unwrap();
    let shown = format!("{:?}", settings.config);
    assert!(shown.contains("\"your-client-id\"") && shown.contains("\"your-client-key-id\""), "{shown}");
    assert_eq!(settings.config.host().base_url(), "https://api.ibkr.com");
    assert_eq!(settings.key.bits(), 2048);
    assert!(settings.warnings().is_empty());
}

#[test]
fn numbered_domains_work() {
    let settings = Folder::new().read(format!("{MINIMAL}domain: 5.api.ibkr.com\n")).unwrap();
    assert_eq!(settings.config.host().base_url(), "https://5.api.ibkr.com");
}

#[test]
fn what_editors_and_people_do_to_files_does_no_harm() {
    let crlf = MINIMAL.replace('\n', "\r\n");
    let forms = [
        format!("\u{feff}{MINIMAL}"),
        format!("\u{feff}{crlf}"),
        crlf,
        format!("---\n{MINIMAL}"),
        format!("%YAML 1.2\n---\n{MINIMAL}...\n"),
        MINIMAL.trim_end().to_owned(),
        MINIMAL.replace("someone", "'someone' # who"),
        MINIMAL.replace(": ", ":   "),
        MINIMAL.replace(": ", ":\t"),
        MINIMAL.lines().map(|line| format!("  {line}\n")).collect(),
        format!("# a comment: with a colon\n\n{MINIMAL}\n\n# the end"),
        format!("{{{}}}", MINIMAL.trim_end().replace('\n', ", ")),
        format!("{MINIMAL}service: &name main\nuser_agent: *name\n"),
    ];
    for form in forms {
        assert!(debug(&form).contains("\"your-client-id\""), "{form}");
    }
}

#[test]
fn ids_that_look_like_numbers_stay_as_they_are_written() {
    for id in [
        "12345",
        "007",
        "123e4",
        "0x1F",
        "0o17",
        "1_000",
        "1.10",
        ".5",
        "true",
        "no",
        "+1",
        "1e999",
        "2024-01-01",
    ] {
        for written in [id.to_owned(), format!("'{id}'"), format!("\"{id}\""), format!("{id} # comment")] {
            let shown = debug(MINIMAL.replace("your-client-id", &written));
            assert!(shown.contains(&format!("client_id: \"{id}\"")), "{written}: {shown}");
        }
    }
    // What YAML takes for nothing is text once it is quoted.
    assert!(debug(MINIMAL.replace("your-client-id", "'null'")).contains("client_id: \"null\""));
}

#[test]
fn the_example_works_with_and_without_each_of_its_comments() {
    let example = include_str!("../../config.example.yaml");
    let folder = Folder::new();
    folder.write("passphrase.txt", "secret\n");
    assert!(folder.read(example).is_ok());

    let pem = String::from_utf8(crate::folder::test_key("rsa2048.pem")).unwrap().replace('\n', "\\n");
    let rivals = [("private_key", "private_key_file"), ("base_url", "domain")];
    let mut tried = 0;
    for (index, line) in example.lines().enumerate() {
        let Some((key, _)) = line.strip_prefix("# ").and_then(|line| line.split_once(": ")) else { continue };
        // The profiles have a test of their own.
        if !key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') || key == "default_profile" {
            continue;
        }
        let mut lines: Vec<String> = example.lines().map(str::to_owned).collect();
        if key.starts_with("gateway_certificate_") {
            lines.push("gateway_certificate: gateway.p12".to_owned());
        }
        lines[index] = match key {
            "private_key" => format!("private_key: \"{pem}\""),
            _ => line[2..].to_owned(),
        };
        for (one, other) in rivals {
            if key == one {
                lines.retain(|line| !line.starts_with(other));
            }
        }
        let vars = [("KEY_PASSPHRASE", "secret")];
        if let Err(error) = folder.read_with(lines.join("\n"), &vars) {
            panic!("{key}: {error}");
        }
        tried += 1;
    }
    assert_eq!(tried, 40);
}

#[test]
fn lists_are_written_in_three_ways() {
    for services in
        ["https://a.example/", "[https://a.example/]", "\n  - https://a.example/", "\n- https://a.example/"]
    {
        let shown = debug(format!("{MINIMAL}ip_services: {services}\n"));
        assert!(shown.contains("Lookup([https://a.example/])"), "{shown}");
    }
    assert!(debug(format!("{MINIMAL}scope: [a, b]\n")).contains("scope: \"a b\""));
    assert!(debug(format!("{MINIMAL}scope: a b\n")).contains("scope: \"a b\""));
    assert!(Folder::new().read(format!("{MINIMAL}alternative_ips: []\n")).is_ok());
}

#[test]
fn truth_is_written_in_many_ways() {
    for (written, compete) in [
        ("true", true),
        ("True", true),
        ("yes", true),
        ("on", true),
        ("false", false),
        ("NO", false),
        ("'off'", false),
    ] {
        assert!(
            debug(format!("{MINIMAL}compete: {written}\n")).contains(&format!("compete: {compete}")),
            "{written}"
        );
    }
}

#[test]
fn times_have_units() {
    for (written, milliseconds) in [
        ("10", 10_000),
        ("1.5", 1500),
        ("10s", 10_000),
        ("1500ms", 1500),
        ("2m", 120_000),
        ("'10 s'", 10_000),
    ] {
        let settings = Folder::new().read(format!("{MINIMAL}timeout: {written}\n")).unwrap();
        assert_eq!(settings.config.timeout().as_millis(), milliseconds, "{written}");
    }
}

#[test]
fn a_tier_has_a_name() {
    for (written, tier) in [("read-only", Tier::ReadOnly), ("brokerage", Tier::Brokerage)] {
        assert_eq!(Folder::new().read(format!("{MINIMAL}tier: {written}\n")).unwrap().config.tier(), tier);
    }
}

#[test]
fn proxies_are_urls_or_none() {
    let proxy =
        |written: &str| Folder::new().read(format!("{MINIMAL}proxy: {written}\n")).unwrap().transport.proxy;
    assert!(matches!(proxy("none"), Some(Proxy::Off)));
    for url in ["http://proxy.example:3128", "https://user:p%40ss@proxy.example", "http://10.0.0.1:8080/"] {
        match proxy(url) {
            Some(Proxy::Url(kept)) => assert_eq!(kept.expose(), url),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn paths_start_at_the_files_folder_or_at_home() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("sub")).unwrap();
    folder.write("sub/other.pem", crate::folder::test_key("rsa3072.pem"));
    let bits = |path: &str| {
        let content = format!("{KEYLESS}private_key_file: {path}\n");
        folder.read_with(content, &[("HOME", folder.path().to_str().unwrap())]).unwrap().key.bits()
    };
    assert_eq!(bits("sub/other.pem"), 3072);
    assert_eq!(bits("./sub/../private.pem"), 2048);
    assert_eq!(bits("~/sub/other.pem"), 3072);
    let settings = folder.read(format!("{MINIMAL}ca_file: ca.pem\nca_only: true\n")).unwrap();
    assert_eq!(settings.transport.ca_file, Some(folder.path().join("ca.pem")));
    assert!(settings.transport.ca_only);
}

#[test]
fn the_key_may_stand_in_the_file() {
    assert_eq!(Folder::new().read(format!("{KEYLESS}{}", test_key_block())).unwrap().key.bits(), 2048);
}

#[test]
fn a_link_to_a_file_is_a_file() {
    let folder = Folder::new();
    let path = folder.write("real.yaml", MINIMAL);
    #[cfg(unix)]
    std::os::unix::fs::symlink(&path, folder.path().join("link.yaml")).unwrap();
    #[cfg(not(unix))]
    fs::copy(&path, folder.path().join("link.yaml")).unwrap();
    assert!(Settings::from_yaml_with(folder.path().join("link.yaml"), [("PATH", "/bin")]).is_ok());
}

#[test]
fn the_process_environment_is_read_too() {
    let folder = Folder::new();
    let path = folder.write("config.yaml", MINIMAL);
    let text =
        |outcome: Result<Settings, FileError>| format!("{:?}", outcome.map_err(|error| error.to_string()));
    let vars = std::env::vars_os;
    assert_eq!(text(Settings::from_yaml(&path)), text(Settings::from_yaml_with(&path, vars())));
    assert_eq!(text(Settings::from_env()), text(Settings::from_env_with(vars())));
}
