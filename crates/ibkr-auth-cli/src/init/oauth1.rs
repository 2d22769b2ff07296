//! `ibkr-auth init --oauth1`: two RSA keys and Diffie-Hellman parameters, what IBKR's page wants of them, and
//! what it gives.

mod answers;
mod earlier;
mod files;
mod report;
mod setting;

use std::path::{Path, PathBuf};

use ibkr_auth_config::Reader;
use ibkr_auth_core::{oauth1::DhParameters, text::one_line};
use zeroize::Zeroizing;

use super::{
    InitArgs,
    ask::Asker,
    config_text, holds, openssl,
    place::Place,
    setting::Values,
    staged::{PRIVATE, PUBLIC, Staged},
};
use crate::{
    exit::Exit, failure::Failure, interrupt::Interrupt, output::Output, progress::Progress,
    public_key::PublicKey,
};
use earlier::Earlier;
use files::{Choice, Chosen};

/// As IBKR's page asks for them.
const BITS: u32 = 2048;

/// Whether it is this login: by a flag, or because the settings that are there have a key of it.
pub(super) fn is_meant(args: &InitArgs, place: &Place) -> Result<bool, Failure> {
    let is_asked = args.oauth1
        || args.encryption_key.is_some()
        || args.dh_param.is_some()
        || [&args.consumer_key, &args.access_token, &args.access_token_secret]
            .into_iter()
            .any(Option::is_some);
    // What cannot be read is told by whoever reads all of it.
    let written = match place.file.exists() {
        true => Reader::new().file(&place.file).written().unwrap_or_default(),
        false => Vec::new(),
    };
    let has = |start: &str| written.iter().any(|(key, _)| key.starts_with(start));
    let file = place.file.display();
    let clash = |of: &str, flags: &str| {
        Failure::new(Exit::Usage, format!("{file} logs in by {of}, and {flags}"))
            .help("leave these flags out, or choose another folder with --dir")
    };
    if is_asked && has("client_id") {
        return Err(clash("OAuth 2.0", "flags of OAuth 1.0a were given"));
    }
    let is_of_other = [&args.client_id, &args.key_id, &args.credential].into_iter().any(Option::is_some);
    match has("oauth1_") {
        true if is_of_other => Err(clash("OAuth 1.0a", "flags of OAuth 2.0 were given")),
        has_own => Ok(is_asked || has_own),
    }
}

/// What was done.
struct Done {
    place: Place,
    /// The settings were written.
    is_changed: bool,
    signature: Key,
    encryption: Key,
    /// `None`: the settings hold the prime itself.
    dh: Option<PathBuf>,
    dh_is_new: bool,
    values: Values,
}

/// One of the two keys, and what is to be written of it.
struct Key {
    path: PathBuf,
    /// `None`: it was there already.
    pem: Option<Zeroizing<Vec<u8>>>,
    /// `None`: it is encrypted.
    public: Option<PublicKey>,
    public_path: PathBuf,
}

pub(super) fn run(
    output: Output,
    args: &InitArgs,
    asker: Option<Asker>,
    place: Place,
) -> Result<(), Failure> {
    let earlier = earlier::read(&place.file)?;
    let before = earlier.as_ref().map(|earlier| &earlier.values);
    let known = super::answers::merged(answers::given(args)?, before, &place.file)?;
    if let Some(asker) = asker {
        asker.explain(&format!(
            "This makes settings, two RSA keys and Diffie-Hellman parameters for IBKR's Web API by OAuth 1.0a, in {}; --dir \
             names another folder. Organisations have OAuth 2.0: `ibkr-auth init` without --oauth1. Keys that you have are \
             taken by --key, --encryption-key and --dh-param. Ctrl-C leaves at any time; nothing is written before the last \
             answer.",
            one_line(&place.folder.display().to_string())
        ));
    }
    let chosen = files::choose(output, args, &place, earlier.as_ref())?;
    let values = answers::complete(known, earlier.is_none(), asker, &chosen)?;
    report::show(output, &carry_out(output, args, place, earlier.as_ref(), chosen, values)?)
}

/// Nothing is written before both keys are there. Every file is whole before the first is put in its place.
fn carry_out(
    output: Output,
    args: &InitArgs,
    place: Place,
    earlier: Option<&Earlier>,
    chosen: Chosen,
    values: Values,
) -> Result<Done, Failure> {
    let Chosen { signature, encryption, dh } = chosen;
    let signature =
        made(output, args, signature, "signature", "--oauth1 --key", place.public_signature_key())?;
    let encryption = match encryption {
        Choice::Take(path, key) => {
            let public = key.as_ref().map(PublicKey::of_decryption);
            Key { path, pem: None, public, public_path: place.public_encryption_key() }
        }
        Choice::Make(path) => {
            let choice = Choice::Make(path);
            made(
                output,
                args,
                choice,
                "encryption",
                "--oauth1 --encryption-key",
                place.public_encryption_key(),
            )?
        }
    };
    // Signals wait until all files are in their places, which takes no time.
    let _interrupt = Interrupt::watch();
    place.make()?;
    let mut staged = Vec::new();
    for key in [&signature, &encryption] {
        if let Some(pem) = &key.pem {
            staged.push(Staged::new(&key.path, pem, PRIVATE)?);
        }
        if let Some(public) = key.public.as_ref().filter(|public| !holds(&key.public_path, public)) {
            files::refuse_another(&key.public_path)?;
            staged.push(Staged::new(&key.public_path, public.pem.as_bytes(), PUBLIC)?);
        }
    }
    let dh_is_new = matches!(dh, Some(Choice::Make(_)));
    if let Some(Choice::Make(path)) = &dh {
        staged.push(Staged::new(path, group_14()?.to_pem().as_bytes(), PUBLIC)?);
    }
    let dh = dh.map(Choice::path);
    let paths = [Some(&*signature.path), Some(&*encryption.path), dh.as_deref()];
    let settings = settings(&place, earlier, &values, paths)?;
    for file in staged {
        file.put()?;
    }
    let is_changed = settings.is_some();
    match (settings, earlier) {
        (Some(settings), Some(_)) => settings.replace()?,
        (Some(settings), None) => settings.put()?,
        (None, _) => {}
    }
    Ok(Done { place, is_changed, signature, encryption, dh, dh_is_new, values })
}

/// The key, which an `openssl` makes unless it is there.
fn made(
    output: Output,
    args: &InitArgs,
    choice: Choice<Option<PublicKey>>,
    name: &str,
    flag: &str,
    public_path: PathBuf,
) -> Result<Key, Failure> {
    Ok(match choice {
        Choice::Take(path, public) => Key { path, pem: None, public, public_path },
        Choice::Make(path) => {
            let _progress = Progress::start(output, format!("making the {name} key"));
            let made = openssl::make(&args.openssl, BITS, &format!("private_{name}.pem"), flag)?;
            Key { path, pem: Some(made.pem), public: Some(PublicKey::of(&made.key)?), public_path }
        }
    })
}

/// What the settings lack, at their end; `None` where they lack nothing.
fn settings(
    place: &Place,
    earlier: Option<&Earlier>,
    values: &Values,
    paths: [Option<&Path>; 3],
) -> Result<Option<Staged>, Failure> {
    let mut whole = values.clone();
    for (key, path) in setting::FILES.into_iter().zip(paths) {
        let before = earlier.and_then(|earlier| earlier.values.get(key));
        if let (None, Some(path)) = (before, path) {
            whole.insert(key, config_text::written(path, &place.folder)?);
        }
    }
    let mut missing = whole.clone();
    if let Some(earlier) = earlier {
        missing.retain(|key, _| !earlier.values.contains_key(key));
    }
    config_text::staged(place, earlier.is_none(), &setting::ALL, &missing, |path| {
        Ok(earlier::read(path)?.is_some_and(|read| read.values == whole))
    })
}

/// Adds what a user has consented to, at the end of settings that have neither.
pub(crate) fn add_access_token(file: &Path, token: &str, secret: &str) -> Result<(), Failure> {
    let (earlier, _) = earlier::read_any(file)?;
    let missing = Values::from([
        (setting::ACCESS_TOKEN.key, token.to_owned()),
        (setting::ACCESS_TOKEN_SECRET.key, secret.to_owned()),
    ]);
    let whole: Values = earlier.values.into_iter().chain(missing.clone()).collect();
    let staged = config_text::staged(&Place::of_file(file), false, &setting::ALL, &missing, |path| {
        Ok(earlier::read_any(path)?.0.values == whole)
    })?;
    staged.map_or(Ok(()), Staged::replace)
}

/// What `openssl dhparam` would search for minutes.
fn group_14() -> Result<DhParameters, Failure> {
    DhParameters::from_hex(DhParameters::GROUP_14, 2)
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}
