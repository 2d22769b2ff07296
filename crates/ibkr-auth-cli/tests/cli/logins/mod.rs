//! When a login is made, when it is put off, and what it needs.

mod guard;
mod pace;
#[cfg(unix)]
mod passphrase;
mod replay;
