//! The certificate authority that clients have to trust: made at start-up, or kept in a folder from start to
//! start.

use std::{
    fmt, fs,
    io::{self, ErrorKind},
    path::Path,
    time::SystemTime,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints, PublicKeyData, date_time_ymd,
};

use crate::{
    Moment, host,
    own_file::{self, Readers},
    zone,
};

/// Its name, by which an earlier certificate is known.
const NAME: &str = "ibkr-sim test authority";
const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca-key.pem";
/// Who trusts it once need not again for so long.
const YEARS: i32 = 10;

/// A certificate authority, for the hosts that the simulator stands for and for no others.
#[derive(Clone)]
pub struct Authority {
    certificate: String,
    key: String,
}

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn make() -> io::Result<Self> {
        let make = || -> Result<Self, Error> {
            let key = KeyPair::generate()?;
            let certificate = parameters()?.self_signed(&key)?;
            Ok(Self { certificate: certificate.pem(), key: key.serialize_pem() })
        };
        make().map_err(io::Error::other)
    }

    /// The one that was [kept](Self::keep) in a folder, if there is one.
    ///
    /// # Errors
    /// When the folder holds a `ca.pem` or `ca-key.pem` of somebody else's, or one that cannot be read.
    pub fn kept_in(folder: &Path) -> io::Result<Option<Self>> {
        let (certificate_file, key_file) = (folder.join(CERTIFICATE), folder.join(KEY));
        own_file::refuse_foreign(&certificate_file, is_ours)?;
        let certificate = fs::read_to_string(&certificate_file).unwrap_or_default();
        own_file::refuse_foreign(&key_file, |key| is_key_of(key, &certificate))?;
        match fs::read_to_string(&key_file) {
            // One that was made for fewer hosts will not do.
            Ok(_) if !host::all().all(|name| contains(&certificate, name.as_bytes())) => Ok(None),
            Ok(key) => Ok(Some(Self { certificate, key })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps it in a folder: `ca.pem` for clients to trust, and `ca-key.pem`, for the eyes of its owner.
    ///
    /// # Errors
    /// When a file cannot be written, or is there and somebody else's.
    pub fn keep(&self, folder: &Path) -> io::Result<()> {
        if Self::kept_in(folder)?.is_some_and(|kept| kept.certificate == self.certificate) {
            return Ok(());
        }
        own_file::write(&folder.join(CERTIFICATE), &self.certificate, Readers::All)?;
        own_file::write(&folder.join(KEY), &self.key, Readers::Owner)
    }

    /// Writes the certificate alone.
    pub(crate) fn write_certificate(&self, file: &Path) -> io::Result<()> {
        own_file::refuse_foreign(file, is_ours)?;
        own_file::write(file, &self.certificate, Readers::All)
    }

    /// What clients have to trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    pub(crate) fn issuer(&self) -> Result<Issuer<'static, KeyPair>, Error> {
        Ok(Issuer::new(parameters()?, KeyPair::from_pem(&self.key)?))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

fn parameters() -> Result<CertificateParams, Error> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.distinguished_name.push(DnType::CommonName, NAME);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Somebody who trusts it, and loses its key, has lost the simulator's hosts and not the whole web.
    let names = host::all().chain(["localhost"]);
    let mut permitted: Vec<_> = names.map(|name| GeneralSubtree::DnsName(name.to_owned())).collect();
    let mut last = [0; 16];
    last[15] = 1;
    permitted.push(GeneralSubtree::IpAddress(CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0])));
    permitted.push(GeneralSubtree::IpAddress(CidrSubnet::V6(last, [255; 16])));
    parameters.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
    let year = this_year()?;
    parameters.not_before = date_time_ymd(year, 1, 1);
    parameters.not_after = date_time_ymd(year + YEARS, 1, 1);
    Ok(parameters)
}

pub(crate) fn this_year() -> Result<i32, Error> {
    Ok(i32::try_from(zone::year_of(Moment::from(SystemTime::now()).secs()))?)
}

/// One certificate, and nothing around it, that bears the authority's name.
fn is_ours(pem: &str) -> bool {
    contains(pem, NAME.as_bytes())
}

/// Whether the certificate is for this key.
fn is_key_of(key: &str, certificate: &str) -> bool {
    KeyPair::from_pem(key).is_ok_and(|key| contains(certificate, key.der_bytes()))
}

fn contains(pem: &str, bytes: &[u8]) -> bool {
    let body = pem
        .trim()
        .strip_prefix("-----BEGIN CERTIFICATE-----")
        .and_then(|rest| rest.strip_suffix("-----END CERTIFICATE-----"));
    let body: String = body.unwrap_or_default().split_whitespace().collect();
    let der = STANDARD.decode(body).unwrap_or_default();
    der.windows(bytes.len()).any(|window| window == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_was_made_for_fewer_hosts_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut parameters = parameters().unwrap();
        let permitted = vec![GeneralSubtree::DnsName("api.ibkr.com".to_owned())];
        parameters.name_constraints =
            Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
        let certificate = parameters.self_signed(&key).unwrap().pem();
        let older = Authority { certificate, key: key.serialize_pem() };
        older.keep(folder.path()).unwrap();
        assert!(Authority::kept_in(folder.path()).unwrap().is_none());
        let newer = Authority::make().unwrap();
        newer.keep(folder.path()).unwrap();
        let kept = Authority::kept_in(folder.path()).unwrap().unwrap();
        assert_eq!(kept.certificate_pem(), newer.certificate_pem());
    }
}
