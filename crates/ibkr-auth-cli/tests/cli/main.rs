//! The real program against the simulator, over TLS.

mod common;

mod answers;
mod codes;
mod commands;
#[cfg(unix)]
mod crash;
#[cfg(unix)]
mod files;
mod guard;
mod kept;
mod output;
mod pace;
mod parallel;
#[cfg(unix)]
mod passphrase;
mod records;
mod replay;
mod requests;
mod separate;
mod settings;
#[cfg(unix)]
mod terminal;
mod tools;
mod unsure;
mod usage;
