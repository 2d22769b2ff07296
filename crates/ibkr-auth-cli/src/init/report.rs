//! What was done, and what comes next.

use std::path::Path;

use console::Term;
use ibkr_auth_core::text::one_line;
use serde_json::json;

use crate::{
    failure::Failure,
    init::{
        key_pair::KeyPair,
        place::Place,
        setting::{CLIENT_ID, CREDENTIAL, KEY_ID, Values},
    },
    output::{DIM, GOOD, Output},
    profile,
    wrap::wrapped,
};

pub(super) struct Done {
    pub(super) place: Place,
    /// The settings were written.
    pub(super) is_changed: bool,
    pub(super) key: KeyPair,
    pub(super) is_new: bool,
    pub(super) values: Values,
}

impl Done {
    fn missing(&self) -> Vec<&'static str> {
        let wanted = [CLIENT_ID.key, KEY_ID.key, CREDENTIAL.key].into_iter();
        wanted.filter(|key| !self.values.contains_key(key)).collect()
    }
}

pub(super) fn show(output: Output, done: &Done) -> Result<(), Failure> {
    if output.json {
        return output.value(&json(done));
    }
    files(output, done)?;
    upload(output, done)?;
    next(output, done)
}

fn json(done: &Done) -> serde_json::Value {
    let (public, missing) = (done.key.public.as_ref(), done.missing());
    // A path that is not UTF-8 cannot stand in JSON as it is.
    json!({
        "config": done.place.file.display().to_string(),
        "private_key": done.key.path.display().to_string(),
        "key_is_new": done.is_new,
        "bits": public.map(|key| key.bits),
        "public_key": public.map(|_| done.place.public_key().display().to_string()),
        "public_key_pem": public.map(|key| &key.pem),
        "public_key_sha256": public.map(|key| key.fingerprint()),
        "complete": missing.is_empty(),
        "missing": missing,
    })
}

fn files(output: Output, done: &Done) -> Result<(), Failure> {
    let line = |path: &Path, remark: &str| {
        output.line(format_args!("{GOOD}✓{GOOD:#} {}  {DIM}{remark}{DIM:#}", shown(path)))
    };
    let bits = done.key.public.as_ref().map(|key| format!(", {} bits", key.bits)).unwrap_or_default();
    line(
        &done.place.file,
        if done.is_changed { "the settings" } else { "the settings, which were right already" },
    )?;
    let kind = if done.is_new { "your new private key" } else { "your private key" };
    line(
        &done.key.path,
        &format!("{kind}{bits}: give it to nobody, and keep a copy where backups of secrets go"),
    )?;
    if done.key.public.is_some() {
        line(&done.place.public_key(), "the public key, for IBKR")?;
    }
    Ok(())
}

fn upload(output: Output, done: &Done) -> Result<(), Failure> {
    let Some(key) = &done.key.public else {
        let path = shown(&done.key.path);
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
    let (path, pem, fingerprint) = (shown(&done.place.public_key()), key.pem.trim_end(), key.fingerprint());
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

pub(super) fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}

/// Text that is as wide as the terminal.
pub(super) fn prose(output: Output, text: &str) -> Result<(), Failure> {
    output.line(wrapped(text, &Term::stdout()))
}

fn next(output: Output, done: &Done) -> Result<(), Failure> {
    let missing = done.missing();
    let flag = config_flag(&done.place.file);
    if !missing.is_empty() {
        let (keys, file) = (missing.join(", "), shown(&done.place.file));
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
pub(super) fn config_flag(config: &Path) -> String {
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
