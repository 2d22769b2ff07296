//! The gateway's part of docs/BENCHMARKS.md, in words.

use std::path::Path;

use super::{
    COMMAND, Plan, Results, USUAL,
    load::{Cell, Size},
    stage::{Stage, Who},
};
use crate::bench::{
    document::{Circumstances, filled, put_part, table},
    measure::{Sample, figures, times},
};

const TEMPLATE: &str = include_str!("document.md");

const COMPARED: [Who; 3] = [Who::Nginx, Who::Gateway, Who::Ibproxy];

/// What is to be reached.
const OF_NGINX: f64 = 0.7;
const OF_IBPROXY: f64 = 20.0;
/// Microseconds.
const ADDED_P50: f64 = 150.0;
const ADDED_P99: f64 = 1_000.0;
/// KiB.
const IDLE_STREAM: f64 = 19.5;

/// Into docs/, unless another folder is named.
pub(super) fn write(
    plan: &Plan,
    stage: &Stage,
    results: &Results,
    circumstances: &Circumstances,
    elsewhere: Option<&Path>,
) -> Result<(), String> {
    let goals = results.goals();
    let own = [
        ("command", plan.command.to_owned()),
        ("profile", plan.profile.to_owned()),
        ("nginx", stage.nginx.clone()),
        ("rounds", plan.rounds.to_string()),
        ("goals", goals.clone()),
        ("throughput", results.throughput(plan)),
        ("rates", "1,000 small or 100 large ones a second, ibproxy 50 and 10".to_owned()),
        ("latency", results.latency(plan)),
        ("memory", results.memory(plan, stage)?),
        ("clients", plan.clients.to_string()),
        ("streams", results.streams()),
    ];
    put_part(COMMAND, elsewhere, &filled(TEMPLATE, own.into_iter().chain(circumstances.fields())))?;
    println!("\n{goals}");
    Ok(())
}

impl Results {
    fn of(&self, who: Who, size: Size, connections: usize) -> &Cell {
        let is_it = |cell: &&Cell| (cell.who, cell.size, cell.connections) == (who, size, connections);
        self.cells.iter().find(is_it).expect("measured with every number of connections")
    }

    /// What was to be reached, and what was.
    fn goals(&self) -> String {
        let cell = |who| self.of(who, Size::Small, USUAL);
        let ratio = |who| cell(Who::Gateway).per_core.median() / cell(who).per_core.median();
        let added = |who| cell(who).added.each_ref().map(Sample::median);
        let [p50, p99, _] = added(Who::Gateway);
        let [nginx_p50, nginx_p99, _] = added(Who::Nginx);
        let idle = self.fans.iter().map(|fan| fan.idle.median()).fold(0.0, f64::max);
        let row = |what: &str, goal: String, got: String, is_met: bool, beside: String| {
            vec![what.to_owned(), goal, got, if is_met { "yes" } else { "**no**" }.to_owned(), beside]
        };
        let micros = |added: f64| format!("{added:.0} µs");
        let [nginx, ibproxy] = [ratio(Who::Nginx), ratio(Who::Ibproxy)];
        let head =
            [&*format!("small answers, {USUAL} connections"), "goal", "measured", "reached", "nginx itself"];
        let rows = [
            row(
                "requests per core, of nginx's",
                format!("≥ {OF_NGINX}"),
                figures(nginx),
                nginx >= OF_NGINX,
                "1".to_owned(),
            ),
            row(
                "of ibproxy's",
                format!("≥ {OF_IBPROXY}"),
                figures(ibproxy),
                ibproxy >= OF_IBPROXY,
                figures(ibproxy / nginx),
            ),
            row("added at p50", format!("< {ADDED_P50} µs"), micros(p50), p50 < ADDED_P50, micros(nginx_p50)),
            row("added at p99", format!("< {ADDED_P99} µs"), micros(p99), p99 < ADDED_P99, micros(nginx_p99)),
            row(
                "an idle WebSocket",
                format!("< {IDLE_STREAM} KiB"),
                format!("{} KiB", figures(idle)),
                idle < IDLE_STREAM,
                "–".to_owned(),
            ),
        ];
        table(head.map(str::to_owned), rows)
    }

    fn throughput(&self, plan: &Plan) -> String {
        let head = ["answer", "connections"].map(str::to_owned).into_iter();
        let rows = self.rows(plan, |size, connections| {
            let nginx = &self.of(Who::Nginx, size, connections).per_core;
            COMPARED
                .map(|who| {
                    let cell = self.of(who, size, connections);
                    if cell.rate.median().is_nan() {
                        return "none in time".to_owned();
                    }
                    let beside = times(cell.per_core.median() / nginx.median());
                    format!(
                        "{} · {beside}; {} a second",
                        cell.per_core.shown(1.0),
                        figures(cell.rate.median())
                    )
                })
                .into()
        });
        table(head.chain(COMPARED.map(|who| who.name().to_owned())), rows)
    }

    fn latency(&self, plan: &Plan) -> String {
        let percentiles = ["p50", "p99", "p99.9"];
        let head = ["answer", "connections"].map(str::to_owned).into_iter();
        let names = COMPARED
            .iter()
            .flat_map(|who| percentiles.map(|percentile| format!("{} {percentile}", who.name())));
        let rows = self.rows(plan, |size, connections| {
            let cells = COMPARED.iter().map(|who| self.of(*who, size, connections));
            cells.flat_map(|cell| cell.added.each_ref().map(|added| shown(cell, added))).collect()
        });
        table(head.chain(names), rows)
    }

    fn memory(&self, plan: &Plan, stage: &Stage) -> Result<String, String> {
        let mut head = vec!["who".to_owned(), "before the first request".to_owned()];
        head.extend(plan.connections.iter().map(|connections| format!("connections: {connections}")));
        let mut rows = Vec::new();
        for who in COMPARED {
            let mut row = vec![who.name().to_owned(), figures(stage.of(who)?.idle / 1024.0)];
            let of = |&connections: &usize| self.of(who, Size::Small, connections).memory.shown(1024.0);
            row.extend(plan.connections.iter().map(of));
            rows.push(row);
        }
        Ok(table(head, rows))
    }

    fn streams(&self) -> String {
        let head = [
            "to clients",
            "an idle client, KiB",
            "until the last one has it, µs, p50",
            "p99",
            "processor time of a frame for one client, µs, alone",
            "in a flood",
            "frames a second, all clients",
        ];
        let rows = self.fans.iter().map(|fan| {
            let [p50, p99] = &fan.last;
            let style = if fan.style == "tls" { "TLS" } else { "plain" };
            let shown =
                [&fan.idle, p50, p99, &fan.paced, &fan.flood, &fan.rate].map(|sample| sample.shown(1.0));
            [style.to_owned()].into_iter().chain(shown).collect()
        });
        table(head.map(str::to_owned), rows)
    }

    /// A row for each size and number of connections.
    fn rows(&self, plan: &Plan, of: impl Fn(Size, usize) -> Vec<String>) -> Vec<Vec<String>> {
        let cells = Size::BOTH.iter().flat_map(|size| plan.connections.iter().map(move |all| (*size, *all)));
        cells
            .map(|(size, connections)| {
                [size.name().to_owned(), connections.to_string()]
                    .into_iter()
                    .chain(of(size, connections))
                    .collect()
            })
            .collect()
    }
}

fn shown(cell: &Cell, added: &Sample) -> String {
    if cell.has_latency() { added.shown(1.0) } else { "–".to_owned() }
}
