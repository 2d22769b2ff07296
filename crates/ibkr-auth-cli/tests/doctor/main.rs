//! `ibkr-auth doctor`: the real program against the simulator, healthy and with everything that can be wrong.

mod answers;
mod case;
mod local;
mod network;
mod pace;
mod report;
mod secrets;
