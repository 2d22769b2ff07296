//! What systemd is told: that the session is good, where it stands, and that the program is alive.

use std::{
    env,
    ffi::OsString,
    io, process,
    time::{Duration, Instant},
};

/// A start is given so much longer each time: IBKR may be closed for hours, and a restart would not open it.
const MORE: Duration = Duration::from_secs(120);
const GIVE_MORE_EVERY: Duration = Duration::from_secs(30);
#[cfg(unix)]
const LONGEST: Duration = Duration::from_secs(1);

/// What a service manager is told of a program.
pub(crate) struct Standing<'a> {
    /// Where it stands, in one line.
    pub(crate) text: &'a str,
    /// What it was started for works.
    pub(crate) is_ready: bool,
    pub(crate) is_alive: bool,
}

/// Says nothing where no service manager listens.
#[derive(Default)]
pub(crate) struct Systemd {
    ready: bool,
    said: String,
    petted: Option<Instant>,
    gave_more: Option<Instant>,
    /// It was told of already that the manager cannot be reached.
    complained: bool,
}

impl Systemd {
    /// How often [`pulse`](Self::pulse) must be called.
    pub(crate) fn every(&self) -> Option<Duration> {
        let more = (!self.ready && is_there()).then_some(GIVE_MORE_EVERY);
        watchdog().map(|watchdog| watchdog / 2).into_iter().chain(more).min()
    }

    /// `alive`: the session's own thread is at work too. Says once that nothing can be told, and why.
    pub(crate) fn pulse(&mut self, now: &Standing<'_>) -> Option<String> {
        let messages = self.messages(now);
        let failed: Vec<_> = messages.iter().filter_map(|message| notify(message).err()).collect();
        let failed = failed.first()?;
        let is_new = !std::mem::replace(&mut self.complained, true);
        is_new.then(|| format!("the service manager cannot be told anything (NOTIFY_SOCKET): {failed}"))
    }

    fn messages(&mut self, now: &Standing<'_>) -> Vec<String> {
        let mut messages = Vec::new();
        if !is_there() {
            return messages;
        }
        if self.said != now.text {
            messages.push(format!("STATUS={}", now.text));
            self.said = now.text.to_owned();
        }
        if !self.ready && now.is_ready {
            self.ready = true;
            messages.push("READY=1".to_owned());
        }
        if !now.is_alive {
            return messages;
        }
        if !self.ready && passed(self.gave_more, GIVE_MORE_EVERY) {
            self.gave_more = Some(Instant::now());
            messages.push(format!("EXTEND_TIMEOUT_USEC={}", MORE.as_micros()));
        }
        if let Some(watchdog) = watchdog()
            && passed(self.petted, watchdog / 2)
        {
            self.petted = Some(Instant::now());
            messages.push("WATCHDOG=1".to_owned());
        }
        messages
    }

    pub(crate) fn stopping(&self) {
        // A service manager that is gone needs to know nothing.
        let _ = notify("STOPPING=1");
    }
}

/// The loop may wake a moment too soon.
fn passed(last: Option<Instant>, every: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() + Duration::from_millis(50) >= every)
}

/// See sd_notify(3).
#[cfg(unix)]
fn notify(message: &str) -> io::Result<()> {
    use std::os::unix::net::UnixDatagram;

    let Some(name) = name() else { return Ok(()) };
    let socket = UnixDatagram::unbound()?;
    // A manager that hangs must not hold up the keeper.
    socket.set_write_timeout(Some(LONGEST))?;
    socket.connect_addr(&address(&name)?)?;
    socket.send(message.as_bytes()).map(drop)
}

/// A path; on Linux also `@` and a name that stands in no folder.
#[cfg(unix)]
fn address(name: &std::ffi::OsStr) -> io::Result<std::os::unix::net::SocketAddr> {
    use std::os::unix::net::SocketAddr;

    #[cfg(target_os = "linux")]
    {
        use std::os::{linux::net::SocketAddrExt, unix::ffi::OsStrExt};

        if let Some(name) = name.as_bytes().strip_prefix(b"@") {
            return SocketAddr::from_abstract_name(name);
        }
    }
    SocketAddr::from_pathname(name)
}

#[cfg(not(unix))]
fn notify(_: &str) -> io::Result<()> {
    Ok(())
}

fn name() -> Option<OsString> {
    env::var_os("NOTIFY_SOCKET").filter(|name| cfg!(unix) && !name.is_empty())
}

fn is_there() -> bool {
    name().is_some()
}

/// See sd_watchdog_enabled(3).
fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>());
    let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == Ok(process::id().into()));
    let every = number("WATCHDOG_USEC")?.ok().filter(|every| *every > 0 && is_ours && is_there())?;
    Some(Duration::from_micros(every))
}
