//! What was done, what IBKR's page wants, and what comes next.

use std::path::Path;

use serde_json::json;

use super::{
    Done, Key,
    setting::{ACCESS_TOKEN, ACCESS_TOKEN_SECRET, CONSUMER_KEY},
};
use crate::{
    failure::Failure,
    init::report::{config_flag, prose, shown},
    output::{DIM, GOOD, Output},
};

/// IBKR's self-service page (its Client Portal API page), and another address of it.
const PAGE: &str = "https://ndcdyn.interactivebrokers.com/sso/Login?action=OAUTH&RL=1&ip2loc=US";
const OTHER_PAGE: &str = "https://ndcdyn.interactivebrokers.com/oauth/?loginType=1&action=OAUTH&clt=0&RL=1&ip2loc=US#/configuration";

impl Done {
    fn missing(&self) -> Vec<&'static str> {
        let wanted = [CONSUMER_KEY.key, ACCESS_TOKEN.key, ACCESS_TOKEN_SECRET.key].into_iter();
        wanted.filter(|key| !self.values.contains_key(key)).collect()
    }
}

pub(super) fn show(output: Output, done: &Done) -> Result<(), Failure> {
    warnings(output, done);
    if output.json {
        return output.value(&json(done));
    }
    files(output, done)?;
    if !done.missing().is_empty() {
        upload(output, done)?;
    }
    next(output, done)
}

fn warnings(output: Output, done: &Done) {
    let is_usual = |key: &String| key.len() == 9 && key.bytes().all(|byte| byte.is_ascii_uppercase());
    if done.values.get(CONSUMER_KEY.key).is_some_and(|key| !is_usual(key)) {
        output.warning(
            "the consumer key is not nine capital letters, as IBKR's page takes it: see whether it is whole",
        );
    }
    for (name, key) in [("signature", &done.signature), ("encryption", &done.encryption)] {
        if key.public.as_ref().is_some_and(|public| public.bits < super::BITS as usize) {
            output.warning(format_args!("the {name} key is shorter than the 2048 bits that IBKR asks for"));
        }
    }
}

fn json(done: &Done) -> serde_json::Value {
    let missing = done.missing();
    let key = |key: &Key| {
        let public = key.public.as_ref();
        json!({
            "private_key": key.path.display().to_string(),
            "is_new": key.pem.is_some(),
            "bits": public.map(|public| public.bits),
            "public_key": public.map(|_| key.public_path.display().to_string()),
            "public_key_pem": public.map(|public| &public.pem),
            "public_key_sha256": public.map(|public| public.fingerprint()),
        })
    };
    json!({
        "config": done.place.file.display().to_string(),
        "signature_key": key(&done.signature),
        "encryption_key": key(&done.encryption),
        "dh_param": done.dh.as_ref().map(|path| path.display().to_string()),
        "upload_at": PAGE,
        "complete": missing.is_empty(),
        "missing": missing,
    })
}

fn files(output: Output, done: &Done) -> Result<(), Failure> {
    let line = |path: &Path, remark: &str| {
        output.line(format_args!("{GOOD}✓{GOOD:#} {}  {DIM}{remark}{DIM:#}", shown(path)))
    };
    let settings = if done.is_changed { "the settings" } else { "the settings, which were right already" };
    line(&done.place.file, settings)?;
    for (name, key) in [("signature", &done.signature), ("encryption", &done.encryption)] {
        let bits = key.public.as_ref().map(|public| format!(", {} bits", public.bits)).unwrap_or_default();
        let new = if key.pem.is_some() { "new " } else { "" };
        line(&key.path, &format!("your {new}private {name} key{bits}: give it to nobody, and keep a copy"))?;
        if key.public.is_some() {
            line(&key.public_path, "its public half, for IBKR")?;
        }
    }
    match (&done.dh, done.dh_is_new) {
        (Some(path), true) => line(path, "the Diffie-Hellman parameters, for IBKR: group 14 of RFC 3526"),
        (Some(path), false) => line(path, "your Diffie-Hellman parameters, for IBKR"),
        (None, _) => Ok(()),
    }
}

fn upload(output: Output, done: &Done) -> Result<(), Failure> {
    let public = |key: &Key| match &key.public {
        Some(public) => format!("{} (SHA-256 {})", shown(&key.public_path), public.fingerprint()),
        None => {
            format!("the public half of {0}: `openssl pkey -in {0} -pubout` writes it", shown(&key.path))
        }
    };
    let dh = done.dh.as_deref().map_or_else(|| "the parameters of oauth1_dh_prime".to_owned(), shown);
    let (signature, encryption) = (public(&done.signature), public(&done.encryption));
    prose(
        output,
        &format!(
            "\n\
             What to do at IBKR. Log in there with the username that is to be logged in by this program; a paper account has \
             a username of its own:\n  \
             {PAGE}\n\
             If that shows no such page:\n  \
             {OTHER_PAGE}\n\
             1. Type a consumer key: nine capital letters of your own choosing.\n\
             2. Upload as the public signature key {signature},\n\
             as the public encryption key {encryption},\n\
             as the Diffie-Hellman parameters {dh}.\n\
             Upload the files as they are: their lines end with LF, and with CRLF, as some editors and mail programs write \
             it, the page has answered 403, \"Failed to set Key\".\n\
             3. Have an access token generated, and copy it and its secret.\n\
             A new or changed consumer key works after IBKR's next restart at night or on the weekend; some users waited two \
             weeks. Until then `ibkr-auth doctor` says that IBKR does not know the consumer yet. A new access token alone \
             works within a minute."
        ),
    )
}

fn next(output: Output, done: &Done) -> Result<(), Failure> {
    let missing = done.missing();
    let flag = config_flag(&done.place.file);
    if !missing.is_empty() {
        let (keys, file) = (missing.join(", "), shown(&done.place.file));
        prose(output, &format!("\nNot there yet: {keys}. Once you know, run this again, or edit {file}:"))?;
        output.line(format_args!("  ibkr-auth init --oauth1{flag}"))?;
    }
    let when = if missing.is_empty() { "Next" } else { "Then" };
    output.line(format_args!(
        "\n{when}:\n  ibkr-auth doctor{flag}   {DIM}checks everything{DIM:#}\n  ibkr-auth login{flag}"
    ))
}
