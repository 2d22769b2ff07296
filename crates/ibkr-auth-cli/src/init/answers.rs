//! Who logs in, and to what: from the settings, from flags, or from whoever can be asked.

use std::{collections::BTreeMap, path::Path};

use ibkr_auth_blocking::Config;

use crate::{
    exit::Exit,
    failure::Failure,
    init::{InitArgs, ask::Asker, earlier::Earlier},
};

pub(super) const CLIENT_ID: &str = "client_id";
pub(super) const KEY_ID: &str = "client_key_id";
pub(super) const CREDENTIAL: &str = "credential";
pub(super) const TIER: &str = "tier";
pub(super) const TIERS: [&str; 2] = ["brokerage", "read-only"];

/// Settings by their keys in config.yaml. Before IBKR has answered only the tier is known.
pub(super) type Values = BTreeMap<&'static str, String>;

/// What the flags say.
pub(super) fn given(args: &InitArgs) -> Result<Values, Failure> {
    let flags = [
        ("--client-id", CLIENT_ID, &args.client_id),
        ("--key-id", KEY_ID, &args.key_id),
        ("--credential", CREDENTIAL, &args.credential),
    ];
    let mut values = Values::new();
    for (flag, key, value) in flags {
        let Some(value) = value else { continue };
        check(key, value)
            .map_err(|problem| Failure::new(Exit::Usage, format!("{flag} {problem}")).help("correct it"))?;
        values.insert(key, value.clone());
    }
    values.extend(args.tier.clone().map(|tier| (TIER, tier)));
    Ok(values)
}

/// With what stands in the settings, which is never changed.
pub(super) fn merged(given: Values, earlier: Option<&Earlier>, file: &Path) -> Result<Values, Failure> {
    let Some(Earlier { values: before, .. }) = earlier else { return Ok(given) };
    let differs = |(key, value): &(&&str, &String)| before.get(**key).is_some_and(|before| before != *value);
    let others: Vec<String> =
        given.iter().filter(differs).map(|(key, _)| format!("another `{key}`")).collect();
    if others.is_empty() {
        return Ok(before.clone().into_iter().chain(given).collect());
    }
    Err(Failure::new(Exit::Usage, format!("{} already has {}", file.display(), others.join(" and ")))
        .help("leave those flags out, change these lines by hand, or choose another folder with --dir"))
}

/// Where nobody can be asked. Before IBKR has given a client id, a key can be made.
pub(super) fn refuse_missing(
    known: &Values,
    args: &InitArgs,
    earlier: Option<&Earlier>,
) -> Result<(), Failure> {
    let has_client_id = known.contains_key(CLIENT_ID);
    let has_key = args.key.is_some() || earlier.is_some_and(|earlier| earlier.key.is_some());
    let is_first_step = args.new_key.is_some();
    let missing: Vec<&str> = [
        (has_client_id || is_first_step, "--client-id ID"),
        (known.contains_key(CREDENTIAL) || (is_first_step && !has_client_id), "--credential USERNAME"),
        (has_key || is_first_step, "--new-key or --key FILE"),
    ]
    .into_iter()
    .filter_map(|(is_there, flag)| (!is_there).then_some(flag))
    .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("these answers are missing: {}", missing.join(", ")))
        .why("nobody can be asked: there is no terminal, or --no-input was given")
        .help("add these flags; `ibkr-auth help init` explains them"))
}

/// Asks for what is not known, if somebody is there. New settings say the tier too.
pub(super) fn complete(mut known: Values, is_new: bool, asker: Option<Asker>) -> Result<Values, Failure> {
    if let Some(asker) = asker {
        let asked = |key| !known.contains_key(key);
        let (client_id, key_id, credential) = (asked(CLIENT_ID), asked(KEY_ID), asked(CREDENTIAL));
        if client_id && let Some(id) = ask_client_id(asker)? {
            known.insert(CLIENT_ID, id);
        }
        let has_client_id = known.contains_key(CLIENT_ID);
        if key_id && has_client_id {
            known.insert(KEY_ID, ask_key_id(asker)?);
        }
        if credential && let Some(name) = ask_credential(asker, !has_client_id)? {
            known.insert(CREDENTIAL, name);
        }
        if is_new && !known.contains_key(TIER) {
            known.insert(TIER, ask_tier(asker)?);
        }
    }
    if known.contains_key(CLIENT_ID) {
        known.entry(KEY_ID).or_insert_with(|| "main".to_owned());
    }
    if is_new {
        known.entry(TIER).or_insert_with(|| TIERS[0].to_owned());
    }
    Ok(known)
}

fn ask_client_id(asker: Asker) -> Result<Option<String>, Failure> {
    asker.explain(
        "Client id: IBKR gives it once it has registered your public key; it is not your username. If you have none \
         yet, press Enter: the key comes first. What to ask IBKR for: `ibkr-auth guide 3`.",
    );
    optional(asker, "Client id", CLIENT_ID, true)
}

fn ask_key_id(asker: Asker) -> Result<String, Failure> {
    asker.explain("Key id: comes with the client id. It is `main` when the client has one key.");
    asker.text("Key id", Some("main"), |answer| check(KEY_ID, answer))
}

fn ask_credential(asker: Asker, may_wait: bool) -> Result<Option<String>, Failure> {
    let wait = if may_wait { " If it does not exist yet, press Enter." } else { "" };
    asker.explain(&format!(
        "Username: the IBKR username to log in, without its password. A paper username leads to the paper account; it \
         is in Client Portal, Settings, Account Configuration, Paper Trading Account. Take one that logs in nowhere \
         else: `ibkr-auth guide 5`.{wait}"
    ));
    optional(asker, "Username", CREDENTIAL, may_wait)
}

fn ask_tier(asker: Asker) -> Result<String, Failure> {
    asker.explain(
        "Tier: `brokerage` is for trading and market data too. A username has one brokerage session on all of IBKR's \
         platforms, so TWS, the phone and this program take it from each other. `read-only` (portfolio and account data) \
         opens none, and TWS and the phone stay logged in.",
    );
    asker.text("Tier", Some(TIERS[0]), |answer| match TIERS.contains(&answer) {
        true => Ok(()),
        false => Err(format!("type {}", TIERS.join(" or "))),
    })
}

fn optional(
    asker: Asker,
    question: &str,
    key: &'static str,
    may_wait: bool,
) -> Result<Option<String>, Failure> {
    let check = |answer: &str| if answer.is_empty() && may_wait { Ok(()) } else { check(key, answer) };
    Ok(Some(asker.text(question, None, check)?).filter(|answer| !answer.is_empty()))
}

/// As a session judges it.
fn check(key: &'static str, value: &str) -> Result<(), String> {
    let of = |other| if other == key { value } else { "-" };
    match Config::new(of(CLIENT_ID), of(KEY_ID), of(CREDENTIAL)) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.problem().to_owned()),
    }
}
