//! A new RSA key, from an installed `openssl`. It comes through a pipe: until it has been checked it is in no
//! file, so that nothing is left behind when the work is interrupted.

use std::{
    io::{self, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use ibkr_auth_core::text::one_line;
use ibkr_jws::RsaKey;
use zeroize::Zeroizing;

use crate::{exit::Exit, failure::Failure};

/// 4096 bits take seconds on a slow machine.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A key of 4096 bits has 3.3 KiB.
const LONGEST: u64 = 64 * 1024;
const LONGEST_SHOWN: usize = 200;

/// A key, and the PEM block that it was read from.
pub(super) struct Made {
    pub(super) key: RsaKey,
    pub(super) pem: Zeroizing<Vec<u8>>,
}

/// What to type where this program cannot do it.
pub(super) fn by_hand(bits: u32) -> String {
    format!(
        "install openssl or name it with --openssl; or make a key elsewhere with `openssl genpkey -algorithm RSA \
         -pkeyopt rsa_keygen_bits:{bits} -out private.pem`, then `chmod 600 private.pem`, and run `ibkr-auth init \
         --key private.pem`"
    )
}

pub(super) fn make(program: &Path, bits: u32, limit: Duration) -> Result<Made, Failure> {
    let failed = |what: String, why: String| Failure::new(Exit::Failed, what).why(why).help(by_hand(bits));
    let name = program.display();
    let mut child = Command::new(program)
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", &format!("rsa_keygen_bits:{bits}")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            failed(format!("cannot start {name}, which should make the key"), error.to_string())
        })?;
    let (pem, complaint) = (read(child.stdout.take()), read(child.stderr.take()));
    let begin = Instant::now();
    let ended =
        wait(&mut child, limit).map_err(|error| failed(format!("{name} failed"), error.to_string()))?;
    // Whoever has inherited the pipe from it could hold it open.
    let rest = limit.saturating_sub(begin.elapsed()).max(LOOK_AGAIN);
    let (Some(status), Ok(pem)) = (ended, pem.recv_timeout(rest)) else {
        let why = format!("it was not done after {} s, and was ended", limit.as_secs());
        return Err(failed(format!("{name} hangs"), why));
    };
    if !status.success() {
        let complaint = complaint.recv_timeout(rest).unwrap_or_default();
        return Err(failed(format!("{name} failed"), format!("{status}{}", last_line(&complaint))));
    }
    let key = RsaKey::from_pem(&pem)
        .map_err(|error| failed(format!("what {name} has written is no key"), error.to_string()))?;
    if key.bits() != bits.next_multiple_of(8) as usize {
        let why = format!("it has {} bits, and {bits} were asked for", key.bits());
        return Err(failed(format!("what {name} has written is another key"), why));
    }
    Ok(Made { key, pem })
}

/// Everything up to a limit, once it has ended. What comes after the limit is thrown away.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<Zeroizing<Vec<u8>>> {
    let (done, content) = mpsc::channel();
    thread::spawn(move || {
        // Room for everything at once: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
        if let Some(mut pipe) = pipe {
            let _ = pipe.by_ref().take(LONGEST).read_to_end(&mut bytes);
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        let _ = done.send(bytes);
    });
    content
}

/// `None`: it had to be killed.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begin.elapsed() >= limit {
            // It may have ended by itself just now.
            let _ = child.kill();
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// What it said last, which is no dots.
fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().map(str::trim).rfind(|line| line.contains(char::is_alphabetic));
    line.map_or_else(String::new, |line| {
        let shown: String = line.chars().take(LONGEST_SHOWN).collect();
        format!(": {}", one_line(&shown))
    })
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn fake(name: &str, limit: Duration) -> Failure {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/init/openssl-");
        make(Path::new(&format!("{folder}{name}.sh")), 3072, limit).err().unwrap()
    }

    #[test]
    fn one_that_hangs_is_killed() {
        let failure = fake("hangs", Duration::from_millis(100));
        assert!(failure.what.ends_with("hangs") && failure.help.unwrap().contains("--key"));
    }

    #[test]
    fn one_that_leaves_the_pipe_open_is_not_waited_for() {
        assert!(fake("leaves-a-child", Duration::from_millis(300)).what.ends_with("hangs"));
    }

    #[test]
    fn one_that_never_stops_writing_is_killed() {
        assert!(fake("floods", Duration::from_millis(300)).what.ends_with("hangs"));
    }
}
