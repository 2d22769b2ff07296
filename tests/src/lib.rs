//! Helpers shared by the cross-crate tests.

pub mod driver;
pub mod lab;
