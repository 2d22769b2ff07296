//! A PEM file of certificates, each of which counts for itself.

use std::path::Path;

use ibkr_jws::pem_file::{self, Block};

use crate::{error::Problem, file};

/// The bundle of a whole system has some 220 KiB, and five times that where each certificate is explained.
const LONGEST_KIB: usize = 4096;

#[derive(Default)]
pub(crate) struct Bundle {
    /// As DER.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// What cannot be read, each with its number and its line.
    pub(crate) damaged: Vec<String>,
}

impl Bundle {
    /// Holds one certificate at least.
    pub(crate) fn read(path: &Path) -> Result<Self, Problem> {
        let file = file::read_at_most(LONGEST_KIB, path)?.bytes;
        let blocks = pem_file::blocks(&file);
        let mut bundle = Self::default();
        for (index, block) in blocks.iter().filter(|block| is_certificate(block)).enumerate() {
            match certificate(block) {
                Ok(der) => bundle.certificates.push(der),
                Err(what) => {
                    bundle.damaged.push(format!("certificate {}, in line {}, {what}", index + 1, block.line));
                }
            }
        }
        match (bundle.certificates.is_empty(), bundle.damaged.first()) {
            (false, _) => Ok(bundle),
            (true, Some(damaged)) => Err(Problem::new(
                format!("holds certificates that cannot be used: {damaged}"),
                "get the file anew",
            )),
            (true, None) => Err(instead(&file, &blocks)),
        }
    }
}

fn is_certificate(block: &Block) -> bool {
    matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE")
}

fn certificate(block: &Block) -> Result<Vec<u8>, String> {
    let der = block.content.as_ref().map_err(ToString::to_string)?;
    match webpki::anchor_from_trusted_cert(&der.as_slice().into()) {
        Ok(_) => Ok(der.to_vec()),
        Err(_) => Err("cannot be used as one".to_owned()),
    }
}

/// What a file that holds no certificate holds, as far as there is a way on from there.
fn instead(file: &[u8], blocks: &[Block]) -> Problem {
    let holds = |label: &str| blocks.iter().any(|block| block.label == label);
    if holds("TRUSTED CERTIFICATE") {
        Problem::new(
            "holds certificates in a form of OpenSSL's own (`TRUSTED CERTIFICATE`)",
            "convert each with `openssl x509 -in FILE -out ca.pem`",
        )
    } else if holds("PKCS7") {
        Problem::new(
            "holds its certificates in a PKCS#7 envelope",
            "take them out with `openssl pkcs7 -print_certs -in FILE -out ca.pem`",
        )
    } else if pem_file::is_der(file) {
        Problem::new(
            "is binary DER, not PEM",
            "convert it with `openssl x509 -inform DER -in FILE -out ca.pem`",
        )
    } else {
        Problem::new("holds no certificate", "give a PEM file with `-----BEGIN CERTIFICATE-----`")
    }
}
