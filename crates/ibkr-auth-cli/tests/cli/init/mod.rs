//! `ibkr-auth init`, with flags and on a terminal.

mod earlier;
mod files;
mod flags;
mod key;
mod login;
mod run;
mod terminal;
