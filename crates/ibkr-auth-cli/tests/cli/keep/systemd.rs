//! What a service manager hears.

use std::{os::unix::net::UnixDatagram, path::Path};

use rustix::process::Signal;

use super::keeper::Keeper;
use crate::common::{LONG, World};

struct Manager(UnixDatagram);

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        Self(socket)
    }

    /// Waits for this message; gives what came before it.
    fn hears(&self, message: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let mut bytes = [0; 4096];
            let length = self.0.recv(&mut bytes).unwrap_or_else(|error| panic!("{error}: {before:?}"));
            let heard = std::str::from_utf8(&bytes[..length]).unwrap().trim().to_owned();
            if heard == message {
                return before;
            }
            before.push(heard);
        }
    }
}

fn keep(world: &World, watchdog: &str) -> (Manager, Keeper) {
    let socket = world.path("notify");
    let manager = Manager::at(&socket);
    let mut command = world.command(["keep"]);
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", watchdog);
    (manager, Keeper::start(command))
}

#[test]
fn a_service_manager_hears_that_it_is_ready_alive_and_stopping() {
    let world = World::behind_proxy();
    let (manager, mut keeper) = keep(&world, "400000");
    let before = manager.hears("READY=1");
    assert!(before.contains(&"STATUS=connected".to_owned()), "{before:?}");
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    keeper.signal(Signal::TERM);
    manager.hears("STOPPING=1");
    assert_eq!(keeper.end().0, Some(0));
}

/// An address that stands in no folder, such as systemd hands out in some set-ups.
#[cfg(target_os = "linux")]
#[test]
fn a_service_manager_may_be_at_an_abstract_address() {
    use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};

    let world = World::behind_proxy();
    let name = world.path("notify").display().to_string();
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let mut command = world.command(["keep"]);
    command.env("NOTIFY_SOCKET", format!("@{name}"));
    let keeper = Keeper::start(command);
    Manager(socket).hears("READY=1");
    drop(keeper);
}

#[test]
fn a_service_manager_that_cannot_be_reached_is_complained_of_once() {
    let world = World::behind_proxy();
    let mut command = world.command(["keep"]);
    command.env("NOTIFY_SOCKET", world.path("nowhere"));
    let mut keeper = Keeper::start(command);
    keeper.line("the service manager cannot be told anything (NOTIFY_SOCKET): ");
    keeper.line("connected");
    let seen = keeper.stop().1;
    assert!(!seen.contains("service manager"), "{seen}");
}

#[test]
fn a_session_that_is_not_good_is_not_ready_but_given_time() {
    let world = World::behind_proxy();
    world.simulator.handle().kick(None);
    let (manager, mut keeper) = keep(&world, "400000");
    let mut before = manager.hears("STATUS=left to another login, such as TWS or the phone");
    before.extend(manager.hears("WATCHDOG=1"));
    assert!(before.iter().any(|heard| heard.starts_with("EXTEND_TIMEOUT_USEC=")), "{before:?}");
    assert!(!before.contains(&"READY=1".to_owned()), "{before:?}");
    assert_eq!(keeper.stop().0, Some(0));
}
