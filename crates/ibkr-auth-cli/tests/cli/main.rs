//! The real program against the simulator, over TLS.

mod common;

mod doctor;
#[cfg(unix)]
mod gateway;
#[cfg(unix)]
mod init;
#[cfg(unix)]
mod keep;
mod logins;
mod sessions;

mod answers;
mod authorize;
mod codes;
mod commands;
mod output;
mod profiles;
mod requests;
mod settings;
#[cfg(unix)]
mod store;
#[cfg(unix)]
mod terminal;
mod tools;
mod unsure;
mod usage;
