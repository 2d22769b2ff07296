//! What was done, and what comes next.

use std::path::{Path, PathBuf};

use console::Term;
use ibkr_auth_core::text::one_line;
use serde_json::json;

use crate::{
    failure::Failure,
    init::{answers::Answers, wrap::wrapped},
    output::{DIM, GOOD, Output},
    profile,
    public_key::PublicKey,
};

pub(super) struct Done {
    pub(super) config: PathBuf,
    /// It was written.
    pub(super) is_changed: bool,
    pub(super) config_backup: Option<PathBuf>,
    pub(super) key: PathBuf,
    pub(super) is_new: bool,
    /// `None`: the key is encrypted.
    pub(super) public: Option<(PathBuf, PublicKey)>,
    pub(super) public_backup: Option<PathBuf>,
    pub(super) answers: Answers,
    /// What in the settings leads logins elsewhere than straight to IBKR.
    pub(super) detours: Vec<String>,
}

impl Done {
    fn missing(&self) -> Vec<&'static str> {
        [("client_id", &self.answers.client_id), ("credential", &self.answers.credential)]
            .into_iter()
            .filter_map(|(key, value)| value.is_none().then_some(key))
            .collect()
    }
}

pub(super) fn show(output: Output, done: &Done) -> Result<(), Failure> {
    if output.json {
        return output.value(&json(done));
    }
    files(output, done)?;
    if !done.detours.is_empty() {
        let detours = done.detours.join(", ");
        prose(
            output,
            &format!("\nLogins go elsewhere than straight to IBKR, as these lines say: {detours}."),
        )?;
    }
    upload(output, done)?;
    next(output, done)
}

fn json(done: &Done) -> serde_json::Value {
    // A path that is not UTF-8 cannot stand in JSON as it is.
    let text = |path: &PathBuf| path.display().to_string();
    let missing = done.missing();
    json!({
        "config": text(&done.config),
        "config_backup": done.config_backup.as_ref().map(text),
        "private_key": text(&done.key),
        "key_is_new": done.is_new,
        "bits": done.public.as_ref().map(|(_, key)| key.bits),
        "public_key": done.public.as_ref().map(|(path, _)| text(path)),
        "public_key_backup": done.public_backup.as_ref().map(text),
        "public_key_pem": done.public.as_ref().map(|(_, key)| &key.pem),
        "public_key_sha256": done.public.as_ref().map(|(_, key)| key.fingerprint()),
        "detours": done.detours,
        "complete": missing.is_empty(),
        "missing": missing,
    })
}

fn files(output: Output, done: &Done) -> Result<(), Failure> {
    let line = |path: &Path, remark: &str| {
        output.line(format_args!("{GOOD}✓{GOOD:#} {}  {DIM}{remark}{DIM:#}", shown(path)))
    };
    let bits = done.public.as_ref().map(|(_, key)| format!(", {} bits", key.bits)).unwrap_or_default();
    line(
        &done.config,
        if done.is_changed { "the settings" } else { "the settings, which were right already" },
    )?;
    let kind = if done.is_new { "your new private key" } else { "your private key" };
    line(
        &done.key,
        &format!("{kind}{bits}: give it to nobody, and keep a copy where backups of secrets go"),
    )?;
    if let Some((path, _)) = &done.public {
        line(path, "the public key, for IBKR")?;
    }
    for backup in [&done.config_backup, &done.public_backup].into_iter().flatten() {
        line(backup, "what was there before")?;
    }
    Ok(())
}

fn upload(output: Output, done: &Done) -> Result<(), Failure> {
    let Some((path, key)) = &done.public else {
        let path = shown(&done.key);
        return prose(
            output,
            &format!(
                "\n\
                 The key is encrypted, so its public half cannot be shown without the passphrase. For IBKR:\n  \
                 openssl pkey -in {path} -pubout -out public.pem\n\
                 A login asks for the passphrase on a terminal; elsewhere set private_key_passphrase_file or \
                 private_key_passphrase_env in config.yaml, or use --passphrase-fd."
            ),
        );
    };
    let (path, pem, fingerprint) = (shown(path), key.pem.trim_end(), key.fingerprint());
    if !done.is_new && done.missing().is_empty() {
        return prose(
            output,
            &format!(
                "\n\
                 IBKR must have this public key, and nothing else of the key: {path}\n\
                 SHA-256 of it: {fingerprint}\n\
                 How it gets there: `ibkr-auth guide 3`."
            ),
        );
    }
    prose(
        output,
        &format!(
            "\n\
         Give IBKR this public key, unchanged, and nothing else of the key (the file {path}):\n\n\
         {pem}\n\n\
         SHA-256 of it: {fingerprint}\n\n\
         Before that, ask api-solutions@interactivebrokers.com for OAuth 2.0. Once they agree: Client Portal, as a user of \
         the live account, bell, Messages, New Ticket, topic API, REST/Web API; paste the key as text, and name the \
         usernames that will log in. IBKR answers with the client id and the key id. It publishes no times: expect weeks \
         for the approval, and a day or two until a new key works. More: `ibkr-auth guide`, sections 3, 4 and 8."
        ),
    )
}

fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}

/// Text that is as wide as the terminal.
fn prose(output: Output, text: &str) -> Result<(), Failure> {
    output.line(wrapped(text, &Term::stdout()))
}

fn next(output: Output, done: &Done) -> Result<(), Failure> {
    let missing = done.missing();
    let flag = config_flag(&done.config);
    if !missing.is_empty() {
        let (keys, file) = (missing.join(" and "), shown(&done.config));
        let text = format!("\nNot there yet: {keys}. Once you know, run this again, or edit {file}:");
        prose(output, &text)?;
        output.line(format_args!("  ibkr-auth init{flag}"))?;
    }
    let when = if missing.is_empty() { "Next" } else { "Then" };
    output.line(format_args!(
        "\n{when}:\n  ibkr-auth doctor{flag}   {DIM}checks everything{DIM:#}\n  ibkr-auth login{flag}"
    ))
}

/// What the next commands need to find the settings.
fn config_flag(config: &Path) -> String {
    if profile::of_platform().as_deref() == Some(config) {
        String::new()
    } else {
        format!(" --config {}", for_shell(config))
    }
}

fn for_shell(path: &Path) -> String {
    let path = shown(path);
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@%,:".contains(c);
    if path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
