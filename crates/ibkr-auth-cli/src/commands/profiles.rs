//! `ibkr-auth profiles`: who the settings let log in, and which sessions are kept.

use std::time::{Duration, SystemTime};

use ibkr_auth_core::text::one_line;
use ibkr_auth_store::{Keeper, KeptSession, PhaseName, Record, Store};
use serde_json::{Value, json};

use super::ago;
use crate::{
    failure::Failure,
    options::Global,
    output::{BAD, DIM, GOOD, Output},
    profile::{Profile, reader},
};

/// One that was seen to be good so lately counts as good, as `keep` and the other commands have it.
const LATELY: Duration = Duration::from_secs(150);

/// Sends nothing, and reads no key.
pub(crate) fn run(global: &Global, output: Output) -> Result<(), Failure> {
    let reader = reader(global)?;
    let names = reader.profiles()?;
    let chosen = reader.read().ok().and_then(|settings| settings.profile);
    let names = match names.is_empty() {
        true => vec![None],
        false => names.into_iter().map(Some).collect(),
    };
    let rows: Vec<Row> = names.into_iter().map(|name| Row::of(global, name, chosen.as_deref())).collect();
    if output.json {
        return output.value(&rows.iter().map(Row::json).collect::<Value>());
    }
    let width = rows.iter().map(|row| row.name().chars().count()).max().unwrap_or_default();
    rows.iter().try_for_each(|row| output.line(row.line(width)))
}

/// A profile, and what is kept of it.
struct Row {
    name: Option<String>,
    is_chosen: bool,
    state: Result<State, Failure>,
}

struct State {
    host: String,
    paper: Option<bool>,
    kept: Option<KeptSession>,
    /// The program that keeps the session connected, and where that stands.
    keeper: Option<(Keeper, Option<PhaseName>)>,
}

impl Row {
    fn of(global: &Global, name: Option<String>, chosen: Option<&str>) -> Self {
        let global = Global { profile: name.clone().or_else(|| global.profile.clone()), ..global.clone() };
        Self { is_chosen: name.is_some() && name.as_deref() == chosen, name, state: State::of(&global) }
    }

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("(no profiles)")
    }

    fn line(&self, width: usize) -> String {
        let mark = if self.is_chosen { "*" } else { " " };
        let rest = match &self.state {
            Ok(state) => state.line(),
            Err(failure) => format!("{BAD}unusable{BAD:#}: {}", one_line(&failure.what)),
        };
        format!("{mark} {:<width$}  {rest}", self.name())
    }

    fn json(&self) -> Value {
        let mut told = json!({ "profile": self.name, "chosen": self.is_chosen });
        let more = match &self.state {
            Ok(state) => state.json(),
            Err(failure) => json!({ "error": failure.what }),
        };
        if let (Value::Object(told), Value::Object(more)) = (&mut told, more) {
            told.extend(more);
        }
        told
    }
}

impl State {
    fn of(global: &Global) -> Result<Self, Failure> {
        let profile = Profile::read(global)?;
        let store = Store::new(global.state_dir.as_deref(), &profile.identity())?;
        let Record { kept, keeper: note, paper, .. } = store.read()?;
        let keeper = store.keeper().map(|keeper| (keeper, note.map(|note| note.phase)));
        let paper = kept.as_ref().and_then(|kept| kept.paper).or(paper);
        Ok(Self { host: profile.config.host().to_string(), paper, kept, keeper })
    }

    fn is_good(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.is_fresh(SystemTime::now(), LATELY))
    }

    fn line(&self) -> String {
        let account = match self.paper {
            Some(true) => "paper account",
            Some(false) => "live account",
            None => "account",
        };
        let session = match &self.kept {
            None => format!("{DIM}no session{DIM:#}"),
            Some(kept) if self.is_good() => {
                format!("session {GOOD}good{GOOD:#}, seen {} ago", ago(kept.good_at))
            }
            Some(kept) => format!("session of {} ago, not known to be good", ago(kept.began)),
        };
        let keeper = match self.keeper {
            Some((keeper, Some(standing))) => format!("; {keeper}: {standing}"),
            Some((keeper, None)) => format!("; {keeper} begins"),
            None => String::new(),
        };
        format!("{account} at {}  {session}{keeper}", self.host)
    }

    fn json(&self) -> Value {
        json!({
            "host": self.host,
            "paper": self.paper,
            "kept": self.kept.is_some(),
            "good": self.is_good(),
            "since": self.kept.as_ref().map(|kept| kept.began),
            "expires_at": self.kept.as_ref().and_then(|kept| kept.expires),
            "keeper": self.keeper.map(|(keeper, _)| keeper.pid),
            "phase": self.keeper.and_then(|(_, standing)| standing),
        })
    }
}
