//! docs/BENCHMARKS.md, docs/benchmarks.svg and the line of the README: what was measured, in words.

use std::{fs, path::Path, process::Command, time::Instant};

use super::{
    IBAUTH, Plan,
    core::Core,
    gateway,
    keep::Crowd,
    lab::Who,
    login::{LIBRARIES, Login, Logins, PROCESSES},
    measure::{figures, times},
    oauth1, picture,
    start::Start,
};
use crate::process;

const TEMPLATE: &str = include_str!("document.md");

/// The commands that write parts of docs/BENCHMARKS.md of their own.
const PARTS: [&str; 2] = [oauth1::COMMAND, gateway::COMMAND];

/// After each of these parts.
const END: &str = "<!-- to here. -->\n";

/// Before the paragraph of the README that is replaced.
const MARK: &str = "<!-- `cargo xtask bench` writes this paragraph. -->\n";

pub(super) struct Results {
    pub(super) logins: Vec<Login>,
    pub(super) crowds: Vec<Crowd>,
    pub(super) starts: Vec<Start>,
    pub(super) core: Core,
}

/// Where and when it was measured.
pub(super) struct Circumstances {
    begin: Instant,
    date: String,
    machine: String,
    rust: String,
    python: String,
    load: String,
}

impl Circumstances {
    pub(super) fn now() -> Result<Self, String> {
        Ok(Self {
            begin: Instant::now(),
            date: output("date", &["-u", "+%Y-%m-%d"])?,
            machine: machine(),
            rust: output("rustc", &["--version"])?,
            python: output("python3", &["--version"])?,
            load: load(),
        })
    }

    /// For a template.
    pub(super) fn fields(&self) -> [(&'static str, String); 6] {
        let minutes = format!("{:.0} min", (self.begin.elapsed().as_secs_f64() / 60.0).ceil());
        [
            ("date", self.date.clone()),
            ("machine", self.machine.clone()),
            ("rust", self.rust.clone()),
            ("python", self.python.clone()),
            ("load", self.load.clone()),
            ("took", minutes),
        ]
    }
}

/// Into docs/ and the README, unless another folder is named.
pub(super) fn write(
    plan: &Plan,
    results: &Results,
    circumstances: &Circumstances,
    elsewhere: Option<&Path>,
) -> Result<(), String> {
    let headline = headline(plan, results);
    let text = text(plan, results, &headline, circumstances);
    let docs = process::root().join("docs");
    let folder = elsewhere.unwrap_or(&docs);
    let page = folder.join("BENCHMARKS.md");
    let old = fs::read_to_string(&page).unwrap_or_default();
    let parts = PARTS.iter().filter_map(|command| Some(marked(command, part(&old, command)?)));
    put(&page, &(text + &parts.collect::<String>()))?;
    put(&folder.join("benchmarks.svg"), &picture::svg(plan, results))?;
    if elsewhere.is_none() {
        let readme = process::root().join("README.md");
        let old = fs::read_to_string(&readme).map_err(|error| format!("{}: {error}", readme.display()))?;
        put(&readme, &quoted(&old, &headline)?)?;
    }
    println!("\n{headline}");
    Ok(())
}

/// Replaces the part of docs/BENCHMARKS.md that the command writes, or of the page in another folder.
pub(super) fn put_part(command: &str, elsewhere: Option<&Path>, text: &str) -> Result<(), String> {
    let docs = process::root().join("docs");
    let page = elsewhere.unwrap_or(&docs).join("BENCHMARKS.md");
    put(&page, &with_part(&fs::read_to_string(&page).unwrap_or_default(), command, text))
}

/// The command's part of a page.
fn part<'a>(page: &'a str, command: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&begin(command))?;
    Some(rest.split_once(END)?.0)
}

fn begin(command: &str) -> String {
    format!("<!-- `cargo xtask {command}` writes from here -->\n")
}

fn marked(command: &str, part: &str) -> String {
    format!("\n{}{part}{END}", begin(command))
}

fn with_part(page: &str, command: &str, text: &str) -> String {
    let new = marked(command, text);
    match part(page, command) {
        Some(old) => page.replace(&marked(command, old), &new),
        None => page.to_owned() + &new,
    }
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    println!("writing {}", path.display());
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The README with this headline.
fn quoted(readme: &str, headline: &str) -> Result<String, String> {
    let (before, rest) = readme.split_once(MARK).ok_or(format!("README.md lacks the line {MARK}"))?;
    let (_, after) = rest.split_once("\n\n").unwrap_or((rest, ""));
    Ok(format!("{before}{MARK}{headline} More: [docs/BENCHMARKS.md](docs/BENCHMARKS.md).\n\n{after}"))
}

fn headline(plan: &Plan, results: &Results) -> String {
    let (logins, theirs) = (Logins(&results.logins), Who::Ibauth(0));
    let at = plan.usual_distance();
    let [ours, ibauth] = [Who::Async, theirs].map(|who| logins.of(who, at));
    let wall = |login: &Login| login.alone.wall.median() / 1e3;
    let processor = |login: &Login| login.alone.processor.median() / 1e3;
    let tickle = |who| {
        let first = results.crowds.iter().find(|crowd| crowd.who == who);
        first.map_or(f64::NAN, |crowd| crowd.tickle.median() / 1e3)
    };
    let against = |ours: f64, theirs: f64| {
        format!("{} ms against {} ({})", figures(ours), figures(theirs), times(theirs / ours))
    };
    format!(
        "Measured against the simulator: a login takes {:.1} round trips, with ibauth {} it takes {:.1}: at {at} ms one way {}. Its processor time is {}, that of a \
         tickle of one session alone {}.",
        logins.round_trips(Who::Async, plan.near_and_far()),
        IBAUTH[0],
        logins.round_trips(theirs, plan.near_and_far()),
        against(wall(ours), wall(ibauth)),
        against(processor(ours), processor(ibauth)),
        against(tickle(Who::Async), tickle(theirs)),
    )
}

fn text(plan: &Plan, results: &Results, headline: &str, circumstances: &Circumstances) -> String {
    let (logins, core) = (Logins(&results.logins), &results.core);
    let (near, far) = plan.near_and_far();
    let fields = [
        ("headline", headline.to_owned()),
        ("command", plan.command.to_owned()),
        ("logins", plan.logins.to_string()),
        ("crowds", plan.crowd_runs.to_string()),
        ("starts", plan.starts.to_string()),
        ("near", near.to_string()),
        ("far", far.to_string()),
        ("libraries", libraries(plan, &logins)),
        ("processes", processes(plan, &logins)),
        ("kept", kept(&results.crowds)),
        ("scale", scale(&results.crowds)),
        ("started", started(&results.starts)),
        ("bare", plan.bare.to_string()),
        ("calls", format!("{:.0}", core.calls)),
        ("call", core.call.shown(1.0)),
        ("throughput", figures(1e3 / core.call.median())),
        ("hour", core.hour.shown(1.0)),
        ("bytes", format!("{:.0}", core.memory)),
        ("signatures", core.signatures.trim_end().to_owned()),
    ];
    filled(TEMPLATE, fields.into_iter().chain(circumstances.fields()))
}

/// A template with its fields.
pub(super) fn filled(template: &str, fields: impl IntoIterator<Item = (&'static str, String)>) -> String {
    fields
        .into_iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), &value))
}

fn libraries(plan: &Plan, logins: &Logins<'_>) -> String {
    let at = plan.usual_distance();
    let mut head = vec!["library".to_owned()];
    head.extend(plan.distances.iter().map(|distance| format!("ms at {distance} ms one way")));
    head.push("round trips".to_owned());
    head.push(format!("processor time at {at} ms, ms"));
    head.extend(["requests".to_owned(), "connections".to_owned()]);
    let rows = LIBRARIES.map(|who| {
        let mut row = vec![who.name()];
        row.extend(plan.distances.iter().map(|&distance| {
            let [login, first] = [who, LIBRARIES[0]].map(|who| logins.of(who, distance));
            login.alone.wall.beside(&first.alone.wall, 1e3)
        }));
        row.push(format!("{:.1}", logins.round_trips(who, plan.near_and_far())));
        let [login, first] = [who, LIBRARIES[0]].map(|who| logins.of(who, at));
        row.push(login.alone.processor.beside(&first.alone.processor, 1e3));
        row.extend([login.requests.to_string(), login.connections.to_string()]);
        row
    });
    table(head, rows)
}

fn processes(plan: &Plan, logins: &Logins<'_>) -> String {
    let at = plan.usual_distance();
    let mut head = vec!["process".to_owned()];
    head.extend(plan.distances.iter().map(|distance| format!("ms at {distance} ms one way")));
    head.push(format!("processor time at {at} ms, ms"));
    let rows = PROCESSES.map(|who| {
        let mut row = vec![match who {
            Who::Program => "`ibkr-auth login`".to_owned(),
            Who::Async | Who::Blocking => format!("a program with {}", who.name()),
            Who::Ibauth(_) => format!("Python with {}", who.name()),
        }];
        row.extend(plan.distances.iter().map(|&distance| {
            let [login, first] = [who, PROCESSES[0]].map(|who| logins.of(who, distance));
            login.process.wall.beside(&first.process.wall, 1e3)
        }));
        let [login, first] = [who, PROCESSES[0]].map(|who| logins.of(who, at));
        row.push(login.process.processor.beside(&first.process.processor, 1e3));
        row
    });
    table(head, rows)
}

fn kept(crowds: &[Crowd]) -> String {
    let head = [
        "who",
        "processes × sessions",
        "processor time of a tickle, ms",
        "memory of a process, MiB",
        "memory that a session adds, KiB",
    ];
    let rows = crowds.iter().map(|crowd| {
        let closed = if crowd.closed { ", *closed*" } else { "" };
        // The first session of a process pays for what all share: that is in the process's own figure.
        let session = if crowd.sessions == 1 { "the process".to_owned() } else { crowd.session.shown(1.0) };
        vec![
            format!("{}{closed}", crowd.who.name()),
            format!("{} × {}", crowd.processes, crowd.sessions),
            crowd.tickle.beside(&crowds[0].tickle, 1e3),
            crowd.process.shown(1024.0),
            session,
        ]
    });
    table(head.map(str::to_owned), rows)
}

fn scale(crowds: &[Crowd]) -> String {
    let each = (0..IBAUTH.len()).filter_map(|version| {
        let crowd = crowds.iter().rfind(|crowd| crowd.who == Who::Ibauth(version) && crowd.sessions == 1)?;
        let gigabytes = crowd.process.median() * 1_000.0 / 1024.0 / 1024.0;
        let cores = crowd.tickle.median() * 1_000.0 / 60e6;
        Some(format!(
            "1,000 of them with ibauth {} would take {} GiB and, at a tickle a minute, {} cores",
            IBAUTH[version],
            figures(gigabytes),
            figures(cores)
        ))
    });
    each.collect::<Vec<_>>().join("; ")
}

fn started(starts: &[Start]) -> String {
    let head = ["command", "ms", "processor time, ms"].map(str::to_owned);
    let first = &starts[0].costs;
    let rows = starts.iter().map(|start| {
        let Start { command, costs, .. } = start;
        vec![
            command.clone(),
            costs.wall.beside(&first.wall, 1e3),
            costs.processor.beside(&first.processor, 1e3),
        ]
    });
    table(head, rows)
}

pub(super) fn table(
    head: impl IntoIterator<Item = String>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head: Vec<String> = head.into_iter().collect();
    let rule = format!("|{}", "---|".repeat(head.len()));
    let rows = rows.into_iter().map(|row| line(&row));
    [line(&head), rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    process::output(Command::new(program).args(arguments)).map(|text| text.trim().to_owned())
}

fn machine() -> String {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{} {}, {cores} cores of {}",
        std::env::consts::OS,
        std::env::consts::ARCH,
        model.unwrap_or("an unknown processor")
    )
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_keeps_the_others_parts() {
        let [one, other] = PARTS;
        let first = with_part("# Benchmarks\n", other, "## The gateway\n");
        let both = with_part(&first, one, "## OAuth 1.0a\n");
        assert_eq!(part(&both, one), Some("## OAuth 1.0a\n"));
        assert_eq!(part(&both, other), Some("## The gateway\n"));
        let again = with_part(&both, other, "## The gateway, again\n");
        assert_eq!(again, both.replace("gateway\n", "gateway, again\n"));
        assert!(again.starts_with("# Benchmarks\n\n<!--"));
    }

    #[test]
    fn the_readme_keeps_all_but_the_paragraph() {
        let readme = format!("before\n\n{MARK}old words\nand more\n\nafter\n");
        let new = quoted(&readme, "New.").unwrap();
        assert_eq!(
            new,
            format!("before\n\n{MARK}New. More: [docs/BENCHMARKS.md](docs/BENCHMARKS.md).\n\nafter\n")
        );
        assert_eq!(quoted(&new, "New.").unwrap(), new);
        assert!(quoted("no mark", "New.").is_err());
    }

    #[test]
    fn the_readme_has_the_mark() {
        let readme = fs::read_to_string(process::root().join("README.md")).unwrap();
        assert!(quoted(&readme, "New.").is_ok());
    }
}
