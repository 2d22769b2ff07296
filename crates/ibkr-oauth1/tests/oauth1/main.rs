//! The crate as its users see it: published vectors, keys and files of OpenSSL, and random logins against a
//! server that shares no code with it.

mod decrypt;
mod exchange;
mod logins;
mod properties;
mod published;
mod server;
mod signing;
mod vectors;
