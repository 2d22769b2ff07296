#![doc = include_str!("../README.md")]
//!
//! # Conventions
//!
//! * Nothing here waits but [`Store::lock`] and [`Store::become_keeper`], which say how long; whatever works
//!   on files may block: an async program gives it a thread.
//! * Locks are the system's, which releases them however a process ends.
//! * A file is used only where nobody else can read or change it, and is replaced as a whole.
//! * Texts for people name the program `ibkr-auth` and its options.

#![warn(clippy::unwrap_used, clippy::expect_used)]

mod error;
mod failed;
mod failure;
mod identity;
mod keeper;
mod record;
mod recorder;
mod session;
mod store;
mod time;

pub use error::StoreError;
pub use failed::FailedLogin;
pub use failure::{FailureKind, KeptFailure};
pub use identity::SessionIdentity;
pub use keeper::{Keeper, KeeperNote, PhaseName, Program, Rest, Wait};
pub use record::{Pause, Record};
pub use recorder::Recorder;
pub use session::KeptSession;
pub use store::{KeeperPlace, Locked, Store};
pub use time::{millis, seconds, span};
