//! The settings of OAuth 1.0a that are asked for and written.

use crate::init::setting::{self, Setting};

pub(super) const ALL: [&Setting; 7] = [
    &CONSUMER_KEY,
    &ACCESS_TOKEN,
    &ACCESS_TOKEN_SECRET,
    &KEY_FILE,
    &ENCRYPTION_KEY_FILE,
    &DH_PARAM_FILE,
    &setting::TIER,
];

/// Those that name files.
pub(super) const FILES: [&str; 3] = [KEY_FILE.key, ENCRYPTION_KEY_FILE.key, DH_PARAM_FILE.key];

pub(super) const CONSUMER_KEY: Setting = Setting {
    key: "oauth1_consumer_key",
    name: "Consumer key",
    meaning: "nine capital letters of your own choosing, which you type on IBKR's OAuth page when you upload the keys. \
              Vendors get it from IBKR.",
};

pub(super) const ACCESS_TOKEN: Setting = Setting {
    key: "oauth1_access_token",
    name: "Access token",
    meaning: "the same page generates it once it has the keys: 20 hexadecimal digits. It has no end.",
};

pub(super) const ACCESS_TOKEN_SECRET: Setting = Setting {
    key: "oauth1_access_token_secret",
    name: "Access token secret",
    meaning: "comes with the access token, in base64 and encrypted to your encryption key, without which it is of no use. \
              With a new secret the one before is of no use any more.",
};

pub(super) const KEY_FILE: Setting = Setting {
    key: "private_key_file",
    name: "Signature key",
    meaning: "IBKR knows this program by an RSA key of 2048 bits. IBKR gets its public half, public_signature.pem; the \
              private one stays on this machine, and nobody ever needs it from you.",
};

pub(super) const ENCRYPTION_KEY_FILE: Setting = Setting {
    key: "oauth1_encryption_key_file",
    name: "Encryption key",
    meaning: "another RSA key, which decrypts the access token secret. IBKR gets its public half, public_encryption.pem. If \
              it is encrypted itself, set oauth1_encryption_key_passphrase_file or oauth1_encryption_key_passphrase_env.",
};

pub(super) const DH_PARAM_FILE: Setting = Setting {
    key: "oauth1_dh_param_file",
    name: "Diffie-Hellman parameters",
    meaning: "a prime that this program and IBKR share, and no secret. Made here, it is that of group 14 in RFC 3526, which \
              all the world has checked, and not one that `openssl dhparam` searches for minutes: no source says that IBKR \
              wants a prime of your own.",
};
