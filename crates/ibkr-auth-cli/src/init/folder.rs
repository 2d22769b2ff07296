//! Where the settings and the key go.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use crate::{
    exit::Exit,
    failure::Failure,
    init::{InitArgs, ask::Asker},
    options::Global,
    output::Output,
    profile,
};

const FILE: &str = "config.yaml";

/// A folder, which may not be there yet, and the settings file in it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) file: PathBuf,
}

impl Place {
    fn of_folder(folder: PathBuf) -> Self {
        Self { file: shortened(&folder.join(FILE)), folder }
    }

    fn of_file(file: &Path) -> Self {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { folder: folder.to_owned(), file: shortened(file) }
    }

    /// A path of this folder, as people want to see it.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        shortened(&self.folder.join(name))
    }
}

pub(super) fn choose(
    global: &Global,
    output: Output,
    args: &InitArgs,
    asker: Option<Asker>,
) -> Result<Place, Failure> {
    let place = match (&args.dir, &global.config, asker) {
        (Some(folder), config, _) => {
            let place = Place::of_folder(folder.clone());
            if let Some(config) = config.as_ref().filter(|config| **config != place.file) {
                let (written, named) = (place.file.display(), config.display());
                output.warning(format_args!(
                    "{written} is written, but --config or IBKR_AUTH_CONFIG names {named}"
                ));
            }
            place
        }
        (None, Some(file), _) => Place::of_file(file),
        (None, None, Some(asker)) => Place::of_folder(ask(asker)?),
        (None, None, None) => match own() {
            Some(folder) => Place::of_folder(folder),
            None => {
                return Err(Failure::new(Exit::Usage, "this user has no configuration folder")
                    .why("HOME is not set, or no absolute path")
                    .help("name a folder with --dir"));
            }
        },
    };
    usable(&place.folder).map_err(|why| Failure::new(Exit::Usage, why).help("name a folder with --dir"))?;
    if place.file.is_dir() {
        let what = format!("{} is a folder, not a settings file", place.file.display());
        return Err(Failure::new(Exit::Usage, what).help("name the folder with --dir"));
    }
    Ok(place)
}

/// Makes the folder, for its owner alone. One that is there stays as it is.
pub(super) fn make(folder: &Path) -> Result<(), Failure> {
    let made = if folder.is_dir() { Ok(()) } else { make_private(folder) };
    made.map_err(|error| {
        Failure::new(Exit::Failed, format!("the folder {} cannot be made", folder.display()))
            .why(error.to_string())
            .help("correct the permissions of the folder above it, or choose another with --dir")
    })
}

/// `~/` of someone who is asked by no shell.
pub(super) fn from_answer(answer: &str) -> PathBuf {
    match (answer.strip_prefix("~/"), env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(answer),
    }
}

/// Where the other commands look.
fn own() -> Option<PathBuf> {
    profile::of_platform()?.parent().map(Path::to_owned)
}

fn ask(asker: Asker) -> Result<PathBuf, Failure> {
    asker.explain(
        "Where config.yaml and the key go. `ibkr-auth` finds them in your configuration folder; elsewhere it needs \
         --config or IBKR_AUTH_CONFIG.",
    );
    let (mut folders, mut items) = (Vec::new(), Vec::new());
    if let Some(folder) = own() {
        items.push(format!("your configuration folder, {}", folder.display()));
        folders.push(folder);
    }
    let here = env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    items.push(format!("the current folder, {}", here.display()));
    folders.push(PathBuf::from("."));
    items.push("another folder".to_owned());
    let chosen = asker.choice("Folder", &items)?;
    if let Some(folder) = folders.into_iter().nth(chosen) {
        return Ok(folder);
    }
    let check = |answer: &str| match answer {
        "" => Err("type the path of a folder".to_owned()),
        _ if answer.contains(char::is_control) => Err("a path has no control characters".to_owned()),
        _ => usable(&from_answer(answer)),
    };
    Ok(from_answer(&asker.text("Path of the folder", None, check)?))
}

/// Whether it is a folder, or may become one.
fn usable(folder: &Path) -> Result<(), String> {
    match fs::metadata(folder) {
        Ok(about) if about.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is a file, not a folder", folder.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.as_os_str().is_empty() => Ok(()),
        Err(error) => Err(format!("{} cannot be a folder: {error}", folder.display())),
    }
}

fn shortened(path: &Path) -> PathBuf {
    path.strip_prefix(".").unwrap_or(path).to_owned()
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
