//! The simulator in virtual time: one test for each check, which fails when the rule is removed.

mod brokerage;
mod edge;
mod faults;
mod hours;
mod oauth1;
mod oauth1_refused;
mod oauth1_socket;
mod pace;
mod signer;
mod socket;
mod sso;
mod third_party;
mod token;
mod trade;
mod world;
