//! The figures as bars.

use std::fmt::Write;

use super::{
    Plan,
    document::Results,
    lab::Who,
    login::{LIBRARIES, Logins, PROCESSES},
    measure::figures,
};

const STYLE: &str = include_str!("../../../docs/plot.css");

const WIDTH: f64 = 960.0;
const LEFT: f64 = 250.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 40.0;
const BAR: f64 = 20.0;
const GAP: f64 = 44.0;

struct Panel {
    title: String,
    unit: &'static str,
    bars: Vec<Bar>,
}

struct Bar {
    name: String,
    value: f64,
    ours: bool,
}

pub(super) fn svg(plan: &Plan, results: &Results) -> String {
    let panels = panels(plan, results);
    let bars: usize = panels.iter().map(|panel| panel.bars.len()).sum();
    let height = TOP + bars as f64 * BAR + panels.len() as f64 * GAP;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<style>\n{STYLE}</style>\n\
         <title>ibkr-auth beside ibauth</title>\n\
         <text class=\"title\" x=\"16\" y=\"26\">ibkr-auth beside ibauth</text>\n\
         <text x=\"16\" y=\"47\">Medians of one run of {}. Shorter is better; each group has a scale of its own.</text>\n",
        plan.command
    );
    let mut y = TOP;
    for panel in &panels {
        y += GAP;
        panel.draw(y, &mut out);
        y += panel.bars.len() as f64 * BAR;
    }
    out + "</svg>\n"
}

fn panels(plan: &Plan, results: &Results) -> Vec<Panel> {
    let (logins, at) = (Logins(&results.logins), plan.usual_distance());
    let bar = |who: Who, value| Bar { name: who.name().replace('`', ""), value, ours: who.is_ours() };
    let wall = |who| bar(who, logins.of(who, at).alone.wall.median() / 1e3);
    let processor = |who| bar(who, logins.of(who, at).process.processor.median() / 1e3);
    // A crowd of ours in one process; of ibauth a process each, as its users run it.
    let usual = |ours: bool| {
        results.crowds.iter().filter(move |crowd| {
            let counts = if ours { crowd.sessions == plan.usual } else { crowd.processes > 1 };
            crowd.who.is_ours() == ours && counts && !crowd.closed
        })
    };
    let kept = || usual(true).chain(usual(false));
    let tickles = kept().map(|crowd| bar(crowd.who, crowd.tickle.median() / 1e3));
    let memory = kept().map(|crowd| {
        let size = if crowd.sessions == 1 { &crowd.process } else { &crowd.session };
        bar(crowd.who, size.median() / 1024.0)
    });
    let starts = results.starts.iter().map(|start| Bar {
        name: start.command.replace('`', ""),
        value: start.costs.wall.median() / 1e3,
        ours: start.ours,
    });
    let panel = |title: String, unit, bars| Panel { title, unit, bars };
    vec![
        panel(format!("A login at {at} ms one way"), "ms", LIBRARIES.map(wall).into()),
        panel("Processor time of a login, whole process".to_owned(), "ms", PROCESSES.map(processor).into()),
        panel("Processor time of a tickle".to_owned(), "ms", tickles.collect()),
        panel(
            format!("Memory of a session: {} in a process, ibauth a process each", plan.usual),
            "MiB",
            memory.collect(),
        ),
        panel("Start of a program".to_owned(), "ms", starts.collect()),
    ]
}

impl Panel {
    fn draw(&self, top: f64, out: &mut String) {
        let most = self.bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
        let mut line = |text: String| out.push_str(&(text + "\n"));
        line(format!("<text class=\"name\" x=\"16\" y=\"{:.1}\">{}</text>", top - 8.0, self.title));
        for (index, bar) in self.bars.iter().enumerate() {
            let y = top + index as f64 * BAR;
            let length = (bar.value / most * (WIDTH - LEFT - RIGHT)).max(1.0);
            let class = if bar.ours { "ours" } else { "other" };
            let mut row = format!(
                "<text class=\"mark\" x=\"{}\" y=\"{:.1}\">{}</text>",
                LEFT - 8.0,
                y + 14.0,
                bar.name
            );
            // Writing to a string cannot fail.
            let _ = write!(
                row,
                "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"{}\"/>",
                y + 3.0,
                BAR - 6.0
            );
            let _ = write!(
                row,
                "<text x=\"{:.1}\" y=\"{:.1}\">{} {}</text>",
                LEFT + length + 8.0,
                y + 14.5,
                figures(bar.value),
                self.unit
            );
            line(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_value() {
        let bar = |value, ours| Bar { name: "name".to_owned(), value, ours };
        let panel =
            Panel { title: "title".to_owned(), unit: "ms", bars: vec![bar(10.0, true), bar(40.0, false)] };
        let mut out = String::new();
        panel.draw(100.0, &mut out);
        let lines: Vec<&str> = out.lines().filter(|line| line.contains("<rect")).collect();
        assert!(lines[0].contains("class=\"ours\"") && lines[0].contains("width=\"145.0\""), "{out}");
        assert!(lines[1].contains("class=\"other\"") && lines[1].contains("width=\"580.0\""), "{out}");
    }
}
