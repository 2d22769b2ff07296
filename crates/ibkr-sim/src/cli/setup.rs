//! The files that a client needs, and the words that tell its owner what to do with them.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::args::{Args, Identity};
use crate::{
    Authority, Server, demo,
    own_file::{self, Readers},
};

/// Where the files will be.
pub(super) struct Place {
    ca_folder: PathBuf,
    /// The authority is for the next start too.
    keeps_authority: bool,
    config_folder: Option<PathBuf>,
    /// Removed when this is dropped.
    temporary: Option<TempDir>,
}

/// Where the files are.
pub(super) struct Written {
    pub(super) ca_file: PathBuf,
    /// The config file that was written.
    pub(super) config_file: Option<PathBuf>,
    /// The one for OAuth 1.0a.
    pub(super) oauth1_file: Option<PathBuf>,
    /// Where the config files and the keys are.
    folder: Option<PathBuf>,
    plain: bool,
    _temporary: Option<TempDir>,
}

impl Place {
    pub(super) fn prepare(args: &Args) -> io::Result<Self> {
        let config_folder = args.write_config.as_deref().map(existing).transpose()?;
        let kept = args.ca_dir.as_deref().map(existing).transpose()?.or_else(|| config_folder.clone());
        let temporary = if kept.is_none() { Some(temporary()?) } else { None };
        let ca_folder = kept.clone().or_else(|| temporary.as_ref().map(|folder| folder.path().to_owned()));
        Ok(Self {
            ca_folder: ca_folder.unwrap_or_default(),
            keeps_authority: kept.is_some(),
            config_folder,
            temporary,
        })
    }

    /// That of an earlier start.
    pub(super) fn authority(&self) -> io::Result<Option<Authority>> {
        Authority::kept_in(&self.ca_folder)
    }

    /// Asks about all files before it writes the first.
    pub(super) fn write(self, server: &Server, identity: &Identity) -> io::Result<Written> {
        let file = |name| self.config_folder.as_ref().map(|folder: &PathBuf| folder.join(name));
        let written = Written {
            ca_file: self.ca_folder.join("ca.pem"),
            config_file: file("config.yaml"),
            oauth1_file: file("oauth1.yaml"),
            folder: self.config_folder,
            plain: server.base_url().starts_with("http:"),
            _temporary: self.temporary,
        };
        let files = written.files(server, identity);
        for (file, text) in &files {
            own_file::refuse_foreign(file, |found| is_same(file, found, text))?;
        }
        if self.keeps_authority {
            server.authority().keep(&self.ca_folder)?;
        } else {
            server.write_ca(&self.ca_folder)?;
        }
        for (file, text) in &files {
            own_file::write(file, text, Readers::Owner)?;
        }
        Ok(written)
    }
}

/// Ports differ from start to start.
fn is_same(file: &Path, found: &str, text: &str) -> bool {
    match file.extension() {
        Some(extension) if extension == "yaml" => without_numbers(found) == without_numbers(text),
        _ => found == text,
    }
}

impl Written {
    /// The config files and the demo's keys, if there is a folder for them.
    fn files(&self, server: &Server, identity: &Identity) -> Vec<(PathBuf, String)> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let keys = [
            ("private.pem", demo::PRIVATE_KEY_PEM),
            ("oauth1-signature.pem", bare(demo::oauth1::SIGNATURE_KEY_PEM)),
            ("oauth1-encryption.pem", bare(demo::oauth1::ENCRYPTION_KEY_PEM)),
            ("oauth1-dhparam.pem", demo::oauth1::DH_PARAM_PEM),
        ];
        let keys = keys.map(|(name, pem)| (name, pem.to_owned()));
        let configs = [
            ("config.yaml", self.config_yaml(server, identity)),
            ("oauth1.yaml", self.oauth1_yaml(server, folder)),
        ];
        keys.into_iter().chain(configs).map(|(name, text)| (folder.join(name), text)).collect()
    }

    /// The demo consumer's settings.
    fn oauth1_yaml(&self, server: &Server, folder: &Path) -> String {
        let file = |name: &str| quoted(&folder.join(name).display().to_string());
        let mut text = format!(
            "# With public demo keys of ibkr-sim, which everybody has. Never register them with IBKR.\n\
             oauth1_consumer_key: {}\noauth1_access_token: {}\noauth1_access_token_secret: {}\n\
             private_key_file: {}\noauth1_encryption_key_file: {}\noauth1_dh_param_file: {}\nbase_url: {}\n",
            quoted(demo::oauth1::CONSUMER_KEY),
            quoted(demo::oauth1::ACCESS_TOKEN),
            quoted(demo::oauth1::ACCESS_TOKEN_SECRET),
            file("oauth1-signature.pem"),
            file("oauth1-encryption.pem"),
            file("oauth1-dhparam.pem"),
            server.base_url(),
        );
        if !self.plain {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "ca_file: {}", quoted(&self.ca_file.display().to_string()));
        }
        text
    }

    fn config_yaml(&self, server: &Server, identity: &Identity) -> String {
        let key_file = match &self.folder {
            Some(folder) => quoted(&folder.join("private.pem").display().to_string()),
            None if identity.is_demo => "private.pem   # --write-config DIR writes it".to_owned(),
            None => "private.pem   # the private half of the key you registered".to_owned(),
        };
        let mut text = format!(
            "client_id: {}\nclient_key_id: {}\nprivate_key_file: {key_file}\nbase_url: {}\nip_services:\n  - {}\n",
            quoted(&identity.client_id),
            quoted(&identity.kid),
            server.base_url(),
            server.lookup_url(),
        );
        if !self.plain {
            let _ = writeln!(text, "ca_file: {}", quoted(&self.ca_file.display().to_string()));
        }
        // Writing to a string cannot fail.
        match &identity.credentials[..] {
            [one] => {
                let _ = writeln!(text, "credential: {}", quoted(one));
            }
            several => {
                let first = several.first().map_or("", String::as_str);
                let _ = writeln!(text, "default_profile: {}\nprofiles:", quoted(first));
                for name in several.iter().map(|name| quoted(name)) {
                    let _ = writeln!(text, "  {name}:\n    credential: {name}");
                }
            }
        }
        text
    }

    pub(super) fn instructions(&self, server: &Server, identity: &Identity) -> String {
        let (api, lookup, proxy, admin) =
            (server.base_url(), server.lookup_url(), server.proxy_url(), server.admin_url());
        let ca = self.ca_file.display();
        let ip = server.handle().with(|sim| sim.config().public_ip);
        let mut text = format!(
            "ibkr-sim {}: Interactive Brokers' Web API, simulated. Nothing reaches IBKR.\n\n\
             \x20 API     {api}\n\
             \x20 look-up {lookup}  (says {ip})\n\
             \x20 proxy   {proxy}\n\
             \x20 admin   {admin}\n\n\
             To run a program with hard-coded hosts unmodified:\n\n\
             \x20 export HTTPS_PROXY={proxy}\n\
             \x20 export SSL_CERT_FILE={ca}\n\
             \x20 unset SSL_CERT_DIR NO_PROXY no_proxy\n\n\
             (Python's requests reads REQUESTS_CA_BUNDLE, Node.js NODE_EXTRA_CA_CERTS instead of SSL_CERT_FILE.)\n\n",
            env!("CARGO_PKG_VERSION"),
        );
        let written = match &self.config_file {
            Some(file) => format!("Wrote {}:\n\n", file.display()),
            None => "To point a program at it by its configuration (config.yaml):\n\n".to_owned(),
        };
        text.push_str(&written);
        for line in self.config_yaml(server, identity).lines() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {line}");
        }
        let trusting = if self.plain { String::new() } else { format!(" --cacert {}", shell(&self.ca_file)) };
        let config = self.config_file.as_deref().unwrap_or(Path::new("config.yaml"));
        let _ = write!(
            text,
            "\nA request with curl, in the session of ibkr-auth:\n\n\
             \x20 ibkr-auth header -c {} | curl -sS{trusting} -H @- {api}/v1/api/iserver/accounts\n",
            shell(config),
        );
        if let Some(file) = &self.oauth1_file {
            let _ = writeln!(text, "\nThe same username by OAuth 1.0a: {}", file.display());
        }
        text.push_str("\nCtrl-C stops it. Requests:\n\n");
        text
    }
}

/// For a POSIX shell, quoted where it has to be.
fn shell(file: &Path) -> String {
    let text = file.display().to_string();
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-:@".contains(character);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Without the words before it, at which pycryptodome, and so ibind, gives up.
fn bare(pem: &str) -> &str {
    pem.find("-----BEGIN").map_or(pem, |begin| &pem[begin..])
}

/// A YAML string, for text that YAML could take for something else.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// With a name that nobody can guess, and for its owner alone.
fn temporary() -> io::Result<TempDir> {
    let mut folder = tempfile::Builder::new();
    #[cfg(unix)]
    folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    folder.prefix("ibkr-sim-").tempdir()
}

fn existing(folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder).and_then(|()| fs::canonicalize(folder)).map_err(|error| {
        let text = format!("cannot make the folder {}: {error}; choose another", folder.display());
        io::Error::new(error.kind(), text)
    })
}

fn without_numbers(text: &str) -> String {
    text.chars().filter(|character| !character.is_ascii_digit()).collect()
}
