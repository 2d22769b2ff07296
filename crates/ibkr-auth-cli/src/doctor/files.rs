//! Who else can read or change what is ours, and whether sessions can be kept.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use ibkr_auth_store::{SessionIdentity, Store, StoreError};
use tempfile::NamedTempFile;

use super::{context::Context, finding::Finding};
use crate::{mask, profile};

/// The modes of settings, key, passphrase file, state folder and kept session.
pub(super) fn modes(context: &mut Context<'_>) -> Finding {
    let (mut fine, mut wrong) = (Vec::new(), Vec::new());
    if let Ok(Some(file)) = profile::file(context.global) {
        settings_file(context, &file, &mut fine, &mut wrong);
    }
    if let Some(sessions) = &context.sessions {
        wrong.extend(sessions.profile.warnings.iter().map(|warning| named(warning)));
        if let Some(file) = sessions.profile.key.source().file() {
            fine.extend(mode(file).map(|mode| format!("key {mode:04o}")));
        }
        if let Ok(loaded) = sessions.profile.key.load() {
            wrong.extend(loaded.warnings.iter().map(|warning| named(warning)));
        }
    }
    if let Ok(store) = store(context) {
        let file = store.path();
        for (name, path) in [("state folder", folder(&store)), ("kept session", file)] {
            match mode(&path) {
                Some(mode) if mode & 0o077 != 0 => wrong
                    .push(format!("the {name} {} is open to other users ({mode:04o})", mask::path(&path))),
                Some(mode) => fine.push(format!("{name} {mode:04o}")),
                None => {}
            }
        }
    }
    match (wrong.is_empty(), fine.is_empty()) {
        (false, _) => Finding::warn(
            wrong.join("; "),
            "whoever can read the key can log in and trade; whoever can change the settings can send your tokens \
             elsewhere",
            "`chmod 600` the files and `chmod 700` the folder",
        ),
        (true, false) => Finding::pass(fine.join(", ")),
        (true, true) => Finding::skip("there are no files to look at"),
    }
}

/// Others may read settings that hold no secret, but nobody else may change them.
fn settings_file(context: &Context<'_>, file: &Path, fine: &mut Vec<String>, wrong: &mut Vec<String>) {
    let Some(mode) = mode(file) else { return };
    let holds_login = context.settings.as_ref().is_some_and(|settings| {
        let proxy = settings.transport.chosen_proxy().ok();
        settings.sets("proxy")
            && proxy.as_ref().and_then(|proxy| proxy.url()).is_some_and(|url| url.expose().contains('@'))
    });
    if mode & 0o022 != 0 {
        wrong.push(format!("other users can change {} ({mode:04o})", mask::path(file)));
    } else if holds_login && mode & 0o044 != 0 {
        wrong.push(format!("other users can read the proxy's password in {} ({mode:04o})", mask::path(file)));
    } else {
        fine.push(format!("settings {mode:04o}"));
    }
}

/// A warning without its advice, which stands below.
fn named(warning: &str) -> String {
    warning.split_once(": `").map_or(warning, |(what, _)| what).to_owned()
}

/// Whether sessions can be kept there.
pub(super) fn state_folder(context: &mut Context<'_>) -> Finding {
    let means = "a session cannot be kept between invocations, and logins cannot be counted: each command would log in \
                 anew, which IBKR limits (`ibkr-auth guide`, §10)";
    let store = match store(context) {
        Ok(store) => store,
        Err(error) => return Finding::fail(error.message(), means, error.help()),
    };
    let folder = folder(&store);
    let shown = mask::path(&folder);
    if let Err(error) = store.probe() {
        let text = format!("{}: {}", error.message(), error.reason().unwrap_or_default());
        return Finding::fail(text, means, error.help());
    }
    match NamedTempFile::new_in(&folder).and_then(|mut file| file.write_all(b"doctor")) {
        Ok(()) => Finding::pass(format!("{shown} can be written")),
        Err(error) => Finding::fail(
            format!("{shown} cannot be written: {error}"),
            means,
            "free some space, correct its permissions, or choose another folder with --state-dir",
        ),
    }
}

/// Without settings, one in the same folder.
fn store(context: &Context<'_>) -> Result<Store, StoreError> {
    match &context.sessions {
        Some(sessions) => Ok(sessions.store.clone()),
        None => {
            let nobody = SessionIdentity::of(&context.config, &context.transport);
            Store::new(context.global.state_dir.as_deref(), &nobody)
        }
    }
}

fn folder(store: &Store) -> PathBuf {
    store.path().parent().map(Path::to_owned).unwrap_or_default()
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    let about = fs::metadata(path).ok()?;
    Some(std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o7777)
}

#[cfg(not(unix))]
fn mode(_path: &Path) -> Option<u32> {
    None
}
