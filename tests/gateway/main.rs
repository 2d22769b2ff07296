//! The gateway over real TLS against the simulator, as its clients see it.

mod cutter;
mod money;
mod raw;
mod rest;
mod stream;
mod world;
