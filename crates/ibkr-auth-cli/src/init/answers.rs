//! Who logs in, and to what: from the flags, from earlier settings, or from whoever can be asked.

use ibkr_auth_blocking::Config;

use crate::{
    exit::Exit,
    failure::Failure,
    init::{InitArgs, TierName, ask::Asker, earlier::Values},
};

const CLIENT_ID: &str = "client_id";
const KEY_ID: &str = "client_key_id";
const CREDENTIAL: &str = "credential";

#[derive(Debug)]
pub(super) struct Answers {
    /// `None`: IBKR has not given it yet.
    pub(super) client_id: Option<String>,
    pub(super) key_id: String,
    /// Is there whenever the client id is.
    pub(super) credential: Option<String>,
    pub(super) tier: TierName,
}

/// What the flags say is judged before anything is asked.
pub(super) fn check_flags(args: &InitArgs) -> Result<(), Failure> {
    let flags = [
        ("--client-id", CLIENT_ID, &args.client_id),
        ("--key-id", KEY_ID, &args.key_id),
        ("--credential", CREDENTIAL, &args.credential),
    ];
    for (flag, key, value) in flags {
        if let Some(Err(problem)) = value.as_deref().map(|value| check(key, value)) {
            return Err(Failure::new(Exit::Usage, format!("{flag} {problem}")).help("correct it"));
        }
    }
    Ok(())
}

/// The flags that are missing where nobody can be asked. Before IBKR has given a client id, a key can be
/// made.
pub(super) fn missing_flags(args: &InitArgs, earlier: Option<&Values>) -> Vec<&'static str> {
    let has_client_id = args.client_id.is_some() || earlier.is_some_and(|values| values.client_id.is_some());
    let has_credential =
        args.credential.is_some() || earlier.is_some_and(|values| values.credential.is_some());
    let has_key = args.key.is_some() || earlier.is_some_and(|values| values.key.is_some());
    let is_first_step = args.new_key.is_some();
    [
        (has_client_id || is_first_step, "--client-id ID"),
        (has_credential || (is_first_step && !has_client_id), "--credential USERNAME"),
        (has_key || is_first_step, "--new-key or --key FILE"),
    ]
    .into_iter()
    .filter_map(|(is_there, flag)| (!is_there).then_some(flag))
    .collect()
}

pub(super) fn gather(
    args: &InitArgs,
    earlier: Option<&Values>,
    asker: Option<Asker>,
) -> Result<Answers, Failure> {
    let of_earlier = |value: fn(&Values) -> &Option<String>| earlier.and_then(|values| value(values).clone());
    let client_id = match (&args.client_id, of_earlier(|values| &values.client_id), asker) {
        (Some(id), ..) => Some(id.clone()),
        (None, before, Some(asker)) => ask_client_id(asker, before.as_deref())?,
        (None, before, None) => before,
    };
    let key_id = match (&args.key_id, of_earlier(|values| &values.key_id), asker) {
        (Some(id), ..) => id.clone(),
        // It comes with the client id.
        (None, before, Some(asker)) if client_id.is_some() => ask_key_id(asker, before.as_deref())?,
        (None, before, _) => before.unwrap_or_else(|| "main".to_owned()),
    };
    let credential = match (&args.credential, of_earlier(|values| &values.credential), asker) {
        (Some(name), ..) => Some(name.clone()),
        (None, before, Some(asker)) => ask_credential(asker, before.as_deref(), client_id.is_none())?,
        (None, before, None) => before,
    };
    let tier = match (args.tier, earlier.and_then(|values| values.tier), asker) {
        (Some(tier), ..) => tier,
        (None, before, Some(asker)) => ask_tier(asker, before)?,
        (None, before, None) => before.unwrap_or(TierName::Brokerage),
    };
    Ok(Answers { client_id, key_id, credential, tier })
}

fn ask_client_id(asker: Asker, before: Option<&str>) -> Result<Option<String>, Failure> {
    asker.explain(
        "Client id: IBKR gives it once it has registered your public key; it is not your username. If you have none \
         yet, press Enter: the key comes first. What to ask IBKR for: `ibkr-auth guide 3`.",
    );
    optional(asker, "Client id", CLIENT_ID, before, true)
}

fn ask_key_id(asker: Asker, before: Option<&str>) -> Result<String, Failure> {
    asker.explain("Key id: comes with the client id. It is `main` when the client has one key.");
    asker.text("Key id", Some(before.unwrap_or("main")), |answer| check(KEY_ID, answer))
}

fn ask_credential(asker: Asker, before: Option<&str>, may_wait: bool) -> Result<Option<String>, Failure> {
    let wait = if may_wait { " If it does not exist yet, press Enter." } else { "" };
    asker.explain(&format!(
        "Username: the IBKR username to log in, without its password. A paper username leads to the paper account; it \
         is in Client Portal, Settings, Account Configuration, Paper Trading Account. Take one that logs in nowhere \
         else: `ibkr-auth guide 5`.{wait}"
    ));
    optional(asker, "Username", CREDENTIAL, before, may_wait)
}

fn ask_tier(asker: Asker, before: Option<TierName>) -> Result<TierName, Failure> {
    asker.explain(
        "Tier: a username has one brokerage session on all of IBKR's platforms, so TWS, the phone and this program take \
         it from each other. The read-only tier opens none, and TWS and the phone stay logged in.",
    );
    let mut tiers = [TierName::Brokerage, TierName::ReadOnly];
    tiers.sort_by_key(|tier| Some(*tier) != before);
    let items = tiers.map(|tier| match tier {
        TierName::Brokerage => "brokerage: trading and market data too".to_owned(),
        TierName::ReadOnly => "read-only: portfolio and account data".to_owned(),
    });
    Ok(tiers[asker.choice("Tier", &items)?])
}

fn optional(
    asker: Asker,
    question: &str,
    key: &'static str,
    before: Option<&str>,
    may_wait: bool,
) -> Result<Option<String>, Failure> {
    let check = |answer: &str| if answer.is_empty() && may_wait { Ok(()) } else { check(key, answer) };
    Ok(Some(asker.text(question, before, check)?).filter(|answer| !answer.is_empty()))
}

/// As a session judges it.
fn check(key: &'static str, value: &str) -> Result<(), String> {
    let of = |other| if other == key { value } else { "-" };
    match Config::new(of(CLIENT_ID), of(KEY_ID), of(CREDENTIAL)) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.problem().to_owned()),
    }
}
