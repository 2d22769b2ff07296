//! `ibkr-auth init`: from nothing to settings, an RSA key, and what to upload to IBKR. No key is ever
//! replaced, and no line of settings: what is missing in them is added at their end.

mod answers;
pub(crate) mod ask;
mod config_text;
mod earlier;
mod key_pair;
pub(crate) mod oauth1;
mod openssl;
mod place;
mod report;
mod setting;

mod staged;

use std::path::{Path, PathBuf};

use clap::ValueHint;
use ibkr_auth_config::local;
use ibkr_auth_core::text::one_line;

use crate::{
    exit::Exit, failure::Failure, interrupt::Interrupt, options::Global, output::Output, progress::Progress,
    public_key::PublicKey,
};
use ask::Asker;
use earlier::Earlier;
use key_pair::{Choice, KeyPair};
use place::Place;
use report::Done;
use setting::{KEY_FILE, TIERS, Values};
use staged::{PRIVATE, PUBLIC, Staged};

#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// Where config.yaml and the key go. Default: the folder of --config, else your configuration folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
    /// The client id that IBKR gave; with --new-key it may wait until there is one
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The id of the key that IBKR registered [default: main]
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
    /// The IBKR username that is logged in
    #[arg(long, value_name = "USERNAME")]
    credential: Option<String>,
    /// What to log in to: `brokerage` is for trading and market data too; with `read-only` TWS and the phone
    /// stay logged in [default: brokerage]
    #[arg(long, value_name = "TIER", value_parser = TIERS)]
    tier: Option<String>,
    /// For OAuth 1.0a, as private people and vendors have it, instead of OAuth 2.0
    #[arg(long, conflicts_with_all = ["client_id", "key_id", "credential"])]
    oauth1: bool,
    /// OAuth 1.0a: the consumer key, nine capital letters of your own choosing
    #[arg(long, value_name = "KEY", conflicts_with_all = ["client_id", "key_id", "credential"])]
    consumer_key: Option<String>,
    /// OAuth 1.0a: the access token that IBKR's page has generated
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["client_id", "key_id", "credential"])]
    access_token: Option<String>,
    /// OAuth 1.0a: its secret as that page shows it, encrypted to your encryption key
    #[arg(long, value_name = "SECRET", conflicts_with_all = ["client_id", "key_id", "credential"])]
    access_token_secret: Option<String>,
    /// OAuth 1.0a: use this RSA private key to decrypt the secret; `--key` is the one that signs
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["client_id", "key_id", "credential"])]
    encryption_key: Option<PathBuf>,
    /// OAuth 1.0a: use these Diffie-Hellman parameters, made with `openssl dhparam`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["client_id", "key_id", "credential"])]
    dh_param: Option<PathBuf>,
    /// Use this RSA private key
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "new_key")]
    key: Option<PathBuf>,
    /// Make an RSA key of 3072 bits; FILE is private.pem in the folder unless it is given
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    new_key: Option<Option<PathBuf>>,
    /// The program that makes the key
    #[arg(long, value_name = "PATH", default_value = "openssl", value_hint = ValueHint::CommandName)]
    openssl: PathBuf,
    /// Ask nothing, as without a terminal
    #[arg(long)]
    no_input: bool,
}

pub(crate) fn run(global: &Global, output: Output, args: &InitArgs) -> Result<(), Failure> {
    if global.profile.is_some() {
        return Err(Failure::new(Exit::Usage, "`init` writes no profiles").help(
            "run it without --profile, then add the profile to config.yaml by hand: `ibkr-auth help keys` shows how",
        ));
    }
    let given = answers::given(args)?;
    let asker = if args.no_input { None } else { Asker::of_terminal(output.quiet) };
    let place = Place::choose(global, output, args)?;
    if oauth1::is_meant(args, &place)? {
        return oauth1::run(output, args, asker, place);
    }
    let earlier = earlier::read(&place.file)?;
    let known = answers::merged(given, earlier.as_ref().map(|earlier| &earlier.values), &place.file)?;
    if asker.is_none() {
        answers::refuse_missing(&known, args, earlier.as_ref())?;
    }
    if let Some(asker) = asker {
        asker.explain(&format!(
            "This makes settings and an RSA key for IBKR's Web API, in {}; --dir names another folder. It is for OAuth 2.0, \
             which IBKR gives to organisations and advisers; private people leave here, and type `ibkr-auth init --oauth1`. \
             What IBKR asks for, and how long it takes, is in `ibkr-auth guide`. Ctrl-C leaves at any time; nothing is \
             written before the last answer.",
            one_line(&place.folder.display().to_string())
        ));
    }
    let choice = key_pair::choose(output, args, asker, &place, earlier.as_ref())?;
    let values = answers::complete(known, earlier.is_none(), asker)?;
    report::show(output, &carry_out(output, args, place, earlier, choice, values)?)
}

/// Nothing is written before the key is there. Every file is whole before the first is put in its place.
fn carry_out(
    output: Output,
    args: &InitArgs,
    place: Place,
    earlier: Option<Earlier>,
    choice: Choice,
    values: Values,
) -> Result<Done, Failure> {
    let (key, pem) = match choice {
        Choice::Take(key) => (key, None),
        Choice::Make(path) => {
            let _progress = Progress::start(output, "making an RSA key");
            let made = openssl::make(&args.openssl, 3072, "private.pem", "--key")?;
            (KeyPair { path, public: Some(PublicKey::of(&made.key)?) }, Some(made.pem))
        }
    };
    // Signals wait until all files are in their places, which takes no time.
    let _interrupt = Interrupt::watch();
    place.make()?;
    let private = pem.as_ref().map(|pem| Staged::new(&key.path, pem, PRIVATE)).transpose()?;
    let public = match &key.public {
        Some(public) if !holds(&place.public_key(), public) => {
            Some(Staged::new(&place.public_key(), public.pem.as_bytes(), PUBLIC)?)
        }
        _ => None,
    };
    let settings = settings(&place, earlier.as_ref(), &values, &key.path)?;
    for file in [private, public].into_iter().flatten() {
        file.put()?;
    }
    let is_changed = settings.is_some();
    match (settings, earlier) {
        (Some(settings), Some(_)) => settings.replace()?,
        (Some(settings), None) => settings.put()?,
        (None, _) => {}
    }
    if key.public.as_ref().is_some_and(PublicKey::is_short) {
        output.warning("the key is shorter than the 3072 bits that IBKR asks for");
    }
    Ok(Done { place, is_changed, is_new: pem.is_some(), key, values })
}

/// What the settings lack, at their end; `None` where they lack nothing.
fn settings(
    place: &Place,
    earlier: Option<&Earlier>,
    values: &Values,
    key: &Path,
) -> Result<Option<Staged>, Failure> {
    let mut missing = values.clone();
    if let Some(earlier) = earlier {
        missing.retain(|key, _| !earlier.values.contains_key(key));
    }
    if earlier.is_none_or(|earlier| earlier.key.is_none()) {
        missing.insert(KEY_FILE.key, config_text::written(key, &place.folder)?);
    }
    let says_key = |read: &Earlier| match missing.get(KEY_FILE.key) {
        Some(written) => read.key.as_deref().is_some_and(|path| path.ends_with(written)),
        None => true,
    };
    config_text::staged(place, earlier.is_none(), &setting::ALL, &missing, |path| {
        Ok(earlier::read(path)?.is_some_and(|read| read.values == *values && says_key(&read)))
    })
}

fn holds(path: &Path, public: &PublicKey) -> bool {
    local::read(path).is_ok_and(|content| content.bytes.trim_ascii() == public.pem.trim().as_bytes())
}
