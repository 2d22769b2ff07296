//! docs/cli is what the program says of itself: `cargo xtask docs` writes it, this test compares.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use assert_cmd::Command;

/// The widest that the help becomes.
const COLUMNS: &str = "100";

#[test]
fn the_pages_are_what_the_program_says() {
    let (pages, folder) = (pages(), folder());
    if env::var_os("PAGES_WRITE").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for file in written() {
            fs::remove_file(folder.join(file)).unwrap();
        }
        for (name, text) in &pages {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    assert_eq!(written(), pages.keys().cloned().collect::<Vec<_>>(), "`cargo xtask docs` writes docs/cli");
    for (name, text) in &pages {
        let there = fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(&there, text, "{name}: `cargo xtask docs` writes docs/cli");
    }
}

/// File name and text of every page.
fn pages() -> BTreeMap<String, String> {
    let program = help(&["--help"]);
    let commands = commands(&program);
    let mut index = "# The commands of ibkr-auth\n\n".to_owned();
    let mut pages = BTreeMap::new();
    for (command, about) in &commands {
        index += &format!("* [`{command}`]({command}.md): {about}\n");
        let page = format!("# ibkr-auth {command}\n\n```text\n{}```\n", help(&[command, "--help"]));
        pages.insert(format!("{command}.md"), page);
    }
    index += &format!(
        "\n```text\n{program}```\n\nThese pages are the program's own help: `cargo xtask docs` writes them.\n"
    );
    pages.insert("README.md".to_owned(), index);
    pages
}

/// The commands that the help lists, and what each is for in a line.
fn commands(help: &str) -> Vec<(String, String)> {
    let list = help.split("\nCommands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands = list.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
    commands
        .filter(|(name, _)| *name != "help")
        .map(|(name, about)| (name.to_owned(), about.trim().to_owned()))
        .collect()
}

fn help(arguments: &[&str]) -> String {
    let mut command = Command::cargo_bin("ibkr-auth").unwrap();
    let output = command.args(arguments).env_clear().env("COLUMNS", COLUMNS).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "docs", "cli"].iter().collect()
}

/// The pages that are there.
fn written() -> Vec<String> {
    let Ok(files) = fs::read_dir(folder()) else { return Vec::new() };
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
