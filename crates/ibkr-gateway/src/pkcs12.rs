//! A certificate and its key out of a PKCS#12 file (RFC 7292), as OpenSSL and Java's keytool write it.

use base64::{Engine, engine::general_purpose::STANDARD};
use pkcs8::der::{self, AnyRef, Decode, Reader, SliceReader, asn1::ObjectIdentifier};
use zeroize::Zeroizing;

mod cipher;
mod derive;
mod public_half;

use derive::Passphrase;

/// Why nothing could be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is one, and it is not given.
    NeedsPassphrase,
    WrongPassphrase,
    Damaged,
    /// It is protected in a way that is not known here.
    Unsupported,
    /// Whoever wrote the file wants this machine to work for long.
    Costly,
    NoKey,
    NoCertificate,
}

impl Refusal {
    /// What is wrong, with the file for its subject, and what to do.
    pub(crate) fn words(&self) -> (&'static str, &'static str) {
        const ANEW: &str =
            "make it anew with `openssl pkcs12 -export -inkey key.pem -in certificate.pem -out FILE`";
        match self {
            Self::NeedsPassphrase => (
                "needs a passphrase",
                "set gateway_certificate_passphrase_file or gateway_certificate_passphrase_env",
            ),
            Self::WrongPassphrase => {
                ("is not opened by the given passphrase", "correct it; letter case and spaces count")
            }
            Self::Damaged => ("is no PKCS#12 file, or a damaged one", ANEW),
            Self::Unsupported => ("is protected in a way that is not known here", ANEW),
            Self::Costly => ("asks for more than a million rounds of its passphrase", ANEW),
            Self::NoKey => ("holds no private key", ANEW),
            Self::NoCertificate => ("holds no certificate", ANEW),
        }
    }
}

/// What is no DER of this form.
impl From<der::Error> for Refusal {
    fn from(_: der::Error) -> Self {
        Self::Damaged
    }
}

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const ENCRYPTED_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const X509: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
/// What a key and its certificate have in common.
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");

/// The certificates, that of the key first, and the key, as PEM. An empty passphrase is none.
pub(crate) fn pkcs12_to_pem(bytes: &[u8], passphrase: &str) -> Result<Zeroizing<String>, Refusal> {
    let file = parts(AnyRef::from_der(bytes)?.value())?;
    let [_version, content, mac @ ..] = &file[..] else { return Err(Refusal::Damaged) };
    let (kind, content) = kind_and_content(*content)?;
    if kind != DATA {
        // Signed by a certificate, which nobody does.
        return Err(Refusal::Unsupported);
    }
    let content = content.value();
    let wrong = || if passphrase.is_empty() { Refusal::NeedsPassphrase } else { Refusal::WrongPassphrase };
    let (passphrase, is_proven) = match mac.first() {
        Some(mac) => (derive::proven(passphrase, *mac, content)?.ok_or_else(wrong)?, true),
        None => (Passphrase::new(passphrase), false),
    };
    let mut found = Found::default();
    for safe in parts(AnyRef::from_der(content)?.value())? {
        found.add_safe(safe, &passphrase).map_err(|refusal| match refusal {
            // What comes out of a wrong decryption is anything.
            Refusal::Damaged if !is_proven => wrong(),
            refusal => refusal,
        })?;
    }
    found.pem(bytes.len())
}

type Id = Option<Vec<u8>>;

#[derive(Default)]
struct Found {
    certificates: Vec<(Id, Vec<u8>)>,
    /// The first one, as PKCS#8.
    key: Option<(Id, Zeroizing<Vec<u8>>)>,
}

impl Found {
    fn add_safe(&mut self, safe: AnyRef<'_>, passphrase: &Passphrase) -> Result<(), Refusal> {
        let (kind, content) = kind_and_content(safe)?;
        let bags = match kind {
            DATA => Zeroizing::new(content.value().to_vec()),
            ENCRYPTED_DATA => {
                let [_version, encrypted] = exactly(content)?;
                let [_kind, algorithm, data] = exactly(encrypted)?;
                cipher::decrypt(algorithm, data.value(), passphrase)?
            }
            _ => return Err(Refusal::Unsupported),
        };
        for bag in parts(AnyRef::from_der(&bags)?.value())? {
            self.add_bag(bag, passphrase)?;
        }
        Ok(())
    }

    fn add_bag(&mut self, bag: AnyRef<'_>, passphrase: &Passphrase) -> Result<(), Refusal> {
        let bag = parts(bag.value())?;
        let [kind, content, attributes @ ..] = &bag[..] else { return Err(Refusal::Damaged) };
        let content = AnyRef::from_der(content.value())?;
        let id = attributes.first().map_or(Ok(None), |all| local_key_id(*all))?;
        match kind.decode_as::<ObjectIdentifier>()? {
            CERTIFICATE => {
                let (kind, certificate) = kind_and_content(content)?;
                if kind == X509 {
                    self.certificates.push((id, certificate.value().to_vec()));
                }
            }
            KEY if self.key.is_none() => {
                self.key = Some((id, Zeroizing::new(der::Encode::to_der(&content)?)));
            }
            ENCRYPTED_KEY if self.key.is_none() => {
                let [algorithm, data] = exactly(content)?;
                self.key = Some((id, cipher::decrypt(algorithm, data.value(), passphrase)?));
            }
            _ => {}
        }
        Ok(())
    }

    /// That of the key comes first, if it is known.
    fn sort(&mut self, id: &Id) {
        if id.is_some() {
            self.certificates.sort_by_key(|(other, _)| other != id);
        }
    }

    fn pem(mut self, size: usize) -> Result<Zeroizing<String>, Refusal> {
        let (id, key) = self.key.take().ok_or(Refusal::NoKey)?;
        if self.certificates.is_empty() {
            return Err(Refusal::NoCertificate);
        }
        self.sort(&id);
        let completed = public_half::completed(&key, &self.certificates[0].1)?;
        let key = completed.unwrap_or(key);
        // Room for everything at once: a text that grows leaves copies behind.
        let mut pem = Zeroizing::new(String::with_capacity(2 * size + 1024));
        for (_, certificate) in &self.certificates {
            write_block(&mut pem, "CERTIFICATE", certificate);
        }
        write_block(&mut pem, "PRIVATE KEY", &key);
        Ok(pem)
    }
}

fn write_block(pem: &mut String, label: &str, der: &[u8]) {
    pem.extend(["-----BEGIN ", label, "-----\n"]);
    // 64 characters a line.
    for line in der.chunks(48) {
        STANDARD.encode_string(line, pem);
        pem.push('\n');
    }
    pem.extend(["-----END ", label, "-----\n"]);
}

/// The elements of a constructed value.
fn parts(content: &[u8]) -> Result<Vec<AnyRef<'_>>, Refusal> {
    let mut reader = SliceReader::new(content)?;
    let mut all = Vec::new();
    while !reader.is_finished() {
        all.push(AnyRef::decode(&mut reader)?);
    }
    Ok(all)
}

fn exactly<const N: usize>(value: AnyRef<'_>) -> Result<[AnyRef<'_>; N], Refusal> {
    parts(value.value())?.try_into().map_err(|_| Refusal::Damaged)
}

/// An object identifier, and what is tagged behind it.
fn kind_and_content(value: AnyRef<'_>) -> Result<(ObjectIdentifier, AnyRef<'_>), Refusal> {
    let [kind, tagged] = exactly(value)?;
    Ok((kind.decode_as()?, AnyRef::from_der(tagged.value())?))
}

fn local_key_id(attributes: AnyRef<'_>) -> Result<Id, Refusal> {
    for attribute in parts(attributes.value())? {
        let [kind, values] = exactly(attribute)?;
        if kind.decode_as::<ObjectIdentifier>()? == LOCAL_KEY_ID {
            return Ok(Some(values.value().to_vec()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

    use super::*;

    /// Made with OpenSSL 3.0 and Java 17: see README.md beside them.
    const OPENSSL: &[u8] = include_bytes!("../tests/pkcs12/openssl.p12");
    const LEGACY: &[u8] = include_bytes!("../tests/pkcs12/legacy.p12");
    const OPEN: &[u8] = include_bytes!("../tests/pkcs12/open.p12");
    const BARE: &[u8] = include_bytes!("../tests/pkcs12/bare.p12");
    const CHAIN: &[u8] = include_bytes!("../tests/pkcs12/chain.p12");
    const KEYTOOL: &[u8] = include_bytes!("../tests/pkcs12/keytool.p12");

    const KEYTOOL_ELLIPTIC: &[u8] = include_bytes!("../tests/pkcs12/keytool-elliptic.p12");

    /// How many certificates there are, if the first one belongs to the key.
    fn certificates(bytes: &[u8], passphrase: &str) -> Result<usize, Refusal> {
        let pem = pkcs12_to_pem(bytes, passphrase)?;
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
        let count = chain.len();
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
        rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Ok(count)
    }

    #[test]
    fn files_of_openssl_and_keytool_are_read() {
        assert_eq!(certificates(OPENSSL, "geheim"), Ok(1));
        assert_eq!(certificates(LEGACY, "gehéim"), Ok(1));
        assert_eq!(certificates(KEYTOOL, "geheim"), Ok(1));
        assert_eq!(certificates(KEYTOOL_ELLIPTIC, "geheim"), Ok(1));
        assert_eq!(certificates(CHAIN, "geheim"), Ok(2));
        assert_eq!(certificates(OPEN, ""), Ok(1));
        assert_eq!(certificates(BARE, ""), Ok(1));
    }

    #[test]
    fn a_wrong_passphrase_is_told_as_such() {
        for file in [OPENSSL, LEGACY, KEYTOOL, CHAIN] {
            assert_eq!(certificates(file, "Geheim"), Err(Refusal::WrongPassphrase));
            assert_eq!(certificates(file, ""), Err(Refusal::NeedsPassphrase));
        }
        assert_eq!(certificates(OPEN, "geheim"), Err(Refusal::WrongPassphrase));
    }

    #[test]
    fn the_keys_own_certificate_comes_first() {
        let id = |id: &str| Some(id.as_bytes().to_vec());
        let mut found = Found {
            certificates: vec![(None, vec![1]), (id("b"), vec![2]), (id("a"), vec![3])],
            ..Found::default()
        };
        found.sort(&id("a"));
        assert_eq!(found.certificates.iter().map(|(_, der)| der[0]).collect::<Vec<_>>(), [3, 1, 2]);
        found.sort(&None);
        assert_eq!(found.certificates[0].1, [3]);
    }

    #[test]
    fn what_is_damaged_never_panics() {
        assert_eq!(pkcs12_to_pem(b"", "x").unwrap_err(), Refusal::Damaged);
        assert_eq!(pkcs12_to_pem(b"\x30\x80\0\0", "x").unwrap_err(), Refusal::Damaged);
        for at in 0..BARE.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = BARE.to_vec();
                damaged[at] ^= change;
                let _ = pkcs12_to_pem(&damaged, "");
            }
            assert!(pkcs12_to_pem(&BARE[..at], "").is_err());
        }
    }
}
