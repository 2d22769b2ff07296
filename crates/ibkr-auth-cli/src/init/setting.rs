//! The settings that are asked for and written: what they are called, and what they mean.

use std::collections::BTreeMap;

/// A key of config.yaml.
pub(super) struct Setting {
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    /// For those who are asked, and those who read the file.
    pub(super) meaning: &'static str,
}

/// What settings say, by their keys.
pub(super) type Values = BTreeMap<&'static str, String>;

pub(super) const ALL: [&Setting; 5] = [&CLIENT_ID, &KEY_ID, &CREDENTIAL, &KEY_FILE, &TIER];

pub(super) const CLIENT_ID: Setting = Setting {
    key: "client_id",
    name: "Client id",
    meaning: "IBKR gives it once it has registered your public key; it is not your username. What to ask IBKR for: \
              `ibkr-auth guide 3`.",
};

pub(super) const KEY_ID: Setting = Setting {
    key: "client_key_id",
    name: "Key id",
    meaning: "comes with the client id. It is `main` when the client has one key.",
};

pub(super) const CREDENTIAL: Setting = Setting {
    key: "credential",
    name: "Username",
    meaning: "the IBKR username to log in, without its password. A paper username leads to the paper account; it is in \
              Client Portal, Settings, Account Configuration, Paper Trading Account. Take one that logs in nowhere else: \
              `ibkr-auth guide 5`.",
};

pub(super) const KEY_FILE: Setting = Setting {
    key: "private_key_file",
    name: "Private key",
    meaning: "IBKR knows this program by an RSA key of 3072 bits or more. IBKR gets its public half; the private one stays \
              on this machine, and nobody ever needs it from you. The passphrase of an encrypted one is asked for on a \
              terminal; elsewhere set private_key_passphrase_file or private_key_passphrase_env.",
};

pub(super) const TIER: Setting = Setting {
    key: "tier",
    name: "Tier",
    meaning: "`brokerage` is for trading and market data too. A username has one brokerage session on all of IBKR's \
              platforms, so TWS, the phone and this program take it from each other. `read-only` (portfolio and account \
              data) opens none, and TWS and the phone stay logged in.",
};

pub(super) const TIERS: [&str; 2] = ["brokerage", "read-only"];
