//! The key: one that is there, or a new one. A private key is never replaced, nor the public half of another.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use ibkr_auth_config::local;
use ibkr_jws::{KeyError, RsaKey};

use crate::{
    exit::Exit,
    failure::Failure,
    init::{
        InitArgs,
        ask::Asker,
        earlier::Earlier,
        holds,
        place::Place,
        setting::{KEY_FILE, Setting},
    },
    output::Output,
    public_key::PublicKey,
};

#[derive(Debug)]
pub(super) enum Choice {
    /// The file to make.
    Make(PathBuf),
    Take(KeyPair),
}

#[derive(Debug)]
pub(super) struct KeyPair {
    /// The private half.
    pub(super) path: PathBuf,
    /// `None`: the key is encrypted.
    pub(super) public: Option<PublicKey>,
}

pub(super) fn choose(
    output: Output,
    args: &InitArgs,
    asker: Option<Asker>,
    place: &Place,
    earlier: Option<&Earlier>,
) -> Result<Choice, Failure> {
    let usual = place.private_key();
    let before = earlier.and_then(|earlier| earlier.key.as_deref());
    let choice = match (&args.key, &args.new_key, before, asker) {
        (Some(path), ..) => take(path, output)?,
        (None, Some(file), ..) => make(file.as_ref().unwrap_or(&usual))?,
        (None, None, None, Some(asker)) => ask(asker, &usual, output)?,
        (None, None, before, _) => take(before.unwrap_or(&usual), output)?,
    };
    let file = place.public_key();
    let (path, is_right) = match &choice {
        Choice::Make(path) => (path, false),
        // The public half of an encrypted key is not written.
        Choice::Take(KeyPair { path, public }) => {
            (path, public.as_ref().is_none_or(|public| holds(&file, public)))
        }
    };
    if before.is_some_and(|before| !is_same(before, path)) {
        return Err(Failure::new(Exit::Usage, format!("{} already has another key", place.file.display()))
            .help("change private_key_file by hand, or choose another folder with --dir"));
    }
    if !is_right && fs::symlink_metadata(&file).is_ok() {
        let what = format!("{} is there already, and holds another key", file.display());
        return Err(Failure::new(Exit::Usage, what).help("move it away, or choose another folder with --dir"));
    }
    Ok(choice)
}

/// A new key, where nothing is yet.
fn make(path: &Path) -> Result<Choice, Failure> {
    let shown = path.display();
    if fs::symlink_metadata(path).is_err() {
        return Ok(Choice::Make(path.to_owned()));
    }
    Err(Failure::new(Exit::Usage, format!("{shown} is there already")).help(format!(
        "use it with `--key {shown}`, or name another file with `--new-key FILE`; a key is never replaced"
    )))
}

fn take(path: &Path, output: Output) -> Result<Choice, Failure> {
    let (key, is_open) = look_at(path)?;
    if is_open {
        let path = path.display();
        output.warning(format_args!("{path} is open to other users of this machine: `chmod 600` it"));
    }
    Ok(Choice::Take(key))
}

/// A key that is there; and whether users other than its owner may do something with its file.
pub(super) fn look_at(path: &Path) -> Result<(KeyPair, bool), Failure> {
    const ANOTHER: &str = "name another with --key, or make one with --new-key FILE";
    let unusable = |why: String| {
        let (why, help) = why.rsplit_once(": ").unwrap_or((&why, ANOTHER));
        Failure::new(Exit::Config, format!("{} cannot be the key", path.display())).why(why).help(help)
    };
    let content = local::read(path).map_err(|error| unusable(error.to_string()))?;
    let public = match RsaKey::from_pem(&content.bytes) {
        Ok(key) => Some(PublicKey::of(&key)?),
        Err(KeyError::Encrypted) => None,
        Err(error) => return Err(unusable(error.to_string())),
    };
    if public.as_ref().is_some_and(|public| public.is_demo) {
        return Err(Failure::new(Exit::Config, format!("{} is the simulator's demo key", path.display()))
            .why("everybody has its private half: at IBKR it would open your account to everybody")
            .help(ANOTHER));
    }
    Ok((KeyPair { path: path.to_owned(), public }, content.is_open_to_others()))
}

fn ask(asker: Asker, usual: &Path, output: Output) -> Result<Choice, Failure> {
    const NEW: &str = "new";
    let Setting { name, meaning, .. } = KEY_FILE;
    asker.explain(&format!("{name}: {meaning} Type the path of one that you have, or `{NEW}`."));
    let usual_shown = usual.display().to_string();
    let default = if usual.exists() { &usual_shown } else { NEW };
    let is_fit = |answer: &str| match answer {
        NEW => make(usual).map(drop),
        "" => Err(Failure::new(Exit::Usage, "type a path")),
        path => look_at(&from_home(path)).map(drop),
    };
    let check = |answer: &str| {
        is_fit(answer).map_err(|Failure { what, why, help, .. }| {
            [Some(what), why, help].into_iter().flatten().collect::<Vec<_>>().join(": ")
        })
    };
    match asker.text(name, Some(default), check)?.as_str() {
        NEW => make(usual),
        path => take(&from_home(path), output),
    }
}

/// `~/` of someone who is asked by no shell.
fn from_home(answer: &str) -> PathBuf {
    match (answer.strip_prefix("~/"), env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(answer),
    }
}

pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}
