//! What is going on, on a terminal, once it takes longer than a second.

use std::{
    io::{self, IsTerminal},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use ibkr_auth_blocking::Event;
use ibkr_auth_core::{Step, text::one_line};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

const PATIENCE: Duration = Duration::from_secs(1);

/// The one that was started last.
static CURRENT: Mutex<Weak<Line>> = Mutex::new(Weak::new());

/// Does something, such as asking a question or printing a line, while no progress is drawn.
pub(crate) fn hidden<T>(work: impl FnOnce() -> T) -> T {
    let Some(line) = CURRENT.lock().unwrap_or_else(PoisonError::into_inner).upgrade() else { return work() };
    let state = line.lock();
    match state.as_ref().and_then(|state| state.bar.as_ref()) {
        Some(bar) => bar.suspend(work),
        None => work(),
    }
}

/// A line at the bottom of the terminal. It goes away on drop.
pub(crate) struct Progress(Arc<Line>);

/// What a listener on another thread may change of it.
struct Line {
    begin: Instant,
    template: &'static str,
    /// `None` where there is no terminal, and after the end.
    state: Mutex<Option<State>>,
}

struct State {
    text: String,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn start(output: Output, text: impl Into<String>) -> Self {
        Self::with(output, text, "{spinner} {msg} {elapsed:.dim}")
    }

    /// For a text that says by itself how long it takes.
    pub(crate) fn countdown(output: Output) -> Self {
        Self::with(output, "", "{spinner} {msg}")
    }

    fn with(output: Output, text: impl Into<String>, template: &'static str) -> Self {
        let wanted = io::stderr().is_terminal() && !output.quiet;
        let state = wanted.then(|| State { text: text.into(), bar: None });
        let line = Arc::new(Line { begin: Instant::now(), template, state: Mutex::new(state) });
        *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&line);
        if wanted {
            let late = Arc::clone(&line);
            thread::spawn(move || {
                thread::sleep(PATIENCE);
                late.change(|_| {});
            });
        }
        Self(line)
    }

    pub(crate) fn say(&self, text: impl Into<String>) {
        self.0.change(|old| *old = text.into());
    }

    /// Shows what a session tells of its work.
    pub(crate) fn listener(&self) -> impl FnMut(&Event) + Send + 'static {
        let line = Arc::clone(&self.0);
        let mut under_way = Vec::new();
        move |event| match event {
            Event::Sent { step } => {
                under_way.push(*step);
                line.change(|text| *text = listed(&under_way));
            }
            Event::Done { step, .. } => {
                under_way.retain(|other| other != step);
                line.change(|text| *text = listed(&under_way));
            }
            Event::Failed { error, .. } => under_way.retain(|other| Some(*other) != error.step()),
            Event::Retrying { .. } | Event::Phase { .. } | Event::HostChanged(_) => {
                line.change(|text| *text = event.to_string());
            }
            _ => {}
        }
    }
}

impl Line {
    fn change(&self, change: impl FnOnce(&mut String)) {
        let mut state = self.lock();
        let Some(State { text, bar }) = state.as_mut() else { return };
        change(text);
        if self.begin.elapsed() >= PATIENCE {
            bar.get_or_insert_with(|| self.spinner()).set_message(one_line(text));
        }
    }

    fn spinner(&self) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(self.template) {
            bar.set_style(style);
        }
        let bar = bar.with_elapsed(self.begin.elapsed());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listed(steps: &[Step]) -> String {
    if steps.is_empty() {
        return "waiting for IBKR".to_owned();
    }
    steps.iter().map(Step::to_string).collect::<Vec<_>>().join(", ")
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(State { bar: Some(bar), .. }) = self.0.lock().take() {
            bar.finish_and_clear();
        }
    }
}
