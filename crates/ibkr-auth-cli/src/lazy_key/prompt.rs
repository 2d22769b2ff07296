//! A question whose answer is not seen. However it ends, the terminal shows again what is typed: Ctrl-C and
//! Ctrl-Z are keys meanwhile, not signals.

use std::io;

use zeroize::Zeroizing;

use crate::{exit::Exit, failure::Failure};

/// The answer, byte for byte, without its line break.
#[cfg(unix)]
pub(super) fn ask(question: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    use rustix::process::{Signal, kill_current_process_group};

    use crate::tty::{KeyMode, LocalModes};

    loop {
        let unchanged = |error: io::Error| unasked(&error.to_string());
        let mode = KeyMode::enter(|mode| mode.local_modes.remove(LocalModes::ISIG)).map_err(unchanged)?;
        anstream::eprint!("{question}: ");
        let end = answer(|| key().map_err(io::Error::from));
        drop(mode);
        anstream::eprintln!();
        match end {
            Ok(End::Answer(answer)) => return Ok(answer),
            Ok(End::Interrupted) => return Err(Failure::new(Exit::Interrupted, "interrupted")),
            Ok(End::Stopped) => {
                // As the terminal would; it is asked again once we go on.
                let _ = kill_current_process_group(Signal::TSTP);
            }
            Ok(End::Closed) => return Err(unasked("the input has ended")),
            Err(error) => return Err(unasked(&error.to_string())),
        }
    }
}

/// Not through the buffer of standard input, which is not wiped.
#[cfg(unix)]
fn key() -> rustix::io::Result<Option<u8>> {
    let mut key = [0];
    loop {
        match rustix::io::read(io::stdin(), &mut key) {
            Err(rustix::io::Errno::INTR) => {}
            read => return read.map(|count| (count > 0).then_some(key[0])),
        }
    }
}

#[cfg(not(unix))]
pub(super) fn ask(question: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    anstream::eprint!("{question}: ");
    let answer = console::Term::stderr().read_secure_line();
    Ok(Zeroizing::new(answer.map_err(|error| unasked(&error.to_string()))?.into_bytes()))
}

fn unasked(why: &str) -> Failure {
    Failure::new(Exit::Config, "the passphrase of the private key cannot be asked for")
        .why(why)
        .help("set private_key_passphrase_file or private_key_passphrase_env, or use --passphrase-fd")
}

/// How a question ends.
#[cfg(unix)]
#[derive(Debug, PartialEq)]
enum End {
    Answer(Zeroizing<Vec<u8>>),
    Interrupted,
    Stopped,
    Closed,
}

/// Reads one line as a terminal would.
#[cfg(unix)]
fn answer(mut key: impl FnMut() -> io::Result<Option<u8>>) -> io::Result<End> {
    const LONGEST: usize = 4096;
    const CTRL_C: u8 = 0x03;
    const CTRL_D: u8 = 0x04;
    const CTRL_U: u8 = 0x15;
    const CTRL_Z: u8 = 0x1a;
    const CTRL_BACKSLASH: u8 = 0x1c;
    let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
    loop {
        match key()? {
            Some(b'\n' | b'\r') => return Ok(End::Answer(typed)),
            Some(CTRL_C | CTRL_BACKSLASH) => return Ok(End::Interrupted),
            Some(CTRL_Z) => return Ok(End::Stopped),
            Some(CTRL_D) if typed.is_empty() => return Ok(End::Closed),
            None => return Ok(End::Closed),
            Some(CTRL_U) => typed.clear(),
            // A character of several bytes goes as one.
            Some(0x08 | 0x7f) => while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            Some(byte) if typed.len() < LONGEST => typed.push(byte),
            Some(_) => {}
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn end(keys: &str) -> End {
        let mut keys = keys.bytes();
        answer(|| Ok(keys.next())).unwrap()
    }

    #[test]
    fn a_line_is_edited_as_on_any_terminal() {
        let typed = |text: &str| End::Answer(Zeroizing::new(text.as_bytes().to_vec()));
        assert_eq!(end("secret\n"), typed("secret"));
        assert_eq!(end("\r"), typed(""));
        assert_eq!(end("wrong\u{15}séé\u{7f}\u{8}ä\n"), typed("sä"));
        assert_eq!(end("\u{7f}\u{7f}a\n"), typed("a"));
        assert_eq!(end("a\u{3}"), End::Interrupted);
        assert_eq!(end("a\u{1a}"), End::Stopped);
        assert_eq!(end("\u{4}"), End::Closed);
        assert_eq!(end("half"), End::Closed);
    }
}
