//! The simulator in virtual time: one test for each check, which fails when the rule is removed.

mod brokerage;
mod edge;
mod faults;
mod hours;
mod pace;
mod socket;
mod sso;
mod token;
mod trade;
mod world;
