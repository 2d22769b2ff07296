//! The text of config.yaml: a new one with comments, or an earlier one completed line by line.

use std::path::Path;

use ibkr_auth_core::Tier;

use crate::{
    exit::Exit,
    failure::Failure,
    init::{
        TierName,
        answers::Answers,
        earlier::{self, Values},
        yaml::{quoted, with_line},
    },
};

const NOT_YET: &str = "# not there yet: write it here and remove the first #, or run `ibkr-auth init` again";

/// What the settings shall say.
pub(super) struct Wanted<'a> {
    pub(super) answers: &'a Answers,
    /// As it stands in the settings.
    pub(super) key: &'a str,
    pub(super) is_encrypted: bool,
}

impl Wanted<'_> {
    pub(super) fn fresh(&self) -> String {
        let Self { answers: Answers { client_id, key_id, credential, tier }, key, is_encrypted } = self;
        let line = |key: &str, value: &Option<String>| match value {
            Some(value) => format!("{key}: {}", quoted(value)),
            None => format!("# {key}: \"\"  {NOT_YET}"),
        };
        let client_id = line("client_id", client_id);
        let credential = line("credential", credential);
        let (key_id, key, tier) = (quoted(key_id), quoted(key), tier.name());
        let passphrase = if *is_encrypted {
            "# The key is encrypted. On a terminal its passphrase is asked for; else name a file that holds it (mode 600), or\n\
             # an environment variable with private_key_passphrase_env. The passphrase itself never stands here.\n\
             # private_key_passphrase_file: \"passphrase.txt\"\n"
        } else {
            ""
        };
        format!(
            "\
# Settings of ibkr-auth for IBKR's Web API, made by `ibkr-auth init`. Check them with `ibkr-auth doctor`.
# Every other key, and profiles: `ibkr-auth help keys`

# IBKR gives the client id when it has registered your public key (`ibkr-auth help onboarding`). It is not your username.
{client_id}
# The id of that key at IBKR: `main` when the client has one key.
client_key_id: {key_id}

# The IBKR username that is logged in. It decides between the live and the paper account.
{credential}

# Your RSA private key; a relative path starts at this file's folder. It never leaves this machine: IBKR gets the public
# key alone.
private_key_file: {key}
{passphrase}
# `brokerage`: trading and market data too. `read-only`: opens no brokerage session, so TWS and the phone stay logged in.
tier: {tier}
# A username has one brokerage session. `false` leaves one alone that runs elsewhere, such as TWS, and the login fails;
# `true` ends that one.
compete: false
"
        )
    }

    /// The lines that `before` lacks, or says differently.
    pub(super) fn changes(&self, before: &Values, same_key: bool) -> Vec<Change> {
        let Answers { client_id, key_id, credential, tier } = self.answers;
        let text = |key, new: Option<&str>, old: Option<&str>| {
            let new = new.filter(|new| Some(*new) != old)?;
            Some(Change { key, value: quoted(new), overrides: old.is_some() })
        };
        let file =
            Change { key: "private_key_file", value: quoted(self.key), overrides: before.key.is_some() };
        let is_same_tier = *tier == before.tier.unwrap_or(TierName::Brokerage);
        let tier = Change { key: "tier", value: tier.name().to_owned(), overrides: before.tier.is_some() };
        [
            text("client_id", client_id.as_deref(), before.client_id.as_deref()),
            text("client_key_id", Some(key_id), before.key_id.as_deref()),
            text("credential", credential.as_deref(), before.credential.as_deref()),
            (!same_key).then_some(file),
            (!is_same_tier).then_some(tier),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Reads them back. `same_key`: the earlier path stays.
    pub(super) fn verify(&self, file: &Path, same_key: bool) -> Result<(), Failure> {
        let Answers { client_id, key_id, credential, tier } = self.answers;
        let unwritable = |why: String| {
            Failure::new(Exit::Config, "the settings would not say what they should, and were not written")
                .why(why)
                .help("edit it by hand, or move it away and run `ibkr-auth init` again")
        };
        let lacks = |key: &str| match key {
            "client_id" => client_id.is_none(),
            "credential" => credential.is_none(),
            _ => false,
        };
        // It is not at its place yet.
        let named = |why: String| why.replace(&file.display().to_string(), "config.yaml");
        let read = earlier::reader(file, lacks).read();
        let read = read.map_err(|error| unwritable(named(error.to_string())))?;
        let config = &read.config;
        let is_tier = match config.tier() {
            Tier::ReadOnly => *tier == TierName::ReadOnly,
            Tier::Brokerage => *tier == TierName::Brokerage,
        };
        let wrong = [
            ("client_id", client_id.as_deref().is_none_or(|id| id == config.client_id())),
            ("client_key_id", key_id == config.client_key_id()),
            ("credential", credential.as_deref().is_none_or(|name| name == config.credential().expose())),
            ("private_key_file", same_key || read.key.file().is_some_and(|path| path.ends_with(self.key))),
            ("tier", is_tier),
        ];
        match wrong.iter().find(|(_, is_right)| !is_right) {
            Some((key, _)) => Err(unwritable(format!("it is read back with another `{key}`"))),
            None => Ok(()),
        }
    }
}

/// A line of the settings.
pub(super) struct Change {
    pub(super) key: &'static str,
    value: String,
    /// There is another value.
    pub(super) overrides: bool,
}

pub(super) fn changed(text: &str, changes: &[Change]) -> String {
    changes.iter().fold(text.to_owned(), |text, change| with_line(&text, change.key, &change.value))
}
