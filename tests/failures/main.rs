//! Every fault at every step, in both clients and in the automatic mode: what docs/FAILURES.md says is what
//! happens.
//!
//! The suite runs a part of the cells; `cargo xtask failures` runs all of them and writes the document.

mod automatic;
mod cell;
mod faults;
mod orders;
mod table;

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use cell::{Cell, Mode};
use faults::{FAULTS, LOGIN, LOGIN_OAUTH1, SINGLE, is_decided};
use ibkr_auth_core::Step;
use table::Place;

const INTRODUCTION: &str = "# Failures

What becomes of each fault that the simulator can play, at each step. Written by `cargo xtask failures`; the tests
(`tests/failures`) compare every cell of the automatic mode, half of those where one call is struck, also a user's own, and a
sixth of those where every call is. Both clients were run over TLS and do the same in every cell where one outcome stands. A request may take 2 s
here, and `connect` tries each step three times; otherwise settings are the default ones.

`ok` alone: the fault was not felt. `… again`: that step was sent once more, freshly signed, and all was well. **Bold**: it ended
with this kind of error and this advice. Empty: the outcome would depend on chance, or the fault lasts for ever by itself.
";
const CONNECT_ONCE: &str = "connect, the first call is struck";
const CONNECT_ALWAYS: &str = "connect, every call is struck";
const SINGLE_STEPS: &str = "Single steps, struck once";
const AUTOMATIC: [(&str, usize); 2] =
    [("The automatic mode, one call is struck", 1), ("The automatic mode, four calls are struck", 4)];
const OAUTH1_ONCE: &str = "OAuth 1.0a: connect, the first call is struck";
const OAUTH1_ALWAYS: &str = "OAuth 1.0a: connect, every call is struck";
const OAUTH1_AUTOMATIC: [(&str, usize); 2] = [
    ("OAuth 1.0a: the automatic mode, one call is struck", 1),
    ("OAuth 1.0a: the automatic mode, four calls are struck", 4),
];
const ORDERS: &str = "A user's order, struck once";
const ORDER: &str = "arrived, executed, told";
/// Most of the time a cell waits.
const AT_ONCE: usize = 24;

fn title(cell: &Cell) -> &'static str {
    match (cell.mode, cell.oauth1) {
        (Mode::Once, false) => CONNECT_ONCE,
        (Mode::Once, true) => OAUTH1_ONCE,
        (Mode::Always, false) => CONNECT_ALWAYS,
        (Mode::Always, true) => OAUTH1_ALWAYS,
        (Mode::Single, _) => SINGLE_STEPS,
    }
}

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (mode, steps, oauth1) in [
        (Mode::Once, &LOGIN[..], false),
        (Mode::Always, &LOGIN[..], false),
        (Mode::Single, &SINGLE[..], false),
        (Mode::Once, &LOGIN_OAUTH1[..], true),
        (Mode::Always, &LOGIN_OAUTH1[..], true),
    ] {
        for fault in FAULTS {
            for &step in steps {
                let decided = mode == Mode::Single || is_decided(fault.0, step, mode == Mode::Once);
                let both = [false, true].map(|asynchronous| Cell { asynchronous, fault, step, mode, oauth1 });
                cells.extend(both.into_iter().filter(|_| decided));
            }
        }
    }
    cells
}

fn automatic_steps() -> impl Iterator<Item = Step> {
    LOGIN.into_iter().chain([Step::Tickle])
}

fn automatic_oauth1_steps() -> impl Iterator<Item = Step> {
    LOGIN_OAUTH1.into_iter().chain([Step::Tickle])
}

fn run(cells: &[Cell]) -> Vec<String> {
    all(cells, |cell| cell.run())
}

/// What comes of each, many at once.
fn all<T: Sync>(cells: &[T], run: impl Fn(&T) -> String + Sync) -> Vec<String> {
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(vec![String::new(); cells.len()]));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((index, cell)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, cells.get(i)?)))
                {
                    let outcome = run(cell);
                    outcomes.lock().unwrap()[index] = outcome;
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}

fn place(cell: &Cell) -> Place {
    (title(cell), cell.fault.0, cell.step.to_string())
}

/// Every row for both clients, or by turns for one.
fn orders(both: bool) -> Vec<(&'static str, bool)> {
    let clients = |(index, row)| {
        [false, true]
            .map(|asynchronous| (row, asynchronous))
            .into_iter()
            .enumerate()
            .filter_map(move |(client, cell)| (both || client == index % 2).then_some(cell))
    };
    orders::rows().enumerate().flat_map(clients).collect()
}

/// What the automatic mode makes of every fault.
fn automatic() -> BTreeMap<Place, String> {
    let mut found = BTreeMap::new();
    for (title, calls) in AUTOMATIC {
        for fault in FAULTS {
            for step in automatic_steps().filter(|step| is_decided(fault.0, *step, calls == 1)) {
                found.insert((title, fault.0, step.to_string()), automatic::run(fault, step, calls, false));
            }
        }
    }
    for (title, calls) in OAUTH1_AUTOMATIC {
        for fault in FAULTS {
            for step in automatic_oauth1_steps().filter(|step| is_decided(fault.0, *step, calls == 1)) {
                found.insert((title, fault.0, step.to_string()), automatic::run(fault, step, calls, true));
            }
        }
    }
    found
}

#[test]
fn a_part_of_the_cells_is_as_written() {
    if std::env::var_os("FAILURES_WRITE").is_some() {
        return;
    }
    let text = fs::read_to_string(table::path()).expect("docs/FAILURES.md");
    // The two clients take turns. Where every call is struck, retries take their time.
    let part: Vec<Cell> = cells()
        .chunks(2)
        .enumerate()
        .filter(|(index, both)| both[0].mode != Mode::Always || index % 3 == 0)
        .map(|(index, both)| both[index % 2])
        .collect();
    for (cell, outcome) in part.iter().zip(run(&part)) {
        let written = table::read(&text, &place(cell)).unwrap_or_default();
        let own = format!("{}: {outcome}", if cell.asynchronous { "async" } else { "blocking" });
        assert!(
            written == outcome || written.split("; ").any(|one| one == own),
            "{cell:?}: {own}, not {written} (`cargo xtask failures` writes it anew)"
        );
    }
}

#[test]
fn a_users_order_fares_as_is_written() {
    if std::env::var_os("FAILURES_WRITE").is_some() {
        return;
    }
    let text = fs::read_to_string(table::path()).expect("docs/FAILURES.md");
    let cells = orders(false);
    let outcomes = all(&cells, |(row, asynchronous)| orders::run(row, *asynchronous));
    for ((row, _), outcome) in cells.iter().zip(outcomes) {
        let written = table::read(&text, &(ORDERS, row, ORDER.to_owned())).unwrap_or_default();
        assert_eq!(written, outcome, "{row}");
    }
}

#[test]
fn the_automatic_mode_does_as_is_written() {
    if std::env::var_os("FAILURES_WRITE").is_some() {
        return;
    }
    let text = fs::read_to_string(table::path()).expect("docs/FAILURES.md");
    for (place, outcome) in automatic() {
        assert_eq!(table::read(&text, &place).unwrap_or_default(), outcome, "{place:?}");
    }
}

#[test]
fn write_the_document() {
    if std::env::var_os("FAILURES_WRITE").is_none() {
        return;
    }
    let cells = cells();
    let outcomes = run(&cells);
    let mut found = automatic();
    for (both, outcomes) in cells.chunks(2).zip(outcomes.chunks(2)) {
        let text = match outcomes {
            [blocking, asynchronous] if blocking == asynchronous => blocking.clone(),
            [blocking, asynchronous] => format!("blocking: {blocking}; async: {asynchronous}"),
            _ => unreachable!("two clients"),
        };
        found.insert(place(&both[0]), text);
    }
    let cells = orders(true);
    let outcomes = all(&cells, |(row, asynchronous)| orders::run(row, *asynchronous));
    for (both, outcomes) in cells.chunks(2).zip(outcomes.chunks(2)) {
        assert_eq!(outcomes[0], outcomes[1], "{}: the clients differ", both[0].0);
        found.insert((ORDERS, both[0].0, ORDER.to_owned()), outcomes[0].clone());
    }
    let names = |steps: &[Step]| steps.iter().map(Step::to_string).collect::<Vec<_>>();
    let automatic_steps: Vec<Step> = automatic_steps().collect();
    let automatic_oauth1: Vec<Step> = automatic_oauth1_steps().collect();
    let tables = [
        (CONNECT_ONCE, "One bad answer.", names(&LOGIN)),
        (CONNECT_ALWAYS, "A step that never works.", names(&LOGIN)),
        (
            SINGLE_STEPS,
            "After a login without fault. Single steps are sent once, but for a logout whose connection broke.",
            names(&SINGLE),
        ),
        (
            AUTOMATIC[0].0,
            "In virtual time, with real waits: how long until the session was good and stayed so, the dearest step that this \
             took after the last failure, and the bearer tokens if more than one.",
            names(&automatic_steps),
        ),
        (AUTOMATIC[1].0, "The same.", names(&automatic_steps)),
        (OAUTH1_ONCE, "One bad answer, to a login by OAuth 1.0a.", names(&LOGIN_OAUTH1)),
        (OAUTH1_ALWAYS, "A step that never works.", names(&LOGIN_OAUTH1)),
        (
            OAUTH1_AUTOMATIC[0].0,
            "As with OAuth 2.0, and the live session tokens if more than one.",
            names(&automatic_oauth1),
        ),
        (OAUTH1_AUTOMATIC[1].0, "The same.", names(&automatic_oauth1)),
        (
            ORDERS,
            "`POST …/orders` by `send`: how often it arrived, how often it was executed, and what its sender was told: the \
             answer's status, or the error and its advice.",
            vec![ORDER.to_owned()],
        ),
    ];
    let rows: Vec<_> = orders::rows().collect();
    fs::write(table::path(), table::write(INTRODUCTION, &tables, &rows, &found))
        .expect("docs can be written");
}
