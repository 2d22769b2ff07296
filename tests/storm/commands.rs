//! What a user may do meanwhile, and whether each command comes to an end.

use std::time::Duration;

use ibkr_auth_core::{Host, Outcome, Ticket};

use crate::{
    ledger::{Kept, keep},
    round::Round,
    weather,
};

type HasOutcome = Box<dyn Fn() -> bool>;

/// Commands under way.
#[derive(Default)]
pub(crate) struct Commands(Vec<(Duration, &'static str, HasOutcome)>);

impl Commands {
    fn add<T: Outcome + 'static>(&mut self, at: Duration, name: &'static str, ticket: Ticket<T>) {
        self.0.push((at, name, Box::new(move || ticket.outcome().is_some())));
    }

    /// Forgets what has an outcome, and complains about what is overdue.
    pub(crate) fn look(&mut self, lived: Duration, within: Duration) -> Kept {
        self.0.retain(|(_, _, has_outcome)| !has_outcome());
        let overdue = self.0.iter().find(|(since, ..)| lived.saturating_sub(*since) > within);
        keep(overdue.is_none(), "every command has an outcome", || {
            overdue.map(|(since, name, _)| format!("{name}, given at {since:?}")).unwrap_or_default()
        })
    }

    pub(crate) fn open(&self) -> usize {
        self.0.len()
    }
}

impl Round {
    /// Switches the automatic mode on with a policy of chance.
    pub(crate) fn switch_on(&mut self) {
        let asked = weather::policy(&mut self.chance, self.spared);
        self.tell(|| format!("keep_connected({:?})", asked.policy));
        self.ledger.switched_on(&asked);
        self.session.keep_connected(asked.policy);
    }

    /// One command of chance.
    pub(crate) fn command(&mut self) {
        self.ledger.commanded();
        let (session, at) = (&mut self.session, self.lived);
        let name = match self.chance.below(if self.weather.mixed { 18 } else { 5 }) {
            0 => {
                session.pause();
                "pause"
            }
            1 | 2 => {
                session.resume();
                self.ledger.resumed();
                "resume"
            }
            3 => {
                session.check();
                "check"
            }
            4 => {
                let hosts = [1, 2, 3].map(|number| Host::numbered(number).expect("valid"));
                session.set_host(self.chance.pick(&hosts));
                "set_host"
            }
            5 => {
                self.commands.add(at, "logout", session.logout());
                "logout"
            }
            6 => return self.switch_on(),
            7 if session.config().login().oauth1().is_some() => {
                self.commands.add(at, "get_live_session_token", session.get_live_session_token());
                "get_live_session_token"
            }
            7 => {
                self.commands.add(at, "get_access_token", session.get_access_token());
                "get_access_token"
            }
            8 => {
                self.commands.add(at, "get_bearer_token", session.get_bearer_token());
                "get_bearer_token"
            }
            9 => {
                // Two at once, as two threads of a program ask.
                self.commands.add(at, "validate_sso", session.validate_sso());
                self.commands.add(at, "validate_sso", session.validate_sso());
                "validate_sso, twice"
            }
            10 => {
                self.commands.add(at, "ssodh_init", session.ssodh_init());
                "ssodh_init"
            }
            11 => {
                self.commands.add(at, "status", session.status());
                "status"
            }
            12 => {
                self.commands.add(at, "tickle", session.tickle());
                "tickle"
            }
            13 => {
                self.saved = session.save(self.now).or(self.saved.take());
                "save"
            }
            14 => match &self.saved {
                Some(saved) => {
                    // A session of another host is refused, and nothing is changed then.
                    let _ = session.restore(saved, self.now);
                    "restore"
                }
                None => "restore nothing",
            },
            _ => {
                self.commands.add(at, "connect", session.connect());
                "connect"
            }
        };
        self.tell(|| format!("command: {name}"));
    }
}
