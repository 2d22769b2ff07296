//! Files that hold no settings at all. Each has an answer of its own, and a quick one.

use std::{fs, time::Instant};

use ibkr_auth_config::Settings;

use crate::folder::{Folder, MINIMAL};

fn error(content: impl AsRef<[u8]>) -> String {
    let start = Instant::now();
    let error = Folder::new().error(content);
    assert!(start.elapsed().as_secs() < 3, "{error} took {:?}", start.elapsed());
    error
}

#[test]
fn nothing_in_it() {
    for empty in ["", "\n", "# only\n\n   # comments\n", "\u{feff}", "\r\n\t\r\n"] {
        assert_eq!(
            error(empty),
            "config.yaml is empty: write a line `key: value` for each setting",
            "{empty:?}"
        );
    }
    for other in [
        "just text",
        "client_id",
        "client_id:abc",
        "- client_id\n- credential\n",
        "42",
        "null",
        "---\n",
        "[a]",
    ] {
        let error = error(other);
        assert!(
            error.ends_with("holds no settings: write a line `key: value` for each setting"),
            "{other:?}: {error}"
        );
    }
}

#[test]
fn not_plain_text() {
    let utf16 = |unit: fn(u16) -> [u8; 2]| MINIMAL.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    for bytes in [
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        [b"\xFF\xFE".to_vec(), utf16(u16::to_le_bytes)].concat(),
        [b"\xFE\xFF".to_vec(), utf16(u16::to_be_bytes)].concat(),
    ] {
        assert_eq!(error(bytes), "config.yaml is UTF-16: save it as UTF-8");
    }
    assert_eq!(
        error(b"client_id: a\ncredential: \xE9t\xE9\n"),
        "config.yaml is not UTF-8 in line 2: save it as UTF-8"
    );
    assert_eq!(
        error(b"client_id: a\ncredential: b\0c\n"),
        "config.yaml holds a NUL byte in line 2: save it as plain text in UTF-8"
    );
    assert!(error([0; 100]).contains("NUL byte"));
}

#[test]
fn not_one_document() {
    assert_eq!(
        error(format!("{MINIMAL}---\n{MINIMAL}")),
        "config.yaml holds several YAML documents: keep one, and remove the lines `---`"
    );
}

#[test]
fn not_yaml() {
    assert_eq!(
        error("client_id: a\n\tclient_key_id: b\n"),
        "config.yaml:2: this line is indented with a tab: use spaces"
    );
    assert_eq!(
        error("client_id: \"a\ncredential: b\n"),
        "config.yaml:3: this cannot be read as YAML: \
         look here and just above for a missing quote, or a missing space behind a colon"
    );
    assert_eq!(
        error("client_id: a\nprivate_key_file: \"C:\\keys\\private.pem\"\n"),
        "config.yaml:2: this cannot be read as YAML: \
         within double quotes a backslash has a meaning of its own: use single quotes"
    );
    for broken in [
        "scope: [",
        "}",
        "client_id: a: b",
        "client_id: *nobody",
        "client_id: @x",
        "client_id: a\n  credential: b",
        "client_id: \u{7}",
    ] {
        let error = error(broken);
        assert!(error.contains("this cannot be read as YAML"), "{broken:?}: {error}");
    }
}

#[test]
fn bombs_and_towers_take_no_time() {
    let folder = Folder::new();
    let survive = |content: String| {
        let start = Instant::now();
        let is_settings = folder.read(&content).is_ok();
        assert!(start.elapsed().as_secs() < 3, "{:?} for {}", start.elapsed(), &content[..80]);
        is_settings
    };
    for tower in [
        "[",
        "{",
        "{a: ",
        "[[{",
        "- ",
        "? ",
        "- - ",
        "a: &a\n",
        "!!str ",
        "'",
        "\"\\x41",
        "a: |\n",
        "&a ",
        "*a ",
        "k: v\n",
        "#\n",
        "a: b: ",
        "%TAG ! x\n",
        "---\n",
        "...\n",
        "\r",
        "- a: ",
    ] {
        let content = tower.repeat(60_000 / tower.len());
        survive(content.clone());
        survive(format!("client_id: {content}"));
        survive(format!("{MINIMAL}scope:\n  {content}"));
    }
    let laughs: String =
        (0..20).map(|n| format!("a{n}: &a{n} [{}]\n", format!("*a{}, ", n - 1).repeat(9))).collect();
    error(laughs.replace("*a-1, ", "x, "));
    let long = "x, ".repeat(9_000);
    assert!(
        error(format!("scope: &a [{long}]\nip_services: [{}]\n", "*a, ".repeat(8_000)))
            .contains("list within a list")
    );
    assert!(error("scope: &a [*a]\n").contains("list within a list"));
}

#[test]
fn not_a_file() {
    let folder = Folder::new();
    let error = |name: &str| {
        let vars: [(&str, &str); 0] = [];
        folder.relative(&Settings::from_yaml_with(folder.path().join(name), vars).unwrap_err())
    };
    assert_eq!(error("missing.yaml"), "missing.yaml does not exist: check the path");
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    assert_eq!(error("conf.d"), "conf.d is a folder: give the path of a file");
    assert_eq!(error("private.pem/config.yaml"), "private.pem/config.yaml does not exist: check the path");
    assert!(error("nul\0byte").contains("cannot be read"));
    folder.write("big.yaml", "#".repeat(64 * 1024 + 1));
    assert_eq!(
        error("big.yaml"),
        "big.yaml is larger than 64 KiB: check the path: this cannot be the right file"
    );
    let exactly = format!("{MINIMAL}{}", "#".repeat(64 * 1024 - MINIMAL.len()));
    assert!(folder.read(exactly).is_ok());
}

#[cfg(unix)]
#[test]
fn devices_pipes_and_closed_files() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let none: [(&str, &str); 0] = [];
    for device in ["/dev/zero", "/dev/null"] {
        let error = Settings::from_yaml_with(device, none).unwrap_err().to_string();
        assert_eq!(error, format!("{device} is not a regular file: copy its content into a file"));
    }
    let fifo = folder.path().join("fifo");
    if std::process::Command::new("mkfifo").arg(&fifo).status().is_ok_and(|status| status.success()) {
        let error = folder.relative(&Settings::from_yaml_with(&fifo, none).unwrap_err());
        assert_eq!(error, "fifo is not a regular file: copy its content into a file");
    }
    let closed = folder.write("closed.yaml", MINIMAL);
    fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
    // Root may read it all the same.
    if fs::read(&closed).is_err() {
        let error = folder.relative(&Settings::from_yaml_with(&closed, none).unwrap_err());
        assert_eq!(error, "closed.yaml may not be read by this user: change its permissions or its owner");
    }
}
