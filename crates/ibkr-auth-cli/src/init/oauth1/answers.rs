//! Consumer key, access token and its secret: from the settings, from flags, or from whoever can be asked.

use ibkr_auth_core::{
    Config, Consumer, SignError, TokenSecret,
    oauth1::{DecryptionKey, DhParameters},
};

use super::{
    files::Chosen,
    setting::{ACCESS_TOKEN, ACCESS_TOKEN_SECRET, CONSUMER_KEY},
};
use crate::{
    exit::Exit,
    failure::Failure,
    init::{
        InitArgs,
        answers::{ask_for, ask_tier, of_flags},
        ask::Asker,
        setting::{TIER, TIERS, Values},
    },
};

/// What the flags say.
pub(super) fn given(args: &InitArgs) -> Result<Values, Failure> {
    let flags = [
        ("--consumer-key", CONSUMER_KEY.key, &args.consumer_key),
        ("--access-token", ACCESS_TOKEN.key, &args.access_token),
        ("--access-token-secret", ACCESS_TOKEN_SECRET.key, &args.access_token_secret),
    ];
    of_flags(flags, args, check)
}

/// Asks for what is not known, if somebody is there. New settings say the tier too.
pub(super) fn complete(
    mut known: Values,
    is_new: bool,
    asker: Option<Asker>,
    chosen: &Chosen,
) -> Result<Values, Failure> {
    let key = chosen.decryption_key();
    if let Some(asker) = asker {
        ask(&mut known, is_new, asker, key)?;
    }
    if let Some(secret) = known.get(ACCESS_TOKEN_SECRET.key) {
        opens(key, secret).map_err(|why| {
            Failure::new(Exit::Config, "the access token secret cannot be used").why(why).help(
                "copy the secret whole from IBKR's OAuth page, and name the key to whose public half it was encrypted with \
                 --encryption-key",
            )
        })?;
    }
    if is_new {
        known.entry(TIER.key).or_insert_with(|| TIERS[0].to_owned());
    }
    Ok(known)
}

fn ask(known: &mut Values, is_new: bool, asker: Asker, key: Option<&DecryptionKey>) -> Result<(), Failure> {
    ask_for(&CONSUMER_KEY, known, None, true, asker, check)?;
    if known.contains_key(CONSUMER_KEY.key) {
        ask_for(&ACCESS_TOKEN, known, None, true, asker, check)?;
    }
    if known.contains_key(ACCESS_TOKEN.key) {
        let check = |name, answer: &str| check(name, answer).and_then(|()| opens(key, answer));
        ask_for(&ACCESS_TOKEN_SECRET, known, None, true, asker, check)?;
    }
    if is_new { ask_tier(known, asker) } else { Ok(()) }
}

/// Whether the secret belongs to the key, where that can be seen.
fn opens(key: Option<&DecryptionKey>, secret: &str) -> Result<(), String> {
    let opened = key.map(|key| key.decrypt(secret));
    opened.transpose().map(drop).map_err(|error| error.to_string())
}

/// As a session judges it.
fn check(key: &'static str, value: &str) -> Result<(), String> {
    if key == ACCESS_TOKEN_SECRET.key {
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
        let is_well = !value.is_empty() && value.chars().all(is_base64);
        return if is_well { Ok(()) } else { Err("is no base64 text in one line".to_owned()) };
    }
    let of = |other| if other == key { value } else { "X" };
    let dh_parameters =
        DhParameters::from_hex(DhParameters::GROUP_14, 2).map_err(|error| error.to_string())?;
    let consumer = Consumer {
        consumer_key: of(CONSUMER_KEY.key),
        access_token: of(ACCESS_TOKEN.key),
        access_token_secret: TokenSecret::from_fn(|| Err(SignError::new("no login"))),
        dh_parameters,
    };
    Config::oauth1(consumer).map(drop).map_err(|error| error.problem().to_owned())
}
