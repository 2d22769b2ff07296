//! What the tests share: a user's folder, IBKR, and the program between them.

mod folder;
mod keys;
mod oauth1;
mod program;
mod record;
mod snapshots;
#[cfg(unix)]
mod terminal;
mod world;

pub(crate) use folder::Folder;
pub(crate) use keys::key;
#[cfg(unix)]
pub(crate) use keys::public_half;
pub(crate) use oauth1::VENDOR;
#[cfg(unix)]
pub(crate) use program::{LONG, signal};
pub(crate) use program::{Ran, run, run_together, run_with_input};
pub(crate) use snapshots::{assert_shows, filters};
#[cfg(unix)]
pub(crate) use terminal::Terminal;
#[cfg(unix)]
pub(crate) use world::HOSTS;
pub(crate) use world::{OTHER, World};

/// One test of several that wait most of their time: the harness runs no more at once than there are cores.
macro_rules! at_once {
    ($name:ident: $($test:ident),+ $(,)?) => {
        #[test]
        fn $name() {
            std::thread::scope(|scope| {
                $(
                    let thread = std::thread::Builder::new().name(stringify!($test).to_owned());
                    thread.spawn_scoped(scope, $test).unwrap();
                )+
            });
        }
    };
}
pub(crate) use at_once;
