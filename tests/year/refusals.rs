//! Refusals that pass: IBKR does not know, for a while, whom it knew a moment ago.

use std::time::Duration;

use ibkr_sim::{Moment, Region, SimConfig};

use crate::{
    dice::Dice,
    world::{Change, MINUTE, Trouble, WEEK},
};

/// How often, and for how long. docs/YEAR.md shows this table. The longest is shorter than the slow retries
/// of a session that is refused (110 minutes), which give up for good after that.
pub(crate) const REFUSED: Trouble =
    Trouble { name: "refused", every: 2.0 * WEEK, lasts: (2.0 * MINUTE, 100.0 * MINUTE) };
/// So many of them come in the night: within minutes around the nightly reset, and the midnight before it.
const IN_THE_NIGHT: f64 = 0.5;
const NIGHT: (f64, f64) = (-30.0 * MINUTE, 90.0 * MINUTE);
/// So many of them come with every token and session forgotten. The others leave those that are there.
const FORGETS: f64 = 0.5;
/// Two refusals are further apart than the longest of the slow retries: to a client that waits they would be
/// one.
const APART: Duration = Duration::from_secs(2 * 3600);

/// Whom IBKR does not know. Of OAuth 1.0a it knows no consumer, or no access token: there every request is
/// refused then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// The client: token requests are answered 401 `invalid_client`, `sso-sessions` 401.
    Client,
    /// Its key: token requests are answered 400.
    Key,
    /// The user: `sso-sessions` is answered 401.
    User,
    /// The client is not provisioned for the user: `sso-sessions` is answered 403.
    Pair,
}

impl Stranger {
    pub(crate) fn forget(self, config: &mut SimConfig) {
        match self {
            Self::Client => {
                config.rules.rfc6749_errors = true;
                config.clients.clear();
                config.consumers.clear();
            }
            Self::Key => {
                config.clients.iter_mut().for_each(|client| client.keys.clear());
                config.consumers.clear();
            }
            Self::User => {
                config.users.clear();
                config.consumers.iter_mut().for_each(|consumer| consumer.access_tokens.clear());
            }
            Self::Pair => {
                config.clients.iter_mut().for_each(|client| client.credentials.clear());
                config.consumers.iter_mut().for_each(|consumer| consumer.access_tokens.clear());
            }
        }
    }

    /// Everybody is known again.
    pub(crate) fn welcome(config: &mut SimConfig) {
        let SimConfig { clients, consumers, users, rules, .. } = SimConfig::default();
        config.rules.rfc6749_errors = rules.rfc6749_errors;
        (config.clients, config.consumers, config.users) = (clients, consumers, users);
    }
}

/// Where a refusal falls, when it came by itself `from` a moment `until` another.
pub(crate) fn place(dice: &mut Dice, from: Moment, until: Moment) -> (Moment, Moment, Change) {
    let strangers = [Stranger::Client, Stranger::Key, Stranger::User, Stranger::Pair];
    let who = strangers[dice.within(0.0..strangers.len() as f64) as usize];
    let change = Change::Refused { who, forgets: dice.chance(FORGETS) };
    if !dice.chance(IN_THE_NIGHT) {
        return (from, until, change);
    }
    let offset = (1000.0 * dice.within(NIGHT.0..NIGHT.1)) as i64;
    let night = Region::NewYork.next_midnight(from).shifted(offset);
    (night, night + until.since(from), change)
}

/// In order, those that are too close to the one before left out.
pub(crate) fn apart(mut all: Vec<(Moment, Moment, Change)>) -> Vec<(Moment, Moment, Change)> {
    all.sort_by_key(|(from, ..)| *from);
    let mut last = None;
    all.retain(|(from, until, _)| {
        let fits = last.is_none_or(|last| *from >= last + APART);
        if fits {
            last = Some(*until);
        }
        fits
    });
    all
}
