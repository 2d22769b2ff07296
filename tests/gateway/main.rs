//! The gateway over real TLS against the simulator, as its clients see it.

mod beyond;
mod cutter;
mod money;
mod raw;
mod rest;
mod soak;
mod stream;
mod truth;
mod world;
