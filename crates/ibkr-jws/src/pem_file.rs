//! From the text of a PEM file (RFC 7468) to the DER of the private key in it.

use pem::Pem;
use zeroize::Zeroizing;

use crate::KeyError;

/// DER of a private key, with the label it stood under.
pub(crate) enum PrivateDer {
    Pkcs8(Zeroizing<Vec<u8>>),
    Pkcs1(Zeroizing<Vec<u8>>),
    #[cfg_attr(not(feature = "encrypted-pem"), expect(dead_code, reason = "only that feature reads it"))]
    EncryptedPkcs8(Zeroizing<Vec<u8>>),
}

/// Finds the first private key, whatever stands before it: certificates, public keys, `Bag Attributes`.
pub(crate) fn private_key(file: &[u8]) -> Result<PrivateDer, KeyError> {
    let mut seen = None;
    for section in sections(file)? {
        let label = section.tag().to_owned();
        let encrypted = section.headers().get("Proc-Type").is_some_and(|kind| kind.contains("ENCRYPTED"));
        let der = Zeroizing::new(section.into_contents());
        match label.as_str() {
            _ if encrypted => return Err(KeyError::LegacyEncryption),
            "PRIVATE KEY" => return Ok(PrivateDer::Pkcs8(der)),
            "RSA PRIVATE KEY" => return Ok(PrivateDer::Pkcs1(der)),
            "ENCRYPTED PRIVATE KEY" => return Ok(PrivateDer::EncryptedPkcs8(der)),
            _ => seen = seen.or_else(|| Some(known_label(&label))),
        }
    }
    Err(match seen {
        Some("EC PRIVATE KEY") => KeyError::NotRsa("EC"),
        Some("DSA PRIVATE KEY") => KeyError::NotRsa("DSA"),
        Some(label) => KeyError::NoPrivateKey(label),
        None => KeyError::NoPemSection,
    })
}

pub(crate) fn sections(file: &[u8]) -> Result<Vec<Pem>, KeyError> {
    let file = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
    if file.iter().all(u8::is_ascii_whitespace) {
        return Err(KeyError::Empty);
    }
    let Ok(text) = std::str::from_utf8(file) else {
        return Err(if file[0] == DER_SEQUENCE { KeyError::Der } else { KeyError::NoPemSection });
    };
    let begins = text.matches("-----BEGIN ").count();
    let mut trimmed = Zeroizing::new(String::with_capacity(text.len()));
    for line in text.lines() {
        trimmed.push_str(line.trim());
        trimmed.push('\n');
    }
    let sections = pem::parse_many(trimmed.as_bytes()).map_err(|error| match error {
        pem::PemError::InvalidData(_) => KeyError::BadBase64,
        _ => KeyError::Truncated,
    })?;
    match (begins, sections.len()) {
        (0, _) => Err(KeyError::NoPemSection),
        (begins, parsed) if parsed < begins => Err(KeyError::Truncated),
        _ => Ok(sections),
    }
}

/// Labels are shown in errors only when they are ones we know: an arbitrary line of a key file is not for the log.
fn known_label(label: &str) -> &'static str {
    const KNOWN: [&str; 9] = [
        "PUBLIC KEY",
        "RSA PUBLIC KEY",
        "CERTIFICATE",
        "CERTIFICATE REQUEST",
        "EC PRIVATE KEY",
        "DSA PRIVATE KEY",
        "EC PARAMETERS",
        "DH PARAMETERS",
        "OPENSSH PRIVATE KEY",
    ];
    KNOWN.into_iter().find(|known| *known == label).unwrap_or("section of an unknown kind")
}

const DER_SEQUENCE: u8 = 0x30;
