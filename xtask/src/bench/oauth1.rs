//! `cargo xtask bench-oauth1`: logins by OAuth 1.0a and signed requests, ours and those of the published
//! ibind, measured in one run.

use std::{ffi::OsString, fs, path::PathBuf, process::Command};

use super::{
    document::{Circumstances, filled, put_part, table},
    lab,
    login::Costs,
    measure::{self, figures, times},
};
use crate::{
    peers::{self, oauth1::CLIENTS, simulator::Simulator, venv},
    process,
};

pub(crate) const ABOUT: &str = "measure OAuth 1.0a against the published ibind into docs/BENCHMARKS.md (1 min; --quick: less, not into docs/)";

/// Its part of docs/BENCHMARKS.md.
pub(super) const COMMAND: &str = "bench-oauth1";

const TEMPLATE: &str = include_str!("oauth1/document.md");

/// One way, in milliseconds.
const DISTANCES: [u64; 3] = [0, 25, 50];
/// The distance at which processor time is told.
const USUAL: u64 = 25;
/// What is to be reached: microseconds that a signed request may take beyond its HMAC.
const BEYOND_HMAC: f64 = 15.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Async,
    Blocking,
    /// `ibkr-auth login`.
    Program,
    Ibind,
}

const LIBRARIES: [Who; 3] = [Who::Async, Who::Blocking, Who::Ibind];
const PROCESSES: [Who; 4] = [Who::Program, Who::Async, Who::Blocking, Who::Ibind];

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Async => "ibkr-auth-async",
            Self::Blocking => "ibkr-auth-blocking",
            Self::Program => "`ibkr-auth login`",
            Self::Ibind => "ibind 0.2.2",
        }
    }
}

/// What one of them needs at one distance.
struct Login {
    who: Who,
    one_way: u64,
    /// The login alone; the program does not tell it.
    alone: Costs,
    process: Costs,
    requests: u64,
    connections: u64,
}

/// Programs and files.
struct Stage {
    folder: PathBuf,
    release: PathBuf,
    python: PathBuf,
}

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let (logins, command) = match arguments {
        [] => (11, "cargo xtask bench-oauth1"),
        [one] if one == "--quick" => (1, "cargo xtask bench-oauth1 --quick"),
        [other, ..] => return Err(format!("`{COMMAND}` takes --quick, not `{other}`")),
    };
    let stage = Stage::prepare()?;
    let circumstances = Circumstances::now()?;
    let all = stage.logins(logins)?;
    println!("signed requests");
    let ours = process::output(process::cargo().args(["bench", "--quiet", "-p", "ibkr-oauth1"]))?;
    let [ibind] =
        measure::run(&mut stage.measure(&["signed".into(), stage.settings().into()]))?.numbers("signed")?;
    let signed = Signed::read(&ours)?;
    let [near, far] = [DISTANCES[1], DISTANCES[2]];
    let own = [
        ("command", command.to_owned()),
        ("logins", logins.to_string()),
        ("libraries", libraries(&all)),
        ("processes", processes(&all)),
        ("near", near.to_string()),
        ("far", far.to_string()),
        ("signed", ours.trim_end().to_owned()),
        ("goal", signed.goal()),
        ("ibind", figures(ibind)),
        ("times", times(ibind / signed.tickle)),
    ];
    let folder = if arguments.is_empty() { None } else { Some(stage.folder.as_path()) };
    put_part(COMMAND, folder, &filled(TEMPLATE, own.into_iter().chain(circumstances.fields())))?;
    println!("\n{}", signed.goal());
    Ok(())
}

impl Stage {
    fn prepare() -> Result<Self, String> {
        let folder = process::target().join("bench-oauth1");
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let python = venv::python(&process::target().join("peers"), CLIENTS)?;
        let stage = Self { folder, release: lab::build()?, python };
        drop(stage.simulator(0)?);
        stage.write_settings()?;
        Ok(stage)
    }

    /// What the simulator writes, for IBKR's real names, and as many authorities as in the field.
    fn write_settings(&self) -> Result<(), String> {
        let failed = |error| format!("{}: {error}", self.folder.display());
        let text = fs::read_to_string(self.settings().join("oauth1.yaml")).map_err(failed)?;
        let lines = text.lines().filter(|line| !line.starts_with("base_url") && !line.starts_with("ca_file"));
        fs::write(self.config(), lines.collect::<Vec<_>>().join("\n") + "\n").map_err(failed)?;
        let certifi = "import certifi; print(certifi.contents())";
        let bundle = process::output(Command::new(&self.python).args(["-c", certifi]))?;
        let ca = fs::read_to_string(self.settings().join("ca.pem")).map_err(failed)?;
        fs::write(self.bundle(), bundle + &ca).map_err(failed)
    }

    fn settings(&self) -> PathBuf {
        self.folder.join("sim")
    }

    fn config(&self) -> PathBuf {
        self.folder.join("config.yaml")
    }

    fn bundle(&self) -> PathBuf {
        self.folder.join("bundle.pem")
    }

    /// One that has seen nobody yet.
    fn simulator(&self, one_way: u64) -> Result<Simulator, String> {
        let mut options: Vec<OsString> = vec!["--quiet".into(), "--write-config".into()];
        options.push(self.settings().into());
        options.extend(["--one-way-delay-ms".into(), one_way.to_string().into()]);
        options.extend(lab::AT_ONCE.map(OsString::from));
        Simulator::start(&self.release.join("ibkr-sim"), &options)
    }

    fn logins(&self, rounds: usize) -> Result<Vec<Login>, String> {
        let mut all = Vec::new();
        for one_way in DISTANCES {
            let new = |who| {
                let (alone, process) = Default::default();
                Login { who, one_way, alone, process, requests: 0, connections: 0 }
            };
            let mut here = PROCESSES.map(new);
            for round in 1..=rounds {
                println!("login at {one_way} ms one way: round {round} of {rounds}");
                for login in &mut here {
                    self.once(login)?;
                }
            }
            all.extend(here);
        }
        Ok(all)
    }

    fn once(&self, login: &mut Login) -> Result<(), String> {
        let simulator = self.simulator(login.one_way)?;
        let mut command = self.login(login.who)?;
        peers::through(&mut command, simulator.proxy(), &self.bundle());
        let told = measure::run(&mut command)?;
        let counters = simulator.counters()?;
        if counters.refusals > 0 {
            return Err(format!("the simulator refused a request of {}", login.who.name()));
        }
        (login.requests, login.connections) = (counters.requests, counters.tunnels);
        login.process.add(told.cost("process")?);
        if login.who != Who::Program {
            login.alone.add(told.cost("login")?);
        }
        Ok(())
    }

    /// One login in a process of its own.
    fn login(&self, who: Who) -> Result<Command, String> {
        let library = self.release.join("examples/bench").into_os_string();
        let words: Vec<OsString> = match who {
            Who::Async => vec![library, "login".into(), "async".into(), self.config().into()],
            Who::Blocking => vec![library, "login".into(), "blocking".into(), self.config().into()],
            Who::Program => {
                // The session of the login before would do.
                let state = self.folder.join("state");
                if state.exists() {
                    fs::remove_dir_all(&state).map_err(|error| format!("{}: {error}", state.display()))?;
                }
                let program = self.release.join("ibkr-auth").into_os_string();
                let (config, state) = (self.config().into(), state.into());
                let words = ["login".into(), "--quiet".into(), "--config".into(), config];
                [vec![program], words.into(), vec!["--state-dir".into(), state]].concat()
            }
            Who::Ibind => {
                vec![
                    self.python.clone().into(),
                    script("measure_ibind.py").into(),
                    "login".into(),
                    self.settings().into(),
                ]
            }
        };
        let mut command = Command::new(&self.python);
        command.arg(script("run.py")).args(words);
        self.quieten(&mut command);
        Ok(command)
    }

    fn measure(&self, words: &[OsString]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(script("measure_ibind.py")).args(words);
        self.quieten(&mut command);
        command
    }

    /// ibind writes logs, unless it is told to write none.
    fn quieten(&self, command: &mut Command) {
        command.env("IBIND_LOG_TO_CONSOLE", "false").env("IBIND_LOG_TO_FILE", "false");
        command.env("IBIND_LOGS_DIR", &self.folder);
    }
}

fn script(name: &str) -> PathBuf {
    process::root().join("xtask/bench").join(name)
}

fn of(all: &[Login], who: Who, one_way: u64) -> &Login {
    let found = all.iter().find(|login| login.who == who && login.one_way == one_way);
    found.expect("measured at every distance")
}

/// Round trips, by what distance alone adds to the fastest.
fn round_trips(all: &[Login], who: Who) -> f64 {
    let [near, far] = [DISTANCES[1], DISTANCES[2]];
    let wall = |one_way| of(all, who, one_way).alone.wall.lowest();
    (wall(far) - wall(near)) / (2_000.0 * (far - near) as f64)
}

fn libraries(all: &[Login]) -> String {
    let mut head = vec!["library".to_owned()];
    head.extend(DISTANCES.map(|distance| format!("ms at {distance} ms one way")));
    head.push("round trips".to_owned());
    head.push(format!("processor time at {USUAL} ms, ms"));
    head.extend(["requests", "connections"].map(str::to_owned));
    let rows = LIBRARIES.map(|who| {
        let mut row = vec![who.name().to_owned()];
        row.extend(DISTANCES.map(|distance| {
            let [login, first] = [who, LIBRARIES[0]].map(|who| of(all, who, distance));
            login.alone.wall.beside(&first.alone.wall, 1e3)
        }));
        row.push(format!("{:.1}", round_trips(all, who)));
        let [login, first] = [who, LIBRARIES[0]].map(|who| of(all, who, USUAL));
        row.push(login.alone.processor.beside(&first.alone.processor, 1e3));
        row.extend([login.requests.to_string(), login.connections.to_string()]);
        row
    });
    table(head, rows)
}

fn processes(all: &[Login]) -> String {
    let mut head = vec!["process".to_owned()];
    head.extend(DISTANCES.map(|distance| format!("ms at {distance} ms one way")));
    head.extend(DISTANCES.map(|distance| format!("processor time at {distance} ms, ms")));
    let rows = PROCESSES.map(|who| {
        let mut row = vec![match who {
            Who::Program => who.name().to_owned(),
            Who::Async | Who::Blocking => format!("a program with {}", who.name()),
            Who::Ibind => format!("Python with {}", who.name()),
        }];
        let pairs = DISTANCES.map(|distance| [who, PROCESSES[0]].map(|who| of(all, who, distance)));
        row.extend(pairs.map(|[login, first]| login.process.wall.beside(&first.process.wall, 1e3)));
        row.extend(pairs.map(|[login, first]| login.process.processor.beside(&first.process.processor, 1e3)));
        row
    });
    table(head, rows)
}

/// What `cargo bench -p ibkr-oauth1` says of signed requests, in microseconds.
struct Signed {
    /// The whole header of a tickle.
    tickle: f64,
    /// The most that any of them takes beyond its HMAC.
    beyond: f64,
}

impl Signed {
    fn read(text: &str) -> Result<Self, String> {
        // The table of requests alone has four columns.
        let rows = text.lines().filter_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            match cells[..] {
                [what, _, whole, beyond] => Some((what, whole.parse().ok()?, beyond.parse().ok()?)),
                _ => None,
            }
        });
        let rows: Vec<(&str, f64, f64)> = rows.collect();
        let tickle = rows.iter().find(|(what, ..)| *what == "tickle");
        let (_, tickle, _) = *tickle.ok_or_else(|| format!("no tickle in what was measured:\n{text}"))?;
        Ok(Self { tickle, beyond: rows.iter().map(|(.., beyond)| *beyond).fold(0.0, f64::max) })
    }

    fn goal(&self) -> String {
        let reached = if self.beyond < BEYOND_HMAC { "reached" } else { "**not reached**" };
        format!(
            "The goal is less than {BEYOND_HMAC} µs beyond the HMAC: {reached}, with {} µs at most.",
            figures(self.beyond)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Signed;

    #[test]
    fn the_table_of_requests_is_read() {
        let text = "| request | bare HMAC, median µs | whole header, median µs | beyond the HMAC, µs |\n|---|---|---|---|\n\
                    | tickle | 1.00 | 4.00 | 3.00 |\n| snapshot, query | 1.00 | 21.00 | 20.00 |\n\n\
                    | step of a login | median µs |\n|---|---|\n| challenge, 2048 bits | 900 |\n";
        let signed = Signed::read(text).unwrap();
        assert_eq!((signed.tickle, signed.beyond), (4.0, 20.0));
        assert!(signed.goal().contains("**not reached**, with 20.0 µs"), "{}", signed.goal());
        assert!(Signed::read("").is_err());
    }
}
