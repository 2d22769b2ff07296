//! A new RSA key, from an installed `openssl`. It comes through a pipe: until it has been checked it is in no
//! file, so that nothing is left behind when the work is interrupted.

use std::{
    io::{self, Read},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use ibkr_jws::RsaKey;
use zeroize::Zeroizing;

use crate::{exit::Exit, failure::Failure};

/// A key of 4096 bits has 3.3 KiB.
const LONGEST: u64 = 64 * 1024;

/// A key, and the PEM block that it was read from.
pub(super) struct Made {
    pub(super) key: RsaKey,
    pub(super) pem: Zeroizing<Vec<u8>>,
}

/// `file` and `flag`: what a key that is made elsewhere is called, and how it is handed in.
pub(super) fn make(program: &Path, bits: u32, file: &str, flag: &str) -> Result<Made, Failure> {
    let name = program.display();
    let length = format!("rsa_keygen_bits:{bits}");
    let failed = |what: String, why: String| {
        Failure::new(Exit::Failed, what).why(why).help(format!(
            "install openssl or name it with --openssl; or make a key elsewhere with `openssl genpkey -algorithm RSA \
             -pkeyopt {length} -out {file}`, then `chmod 600 {file}`, and run `ibkr-auth init {flag} {file}`"
        ))
    };
    let mut child = Command::new(program)
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", &length])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            failed(format!("cannot start {name}, which should make the key"), error.to_string())
        })?;
    let stdout = child.stdout.take();
    let (read, ended) = thread::scope(|scope| {
        let reading = scope.spawn(|| {
            // Room for everything at once: a buffer that grows leaves copies behind.
            let mut pem = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
            stdout.map_or(Ok(0), |pipe| pipe.take(LONGEST).read_to_end(&mut pem)).map(|_| pem)
        });
        // Both pipes are read at once, or a program that fills the other waits for ever.
        let ended = child.wait_with_output();
        (reading.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())), ended)
    });
    let ended = read.and_then(|pem| ended.map(|ended| (pem, ended)));
    let (pem, ended) = ended.map_err(|error| failed(format!("{name} failed"), error.to_string()))?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        // Not its dots.
        let last = said.lines().rfind(|line| line.contains(char::is_alphabetic)).unwrap_or_default();
        return Err(failed(format!("{name} failed"), format!("{}: {}", ended.status, last.trim())));
    }
    let key = RsaKey::from_pem(&pem)
        .map_err(|error| failed(format!("what {name} has written is no key"), error.to_string()))?;
    Ok(Made { key, pem })
}
