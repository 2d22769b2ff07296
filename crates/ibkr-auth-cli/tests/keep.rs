//! `ibkr-auth keep` as a person, a service manager and other invocations see it, against the simulator.

#![cfg(unix)]

#[path = "keep/case.rs"]
mod case;
#[path = "keep/lines.rs"]
mod lines;
#[path = "keep/screen.rs"]
mod screen;
#[path = "keep/store.rs"]
mod store;
#[path = "keep/systemd.rs"]
mod systemd;
