//! `ibkr-auth doctor`, healthy and with everything that can be wrong.

mod answers;
mod checks;
#[cfg(unix)]
mod interrupt;
mod local;
mod network;
mod oauth1;
mod pace;
mod report;
mod secrets;
