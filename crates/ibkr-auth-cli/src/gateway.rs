//! `ibkr-auth gateway`: stands in for IBKR's own gateway on localhost:5000.

mod activation;
#[cfg(feature = "simulator")]
mod demo;
mod sessions;
mod watch;

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
};

use clap::ValueHint;
use ibkr_gateway::{Gateway, Login, Process};
use tokio::runtime::{Builder, Runtime};

use crate::{exit::Exit, failure::Failure, keeping::Keeping, options::Global, output::Output};
use watch::Watch;

/// Files, IBKR and a person need some descriptors beside the connections of clients.
const RESERVED: usize = 200;
const MOST_CONNECTIONS: usize = 16_000;

#[derive(Debug, clap::Args)]
pub(crate) struct GatewayArgs {
    #[cfg(feature = "simulator")]
    /// Try it on a simulator inside this program, without an account
    #[arg(long, conflicts_with_all = ["profiles", "import_conf", "import_ibind", "probe"])]
    demo: bool,
    /// Serve these profiles of the settings, each at its own port or path
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_hint = ValueHint::Other)]
    profiles: Vec<String>,
    /// Listen there instead of where the settings say; a port, or an address and a port
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',', value_parser = address)]
    listen: Vec<SocketAddr>,
    /// Plain HTTP instead of HTTPS
    #[arg(long)]
    plain: bool,
    /// Refuse orders, and everything else that changes an account
    #[arg(long)]
    read_only: bool,
    /// Take port, certificate and addresses from the Java gateway's settings
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    import_conf: Option<PathBuf>,
    /// Take address and port from the variables `IBIND_…`
    #[arg(long, conflicts_with = "import_conf")]
    import_ibind: bool,
    #[command(flatten)]
    keeping: Keeping,
    /// Ask the gateway that runs with these settings whether it is alive, and end: for containers
    #[arg(long, conflicts_with = "profiles")]
    probe: bool,
    /// Leave the session open at exit, for the next start
    #[arg(long)]
    leave_open: bool,
    /// Log in although IBKR has just refused the same settings
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(global: &Global, output: Output, args: &GatewayArgs) -> Result<(), Failure> {
    #[cfg(feature = "simulator")]
    if args.demo {
        return demo::run(output, args);
    }
    let process = Process { folder: sessions::folder(global, args)?, most_connections: most_connections() };
    if args.probe {
        return probe(global, output, args, &process);
    }
    let sockets = activation::sockets()?;
    let mut logins = sessions::logins(global, output, args)?;
    activation::assign(&sockets, &mut logins)?;
    let started = sessions::started(global, args, &logins);
    let anew = || sessions::anew(&started, output, args);
    serve(output, args, &process, (logins, sockets), &anew, |_| {})
}

/// Whether the one that runs is alive.
fn probe(global: &Global, output: Output, args: &GatewayArgs, process: &Process) -> Result<(), Failure> {
    let settings = sessions::settings(global, output, args)?;
    runtime()?
        .block_on(Gateway::probe(process, &settings))
        .map_err(|error| Failure::new(Exit::Failed, "the gateway does not answer").why(error.to_string()))
}

/// Reads the settings once more.
type Anew<'a> = dyn Fn() -> Result<Vec<sessions::Served>, Failure> + 'a;

/// Serves until somebody wants it to end.
fn serve(
    output: Output,
    args: &GatewayArgs,
    process: &Process,
    (logins, sockets): (Vec<Login>, Vec<TcpListener>),
    anew: &Anew<'_>,
    introduce: impl FnOnce(&Gateway),
) -> Result<(), Failure> {
    let runtime = runtime()?;
    let names: Vec<String> = logins.iter().map(|login| login.name.clone()).collect();
    let gateway = runtime.block_on(Gateway::start_on(process, logins, sockets))?;
    let watch = Watch::new(output, &runtime, &gateway, &names, args.keeping.compete);
    watch.greet(&gateway);
    introduce(&gateway);
    watch.run(&gateway, anew);
    // Whoever reads this may have left. The requests under way and the sessions still get their end.
    let told = output.line(if args.leave_open { "leaving the session open" } else { "logging out" });
    match args.leave_open {
        true => runtime.block_on(gateway.detach()),
        false => runtime.block_on(gateway.stop())?,
    }
    told
}

fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_name("gateway")
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "the system gives no threads").why(error.to_string()))
}

/// As many as the system allows. Each is a file to it.
fn most_connections() -> usize {
    crate::harden::raise_open_files()
        .map_or(MOST_CONNECTIONS, |most| most.saturating_sub(RESERVED).min(MOST_CONNECTIONS))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let of_this_machine = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    text.parse().or_else(|_| text.parse().map(of_this_machine)).map_err(|_| {
        "is neither a port nor an address with a port, such as 5000, 127.0.0.1:5000 or [::1]:5000".to_owned()
    })
}
