//! The gateway as a whole: its sessions, the places where clients come in, and its end.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use ibkr_auth_async::{Error, GatewaySettings, Handle};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    health,
    line::Lines,
    probe,
    route::PAGE,
    seat::{Login, Seat, origin},
    serve::Door,
    tls::{self, Certificate},
};

/// At the end requests that are under way are waited for so long.
const FINISHING: Duration = Duration::from_secs(12);

/// So many connections may arrive at once. Whoever finds no place waits a second, and tries again.
const ARRIVING: u32 = 1_024;

/// What a process has for its gateway, whatever the sessions.
#[derive(Debug, Clone)]
pub struct Process {
    /// Where certificates are kept that the gateway makes. It makes the folder, too, for this user alone.
    pub folder: PathBuf,
    /// So many connections are open at most. Beyond that the one that is idle longest is closed.
    pub most_connections: usize,
}

/// A gateway that runs. Dropping it ends connections and sessions as they are; [`stop`](Self::stop) does it
/// in good order.
#[must_use = "a gateway that is dropped stops"]
pub struct Gateway {
    seats: Arc<[Arc<Seat>]>,
    addresses: Vec<SocketAddr>,
    closing: watch::Sender<bool>,
    lines: Arc<Lines>,
    folder: PathBuf,
    /// Each with the sessions that share it.
    certificates: Vec<(Vec<Arc<Seat>>, Certificate)>,
    _tasks: JoinSet<()>,
}

impl Gateway {
    /// Begins to keep these sessions, and to serve them. Whether a login succeeds shows later: clients wait
    /// for it, and are told.
    ///
    /// # Errors
    /// When a certificate, a trust store or a file cannot be used, a port is taken, or two sessions share a
    /// port without prefixes that tell them apart, or with different certificates.
    pub async fn start(process: &Process, logins: Vec<Login>) -> Result<Self, Error> {
        Self::start_on(process, logins, Vec::new()).await
    }

    /// The same on sockets that listen already, as a service manager hands them over: each is used where a
    /// session names its address.
    ///
    /// # Errors
    /// Those of [`start`](Self::start), and when a socket cannot be used.
    pub async fn start_on(
        process: &Process,
        logins: Vec<Login>,
        mut sockets: Vec<StdListener>,
    ) -> Result<Self, Error> {
        let mut places: BTreeMap<SocketAddr, Vec<usize>> = BTreeMap::new();
        for (index, login) in logins.iter().enumerate() {
            for address in &login.gateway.listen {
                let sharing = places.entry(*address).or_default();
                if sharing.contains(&index) {
                    let what = format!("the session {} is to listen at {address} twice", login.name);
                    return Err(Error::config(what, "name each address once"));
                }
                sharing.push(index);
            }
        }
        for sharing in places.values() {
            refuse_alike(sharing.iter().map(|index| &logins[*index]))?;
        }
        let names = tls::names(logins.iter().map(|login| &login.gateway));
        let mut bound = Vec::new();
        for (address, sharing) in places {
            let settings = &logins[sharing[0]].gateway;
            let tls = match settings.plain {
                true => None,
                false => Some(Certificate::new(settings, &names, &process.folder)?),
            };
            let open = sockets.iter().position(|socket| socket.local_addr().is_ok_and(|own| own == address));
            let listener = match open {
                Some(index) => taken_over(sockets.swap_remove(index))?,
                None => listen(address)?,
            };
            // Some programs take `localhost` for ::1 alone. Where there is no IPv6, or somebody else is
            // there, it goes without.
            if address.ip() == Ipv4Addr::LOCALHOST {
                let port = address_of(&listener)?.port();
                let also = bind((Ipv6Addr::LOCALHOST, port).into());
                bound.extend(also.ok().map(|also| (also, sharing.clone(), tls.clone())));
            }
            bound.push((listener, sharing, tls));
        }
        let mut logins = logins;
        for (listener, sharing, _) in &bound {
            let actual = address_of(listener)?;
            for index in sharing {
                let listen = &mut logins[*index].gateway.listen;
                // A port that the system has chosen.
                let chosen = listen.iter_mut().filter(|own| own.port() == 0 && own.ip() == actual.ip());
                chosen.for_each(|own| *own = actual);
            }
        }
        let mut tasks = JoinSet::new();
        let seats: Arc<[Arc<Seat>]> = logins.into_iter().map(Seat::start).collect::<Result<_, _>>()?;
        for seat in seats.iter() {
            tasks.spawn(Arc::clone(seat).follow());
        }
        let lines = Lines::new(process.most_connections);
        let (closing, closed) = watch::channel(false);
        for seat in seats.iter() {
            if let (Some(port), Some(address)) = (seat.settings().health_port, seat.settings().listen.first())
            {
                let listener = listen(SocketAddr::new(address.ip(), port))?;
                tasks.spawn(health::serve(listener, Arc::clone(seat), closed.clone()));
            }
        }
        let (mut addresses, mut certificates) = (Vec::new(), Vec::new());
        for (listener, sharing, tls) in bound {
            let mut own: Vec<Arc<Seat>> = sharing.iter().map(|index| Arc::clone(&seats[*index])).collect();
            certificates.extend(tls.clone().map(|tls| (own.clone(), tls)));
            own.sort_by_key(|seat| std::cmp::Reverse(seat.settings().prefix.len()));
            let address = address_of(&listener)?;
            if own.iter().any(|seat| seat.settings().listen.contains(&address)) {
                addresses.push(address);
            }
            let door = Door { seats: own, all: Arc::clone(&seats), tls, lines: Arc::clone(&lines) };
            tasks.spawn(Arc::new(door).open(listener, closed.clone()));
        }
        Ok(Self {
            seats,
            addresses,
            closing,
            lines,
            folder: process.folder.clone(),
            certificates,
            _tasks: tasks,
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// How programs on this machine call it: scheme, host and port, each once.
    pub fn origins(&self) -> Vec<String> {
        let of = |seat: &Arc<Seat>| {
            let settings = seat.settings();
            settings.listen.iter().map(|address| origin(*address, &settings)).collect::<Vec<_>>()
        };
        distinct(self.seats.iter().flat_map(of))
    }

    /// The status pages of the sessions.
    pub fn pages(&self) -> Vec<String> {
        let of = |seat: &Arc<Seat>| seat.addresses().into_iter().map(|address| format!("{address}{PAGE}/"));
        self.seats.iter().flat_map(of).collect()
    }

    /// The files of the certificates that clients see.
    pub fn certificates(&self) -> Vec<PathBuf> {
        let own = self.seats.iter().filter(|seat| !seat.settings().plain);
        distinct(
            own.map(|seat| seat.settings().certificate.clone().unwrap_or_else(|| tls::file(&self.folder))),
        )
    }

    /// Other settings for a session from now on; its key and the certificate are read anew. No client is
    /// dropped. What says where it listens stays, and the audit file: `true` where something of that was to
    /// change, which takes a new start. The certificate of several sessions at one port changes once all of
    /// them have the same settings for it.
    ///
    /// # Errors
    /// When what clients have to show cannot be read, and nothing is changed. When the certificate cannot be
    /// used, or the last session at a port is to have another one than those
    /// before it; everything else is changed by then.
    pub fn reload(&self, name: &str, settings: GatewaySettings) -> Result<bool, Error> {
        let Some(seat) = self.seats.iter().find(|seat| seat.name == name) else { return Ok(true) };
        let is_moved = seat.reload(settings)?;
        self.reload_certificates(seat)?;
        Ok(is_moved)
    }

    /// Those that show one of this session's own, and the one that is made, which is for the names of all.
    fn reload_certificates(&self, seat: &Arc<Seat>) -> Result<(), Error> {
        let all: Vec<_> = self.seats.iter().map(|seat| seat.settings()).collect();
        let names = tls::names(all.iter().map(AsRef::as_ref));
        for (sharing, certificate) in &self.certificates {
            let is_own = |other: &Arc<Seat>| Arc::ptr_eq(other, seat);
            let [first, others @ ..] = &sharing[..] else { continue };
            let settings = first.settings();
            let alike = others.iter().try_for_each(|other| {
                refuse_other_handshakes((&first.name, &settings), (&other.name, &other.settings()))
            });
            match alike {
                Err(error) if sharing.last().is_some_and(is_own) => return Err(error),
                // Sessions are reloaded one after another: those behind it may follow.
                Err(_) => {}
                Ok(()) if settings.certificate.is_none() || sharing.iter().any(is_own) => {
                    certificate.reload(&settings, &names, &self.folder)?;
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// The session of a name.
    pub fn session(&self, name: &str) -> Option<&Handle> {
        self.seats.iter().find(|seat| seat.name == name).map(|seat| &seat.handle)
    }

    /// The certificate that clients see, where the gateway has made it.
    pub fn certificate(process: &Process) -> PathBuf {
        tls::file(&process.folder)
    }

    /// Asks the gateway that runs on this machine with these settings whether it is alive; whether it has a
    /// session is another question.
    ///
    /// # Errors
    /// When it does not answer, or somebody else does.
    pub async fn probe(process: &Process, settings: &GatewaySettings) -> io::Result<()> {
        probe::probe(settings, &process.folder).await
    }

    /// Takes no more connections, finishes the requests that are under way, and logs out.
    ///
    /// # Errors
    /// When IBKR did not confirm a logout.
    pub async fn stop(self) -> Result<(), Error> {
        self.end(false).await
    }

    /// The same without a logout: the sessions stay open for some minutes, for whoever goes on with them.
    pub async fn detach(self) {
        // Nothing is asked of IBKR.
        let _ = self.end(true).await;
    }

    async fn end(self, is_left_open: bool) -> Result<(), Error> {
        // Nobody may be listening any more.
        let _ = self.closing.send(true);
        let until = Instant::now() + FINISHING;
        let is_at_work = || self.lines.count() > 0 || self.seats.iter().any(|seat| seat.is_changing());
        while is_at_work() && Instant::now() < until {
            sleep(Duration::from_millis(20)).await;
        }
        let mut outcome = Ok(());
        for seat in self.seats.iter() {
            outcome = outcome.and(seat.end(is_left_open).await);
        }
        outcome
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.fold(Vec::new(), |mut seen, one| {
        if !seen.contains(&one) {
            seen.push(one);
        }
        seen
    })
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    bind(address).map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::AddrInUse if address.port() == 5000 => {
                "find out who listens there (`ss -ltnp`): IBKR's own gateway, another of ours, or macOS's AirPlay; or choose \
                 another port"
            }
            io::ErrorKind::AddrInUse => "find out who listens there (`ss -ltnp`), or choose another port",
            io::ErrorKind::PermissionDenied => "choose a port above 1023",
            _ => "choose an address of this machine",
        };
        Error::config(format!("the gateway cannot listen at {address}: {error}"), help)
    })
}

fn taken_over(socket: StdListener) -> Result<TcpListener, Error> {
    socket.set_nonblocking(true).and_then(|()| TcpListener::from_std(socket)).map_err(|error| {
        Error::config(format!("a socket that was handed over cannot be used: {error}"), "hand over another")
    })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A gateway that starts anew finds connections of the one before; elsewhere this would share the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ARRIVING)
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|error| Error::config(format!("no address: {error}"), "choose another one"))
}

/// Sessions at one port are told apart by their prefixes.
fn refuse_alike<'a>(sharing: impl Iterator<Item = &'a Login>) -> Result<(), Error> {
    let mut seen: Vec<&Login> = Vec::new();
    for login in sharing {
        if let Some(other) = seen.iter().find(|other| other.gateway.prefix == login.gateway.prefix) {
            return Err(Error::config(
                format!("the sessions {} and {} would answer at the same address", other.name, login.name),
                "give each of them a port or a path prefix of its own",
            ));
        }
        if seen.iter().any(|other| other.gateway.plain != login.gateway.plain) {
            return Err(Error::config(
                format!("at one port of session {} there cannot be both HTTP and HTTPS", login.name),
                "give plain HTTP a port of its own",
            ));
        }
        if let Some(first) = seen.first().filter(|first| !first.gateway.plain) {
            refuse_other_handshakes((&first.name, &first.gateway), (&login.name, &login.gateway))?;
        }
        seen.push(login);
    }
    Ok(())
}

/// Whoever comes to a port shakes hands before saying which session is meant.
fn refuse_other_handshakes(
    (name, settings): (&str, &GatewaySettings),
    (other, others): (&str, &GatewaySettings),
) -> Result<(), Error> {
    match tls::difference(settings, others) {
        None => Ok(()),
        Some(key) => Err(Error::config(
            format!("the sessions {name} and {other} share a port, and differ in {key}"),
            "set it alike for both, or give each of them a port of its own",
        )),
    }
}
