//! Values are marked, and no error and no `Debug` may show a mark, whatever is done to the file.

use std::{sync::LazyLock, time::Instant};

use ibkr_auth_config::{FileError, Settings};
use proptest::prelude::*;

use crate::folder::{Folder, KEYLESS, MINIMAL, test_key_block};

const MARK: &str = "m4rk3d";

fn all_keys() -> impl Iterator<Item = &'static str> {
    include_str!("../../KEYS.md").lines().skip(2).filter_map(|row| row.strip_prefix("| `")?.split('`').next())
}

fn assert_hidden(outcome: &Result<Settings, FileError>, marks: &[&str]) {
    let shown = match outcome {
        // An identity is shown in `Debug`, the credential is not.
        Ok(settings) => format!("{settings:?} {:?}", settings.warnings()),
        Err(error) => format!("{error} {error:?} {:?}", ibkr_auth_core::Error::from(error.clone())),
    };
    for mark in marks {
        assert!(!shown.contains(mark), "{shown}");
    }
}

#[test]
fn no_key_shows_its_value_in_an_error() {
    let folder = Folder::new();
    assert_eq!(all_keys().count(), 55);
    for key in all_keys() {
        for value in [
            MARK.to_owned(),
            format!("'{MARK} '"),
            format!("\"{MARK}\\x07\""),
            format!("[{MARK}, [{MARK}]]"),
            format!("[{MARK}, '']"),
            format!("{{{MARK}: {MARK}}}"),
            format!("{{a: {MARK}}}"),
            format!("!{MARK} x"),
            format!("!!int {MARK}"),
            format!("*{MARK}"),
            format!("&{MARK} [*{MARK}]"),
            format!("\"{MARK}"),
            format!("{MARK}: {MARK}"),
            format!("https://{MARK}:{MARK}@{MARK}.example/{MARK}"),
            format!("{MARK}\n{key}: {MARK}"),
            format!("|\n  {MARK}\n  {MARK}"),
            format!("\n\t{MARK}"),
            format!("\n  {MARK}: x"),
            format!("12{MARK}"),
            format!("12\n{MARK}: 12"),
        ] {
            let base: String = MINIMAL
                .lines()
                .filter(|line| !line.starts_with(&format!("{key}:")))
                .map(|line| format!("{line}\n"))
                .collect();
            let outcome = folder.read(format!("{base}{key}: {value}\n"));
            let path_is_shown = key == "private_key_file";
            if outcome.is_err() && !path_is_shown {
                assert_hidden(&outcome, &[MARK]);
            }
            let name = format!("IBKR_AUTH_{}", key.to_uppercase());
            let outcome = folder.read_with(MINIMAL, &[(&name, &value)]);
            if outcome.is_err() && !path_is_shown {
                assert_hidden(&outcome, &[MARK]);
            }
        }
    }
}

#[test]
fn debug_shows_no_secret() {
    let proxy = format!("proxy: http://{MARK}:{MARK}@proxy.example:1\n");
    let outcome = Folder::new().read(format!("{}{proxy}", MINIMAL.replace("someone", MARK)));
    assert!(outcome.is_ok());
    assert_hidden(&outcome, &[MARK]);
}

/// A whole file in which every secret is marked; the key's mark is a piece of the key.
static MARKED: LazyLock<(String, String)> = LazyLock::new(|| {
    let block = test_key_block();
    let piece = block.lines().nth(5).unwrap().trim()[..16].to_owned();
    let content = format!(
        "{}{block}domain: 'api.ibkr.com'\nproxy: \"http://{MARK}:{MARK}@proxy.example:3128\" # out\n\
         scope: [sso-sessions.write]\ntimeout: 10s\nalternative_ips:\n  - 203.0.113.8\nprivate_key_passphrase_env: {MARK}\n",
        KEYLESS.replace("someone", MARK)
    );
    (content, piece)
});

/// Its values cannot be taken for names of profiles, which are shown.
const HUSHED: &str = "m4rk!3d";

static PROFILED: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{}default_profile: live\nproxy: http://{HUSHED}:{HUSHED}@proxy.example\nprofiles:\n  live: &live\n    \
         credential: '{HUSHED}'\n    proxy: \"http://{HUSHED}@proxy.example\" # out\n  paper:\n    scope: [a, '{HUSHED}']\n    \
         service: {HUSHED}\n    private_key_passphrase_env: {HUSHED}\n  same: *live\n",
        MINIMAL.replace("someone", HUSHED)
    )
});

const PIECES: [&str; 26] = [
    "\n",
    ": ",
    ":",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "#",
    "|",
    ">",
    "&a ",
    "*a",
    "!x ",
    "? ",
    "\t",
    " ",
    "\0",
    "\r",
    "---\n",
    "client_id",
    "private_key",
    "profiles:\n  a:\n    ",
    "default_profile",
];

#[derive(Debug, Clone)]
enum Change {
    Cut(prop::sample::Index, usize),
    Insert(prop::sample::Index, usize),
    Copy(prop::sample::Index, usize, prop::sample::Index),
    Byte(prop::sample::Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), 0..40_usize).prop_map(|(from, length)| Change::Cut(from, length)),
        (at(), 0..PIECES.len()).prop_map(|(to, piece)| Change::Insert(to, piece)),
        (at(), 0..80_usize, at()).prop_map(|(from, length, to)| Change::Copy(from, length, to)),
        (at(), any::<u8>()).prop_map(|(to, byte)| Change::Byte(to, byte)),
    ]
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    if content.is_empty() {
        return;
    }
    let size = content.len();
    let range =
        |from: &prop::sample::Index, length: usize| from.index(size)..(from.index(size) + length).min(size);
    match change {
        Change::Cut(from, length) => drop(content.drain(range(from, *length))),
        Change::Insert(to, piece) => drop(content.splice(range(to, 0), PIECES[*piece].bytes())),
        Change::Copy(from, length, to) => {
            let copied = content[range(from, *length)].to_vec();
            drop(content.splice(range(to, 0), copied));
        }
        Change::Byte(to, byte) => content[to.index(size)] = *byte,
    }
}

fn quickly(folder: &Folder, content: &[u8], vars: &[(&str, &str)]) -> Result<Settings, FileError> {
    let start = Instant::now();
    let outcome = folder.read_with(content, vars);
    assert!(start.elapsed().as_secs() < 5, "took {:?}", start.elapsed());
    outcome
}

#[test]
fn the_marked_file_works() {
    let (content, piece) = &*MARKED;
    let outcome = Folder::new().read_with(content, &[(MARK, MARK)]);
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_hidden(&outcome, &[MARK, piece]);
}

thread_local! {
    static FOLDER: Folder = Folder::new();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_survived(content in prop::collection::vec(any::<u8>(), 0..2000)) {
        FOLDER.with(|folder| assert!(quickly(folder, &content, &[]).is_err()));
    }

    #[test]
    fn arbitrary_yaml_like_text_is_survived(pieces in prop::collection::vec(0..PIECES.len(), 0..400)) {
        let content: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        FOLDER.with(|folder| assert!(quickly(folder, content.as_bytes(), &[]).is_err()));
    }

    #[test]
    fn damaged_files_keep_their_secrets(changes in prop::collection::vec(change(), 1..6)) {
        let (content, piece) = &*MARKED;
        let mut content = content.clone().into_bytes();
        changes.iter().for_each(|change| apply(&mut content, change));
        FOLDER.with(|folder| match quickly(folder, &content, &[(MARK, MARK)]) {
            // A secret that was moved to where an identity stands is one no more.
            Ok(_) => {}
            failed => assert_hidden(&failed, &[MARK, piece]),
        });
    }

    #[test]
    fn damaged_profiles_keep_their_secrets(
        changes in prop::collection::vec(change(), 0..6),
        profile in prop::sample::select(vec!["live", "paper", "same", "lvie", HUSHED]),
    ) {
        let mut content = PROFILED.clone().into_bytes();
        changes.iter().for_each(|change| apply(&mut content, change));
        FOLDER.with(|folder| {
            let reader = folder.reader(&content).vars([(HUSHED, HUSHED)]).profile(profile);
            let start = Instant::now();
            let names = reader.profiles();
            let settings = reader.read().and_then(|settings| settings.with_key());
            assert!(start.elapsed().as_secs() < 5, "took {:?}", start.elapsed());
            if let Err(error) = names {
                assert_hidden(&Err(error), &[HUSHED]);
            }
            if let Err(error) = &settings {
                // The name of a file is shown, whatever was copied into it.
                if !error.to_string().contains("`private_key_file` names") {
                    assert_hidden(&settings, &[HUSHED]);
                }
            } else if changes.is_empty() {
                assert_hidden(&settings, &[&format!("{HUSHED}@")]);
            }
        });
    }

    #[test]
    fn damaged_variables_keep_their_secrets(key in prop::sample::select(all_keys().collect::<Vec<_>>()), value in "[ -~]{0,40}") {
        let name = format!("IBKR_AUTH_{}", key.to_uppercase());
        let value = format!("{MARK}{value}");
        FOLDER.with(|folder| match folder.read_with(MINIMAL, &[(&name, &value)]) {
            Err(error) if key != "private_key_file" => assert_hidden(&Err(error), &[MARK]),
            _ => {}
        });
    }
}
