//! `conf.yaml` of IBKR's own gateway.

use std::{net::Ipv4Addr, path::Path};

use ibkr_auth_core::Secret;
use zeroize::Zeroizing;

use super::{Imported, certificate, ips};
use crate::{
    FileError, GatewaySettings, Passphrase,
    error::Problem,
    gateway_values,
    local::{self, BYTE_ORDER_MARK},
    plain::{self, Plain},
};

/// What is for the original alone, and why.
const FOR_THE_ORIGINAL: [(&str, &str); 6] = [
    ("ip2loc", "it was for the address of the login page, and this gateway logs in by itself"),
    ("ccp", "it was for the original's login, and this gateway has one of its own"),
    ("authDelay", "it was for the original's login; how long ours waits is said by `establish_within`"),
    ("portalBaseURL", "it was for pages of IBKR's portal, which are not served"),
    ("serverOptions", "they were for the original's Java server"),
    ("webApps", "the original's demo is not served; there is a status page at `/gateway`"),
];

/// IBKR's service that is served.
const ENVIRONMENT: &str = "v1";

impl Imported {
    /// Reads `conf.yaml` of IBKR's Java gateway, in whatever style.
    ///
    /// # Errors
    /// When the file cannot be read, others than this user and root can change it, or it holds no settings at
    /// all. An entry that cannot be used is none: it is a warning.
    pub fn from_conf_yaml(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let wrong = |problem: Problem| problem.at(&path.display().to_string());
        let content = local::read_small(path).map_err(wrong)?;
        let bytes = content.bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&content.bytes);
        let text = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
        let (plain, cut) = plain::read(&text);
        let Plain::Mapping(entries) = plain else {
            let help = "check the path: the gateway's own file has lines such as `listenPort: 5000`";
            return Err(wrong(Problem::new("holds no settings of IBKR's gateway", help)));
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let conf = Conf::new(folder, content.is_open_to_others(), cut);
        Ok(conf.read(&entries))
    }
}

/// What is read of the file, of which some is used once all of it is known.
struct Conf<'a> {
    imported: Imported,
    certificate: Option<&'a str>,
    passphrase: Option<&'a str>,
    allow: Vec<&'a str>,
    deny: Vec<&'a str>,
    /// Others can read the file.
    is_open: bool,
    folder: &'a Path,
    cut: Option<usize>,
}

impl<'a> Conf<'a> {
    fn new(folder: &'a Path, is_open: bool, cut: Option<usize>) -> Self {
        Self {
            imported: Imported::default(),
            certificate: None,
            passphrase: None,
            allow: Vec::new(),
            deny: Vec::new(),
            is_open,
            folder,
            cut,
        }
    }

    fn read(mut self, entries: &'a [(Zeroizing<String>, Plain)]) -> Imported {
        if let Some(line) = self.cut {
            self.warn(format!("line {line} cannot be read as YAML: it and what follows it were left out"));
        }
        for (key, value) in entries.iter().filter(|(_, value)| !value.is_nothing()) {
            self.entry(key, value);
        }
        self.finish()
    }

    fn warn(&mut self, warning: impl Into<String>) {
        self.imported.warn(warning);
    }

    fn entry(&mut self, key: &str, value: &'a Plain) {
        match (key, value) {
            ("listenPort", _) => {
                match value.text().and_then(|text| text.parse().ok()).filter(|port| *port > 0) {
                    Some(port) => self.imported.listen = Some((Ipv4Addr::LOCALHOST, port).into()),
                    None => self.warn("`listenPort` is not a port, and is not taken over"),
                }
            }
            ("listenSsl", _) => match value.truth() {
                Some(is_tls) => self.imported.plain = Some(!is_tls),
                None => self.warn("`listenSsl` is neither true nor false, and is not taken over"),
            },
            ("proxyRemoteHost", _) => self.host(value.text().unwrap_or_default()),
            ("proxyRemoteSsl", _) if value.truth() == Some(true) => {}
            ("proxyRemoteSsl", _) => {
                self.warn("`proxyRemoteSsl` means nothing here: IBKR is asked by HTTPS alone");
            }
            ("svcEnvironment", _) if value.text() == Some(ENVIRONMENT) => {}
            ("svcEnvironment", _) => {
                self.warn(format!(
                    "`svcEnvironment` means nothing here: IBKR's `{ENVIRONMENT}` is served alone"
                ));
            }
            ("sslCert", _) => self.certificate = value.text(),
            ("sslPwd", _) => self.passphrase = value.text(),
            ("cors" | "ips", Plain::Mapping(entries)) => self.section(key, entries),
            ("cors" | "ips", _) => {
                self.warn(format!("`{key}` holds no keys of its own, and means nothing here"));
            }
            (key, _) => match FOR_THE_ORIGINAL.iter().find(|(name, _)| *name == key) {
                Some((_, why)) => self.warn(format!("`{key}` means nothing here: {why}")),
                None => self.unknown(key),
            },
        }
    }

    fn section(&mut self, name: &str, entries: &'a [(Zeroizing<String>, Plain)]) {
        for (key, value) in entries.iter().filter(|(_, value)| !value.is_nothing()) {
            match (name, &***key) {
                ("ips", "allow") => self.allow = value.texts(),
                ("ips", "deny") => self.deny = value.texts(),
                ("cors", "origin.allowed") => self.origins(&value.texts()),
                ("cors", "allowCredentials") => {}
                (_, key) => self.unknown(&format!("{name}.{key}")),
            }
        }
    }

    /// A name is shown if it looks like one: whatever was written in the wrong place may be a secret.
    fn unknown(&mut self, key: &str) {
        let is_name = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.');
        match key.len() <= 40 && key.bytes().all(is_name) {
            true => self.warn(format!("`{key}` is not known, and means nothing here")),
            false => self.warn("an entry is not known, and means nothing here"),
        }
    }

    fn host(&mut self, url: &str) {
        let name = url.strip_prefix("https://").unwrap_or(url).trim_end_matches('/');
        match name.to_ascii_lowercase().parse() {
            Ok(host) => self.imported.host = Some(host),
            Err(_) => self.warn(
                "`proxyRemoteHost` is not taken over: OAuth is served by api.ibkr.com, 1.api.ibkr.com to \
                 8.api.ibkr.com and qa.interactivebrokers.com; `base_url` sets any other server",
            ),
        }
    }

    fn origins(&mut self, origins: &[&str]) {
        for text in origins {
            match gateway_values::origin(text) {
                Ok(origin) => self.imported.allow_origins.push(origin),
                Err(problem) => {
                    let error = problem.at("`cors.origin.allowed`");
                    let (what, help) = (error.message(), error.help());
                    self.warn(format!("{what}, and is not taken over: {help}, under gateway_allow_origins"));
                }
            }
        }
    }

    fn finish(mut self) -> Imported {
        if let Some(written) = self.certificate {
            let is_taken = certificate::take(written, self.folder, &mut self.imported);
            if let (true, Some(passphrase)) = (is_taken, self.passphrase) {
                self.imported.certificate_passphrase = Some(Passphrase::new(Secret::new(passphrase)));
                if self.is_open {
                    self.warn("`sslPwd` stands in a file that is open to other users of this machine: `chmod 600` it");
                }
            }
        }
        if self.cut.is_some() && !self.allow.is_empty() {
            // What was left out may deny some of them.
            self.warn("`ips.allow` is not taken over, as the file cannot be read whole: set gateway_allow_addresses");
        } else {
            ips::take(&self.allow, &self.deny, &mut self.imported);
        }
        let port = self.imported.listen.map_or(GatewaySettings::PORT, |address| address.port());
        self.warn(format!(
            "the original listens to all networks, and this gateway to this machine alone unless \
             `gateway_listen: 0.0.0.0:{port}` opens it to whom gateway_allow_addresses names"
        ));
        self.imported
    }
}
