//! The three files: those that are there, or new ones. None is ever replaced.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ibkr_auth_config::local;
use ibkr_auth_core::oauth1::{DecryptionKey, DhParameters};
use ibkr_jws::KeyError;

use super::{
    earlier::Earlier,
    setting::{DH_PARAM_FILE, ENCRYPTION_KEY_FILE, KEY_FILE},
};
use crate::{
    exit::Exit,
    failure::Failure,
    init::{
        InitArgs, holds,
        key_pair::{is_same, look_at},
        place::Place,
    },
    output::Output,
    public_key::PublicKey,
};

/// The shortest prime that IBKR asks for.
const LEAST_BITS: usize = 2048;

pub(super) enum Choice<T> {
    /// The file to make.
    Make(PathBuf),
    Take(PathBuf, T),
}

impl<T> Choice<T> {
    pub(super) fn path(self) -> PathBuf {
        match self {
            Self::Make(path) | Self::Take(path, _) => path,
        }
    }
}

/// `None` inside: the key is encrypted.
pub(super) struct Chosen {
    pub(super) signature: Choice<Option<PublicKey>>,
    pub(super) encryption: Choice<Option<DecryptionKey>>,
    /// `None`: the settings hold the prime itself.
    pub(super) dh: Option<Choice<()>>,
}

impl Chosen {
    /// The key that opens the secret, where it is there and not encrypted.
    pub(super) fn decryption_key(&self) -> Option<&DecryptionKey> {
        match &self.encryption {
            Choice::Take(_, key) => key.as_ref(),
            Choice::Make(_) => None,
        }
    }
}

pub(super) fn choose(
    output: Output,
    args: &InitArgs,
    place: &Place,
    earlier: Option<&Earlier>,
) -> Result<Chosen, Failure> {
    let before = |key: &'static str| (key, earlier.and_then(|earlier| earlier.path(key)));
    let new = args.new_key.as_ref().map(|file| file.clone().unwrap_or_else(|| place.signature_key()));
    if let Some(path) = new.as_ref().filter(|path| fs::symlink_metadata(path).is_ok()) {
        let path = path.display();
        return Err(Failure::new(Exit::Usage, format!("{path} is there already")).help(format!(
            "use it with `--key {path}`, or name another file with `--new-key FILE`; a key is never replaced"
        )));
    }
    let usual = new.clone().unwrap_or_else(|| place.signature_key());
    let given = args.key.as_deref().or(new.as_deref());
    let signature = one(given, before(KEY_FILE.key), usual, place, |path| {
        let (key, is_open) = look_at(path)?;
        warn(output, path, is_open);
        Ok(key.public)
    })?;
    let given = args.encryption_key.as_deref();
    let encryption = one(given, before(ENCRYPTION_KEY_FILE.key), place.encryption_key(), place, |path| {
        decryption_key(path, output)
    })?;
    let has_prime = earlier.is_some_and(|earlier| earlier.has_prime);
    let dh = if has_prime {
        None
    } else {
        let given = args.dh_param.as_deref();
        Some(one(given, before(DH_PARAM_FILE.key), place.dh_param(), place, |path| dh_param(path, output))?)
    };
    if let Choice::Take(_, Some(public)) = &signature {
        let path = place.public_signature_key();
        if !holds(&path, public) {
            refuse_another(&path)?;
        }
    }
    Ok(Chosen { signature, encryption, dh })
}

/// The file that is named, else that of the settings, else the usual one if it is there, else a new one.
fn one<T>(
    given: Option<&Path>,
    (key, before): (&str, Option<PathBuf>),
    usual: PathBuf,
    place: &Place,
    look: impl Fn(&Path) -> Result<T, Failure>,
) -> Result<Choice<T>, Failure> {
    if let (Some(given), Some(before)) = (given, &before)
        && !is_same(given, before)
    {
        let what = format!("{} already has another `{key}`", place.file.display());
        return Err(Failure::new(Exit::Usage, what)
            .help(format!("change {key} by hand, or choose another folder with --dir")));
    }
    let named = given.map(Path::to_owned).filter(|given| *given != usual || given.exists()).or(before);
    match named {
        Some(path) => look(&path).map(|found| Choice::Take(path, found)),
        None if fs::symlink_metadata(&usual).is_ok() => look(&usual).map(|found| Choice::Take(usual, found)),
        None => Ok(Choice::Make(usual)),
    }
}

/// What stands where a public half is to go is another's.
pub(super) fn refuse_another(path: &Path) -> Result<(), Failure> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    let what = format!("{} is there already, and holds another key", path.display());
    Err(Failure::new(Exit::Usage, what).help("move it away, or choose another folder with --dir"))
}

fn decryption_key(path: &Path, output: Output) -> Result<Option<DecryptionKey>, Failure> {
    let content =
        local::read(path).map_err(|error| unusable(path, "the encryption key", &error.to_string()))?;
    warn(output, path, content.is_open_to_others());
    match DecryptionKey::from_pem(&content.bytes) {
        Ok(key) => Ok(Some(key)),
        Err(KeyError::Encrypted) => Ok(None),
        Err(error) => Err(unusable(path, "the encryption key", &error.to_string())),
    }
}

fn dh_param(path: &Path, output: Output) -> Result<(), Failure> {
    let cannot = |why: &str| unusable(path, "the Diffie-Hellman parameters", why);
    let content = local::read(path).map_err(|error| cannot(&error.to_string()))?;
    let parameters = DhParameters::from_pem(&content.bytes).map_err(|error| cannot(&error.to_string()))?;
    if parameters.bits() < LEAST_BITS {
        let (path, bits) = (path.display(), parameters.bits());
        output.warning(format_args!("the prime of {path} has {bits} bits, and IBKR asks for {LEAST_BITS}"));
    }
    Ok(())
}

fn unusable(path: &Path, part: &str, why: &str) -> Failure {
    let (why, help) = why.rsplit_once(": ").unwrap_or((why, "name another file"));
    Failure::new(Exit::Config, format!("{} cannot be {part}", path.display())).why(why).help(help)
}

fn warn(output: Output, path: &Path, is_open: bool) {
    if is_open {
        let path = path.display();
        output.warning(format_args!("{path} is open to other users of this machine: `chmod 600` it"));
    }
}
