//! PEM files (RFC 7468) as people bring them: the blocks in them, and the private key among those.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

#[cfg(feature = "encrypted-pem")]
use crate::encrypted;
use crate::{KeyError, key};

/// A block of a PEM file, `-----BEGIN label-----` to `-----END label-----`. It may hold a secret: `Debug` is
/// missing for that reason.
pub struct Block {
    /// What it says to be, such as `CERTIFICATE`. It may be anything: show only what you expect.
    pub label: String,
    /// The line in which it begins.
    pub line: usize,
    /// What it holds, usually DER.
    pub content: Result<Zeroizing<Vec<u8>>, Damage>,
    /// Its header says that it is encrypted, in the way that came before PKCS#8.
    is_encrypted: bool,
}

/// Why a block cannot be read. What to do: get it anew, whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// It has no end, or the end of another.
    #[error("has no end, or another end than its beginning")]
    CutOff,
    /// Something in it is not base64.
    #[error("is not valid base64")]
    NotBase64,
}

/// All blocks of a PEM file, each for itself: one that is damaged takes none of the others away.
///
/// What editors, shells and secret stores make of such files is seen through: a byte order mark, UTF-16,
/// comments in any encoding, indentation, CR and LF in any mixture, line breaks written as `\n` or `\r\n`
/// (also with more backslashes), and the base64 of the whole file.
pub fn blocks(file: &[u8]) -> Vec<Block> {
    let text = whole_text(file);
    let line_breaks = |piece: &str| piece.matches('\n').count();
    let mut pieces = text.split(BEGIN);
    let mut line = 1 + pieces.next().map_or(0, line_breaks);
    let mut blocks = Vec::new();
    for piece in pieces {
        blocks.push(Block::new(piece, line));
        line += line_breaks(piece);
    }
    blocks
}

impl Block {
    /// `text` follows the first `-----BEGIN `, and may go on behind the block's end.
    fn new(text: &str, line: usize) -> Self {
        let payload = text.split("-----END ").next().unwrap_or_default();
        let label = payload.split("-----").next().unwrap_or_default();
        let content = match pem::parse(tidied(text, payload.contains(": ")).as_bytes()) {
            Ok(section) => Ok(Zeroizing::new(section.into_contents())),
            Err(pem::PemError::InvalidData(_)) => Err(Damage::NotBase64),
            Err(_) => Err(Damage::CutOff),
        };
        let is_encrypted = payload.contains("Proc-Type:") && payload.contains("ENCRYPTED");
        Self { label: label.to_owned(), line, content, is_encrypted }
    }
}

/// A block without indentation, and without the empty lines that would be taken for the end of headers.
fn tidied(text: &str, has_headers: bool) -> Zeroizing<String> {
    let mut tidied = Zeroizing::new(String::with_capacity(BEGIN.len() + text.len() + 1));
    tidied.push_str(BEGIN);
    for line in text.lines().map(str::trim).filter(|line| has_headers || !line.is_empty()) {
        tidied.push_str(line);
        tidied.push('\n');
    }
    tidied
}

/// Whether this looks like the binary form that PEM files are made of.
pub fn is_der(file: &[u8]) -> bool {
    matches!(file, [DER_SEQUENCE, 0x80..=0xFF, ..])
}

/// The first private key of a file, PKCS#8 or PKCS#1, as the DER of a PKCS#1 `RSAPrivateKey` (RFC 8017
/// §A.1.2): for whatever an [`RsaKey`](crate::RsaKey) does not do. Whether it is one is for the reader to
/// see.
///
/// # Errors
/// A [`KeyError`] that says what is wrong with the file and what to do about it.
pub fn rsa_private_key(file: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let der = private_key(file)?;
    if key::is_encrypted(&der) {
        return Err(KeyError::Encrypted);
    }
    Ok(Zeroizing::new(key::pkcs1(&der)?.to_vec()))
}

/// Like [`rsa_private_key`], and decrypts what is encrypted, as
/// [`RsaKey::from_encrypted_pem`](crate::RsaKey::from_encrypted_pem) does.
///
/// # Errors
/// A [`KeyError`] that says what is wrong with the file or the passphrase, and what to do about it.
#[cfg(feature = "encrypted-pem")]
pub fn encrypted_rsa_private_key(file: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let der = private_key(file)?;
    if !key::is_encrypted(&der) {
        return Ok(Zeroizing::new(key::pkcs1(&der)?.to_vec()));
    }
    let opened = encrypted::decrypt(&der, passphrase)?;
    Ok(Zeroizing::new(key::pkcs1(opened.as_bytes())?.to_vec()))
}

/// The DER of the first private key, whatever stands before it: certificates, public keys, `Bag Attributes`.
/// What form it has is not believed to its label: tools mix those up.
fn private_key(file: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let blocks = blocks(file);
    let is_key = |block: &&Block| {
        let labels = ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];
        block.is_encrypted || labels.contains(&block.label.as_str())
    };
    match blocks.iter().find(is_key) {
        Some(block) if block.is_encrypted => Err(KeyError::LegacyEncryption),
        Some(block) => Ok(block.content.clone()?),
        None => Err(instead(file, &blocks)),
    }
}

/// What there is in place of a private key.
fn instead(file: &[u8], blocks: &[Block]) -> KeyError {
    let Some(first) = blocks.first() else {
        return match whole_text(file).trim().is_empty() {
            true => KeyError::Empty,
            false if is_der(file) => KeyError::Der,
            false => KeyError::NoPemSection,
        };
    };
    let known = blocks.iter().find_map(|block| Some((block, kind(&block.label)?)));
    match known.map(|(block, kind)| (block, block.label.as_str(), kind)) {
        Some((block, "OPENSSH PRIVATE KEY", _)) => openssh(block),
        Some((_, "EC PRIVATE KEY", _)) => KeyError::NotRsa("EC"),
        Some((_, "DSA PRIVATE KEY", _)) => KeyError::NotRsa("DSA"),
        Some((_, _, kind)) => KeyError::NoPrivateKey(kind),
        None => match first.content {
            Err(damage) => damage.into(),
            Ok(_) => KeyError::NoPrivateKey("of an unknown kind"),
        },
    }
}

/// OpenSSH names the algorithm in clear, also where it has encrypted the key.
fn openssh(block: &Block) -> KeyError {
    let content = block.content.as_ref().map_or(&[][..], |content| content);
    let names = |name: &[u8]| content.windows(name.len()).any(|part| part == name);
    match () {
        () if names(b"ssh-rsa") => KeyError::OpenSsh,
        () if names(b"ssh-ed25519") => KeyError::NotRsa("Ed25519"),
        () if names(b"ecdsa-sha2") => KeyError::NotRsa("EC"),
        () if names(b"ssh-dss") => KeyError::NotRsa("DSA"),
        () => KeyError::OpenSsh,
    }
}

/// Labels are shown in errors only when they are ones we know: an arbitrary line of a key file is not for the
/// log.
fn kind(label: &str) -> Option<&'static str> {
    Some(match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => "a public key",
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => "a certificate",
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => "a certificate request",
        "EC PARAMETERS" | "DH PARAMETERS" | "DSA PARAMETERS" => "parameters",
        "PKCS7" | "CMS" => "a bundle of certificates",
        "EC PRIVATE KEY" | "DSA PRIVATE KEY" | "OPENSSH PRIVATE KEY" => "a private key",
        _ => return None,
    })
}

/// The text that holds the blocks.
fn whole_text(file: &[u8]) -> Zeroizing<String> {
    let text = ascii(file);
    if text.contains(BEGIN) {
        return unescaped(&text);
    }
    match base64_of_pem(&unescaped(&text)) {
        Some(pem) => unescaped(&ascii(&pem)),
        None => text,
    }
}

/// PEM is ASCII; what else stands beside the blocks matters to nobody.
fn ascii(file: &[u8]) -> Zeroizing<String> {
    let wide = |text: &[u8], unit: fn([u8; 2]) -> u16| {
        narrow(text.as_chunks().0.iter().map(|pair| unit(*pair)), text.len())
    };
    match file {
        [0xFF, 0xFE, text @ ..] | text @ [1..=0x7F, 0, 1..=0x7F, 0, ..] => wide(text, u16::from_le_bytes),
        [0xFE, 0xFF, text @ ..] | text @ [0, 1..=0x7F, 0, 1..=0x7F, ..] => wide(text, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, text @ ..] | text => narrow(text.iter().copied().map(u16::from), text.len()),
    }
}

fn narrow(units: impl Iterator<Item = u16>, most: usize) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(most));
    for unit in units {
        text.push(u8::try_from(unit).ok().filter(u8::is_ascii).map_or('?', char::from));
    }
    text
}

/// With real line breaks where they were written out. No backslash belongs into a PEM file, so none stays.
fn unescaped(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut pieces = text.split('\\');
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        match piece.split_at_checked(1) {
            Some(("n", rest)) => {
                plain.push('\n');
                plain.push_str(rest);
            }
            Some(("r", rest)) => plain.push_str(rest),
            _ => plain.push_str(piece),
        }
    }
    plain
}

fn base64_of_pem(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut compact = Zeroizing::new(String::with_capacity(text.len()));
    compact.extend(text.chars().filter(|c| !c.is_ascii_whitespace() && !matches!(c, '"' | '\'')));
    let decoded = Zeroizing::new(STANDARD.decode(compact.as_bytes()).ok()?);
    decoded.windows(BEGIN.len()).any(|part| part == BEGIN.as_bytes()).then_some(decoded)
}

const BEGIN: &str = "-----BEGIN ";
pub(crate) const DER_SEQUENCE: u8 = 0x30;

impl From<Damage> for KeyError {
    fn from(damage: Damage) -> Self {
        match damage {
            Damage::CutOff => Self::Truncated,
            Damage::NotBase64 => Self::BadBase64,
        }
    }
}
