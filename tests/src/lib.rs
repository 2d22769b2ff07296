//! Helpers shared by the cross-crate tests.

pub mod chance;
pub mod crowd;
pub mod driver;
pub mod lab;
pub mod usage;
pub mod world;

/// The README's code, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
