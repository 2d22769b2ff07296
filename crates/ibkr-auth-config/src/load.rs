//! Reads settings: from which file, of which profile, under which variables.

use std::{borrow::Cow, ffi::OsString, path::PathBuf};

use crate::{
    FileError, Unkeyed,
    document::{self, Document},
    env::Env,
    import::ibind_login,
    merge::Merged,
    profile,
};

/// Which settings to read. At first: no file, no profile, and the variables of this process.
///
/// ```no_run
/// use ibkr_auth_config::Reader;
///
/// let settings = Reader::new().file("config.yaml").profile("paper").read()?;
/// println!("{} at {}", settings.profile.as_deref().unwrap_or("-"), settings.config.host());
/// let settings = settings.with_key()?;
/// # Ok::<(), ibkr_auth_config::FileError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Reader {
    file: Option<PathBuf>,
    profile: Option<String>,
    vars: Option<Env>,
    ibind: bool,
}

impl Reader {
    /// No file: everything comes from the variables `IBKR_AUTH_…` of this process.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads this file, which the variables override.
    #[cfg(feature = "yaml")]
    pub fn file(self, path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), ..self }
    }

    /// Chooses a profile of the file. Without it: that of the variable `IBKR_AUTH_PROFILE`, else the file's
    /// `default_profile`, else none.
    pub fn profile(self, name: impl Into<String>) -> Self {
        Self { profile: Some(name.into()), ..self }
    }

    /// Takes these variables instead of the process's.
    pub fn vars<N: Into<OsString>, V: Into<OsString>>(self, vars: impl IntoIterator<Item = (N, V)>) -> Self {
        Self { vars: Some(Env::new(vars)), ..self }
    }

    /// Takes a login by OAuth 1.0a from the variables `IBIND_OAUTH1A_…` of the Python package ibind too,
    /// where neither the file nor a variable of ours says anything. The variable
    /// `IBKR_AUTH_IMPORT_IBIND=true` asks for the same, wherever settings are read.
    pub fn ibind(self) -> Self {
        Self { ibind: true, ..self }
    }

    /// Reads everything but the key, whose file is not even opened. Nothing is logged.
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do.
    pub fn read(&self) -> Result<Unkeyed, FileError> {
        let env = self.vars.as_ref().map_or_else(|| Cow::Owned(Env::of_process()), Cow::Borrowed);
        let document = self.file.as_deref().map(Document::open).transpose()?;
        let profile = profile::choose(self.profile.as_deref(), &env, document.as_ref())?;
        let (imported, warnings) = match self.ibind || env.asks_for_ibind()? {
            true => ibind_login::layer(&env)?,
            false => Default::default(),
        };
        let merged = Merged::new(document, profile.as_deref(), imported, &env)?;
        let mut settings = Unkeyed::new(&merged, profile, &env)?;
        settings.warnings.extend(warnings);
        Ok(settings)
    }

    /// What the top level of the file says, key by key as it is written, whether it can be used or not: for
    /// whoever completes settings. What is a list or empty is left out.
    ///
    /// # Errors
    /// A [`FileError`] when the file cannot be read, or holds an unknown key.
    #[doc(hidden)]
    pub fn written(&self) -> Result<Vec<(&'static str, String)>, FileError> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let top = Document::open(file)?.top;
        let texts = top.iter().filter_map(|(field, value)| Some((field.name, value.raw().ok()?.to_owned())));
        Ok(texts.collect())
    }

    /// The names of the file's profiles, in its order; also of a file whose settings cannot be used.
    ///
    /// # Errors
    /// A [`FileError`] when the file cannot be read, or what stands under `profiles` are none.
    pub fn profiles(&self) -> Result<Vec<String>, FileError> {
        self.file.as_deref().map_or(Ok(Vec::new()), document::profile_names)
    }
}
