//! The files that a client needs, and the words that tell its owner what to do with them.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Server, demo};
use tempfile::TempDir;

use super::{
    args::{Args, Identity},
    files,
};

/// Where the files are.
pub(super) struct Place {
    ca_file: PathBuf,
    /// The config file that was written.
    config_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    /// Removed when this is dropped.
    _temporary: Option<TempDir>,
}

impl Place {
    pub(super) fn prepare(args: &Args, server: &Server, identity: &Identity) -> io::Result<Self> {
        let (ca_folder, temporary) = match args.ca_dir.as_ref().or(args.write_config.as_ref()) {
            Some(folder) => (existing(folder)?, None),
            None => {
                let folder = temporary()?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        let ca_file = ca_folder.join("ca.pem");
        let mut place = Self { ca_file, config_file: None, key_file: None, _temporary: temporary };
        if let Some(folder) = &args.write_config {
            place.write_config(&existing(folder)?, server, identity)?;
        } else {
            write_ca(server, &ca_folder)?;
        }
        Ok(place)
    }

    /// Asks about all files before it writes the first.
    fn write_config(&mut self, folder: &Path, server: &Server, identity: &Identity) -> io::Result<()> {
        let (key_file, config_file) = (folder.join("private.pem"), folder.join("config.yaml"));
        self.key_file = Some(key_file.clone());
        let config = self.config_yaml(server, identity);
        files::refuse_foreign(&key_file, |text| text == demo::PRIVATE_KEY_PEM)?;
        // Ports differ from start to start.
        files::refuse_foreign(&config_file, |text| without_numbers(text) == without_numbers(&config))?;
        write_ca(server, self.ca_file.parent().unwrap_or(folder))?;
        files::write(&key_file, demo::PRIVATE_KEY_PEM)?;
        files::write(&config_file, &config)?;
        self.config_file = Some(config_file);
        Ok(())
    }

    fn config_yaml(&self, server: &Server, identity: &Identity) -> String {
        let key_file = match &self.key_file {
            Some(file) => quoted(&file.display().to_string()),
            None if identity.is_demo => "private.pem   # --write-config DIR writes it".to_owned(),
            None => "private.pem   # the private half of the key you registered".to_owned(),
        };
        format!(
            "client_id: {}\nclient_key_id: {}\ncredential: {}\nprivate_key_file: {key_file}\n\
             base_url: {}\nip_services:\n  - {}\nca_file: {}\n",
            quoted(&identity.client_id),
            quoted(&identity.kid),
            quoted(&identity.credential),
            server.base_url(),
            server.lookup_url(),
            quoted(&self.ca_file.display().to_string()),
        )
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
        text.push_str("\nCtrl-C stops it. Requests:\n\n");
        text
    }
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

fn write_ca(server: &Server, folder: &Path) -> io::Result<()> {
    server.write_ca(folder).map(drop).map_err(|error| match error.kind() {
        // It names the file itself.
        io::ErrorKind::AlreadyExists => error,
        kind => {
            let file = folder.join("ca.pem");
            let text = format!("cannot write {}: {error}; choose another folder", file.display());
            io::Error::new(kind, text)
        }
    })
}

fn without_numbers(text: &str) -> String {
    text.chars().filter(|character| !character.is_ascii_digit()).collect()
}
