//! `ibkr-auth init`: the real program, with flags and on a terminal.

#[cfg(unix)]
mod earlier;
#[cfg(unix)]
mod files;
#[cfg(unix)]
mod flags;
#[cfg(unix)]
mod key;
#[cfg(unix)]
mod login;
#[cfg(unix)]
mod support;
#[cfg(unix)]
mod terminal;
