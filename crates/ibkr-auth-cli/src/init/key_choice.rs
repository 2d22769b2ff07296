//! Which key: one that is there, or a new one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    exit::Exit,
    failure::Failure,
    init::{
        InitArgs,
        ask::Asker,
        earlier::Values,
        folder::{Place, from_answer},
        key::{self, Existing},
    },
    options::Global,
    output::Output,
    public_key::PublicKey,
};

const PRIVATE_KEY: &str = "private.pem";

#[derive(Debug)]
pub(super) enum KeyChoice {
    /// The file to make.
    New(PathBuf),
    /// The key, and whether to shut its file to others.
    Existing(Existing, bool),
}

impl KeyChoice {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::New(path) => path,
            Self::Existing(existing, _) => &existing.path,
        }
    }

    pub(super) fn public(&self) -> Option<&PublicKey> {
        match self {
            Self::New(_) => None,
            Self::Existing(existing, _) => existing.public.as_ref(),
        }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Existing(existing, _) if existing.is_encrypted)
    }

    /// As it stands in settings of this folder, which is there by now: relative if it is below.
    pub(super) fn as_written(&self, folder: &Path) -> Result<String, Failure> {
        let path = self.path();
        let whole = whole(path);
        let below = fs::canonicalize(folder).ok().and_then(|folder| whole.strip_prefix(folder).ok());
        let written = below.map_or_else(|| std::path::absolute(path).ok(), |below| Some(below.to_owned()));
        written.and_then(|path| path.into_os_string().into_string().ok()).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("{} cannot stand in config.yaml", path.display()))
                .why("it is not UTF-8")
                .help("give the key or its folder another name")
        })
    }
}

pub(super) fn choose(
    global: &Global,
    output: Output,
    args: &InitArgs,
    asker: Option<Asker>,
    place: &Place,
    earlier: Option<&Values>,
) -> Result<KeyChoice, Failure> {
    let usual = place.join(PRIVATE_KEY);
    let before = earlier.and_then(|values| values.key.as_deref());
    let path = match (&args.key, &args.new_key, asker) {
        (Some(path), ..) => path.clone(),
        (None, Some(file), _) => {
            let file = file.clone().unwrap_or(usual);
            return match free(&file) {
                Ok(()) => Ok(KeyChoice::New(file)),
                Err(why) => Err(Failure::new(Exit::Usage, why).help(format!(
                    "use it with `--key {}`, or name another file with `--new-key FILE`; a key is never replaced",
                    file.display()
                ))),
            };
        }
        (None, None, Some(asker)) => match ask(asker, &usual, before)? {
            Asked::New(path) => return Ok(KeyChoice::New(path)),
            Asked::Existing(path) => path,
        },
        (None, None, None) => before.map_or(usual, Path::to_owned),
    };
    let existing = key::look_at(&path)?.with_passphrase(global.passphrase_fd)?;
    let shut = existing.open_to_others && may_shut(asker, output, &path)?;
    Ok(KeyChoice::Existing(existing, shut))
}

enum Asked {
    New(PathBuf),
    Existing(PathBuf),
}

fn ask(asker: Asker, usual: &Path, before: Option<&Path>) -> Result<Asked, Failure> {
    asker.explain(
        "Key: IBKR knows this program by an RSA key of 3072 bits or more. IBKR gets its public half; the private one \
         stays on this machine, and nobody ever needs it from you.",
    );
    let known = before.into_iter().chain([usual]).find(|path| path.exists());
    let mut items: Vec<String> = known.iter().map(|path| format!("use {}", path.display())).collect();
    items.push("make a new one".to_owned());
    items.push("use another file".to_owned());
    let chosen = asker.choice("Key", &items)?;
    match (chosen, known) {
        (0, Some(path)) if key::look_at(path).is_ok() => Ok(Asked::Existing(path.to_owned())),
        (0, None) | (1, Some(_)) => ask_new(asker, usual).map(Asked::New),
        (0, Some(path)) => {
            asker.refuse(&unusable(path).unwrap_or_default());
            ask_existing(asker).map(Asked::Existing)
        }
        _ => ask_existing(asker).map(Asked::Existing),
    }
}

fn ask_existing(asker: Asker) -> Result<PathBuf, Failure> {
    let check = |answer: &str| match answer {
        "" => Err("type the path of the private key, a PEM file".to_owned()),
        _ => unusable(&from_answer(answer)).map_or(Ok(()), Err),
    };
    Ok(from_answer(&asker.text("Path of the private key", None, check)?))
}

fn unusable(path: &Path) -> Option<String> {
    let failure = key::look_at(path).err()?;
    Some([Some(failure.what), failure.why, failure.help].into_iter().flatten().collect::<Vec<_>>().join(": "))
}

/// `usual`, unless that would replace something.
fn ask_new(asker: Asker, usual: &Path) -> Result<PathBuf, Failure> {
    if free(usual).is_ok() {
        return Ok(usual.to_owned());
    }
    let check = |answer: &str| match answer {
        "" => Err("type a path for the new key".to_owned()),
        _ => free(&from_answer(answer)),
    };
    Ok(from_answer(&asker.text("File for the new key, as private keys are never replaced", None, check)?))
}

/// Whether a new key may be written there.
fn free(path: &Path) -> Result<(), String> {
    if path.to_string_lossy().contains(char::is_control) {
        Err("a path has no control characters".to_owned())
    } else if path.file_name().is_none() {
        Err(format!("{} is no file", path.display()))
    } else if fs::symlink_metadata(path).is_ok() {
        Err(format!("{} is there already", path.display()))
    } else {
        Ok(())
    }
}

fn may_shut(asker: Option<Asker>, output: Output, path: &Path) -> Result<bool, Failure> {
    let path = path.display();
    match asker {
        Some(asker) => asker
            .confirm(&format!("{path} is open to other users of this machine. Shut it (chmod 600)?"), true),
        None => {
            output.warning(format_args!("{path} is open to other users of this machine: `chmod 600` it"));
            Ok(false)
        }
    }
}

/// The path without detours, although nothing may be there yet.
fn whole(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::canonicalize(folder), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}
