//! Who is measured, and everything around them: processes on loopback, each on a core that is named.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::Plan;
use crate::{peers::venv, process};

/// What is measured has a core of its own; everything else has the other one.
pub(super) const MEASURED: &str = "0";
pub(super) const OTHERS: &str = "1";

const ORIGIN: &str = include_str!("origin.conf");
const PROXY: &str = include_str!("proxy.conf");
/// Bytes of an answer: a row or two, and as long as anything of IBKR's is.
const SMALL: usize = 400;
const LARGE: usize = 1 << 20;

const PATIENCE: Duration = Duration::from_secs(20);

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The server behind the others.
    Direct,
    Nginx,
    Gateway,
    Ibproxy,
}

impl Who {
    pub(super) const ALL: [Self; 4] = [Self::Direct, Self::Nginx, Self::Gateway, Self::Ibproxy];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "the server itself",
            Self::Nginx => "nginx",
            Self::Gateway => "ibkr-auth gateway",
            Self::Ibproxy => "ibproxy 0.2.1",
        }
    }
}

/// Files, programs and processes.
pub(super) struct Stage {
    pub(super) folder: PathBuf,
    ours: PathBuf,
    python: PathBuf,
    pub(super) nginx: String,
    running: Vec<Running>,
    places: Vec<Place>,
}

/// Where somebody answers.
pub(super) struct Place {
    pub(super) who: Who,
    pub(super) url: String,
    pub(super) process: u32,
    /// KiB before the first request.
    pub(super) idle: f64,
}

/// Ended with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Stage {
    /// Builds and installs what is missing.
    pub(super) fn prepare(plan: &Plan) -> Result<Self, String> {
        let target = process::target();
        let folder = target.join("bench-gateway");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let nginx = version("nginx", "-v")?;
        version("wrk", "-v")?;
        let python = venv::python(&target.join("peers"), "ibproxy-0.2.1")?;
        println!("building with the profile {}", plan.profile);
        let build = ["build", "--quiet", "-p", "ibkr-auth-tests", "--example", "bench_gateway", "--profile"];
        process::status(process::cargo().args(build).arg(plan.profile))?;
        let ours = target.join(plan.profile).join("examples/bench_gateway");
        Ok(Self { folder, ours, python, nginx, running: Vec::new(), places: Vec::new() })
    }

    /// Starts everybody, anew.
    pub(super) fn open(&mut self) -> Result<(), String> {
        self.running.clear();
        self.places.clear();
        let world = self.ours(OTHERS, &["world"]);
        let words = self.started(world, "world")?.1;
        let [simulator, lookup] = two(&words)?;
        let [origin, proxy, ibproxy] = [free_port()?, free_port()?, free_port()?];
        self.write_pages()?;
        let upstream = format!("https://127.0.0.1:{origin}");
        self.nginx(OTHERS, "origin", ORIGIN, &[("port", &origin.to_string()), ("simulator", &simulator)])?;
        self.place(Who::Direct, &upstream, origin)?;
        self.nginx(
            MEASURED,
            "proxy",
            PROXY,
            &[("port", &proxy.to_string()), ("origin", &origin.to_string())],
        )?;
        self.place(Who::Nginx, &format!("https://127.0.0.1:{proxy}"), proxy)?;

        let mut serve = self.ours(MEASURED, &["serve"]);
        serve.args([&upstream, &lookup, "tls"]);
        let (process, address) = self.started(serve, "serve")?;
        let url = format!("https://{address}");
        self.places.push(Place { who: Who::Gateway, url, process, idle: memory(process) });

        let mut command = pinned(MEASURED, &self.python);
        command.arg(process::root().join("xtask/bench/run_ibproxy.py")).arg(self.folder.join("config.yaml"));
        command.args([ibproxy.to_string(), origin.to_string()]);
        command.current_dir(&self.folder).env("SSL_CERT_FILE", self.folder.join("ca.pem"));
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "SSL_CERT_DIR"] {
            command.env_remove(name);
        }
        self.run(command)?;
        self.place(Who::Ibproxy, &format!("http://127.0.0.1:{ibproxy}"), ibproxy)
    }

    pub(super) fn of(&self, who: Who) -> Result<&Place, String> {
        self.places.iter().find(|place| place.who == who).ok_or(format!("{} is not there", who.name()))
    }

    /// Our part of it: see `tests/bench_gateway`.
    pub(super) fn ours(&self, core: &str, words: &[&str]) -> Command {
        let mut command = pinned(core, &self.ours);
        command.args(words).arg(&self.folder);
        command
    }

    fn nginx(&mut self, core: &str, name: &str, text: &str, fields: &[(&str, &str)]) -> Result<(), String> {
        let folder = self.folder.display().to_string();
        let fill = |text: String, (field, value): &(&str, &str)| text.replace(&format!("{{{field}}}"), value);
        let text = fields.iter().chain([&("folder", &*folder)]).fold(text.to_owned(), fill);
        let file = self.folder.join(format!("{name}.conf"));
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut command = pinned(core, "nginx");
        command.arg("-p").arg(&self.folder).arg("-c").arg(file);
        self.run(command)
    }

    fn run(&mut self, mut command: Command) -> Result<(), String> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        self.running.push(Running(child.map_err(|error| error.to_string())?));
        Ok(())
    }

    /// Starts a program of ours; what it says when it is ready.
    fn started(&mut self, mut command: Command, name: &str) -> Result<(u32, String), String> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut running = Running(child.map_err(|error| error.to_string())?);
        let stdout = running.0.stdout.take().ok_or("no pipe")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        let words = line.trim().strip_prefix(name).ok_or(format!("`{name}` did not start"))?;
        let process = running.0.id();
        self.running.push(running);
        Ok((process, words.trim().to_owned()))
    }

    /// Waits until the process that was started last answers.
    fn place(&mut self, who: Who, url: &str, port: u16) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > until {
                return Err(format!("{} does not answer", who.name()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        let process = self.running.last().map_or(0, |running| running.0.id());
        self.places.push(Place { who, url: url.to_owned(), process, idle: memory(process) });
        Ok(())
    }

    /// The answers that the server behind all of them gives.
    fn write_pages(&self) -> Result<(), String> {
        let row = r#"{"conid":265598,"symbol":"AAPL","exchange":"NASDAQ","31":"100.00"},"#;
        for (name, size) in [("small.json", SMALL), ("large.json", LARGE)] {
            let mut text = format!("[{}{{}}]", row.repeat(size / row.len()));
            text.extend(std::iter::repeat_n(' ', size.saturating_sub(text.len())));
            let file = self.folder.join(name);
            fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(())
    }
}

/// Resident memory of a process in KiB.
pub(super) fn memory(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
}

/// Processor time of a process in seconds.
pub(super) fn processor(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    // In hundredths of a second, which Linux fixes for programs.
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

pub(super) fn pinned(core: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// What the program says of itself, on whatever output and with whatever status.
fn version(program: &str, option: &str) -> Result<String, String> {
    let missing = |error| format!("{program}: {error}; on Debian: apt-get install nginx wrk");
    let output = Command::new(program).arg(option).output().map_err(missing)?;
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim_start_matches("nginx version: ").to_owned())
}

fn free_port() -> Result<u16, String> {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    port.map(|address| address.port()).map_err(|error| error.to_string())
}

fn two(words: &str) -> Result<[String; 2], String> {
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    words.try_into().map_err(|words| format!("two words, not {words:?}"))
}
