//! The files that a client needs, and the words that tell its owner what to do with them.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use ibkr_sim::{Server, demo};

use super::args::{Args, Identity};

/// Where the files are.
pub(super) struct Place {
    ca_file: PathBuf,
    /// The config file that was written.
    config_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    /// Removed at the end.
    temporary: Option<PathBuf>,
}

impl Place {
    pub(super) fn prepare(args: &Args, server: &Server, identity: &Identity) -> io::Result<Self> {
        let chosen = args.ca_dir.as_ref().or(args.write_config.as_ref());
        let temporary =
            chosen.is_none().then(|| std::env::temp_dir().join(format!("ibkr-sim-{}", std::process::id())));
        let directory = chosen.or(temporary.as_ref()).cloned().unwrap_or_default();
        fs::create_dir_all(&directory)?;
        let ca_file = server.write_ca(&directory)?;
        let mut place = Self { ca_file, config_file: None, key_file: None, temporary };
        if let Some(directory) = &args.write_config {
            fs::create_dir_all(directory)?;
            let directory = fs::canonicalize(directory)?;
            let key_file = directory.join("private.pem");
            write_private(&key_file, demo::PRIVATE_KEY_PEM)?;
            place.key_file = Some(key_file);
            let config_file = directory.join("config.yaml");
            fs::write(&config_file, place.config_yaml(server, identity))?;
            place.config_file = Some(config_file);
        }
        Ok(place)
    }

    pub(super) fn clean_up(self) {
        if let Some(directory) = self.temporary {
            // A directory that is gone already needs no removal.
            let _ = fs::remove_dir_all(directory);
        }
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

/// Even a demo key is written as keys should be: for its owner's eyes only.
fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())
}
