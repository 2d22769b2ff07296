//! `ibkr-auth init`, with flags and on a terminal.

mod earlier;
mod files;
mod flags;
mod key;
mod login;
mod oauth1;
mod run;
mod terminal;
