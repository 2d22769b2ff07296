//! A simulated year of four strategies, then many years of ours: `cargo xtask year`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that shows its result")]

mod dice;
mod goals;
mod line;
mod machine;
mod measure;
mod network;
mod options;
mod plot;
mod refusals;
mod report;
mod run;
mod strategy;
mod world;

use std::{
    fs,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use crate::{
    measure::Account,
    options::Options,
    report::Named,
    strategy::{Blind, Ibauth, Ours},
    world::World,
};

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(missed) if missed.is_empty() => ExitCode::SUCCESS,
        Ok(missed) => {
            println!("\nGoals missed; `cargo xtask year --seed N` tells what happened:\n");
            missed.iter().for_each(|goal| println!("* {goal}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<Vec<String>> {
    let world = World::new(options.seed, options.days);
    println!("## One year, every strategy: {}\n", report::title(&world));
    let began = Instant::now();
    let all = match (options.oauth1, options.ours) {
        (true, _) => vec![("ours, OAuth 1.0a", run::live(&world, Ours::by_oauth1(world.seed)))],
        (false, true) => vec![ours(&world)],
        (false, false) => every_strategy(&world),
    };
    report::table(&all, options.days);
    eprintln!("\n({:.1} s)", began.elapsed().as_secs_f64());
    let ours = &all[0].1;
    println!("\n## Where our time went\n");
    report::causes(ours);
    if options.stories {
        println!("\n## Our longest recoveries");
        report::stories(ours);
    }
    if let Some(path) = &options.plot {
        fs::write(path, plot::svg(&all, options.days))?;
    }
    if options.seeds == 0 {
        return Ok(report::misses(options.seed, ours));
    }
    println!("\n## {} years of ours, seeds 1 to {0}\n", options.seeds);
    let began = Instant::now();
    let missed = report::many(&many_years(options));
    eprintln!("\n({:.1} s)", began.elapsed().as_secs_f64());
    Ok(missed)
}

fn ours(world: &World) -> Named {
    ("ours", run::live(world, Ours::new(world.seed)))
}

fn every_strategy(world: &World) -> Vec<Named> {
    thread::scope(|scope| {
        let years = [
            scope.spawn(|| ours(world)),
            scope.spawn(|| ("log in again on any error", run::live(world, Blind::new()))),
            scope.spawn(|| ("ibauth 0.1.6, restarted", run::live(world, Ibauth::under_a_supervisor()))),
            scope.spawn(|| ("ibauth 0.1.6, in a loop", run::live(world, Ibauth::in_a_loop()))),
        ];
        years.into_iter().map(|year| year.join().expect("a year that does not panic")).collect()
    })
}

/// Our accounts of each seed, on all processors.
fn many_years(options: &Options) -> Vec<(u64, Account)> {
    let (next, done) = (AtomicU64::new(1), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > options.seeds {
                return;
            }
            let ours = if options.oauth1 { Ours::by_oauth1(seed) } else { Ours::new(seed) };
            let account = run::live(&World::new(seed, options.days), ours);
            let mut done = done.lock().expect("nobody panics with the lock");
            done.push((seed, account));
            if io::stderr().is_terminal() {
                eprint!("\r{} of {} years ", done.len(), options.seeds);
                // Progress that cannot be shown is no failure.
                let _ = io::stderr().flush();
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    let mut done = done.into_inner().expect("nobody panics with the lock");
    done.sort_by_key(|(seed, _)| *seed);
    done
}
