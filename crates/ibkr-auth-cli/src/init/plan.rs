//! Everything that is known before anything is written, and then the writing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ibkr_auth_config::local;

use crate::{
    exit::Exit,
    failure::Failure,
    init::{
        InitArgs,
        answers::{self, Answers},
        ask::Asker,
        earlier::{self, Earlier, Values},
        folder::{self, Place},
        interrupt::Interrupt,
        key::{self, Existing},
        key_choice::{self, KeyChoice},
        openssl,
        report::Done,
        settings::{self, Wanted},
        staged::Staged,
    },
    options::Global,
    output::Output,
    progress::Progress,
    public_key::PublicKey,
};

const PUBLIC_KEY: &str = "public.pem";

/// What is going to be done. Whatever had to be allowed was allowed.
pub(super) struct Plan {
    place: Place,
    earlier: Earlier,
    answers: Answers,
    key: KeyChoice,
}

pub(super) fn make(global: &Global, output: Output, args: &InitArgs) -> Result<Plan, Failure> {
    answers::check_flags(args)?;
    let asker = if args.no_input { None } else { Asker::of_terminal(output.quiet) };
    if let Some(asker) = asker {
        asker.explain(
            "This makes settings and an RSA key for IBKR's Web API. What IBKR asks for, and how long it takes, is in \
             `ibkr-auth guide`. Ctrl-C leaves at any time; nothing is written before the last answer.",
        );
    }
    let place = folder::choose(global, output, args, asker)?;
    let earlier = earlier::read(&place.file);
    allow_fresh(&place, &earlier, args, asker)?;
    let missing = answers::missing_flags(args, earlier.values());
    if asker.is_none() && !missing.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("these answers are missing: {}", missing.join(", ")))
            .why("nobody can be asked: there is no terminal, or --no-input was given")
            .help("add these flags; `ibkr-auth help init` explains them"));
    }
    allow_detours(&place, &earlier, args, asker)?;
    let key = key_choice::choose(global, output, args, asker, &place, earlier.values())?;
    refuse_demo_key(&key, &earlier)?;
    let answers = answers::gather(args, earlier.values(), asker)?;
    let plan = Plan { place, earlier, answers, key };
    plan.allow_changes(args, asker)?;
    plan.allow_public_key(args, asker)?;
    Ok(plan)
}

/// Settings that cannot be completed can only be replaced.
fn allow_fresh(
    place: &Place,
    earlier: &Earlier,
    args: &InitArgs,
    asker: Option<Asker>,
) -> Result<(), Failure> {
    let Earlier::Unusable(why) = earlier else { return Ok(()) };
    let file = place.file.display();
    if let Some(asker) = asker.filter(|_| !args.force) {
        asker.explain(&format!("{file} is there already, and cannot be completed: {why}"));
    }
    let question = format!("Write a new {file}? The old one is kept beside it as ….bak");
    allow(args, asker, &question, false, || {
        Failure::new(Exit::Config, format!("{file} is there already, and cannot be completed"))
            .why(why)
            .help("edit it by hand, choose another folder with --dir, or have a new one written with --force")
    })
}

/// Lines that decide where tokens go may be somebody else's: those of a cloned repository, say.
fn allow_detours(
    place: &Place,
    earlier: &Earlier,
    args: &InitArgs,
    asker: Option<Asker>,
) -> Result<(), Failure> {
    let Some(before) = earlier.values().filter(|before| !before.detours.is_empty()) else { return Ok(()) };
    let (file, detours) = (place.file.display(), before.detours.join(", "));
    let question =
        format!("{file} leads your logins elsewhere than straight to IBKR: {detours}. Is that yours?");
    allow(args, asker, &question, false, || {
        Failure::new(Exit::Usage, format!("{file} leads logins elsewhere than straight to IBKR: {detours}"))
            .why("whoever wrote these lines can receive your tokens")
            .help(
                "remove them, choose another folder with --dir, or keep them with --force if they are yours",
            )
    })
}

fn refuse_demo_key(key: &KeyChoice, earlier: &Earlier) -> Result<(), Failure> {
    let is_demo = key.public().is_some_and(|public| public.is_demo);
    if !is_demo || earlier.values().is_some_and(|before| before.admit_demo_key) {
        return Ok(());
    }
    let what = format!("{} is the simulator's demo key", key.path().display());
    Err(Failure::new(Exit::Config, what)
        .why("everybody has its private half: at IBKR it would open your account to everybody")
        .help("make one of your own with --new-key FILE, or name another with --key"))
}

/// `--force`, or a person who says yes.
fn allow(
    args: &InitArgs,
    asker: Option<Asker>,
    question: &str,
    default: bool,
    otherwise: impl FnOnce() -> Failure,
) -> Result<(), Failure> {
    let is_allowed = match asker {
        _ if args.force => true,
        Some(asker) => asker.confirm(question, default)?,
        None => return Err(otherwise()),
    };
    if is_allowed {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "nothing was written")
        .why("you have said no")
        .help("run `ibkr-auth init` again when you want to"))
}

impl Plan {
    /// What earlier settings say is changed only by those who know.
    fn allow_changes(&self, args: &InitArgs, asker: Option<Asker>) -> Result<(), Failure> {
        let Some(before) = self.earlier.values() else { return Ok(()) };
        let wanted = Wanted { answers: &self.answers, key: "-", is_encrypted: false };
        let changes = wanted.changes(before, self.keeps_key(before));
        let overridden: Vec<&str> =
            changes.iter().filter(|change| change.overrides).map(|change| change.key).collect();
        if overridden.is_empty() {
            return Ok(());
        }
        let (file, keys) = (self.place.file.display(), overridden.join(", "));
        let question = format!("Change {keys} in {file}? The old file is kept beside it as ….bak");
        allow(args, asker, &question, true, || {
            let others: Vec<String> = overridden.iter().map(|key| format!("another `{key}`")).collect();
            Failure::new(Exit::Usage, format!("{file} already has {}", others.join(" and ")))
                .help("leave those flags out, or change the file with --force; the old one is kept as ….bak")
        })
    }

    /// A public.pem that is there already may belong to another key.
    fn allow_public_key(&self, args: &InitArgs, asker: Option<Asker>) -> Result<(), Failure> {
        let path = self.public_path();
        let is_at_stake = match &self.key {
            KeyChoice::New(_) => fs::symlink_metadata(&path).is_ok(),
            KeyChoice::Existing(Existing { public: Some(public), .. }, _) => {
                fs::symlink_metadata(&path).is_ok() && !holds(&path, public)
            }
            KeyChoice::Existing(..) => false,
        };
        if !is_at_stake {
            return Ok(());
        }
        let path = path.display();
        if fs::metadata(self.public_path()).is_ok_and(|about| !about.is_file()) {
            return Err(Failure::new(Exit::Usage, format!("{path} is no file"))
                .help("move it away, or choose another folder with --dir"));
        }
        let question =
            format!("{path} holds another key. Replace it? The old file is kept beside it as ….bak");
        allow(args, asker, &question, true, || {
            Failure::new(Exit::Usage, format!("{path} is there already, and holds another key"))
                .help("move it away, choose another folder with --dir, or replace it with --force")
        })
    }

    fn public_path(&self) -> PathBuf {
        self.place.join(PUBLIC_KEY)
    }

    fn keeps_key(&self, before: &Values) -> bool {
        before.key.as_deref().is_some_and(|path| is_same(path, self.key.path()))
    }

    /// Nothing is written before the key is there, and then everything or nothing.
    pub(super) fn carry_out(
        self,
        output: Output,
        args: &InitArgs,
        interrupt: &Interrupt,
    ) -> Result<Done, Failure> {
        let new_key = match &self.key {
            KeyChoice::New(_) => {
                let _progress = Progress::start(output, format!("making an RSA key of {} bits", args.bits));
                Some(openssl::make(&args.openssl, args.bits, openssl::LIMIT)?)
            }
            KeyChoice::Existing(..) => None,
        };
        interrupt.not_during(|| self.write(output, new_key))
    }

    fn write(self, output: Output, new_key: Option<openssl::Made>) -> Result<Done, Failure> {
        folder::make(&self.place.folder)?;
        let (private, public) = match new_key {
            Some(made) => {
                (Some(Staged::private(self.key.path(), &made.pem)?), Some(PublicKey::of(&made.key)?))
            }
            None => (None, None),
        };
        let is_new = private.is_some();
        let (staged_public, settings) = {
            let public = public.as_ref().or(self.key.public());
            (self.stage_public(public)?, self.stage_settings()?)
        };
        if let Some(private) = private {
            private.put()?;
        }
        let public_backup = staged_public.map_or(Ok(None), put)?;
        let is_changed = settings.is_some();
        let config_backup = settings.map_or(Ok(None), put)?;
        let public_path = self.public_path();
        let (key_path, public) = match self.key {
            KeyChoice::New(path) => (path, public),
            KeyChoice::Existing(existing, shut) => {
                if shut {
                    key::close(&existing.path)?;
                }
                (existing.path, existing.public)
            }
        };
        if public.as_ref().is_some_and(PublicKey::is_short) {
            output.warning("the key is shorter than the 3072 bits that IBKR asks for");
        }
        Ok(Done {
            config: self.place.file,
            is_changed,
            config_backup,
            key: key_path,
            is_new,
            public: public.map(|key| (public_path, key)),
            public_backup,
            answers: self.answers,
            detours: self.earlier.values().map(|before| before.detours.clone()).unwrap_or_default(),
        })
    }

    /// `None`: it is there already, or cannot be known.
    fn stage_public(&self, public: Option<&PublicKey>) -> Result<Option<Staged>, Failure> {
        let path = self.public_path();
        let Some(public) = public.filter(|public| !holds(&path, public)) else { return Ok(None) };
        Staged::public(&path, public.pem.as_bytes()).map(Some)
    }

    /// `None`: they are as they should be.
    fn stage_settings(&self) -> Result<Option<Staged>, Failure> {
        let key = self.key.as_written(&self.place.folder)?;
        let wanted = Wanted { answers: &self.answers, key: &key, is_encrypted: self.key.is_encrypted() };
        let before = self.earlier.values();
        let same_key = before.is_some_and(|before| self.keeps_key(before));
        let text = match before {
            Some(before) => {
                let changes = wanted.changes(before, same_key);
                if changes.is_empty() {
                    return Ok(None);
                }
                settings::changed(&before.text, &changes)
            }
            None => wanted.fresh(),
        };
        let mut file = self.place.file.clone();
        if file.is_symlink() {
            // The file behind it shall change.
            file = fs::canonicalize(&file).unwrap_or(file);
        }
        let staged = Staged::private(&file, text.as_bytes())?;
        wanted.verify(staged.path(), same_key)?;
        Ok(Some(staged))
    }
}

/// What is in its place, even if only since a moment, is kept beside it.
fn put(staged: Staged) -> Result<Option<PathBuf>, Failure> {
    if staged.has_predecessor() { staged.replace().map(Some) } else { staged.put().map(|()| None) }
}

fn holds(path: &Path, public: &PublicKey) -> bool {
    local::read(path).is_ok_and(|content| content.bytes.trim_ascii() == public.pem.trim().as_bytes())
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}
