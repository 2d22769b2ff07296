//! Where the settings and the key go.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ibkr_auth_config::local;

use crate::{exit::Exit, failure::Failure, init::InitArgs, options::Global, output::Output, profile};

/// A folder, which may not be there yet, and the settings file in it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) file: PathBuf,
}

impl Place {
    pub(super) fn choose(global: &Global, output: Output, args: &InitArgs) -> Result<Self, Failure> {
        let place = match (&args.dir, &global.config) {
            (Some(folder), _) => Self::of_file(&folder.join("config.yaml")),
            (None, Some(file)) => Self::of_file(file),
            // Where the other commands look.
            (None, None) => Self::of_file(&profile::of_platform().ok_or_else(|| {
                Failure::new(Exit::Usage, "this user has no configuration folder")
                    .why("HOME is not set, or no absolute path")
                    .help("name a folder with --dir")
            })?),
        };
        if let Some(named) = global.config.as_ref().filter(|named| **named != place.file) {
            let (written, named) = (place.file.display(), named.display());
            output.warning(format_args!(
                "{written} is written, but --config or IBKR_AUTH_CONFIG names {named}"
            ));
        }
        place.check().map_err(|why| Failure::new(Exit::Usage, why).help("name a folder with --dir"))?;
        Ok(place)
    }

    pub(super) fn of_file(file: &Path) -> Self {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { folder: folder.to_owned(), file: shortened(file) }
    }

    /// Whether it is a folder, or may become one.
    fn check(&self) -> Result<(), String> {
        let folder = self.folder.display();
        match fs::metadata(&self.folder) {
            Ok(about) if !about.is_dir() => Err(format!("{folder} is a file, not a folder")),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(format!("{folder} cannot be a folder: {error}"))
            }
            _ if self.file.is_dir() => {
                Err(format!("{} is a folder, not a settings file", self.file.display()))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn private_key(&self) -> PathBuf {
        shortened(&self.folder.join("private.pem"))
    }

    pub(super) fn public_key(&self) -> PathBuf {
        shortened(&self.folder.join("public.pem"))
    }

    // Those of OAuth 1.0a.

    pub(super) fn signature_key(&self) -> PathBuf {
        shortened(&self.folder.join("private_signature.pem"))
    }

    pub(super) fn public_signature_key(&self) -> PathBuf {
        shortened(&self.folder.join("public_signature.pem"))
    }

    pub(super) fn encryption_key(&self) -> PathBuf {
        shortened(&self.folder.join("private_encryption.pem"))
    }

    pub(super) fn public_encryption_key(&self) -> PathBuf {
        shortened(&self.folder.join("public_encryption.pem"))
    }

    pub(super) fn dh_param(&self) -> PathBuf {
        shortened(&self.folder.join("dhparam.pem"))
    }

    /// Makes the folder, for its owner alone. One that is there stays as it is.
    pub(super) fn make(&self) -> Result<(), Failure> {
        let made = if self.folder.is_dir() { Ok(()) } else { local::make_folder(&self.folder) };
        made.map_err(|error| {
            Failure::new(Exit::Failed, format!("the folder {} cannot be made", self.folder.display()))
                .why(error.to_string())
                .help("correct the permissions of the folder above it, or choose another with --dir")
        })
    }
}

/// As people want to see it.
fn shortened(path: &Path) -> PathBuf {
    path.strip_prefix(".").unwrap_or(path).to_owned()
}
