//! From a file and variables to settings: who overrides whom, what is missing, and where it is wrong.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use ibkr_auth_core::Config;
use ibkr_jws::RsaKey;
use zeroize::Zeroizing;

use crate::{
    FileError, Transport,
    draft::Draft,
    env::Env,
    error::Problem,
    file,
    given::{Given, Origin, Raw},
    keys::{self, Key},
    yaml,
};

/// Everything a client needs. `Debug` shows no secret.
#[derive(Debug)]
pub struct Settings {
    /// Who logs in, where, and how patiently.
    pub config: Config,
    /// The key that signs.
    pub key: RsaKey,
    /// Trust and proxy.
    pub transport: Transport,
    warnings: Vec<String>,
}

impl Settings {
    /// Reads a file like `ibauth`'s `config.yaml`, overridden by the variables `IBKR_AUTH_…` of this process.
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do.
    pub fn from_yaml(path: impl AsRef<Path>) -> Result<Self, FileError> {
        Self::from_yaml_with(path, std::env::vars_os())
    }

    /// Like [`from_yaml`](Self::from_yaml), with these environment variables instead of the process's.
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do.
    pub fn from_yaml_with<N: Into<OsString>, V: Into<OsString>>(
        path: impl AsRef<Path>,
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, FileError> {
        let source = Source::open(path.as_ref())?;
        let entries = yaml::read(&source.text).map_err(|fault| {
            fault.problem.at(&match fault.line {
                Some(line) => format!("{}:{line}:", source.path.display()),
                None => source.path.display().to_string(),
            })
        })?;
        build(Some(&source), entries, &Env::new(vars))
    }

    /// Reads no file but the key's: everything comes from the variables `IBKR_AUTH_…` of this process.
    ///
    /// # Errors
    /// A [`FileError`] that says which variable, what, and what to do.
    pub fn from_env() -> Result<Self, FileError> {
        Self::from_env_with(std::env::vars_os())
    }

    /// Like [`from_env`](Self::from_env), with these variables instead of the process's.
    ///
    /// # Errors
    /// A [`FileError`] that says which variable, what, and what to do.
    pub fn from_env_with<N: Into<OsString>, V: Into<OsString>>(
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, FileError> {
        build(None, Vec::new(), &Env::new(vars))
    }

    /// What works but should be changed, such as a private key that everyone on the machine can read. For the log.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

struct Source {
    path: PathBuf,
    text: Zeroizing<String>,
    open_to_others: bool,
}

impl Source {
    fn open(path: &Path) -> Result<Self, FileError> {
        let wrong = |problem: Problem| problem.at(&path.display().to_string());
        let content = file::read(path).map_err(wrong)?;
        let text = Zeroizing::new(file::text(&content.bytes).map_err(wrong)?.to_owned());
        Ok(Self { path: path.to_owned(), text, open_to_others: content.open_to_others })
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    fn place(&self, key: &Key) -> String {
        match yaml::line_of(&self.text, key.name) {
            Some(line) => format!("{}:{line}: `{}`", self.path.display(), key.name),
            None => format!("{}: `{}`", self.path.display(), key.name),
        }
    }
}

fn build(source: Option<&Source>, entries: yaml::Entries, env: &Env) -> Result<Settings, FileError> {
    let variables = env.settings()?;
    let given = |(key, raw): (&'static Key, Raw), origin: Origin| Given {
        key,
        origin,
        raw,
        folder: source.filter(|_| origin == Origin::File).map_or(Path::new(""), Source::folder),
        in_open_file: origin == Origin::File && source.is_some_and(|source| source.open_to_others),
        env,
    };
    let mut all: Vec<Given<'_>> = entries
        .into_iter()
        .filter(|(key, _)| !variables.iter().any(|(variable, _)| variable.rivals(key)))
        .map(|entry| given(entry, Origin::File))
        .collect();
    all.extend(variables.into_iter().map(|entry| given(entry, Origin::Variable)));

    let place = |given: &Given<'_>| match source {
        Some(source) if given.origin == Origin::File => source.place(given.key),
        _ => given.key.variable(),
    };
    let passphrase_variable = all.iter().find(|given| given.key.name == "private_key_passphrase_env");
    env.refuse_unknown(passphrase_variable.and_then(|given| given.text().ok()))?;
    refuse_rivals(&all, &place)?;
    require_all(&all, source)?;

    let find = |name: &str| all.iter().find(|given| given.key.name == name);
    let identity = |name: &str| match find(name) {
        Some(given) => given.text().map_err(|problem| problem.at(&place(given))),
        // Unreachable: everything required is there by now.
        None => Ok(""),
    };
    let config = Config::new(identity("client_id")?, identity("client_key_id")?, identity("credential")?);
    let blame = |field: &str, problem: Problem| {
        let of_field = |given: &&Given<'_>| given.key.name.starts_with(field);
        match all.iter().find(of_field) {
            Some(given) => problem.at(&place(given)),
            None => problem.at(field),
        }
    };
    let mut draft = Draft::new(config.map_err(|error| blame(error.field(), error.into()))?);
    for given in &all {
        (given.key.read)(&mut draft, given).map_err(|problem| problem.at(&place(given)))?;
    }
    let retry = draft.retry;
    draft.set(|config| config.with_retry(retry)).map_err(|problem| blame("retry", problem))?;
    if draft.transport.ca_only && draft.transport.ca_file.is_none() {
        return Err(blame("ca_only", Problem::new("needs `ca_file`", "add ca_file, or remove ca_only")));
    }
    let key = draft.key().map_err(|problem| {
        let pem = find("private_key").or_else(|| find("private_key_file"));
        problem.at(&pem.map(place).unwrap_or_default())
    })?;
    Ok(Settings { config: draft.config, key, transport: draft.transport, warnings: draft.warnings })
}

fn refuse_rivals(all: &[Given<'_>], place: impl Fn(&Given<'_>) -> String) -> Result<(), FileError> {
    for (index, given) in all.iter().enumerate() {
        if let Some(rival) = all[..index].iter().find(|other| other.key.rivals(given.key)) {
            let problem =
                Problem::new(format!("cannot stand beside {}", spelled(rival)), "remove one of the two");
            return Err(problem.at(&place(given)));
        }
    }
    Ok(())
}

fn spelled(given: &Given<'_>) -> String {
    match given.origin {
        Origin::File => format!("`{}`", given.key.name),
        Origin::Variable => given.key.variable(),
    }
}

fn require_all(all: &[Given<'_>], source: Option<&Source>) -> Result<(), FileError> {
    let missing: Vec<&Key> = keys::ALL
        .iter()
        .filter(|key| key.required && !all.iter().any(|given| given.key.rivals(key)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list =
        |spell: fn(&Key) -> String| missing.iter().map(|key| spell(key)).collect::<Vec<_>>().join(", ");
    Err(match source {
        Some(source) => FileError::new(
            format!("{} lacks {}", source.path.display(), list(|key| format!("`{}`", key.name))),
            format!("add what is missing, or set {}", list(Key::variable)),
        ),
        None => FileError::new(format!("not set: {}", list(Key::variable)), "set these variables"),
    })
}
