//! Questions on the terminal, on standard error. The terminal reads whole lines, as it does for every simple
//! program: so pasting, Ctrl-U, Ctrl-C and Ctrl-D work as usual, and nothing has to be restored.

use std::io::{self, BufRead, IsTerminal, Write};

use console::Term;
use ibkr_auth_core::text::one_line;

use crate::{exit::Exit, failure::Failure, output::DIM, progress, wrap::wrapped};

/// Whoever can be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    is_quiet: bool,
}

impl Asker {
    /// `None` without a person at both ends of the line.
    pub(crate) fn of_terminal(is_quiet: bool) -> Option<Self> {
        (io::stdin().is_terminal() && io::stderr().is_terminal()).then_some(Self { is_quiet })
    }

    /// What has to be known to answer the next question.
    pub(crate) fn explain(self, text: &str) {
        if !self.is_quiet {
            show(&format!("\n{DIM}{}{DIM:#}\n", wrapped(text, &Term::stderr())));
        }
    }

    /// Why an answer does not do.
    pub(crate) fn refuse(self, reason: &str) {
        show(&format!("  {}\n", one_line(reason)));
    }

    /// Asks until `check` is content.
    pub(crate) fn text(
        self,
        question: &str,
        default: Option<&str>,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, Failure> {
        let prompt = match default {
            Some(default) => format!("{question} [{}]: ", one_line(default)),
            None => format!("{question}: "),
        };
        loop {
            show(&prompt);
            let answer = match read_line()? {
                Ok(line) if line.is_empty() => default.map(str::to_owned).unwrap_or_default(),
                Ok(line) => line,
                Err(reason) => {
                    self.refuse(&reason);
                    continue;
                }
            };
            match check(&answer) {
                Ok(()) => return Ok(answer),
                Err(reason) => self.refuse(&reason),
            }
        }
    }
}

fn show(text: &str) {
    let mut err = anstream::stderr();
    let _ = progress::hidden(|| write!(err, "{text}").and_then(|()| err.flush()));
}

/// One line without its end. The inner error is one that another try can mend.
fn read_line() -> Result<Result<String, String>, Failure> {
    let mut line = Vec::new();
    let ended = |why: String| {
        Failure::new(Exit::Usage, "the questions were left unanswered, and nothing was written")
            .why(why)
            .help("run it again, or answer with flags: `ibkr-auth help` shows them")
    };
    match io::stdin().lock().read_until(b'\n', &mut line) {
        Ok(0) => {
            show("\n");
            return Err(ended("the input has ended".to_owned()));
        }
        Ok(_) => {}
        Err(error) => return Err(ended(error.to_string())),
    }
    for end in [b'\n', b'\r'] {
        if line.last() == Some(&end) {
            line.pop();
        }
    }
    Ok(String::from_utf8(line).map_err(|_| "that is not UTF-8".to_owned()))
}
