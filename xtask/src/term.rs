//! Colour, where a person reads.

use std::io::IsTerminal;

pub(crate) fn green(text: &str) -> String {
    paint("32", text)
}

pub(crate) fn red(text: &str) -> String {
    paint("31", text)
}

pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
}

fn paint(code: &str, text: &str) -> String {
    // https://no-color.org: any value but the empty one switches colour off.
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if is_terminal() && !refused { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
