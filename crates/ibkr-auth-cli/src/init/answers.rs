//! Who logs in, and to what: from the settings, from flags, or from whoever can be asked.

use std::path::Path;

use ibkr_auth_blocking::Config;

use crate::{
    exit::Exit,
    failure::Failure,
    init::{
        InitArgs,
        ask::Asker,
        earlier::Earlier,
        setting::{CLIENT_ID, CREDENTIAL, KEY_ID, Setting, TIER, TIERS, Values},
    },
};

/// What the flags say.
pub(super) fn given(args: &InitArgs) -> Result<Values, Failure> {
    let flags = [
        ("--client-id", CLIENT_ID.key, &args.client_id),
        ("--key-id", KEY_ID.key, &args.key_id),
        ("--credential", CREDENTIAL.key, &args.credential),
    ];
    of_flags(flags, args, check)
}

/// The values of these flags, each judged by `check`, and the tier.
pub(super) fn of_flags<const N: usize>(
    flags: [(&str, &'static str, &Option<String>); N],
    args: &InitArgs,
    check: fn(&'static str, &str) -> Result<(), String>,
) -> Result<Values, Failure> {
    let mut values = Values::new();
    for (flag, key, value) in flags {
        let Some(value) = value else { continue };
        check(key, value)
            .map_err(|problem| Failure::new(Exit::Usage, format!("{flag} {problem}")).help("correct it"))?;
        values.insert(key, value.clone());
    }
    values.extend(args.tier.clone().map(|tier| (TIER.key, tier)));
    Ok(values)
}

/// With what stands in the settings, which is never changed.
pub(super) fn merged(given: Values, before: Option<&Values>, file: &Path) -> Result<Values, Failure> {
    let Some(before) = before else { return Ok(given) };
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
    let has_client_id = known.contains_key(CLIENT_ID.key);
    let has_key = args.key.is_some() || earlier.is_some_and(|earlier| earlier.key.is_some());
    let is_first_step = args.new_key.is_some();
    let missing: Vec<&str> = [
        (has_client_id || is_first_step, "--client-id ID"),
        (known.contains_key(CREDENTIAL.key) || (is_first_step && !has_client_id), "--credential USERNAME"),
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
        ask(&mut known, is_new, asker)?;
    }
    if known.contains_key(CLIENT_ID.key) {
        known.entry(KEY_ID.key).or_insert_with(|| "main".to_owned());
    }
    if is_new {
        known.entry(TIER.key).or_insert_with(|| TIERS[0].to_owned());
    }
    Ok(known)
}

fn ask(known: &mut Values, is_new: bool, asker: Asker) -> Result<(), Failure> {
    ask_for(&CLIENT_ID, known, None, true, asker, check)?;
    let has_client_id = known.contains_key(CLIENT_ID.key);
    if has_client_id {
        ask_for(&KEY_ID, known, Some("main"), false, asker, check)?;
    }
    ask_for(&CREDENTIAL, known, None, !has_client_id, asker, check)?;
    if is_new {
        ask_tier(known, asker)?;
    }
    Ok(())
}

pub(super) fn ask_tier(known: &mut Values, asker: Asker) -> Result<(), Failure> {
    let check = |_, answer: &str| match TIERS.contains(&answer) {
        true => Ok(()),
        false => Err(format!("type {}", TIERS.join(" or "))),
    };
    ask_for(&TIER, known, Some(TIERS[0]), false, asker, check)
}

/// Unless the answer is known. `may_wait`: it can be given another time.
pub(super) fn ask_for(
    Setting { key, name, meaning }: &Setting,
    known: &mut Values,
    default: Option<&str>,
    may_wait: bool,
    asker: Asker,
    check: impl Fn(&'static str, &str) -> Result<(), String>,
) -> Result<(), Failure> {
    if known.contains_key(key) {
        return Ok(());
    }
    let wait = if may_wait { " If there is none yet, press Enter: the key comes first." } else { "" };
    asker.explain(&format!("{name}: {meaning}{wait}"));
    let check = |answer: &str| match answer {
        "" if may_wait => Ok(()),
        _ => check(key, answer),
    };
    let answer = asker.text(name, default, check)?;
    if !answer.is_empty() {
        known.insert(key, answer);
    }
    Ok(())
}

/// As a session judges it.
fn check(key: &'static str, value: &str) -> Result<(), String> {
    let of = |other| if other == key { value } else { "-" };
    match Config::new(of(CLIENT_ID.key), of(KEY_ID.key), of(CREDENTIAL.key)) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.problem().to_owned()),
    }
}
