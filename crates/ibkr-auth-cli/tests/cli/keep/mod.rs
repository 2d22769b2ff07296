//! `ibkr-auth keep` as a person, a service manager and other invocations see it.

pub(crate) mod keeper;
mod lines;
mod screen;
mod second;
mod store;
mod systemd;
