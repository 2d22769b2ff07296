//! The gateway over real TLS against the simulator, as its clients see it.

mod beyond;
mod bytes;
mod clients;
mod cutter;
mod hostile;
mod money;
mod oauth1;
mod one_each;
mod orders;
mod probes;
mod raw;
mod rest;
mod session;
mod shared;
mod storm;
mod stream;
mod tls;
mod truth;
mod upstream;
mod world;
