//! What can be said on the command line, and what it means for the simulator.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::{Calendar, Client, Fault, Moment, Ports, Region, Rules, ServerConfig, SimConfig, User, demo};
use clap::ValueEnum;

/// Examples for the help.
pub const EXAMPLES: &str = "\
Examples:
  ibkr-sim
      Serve the demo client; print what to export and a config.yaml.
  ibkr-sim --write-config sim
      Also write sim/config.yaml, sim/private.pem, sim/ca.pem and sim/ca-key.pem.
  ibkr-sim --write-config sim --credential alice --credential bob
      Two usernames: a profile for each.
  ibkr-sim --json --port 0
      For programs: a line of JSON with the URLs when it is ready, then one for each request.
  ibkr-sim --client-id MyClient --kid main --credential me1234 --public-key public.pem
      Serve a client of your own: openssl rsa -in private.pem -pubout -out public.pem
  ibkr-sim --fault '{\"on\":\"tickle\",\"calls\":\"2..4\",\"do\":{\"status\":503}}'
      Answer the second to fourth tickle with 503.
  ibkr-sim --fault '{\"path\":\"/v1/api/iserver/contract/*/info\",\"do\":{\"stub\":{\"symbol\":\"AAPL\"}}}'
      Serve paths that it does not know, to sessions that are good.
  ibkr-sim --rule bearer_life=10m --rule bearer_extended_by=any_request
      Let an SSO bearer live ten minutes from the last request.
  ibkr-sim --scale 60 --ibkr-hours --region zug
      A day in 24 minutes, with European midnight and reset.
  curl -d '{\"step_s\":86400}' http://127.0.0.1:8446/time
      Step the clock of a running simulator by a day.

Logins:
  They cost nothing here, and there is no limit to them unless --rule login_limit=3/1h sets
  one. A client that counts its own logins may stop all the same: let it remember them in a
  folder of its own, with ibkr-auth by --state-dir, which also keeps simulated sessions and
  real ones apart.";

/// What the simulator is told on its command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Register this client instead of the demo client
    #[arg(long, requires = "credential", requires = "public_key", value_name = "ID")]
    client_id: Option<String>,
    /// Name of its key
    #[arg(long, default_value = demo::KEY_ID, value_name = "KEY_ID")]
    kid: String,
    /// Username it logs in, instead of the demo username; may be given several times
    #[arg(long, value_name = "NAME")]
    credential: Vec<String>,
    /// Its public key, PEM
    #[arg(long, requires = "client_id", value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// The usernames trade live accounts, not paper accounts
    #[arg(long)]
    live: bool,

    /// Write a ready-to-use config.yaml, private.pem, ca.pem and ca-key.pem into this directory, and
    /// oauth1.yaml with its three oauth1-….pem; files that are not the simulator's are left alone. The
    /// authority is the same at the next start
    #[arg(long, value_name = "DIR", conflicts_with = "client_id")]
    pub(super) write_config: Option<PathBuf>,
    /// Keep ca.pem and ca-key.pem in this directory, so that the authority is the same at the next start
    #[arg(long, value_name = "DIR")]
    pub(super) ca_dir: Option<PathBuf>,

    /// Port of the API, over TLS; the three others follow it unless they are given. 0: a free one for each
    #[arg(long, default_value_t = 8443)]
    port: u16,
    /// Port of the address look-up [default: the one after --port]
    #[arg(long, value_name = "PORT")]
    lookup_port: Option<u16>,
    /// Port of the CONNECT proxy [default: the second after --port]
    #[arg(long, value_name = "PORT")]
    proxy_port: Option<u16>,
    /// Port of the admin interface [default: the third after --port]
    #[arg(long, value_name = "PORT")]
    admin_port: Option<u16>,
    /// Serve the API over plain HTTP, on this machine alone: no authority has to be trusted
    #[arg(long)]
    pub(super) plain: bool,

    /// Public address at which local callers are seen
    #[arg(long, default_value = "203.0.113.7", value_name = "ADDRESS")]
    ip: IpAddr,
    /// A fault, as JSON; may be given several times
    #[arg(long, value_name = "JSON")]
    fault: Vec<String>,
    /// A file of faults: a JSON array, or a fault on each line
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// What the servers' clock shows at the start: Unix seconds or an HTTP date
    #[arg(long, value_name = "TIME", value_parser = moment)]
    start: Option<Moment>,
    /// How fast the servers' clock runs; 0 stops it
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
    scale: f64,
    /// Delay every byte in each direction by this much
    #[arg(long, default_value_t = 0, value_name = "MS")]
    one_way_delay_ms: u64,
    /// Whose midnight and nightly reset count
    #[arg(long, value_enum, default_value = "new-york")]
    region: Zone,
    /// Keep IBKR's hours: nightly reset, Saturday maintenance, the midnight that ends sessions
    #[arg(long)]
    ibkr_hours: bool,
    /// Set what the servers check and how long things live, such as bearer_life=10m; may be given several
    /// times. `--rule help` lists all rules
    #[arg(long = "rule", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<Setting>,
    /// Drop the pacing limits: --rule pacing=off
    #[arg(long)]
    no_pacing: bool,
    /// Accept any `aud` in client assertions: --rule any_audience=true
    #[arg(long)]
    any_audience: bool,
    /// Everything that looks random comes from this number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print no line for each request, only what to export and a summary at the end
    #[arg(short, long)]
    pub(super) quiet: bool,
}

/// A `--rule`.
#[derive(Debug, Clone)]
enum Setting {
    Help,
    Rule { name: String, value: String },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Zone {
    NewYork,
    Zug,
    HongKong,
}

/// Who is registered, for the instructions.
pub(super) struct Identity {
    pub(super) client_id: String,
    pub(super) kid: String,
    pub(super) credentials: Vec<String>,
    pub(super) is_demo: bool,
}

type Error = Box<dyn std::error::Error>;

impl Args {
    /// Whether nothing but the list of rules is wanted.
    pub(super) fn asks_for_rules(&self) -> bool {
        self.settings.iter().any(|setting| matches!(setting, Setting::Help))
    }

    pub(super) fn server_config(&self) -> Result<ServerConfig, Error> {
        let mut sim = self.registered()?;
        sim.seed = self.seed;
        sim.public_ip = self.ip;
        sim.rules.any_audience = self.any_audience;
        if self.no_pacing {
            sim.rules.pacing = None;
        }
        for setting in &self.settings {
            if let Setting::Rule { name, value } = setting {
                sim.rules.set(name, value)?;
            }
        }
        if self.ibkr_hours {
            sim.calendar = Calendar::ibkr();
        }
        sim.calendar.region = match self.region {
            Zone::NewYork => Region::NewYork,
            Zone::Zug => Region::Zug,
            Zone::HongKong => Region::HongKong,
        };
        for script in &self.fault {
            sim.faults.extend(Fault::parse_script(script).map_err(|error| format!("--fault: {error}"))?);
        }
        if let Some(file) = &self.faults {
            let script = read(file, "--faults")?;
            let faults = Fault::parse_script(&String::from_utf8_lossy(&script))
                .map_err(|error| format!("{}: {error}", file.display()))?;
            sim.faults.extend(faults);
        }
        let ports = Ports {
            https: self.port,
            lookup: self.port_after(1, self.lookup_port)?,
            proxy: self.port_after(2, self.proxy_port)?,
            admin: self.port_after(3, self.admin_port)?,
        };
        Ok(ServerConfig {
            start: self.start,
            scale: self.scale,
            one_way_delay: Duration::from_millis(self.one_way_delay_ms),
            ports,
            plain: self.plain,
            ..sim.into()
        })
    }

    fn port_after(&self, distance: u16, given: Option<u16>) -> Result<u16, Error> {
        match given {
            Some(port) => Ok(port),
            None if self.port == 0 => Ok(0),
            None => self.port.checked_add(distance).ok_or_else(|| {
                format!("--port {} leaves no room for the three ports after it", self.port).into()
            }),
        }
    }

    fn registered(&self) -> Result<SimConfig, Error> {
        let user = |name: &String| if self.live { User::live(name) } else { User::paper(name) };
        let users: Vec<User> = self.credential.iter().map(user).collect();
        let (Some(client_id), Some(file)) = (&self.client_id, &self.public_key) else {
            let mut sim = SimConfig::default();
            if !users.is_empty() {
                sim.users = users;
            } else if self.live {
                sim.users = vec![User::live(demo::CREDENTIAL)];
            }
            for client in &mut sim.clients {
                client.credentials = sim.users.iter().map(|user| user.credential.clone()).collect();
            }
            let first = sim.users.first().map_or("", |user| &user.credential);
            for token in sim.consumers.iter_mut().flat_map(|consumer| &mut consumer.access_tokens) {
                first.clone_into(&mut token.credential);
            }
            return Ok(sim);
        };
        let mut sim = SimConfig::without_clients();
        let client = self.credential.iter().fold(Client::new(client_id), Client::with_credential);
        let client = client.with_key(&self.kid, &read(file, "--public-key")?);
        sim.clients.push(client.map_err(|error| format!("{}: {error}", file.display()))?);
        sim.users = users;
        Ok(sim)
    }

    pub(super) fn identity(&self, sim: &SimConfig) -> Identity {
        let client = sim.clients.first();
        Identity {
            client_id: client.map_or_else(String::new, |client| client.client_id.clone()),
            kid: client.and_then(|client| client.keys.keys().next().cloned()).unwrap_or_default(),
            credentials: sim.users.iter().map(|user| user.credential.clone()).collect(),
            is_demo: self.client_id.is_none(),
        }
    }
}

fn read(file: &Path, flag: &str) -> Result<Vec<u8>, Error> {
    fs::read(file).map_err(|error| {
        format!("cannot read {}: {error}; name a file with {flag} that can be read", file.display()).into()
    })
}

fn setting(text: &str) -> Result<Setting, String> {
    if text == "help" {
        return Ok(Setting::Help);
    }
    let (name, value) = text.split_once('=').ok_or("write it NAME=VALUE, or `help` for a list of all")?;
    Rules::default().set(name, value).map_err(|error| error.to_string())?;
    Ok(Setting::Rule { name: name.to_owned(), value: value.to_owned() })
}

fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(secs) = text.parse() {
        return Ok(Moment::from_secs(secs));
    }
    let time: Result<SystemTime, _> = httpdate::parse_http_date(text);
    time.map(Moment::from)
        .map_err(|_| "neither Unix seconds nor like `Sat, 21 Nov 2026 19:00:00 GMT`".to_owned())
}
