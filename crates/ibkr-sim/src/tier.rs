//! What needs a brokerage session, and the accounts of one.

use crate::{
    answer::Answer,
    store::{Session, Tier},
};

/// From when on the brokerage session is established, or the refusal.
pub(crate) fn brokerage(session: &Session) -> Result<crate::Moment, Answer> {
    match session.tier {
        Tier::Up(established) => Ok(established),
        Tier::Never => {
            let answer = Answer::error(400, "Bad Request: no bridge");
            Err(answer.because("no-bridge", "there is no brokerage session", "Call ssodh/init first"))
        }
        Tier::Idle | Tier::Competing | Tier::Refused | Tier::Gone => {
            let why = match session.tier {
                Tier::Idle => "the brokerage session ended for want of requests",
                Tier::Competing => "another login has the brokerage session",
                Tier::Refused => "ssodh/init was refused without compete",
                _ => "the brokerage session ended",
            };
            let answer = Answer::error(401, "not authenticated");
            Err(answer.because("not-authenticated", why, "Tickle every minute; call ssodh/init again"))
        }
    }
}

/// Both statuses are reported: 400 in IBKR's OpenAPI, 500 in the wild for orders and snapshots.
pub(crate) fn accounts_first(session: &Session, status: u16) -> Result<(), Answer> {
    if session.accounts_read {
        return Ok(());
    }
    let answer = match status {
        400 => Answer::error(400, "Bad Request: Please query /accounts first"),
        _ => Answer::error_only(status, "Please query /accounts first"),
    };
    let fix = "GET /iserver/accounts after ssodh/init, until it lists accounts";
    Err(answer.because("accounts-first", "/iserver/accounts was not read in this brokerage session", fix))
}
