//! The gateway over real TLS against the simulator, as its clients see it.

mod beyond;
mod bytes;
mod cutter;
mod money;
mod clients;
mod hostile;
mod raw;
mod rest;
mod session;
mod soak;
mod storm;
mod stream;
mod truth;
mod tls;
mod upstream;
mod world;
