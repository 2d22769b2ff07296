//! One login, step by step, and its end.

use ibkr_auth_blocking::{AuthStatus, Session, Step};
use ibkr_auth_store::span;

use super::{
    ask::{Trouble, step},
    context::{Context, Need},
    finding::Finding,
    meaning::At,
};
use crate::{exit::Exit, failure::Failure, interrupt::Interrupt, sessions::moment};

/// The steps of a login after the first, and the names of their checks.
const LATER: [(Step, &str); 3] = [
    (Step::GetBearerToken, "bearer token"),
    (Step::ValidateSso, "sso/validate"),
    (Step::SsodhInit, "brokerage tier"),
];
const ACCEPTED: &str = "not asked again: it was accepted a moment ago";

/// Whether a login is to be made, and its first step.
pub(super) fn access_token(context: &mut Context<'_>) -> Finding {
    if let Some(finding) = not_wanted(context) {
        return finding;
    }
    if let Err(finding) = begin(context) {
        return *finding;
    }
    match step(context, At::Token, Session::get_access_token) {
        Ok(token) => {
            context.secrets.add(token.token.expose());
            let life = token
                .expires_in
                .map_or_else(String::new, |life| format!(", good for {}", span(life.as_secs())));
            context.there.insert(Need::AccessToken);
            Finding::pass(format!("client, key id and key are accepted{life}"))
        }
        Err(trouble) => failed(context, *trouble),
    }
}

/// A new session, if the guard of logins allows one.
pub(super) fn begin(context: &mut Context<'_>) -> Result<(), Box<Finding>> {
    let skip = |why| Err(Box::new(Finding::skip(why)));
    if context.clock_is_beyond {
        return skip("needs: a clock that is right, see `clock`: IBKR would refuse the login");
    }
    let session = match (&context.sessions, context.run.as_mut()) {
        (Some(sessions), Some(run)) => {
            let config = context.config.clone();
            let fixed = context.address.map(|address| config.clone().with_public_ip(address));
            sessions.begin_login(run, fixed.and_then(Result::ok).unwrap_or(config))
        }
        _ => return skip("needs: the lock of the session"),
    };
    match session {
        Ok(session) => context.session = Some(session),
        Err(failure) => {
            let later = LATER.into_iter().find(|(step, _)| failure.step() == Some(*step));
            let Some((_, check)) = later else { return Err(Box::new(forbidden(failure))) };
            context.refused = Some((check, failure));
            return skip(ACCEPTED);
        }
    }
    Ok(())
}

/// Why no login is made although one could be.
pub(super) fn not_wanted(context: &Context<'_>) -> Option<Finding> {
    if context.there.contains(&Need::Session) {
        return Some(Finding::skip(format!("not asked for: {}", has_session(context))));
    }
    if let Some(keeper) = context.keeper {
        return Some(Finding::skip(format!("not asked for: logging in is left to {keeper}; see its output")));
    }
    let in_doubt = context.kept.is_some() && context.kept_is_good != Some(false);
    in_doubt.then(|| Finding::skip("not asked for: the kept session stays, see `session`"))
}

/// Who has a session, and how good it is.
fn has_session(context: &Context<'_>) -> String {
    let is = |wanted: fn(&AuthStatus) -> bool| context.status.as_ref().is_some_and(wanted);
    match context.keeper {
        Some(keeper) if is(AuthStatus::is_ready) => format!("{keeper} has a good session"),
        Some(keeper) if is(|status| status.competing) => {
            format!("{keeper} has left the session to another login")
        }
        Some(keeper) => format!("{keeper} has a session, which is not ready"),
        None if is(AuthStatus::is_ready) => {
            "the kept session is good; --fresh makes a whole new login".to_owned()
        }
        None => "the kept session's bearer token is accepted; --fresh makes a whole new login".to_owned(),
    }
}

/// IBKR locks accounts that log in blindly: the guard against that counts here too.
pub(super) fn forbidden(failure: Failure) -> Finding {
    let Failure { what, why, help, exit, .. } = failure;
    let means = match why {
        Some(why) if exit == Exit::Refused as u8 => {
            format!("{why}. IBKR locks out who repeats a refused login")
        }
        Some(why) => why,
        None => "IBKR locks out who repeats a refused login: nothing was sent".to_owned(),
    };
    Finding::fail(what, means, help.unwrap_or_else(|| "try again later".to_owned()))
}

/// The second step: a session, which opens the read-only tier.
pub(super) fn bearer_token(context: &mut Context<'_>) -> Finding {
    if let Some(finding) = not_wanted(context) {
        return finding;
    }
    if context.refused.is_some() {
        return Finding::skip(ACCEPTED);
    }
    let missing = context.missing(&[Need::AccessToken, Need::PublicIp]);
    let (Some(address), true) = (context.address, missing.is_empty()) else {
        return Finding::skip(format!("needs: {}", missing.join(", ")));
    };
    // From now on there may be a session that nobody else knows.
    context.interrupt = Some(Interrupt::watch());
    match step(context, At::Bearer, Session::get_bearer_token) {
        Ok(bearer) => {
            context.secrets.add(bearer.token.expose());
            context.is_own = true;
            context.there.insert(Need::Session);
            noted(context, None, Finding::pass(format!("username and address {address} are accepted")))
        }
        Err(trouble) => failed(context, *trouble),
    }
}

pub(super) fn failed(context: &mut Context<'_>, trouble: Trouble) -> Finding {
    let failure = Failure::from(trouble.error.clone());
    let finding = trouble.finding();
    noted(context, Some(&failure), finding)
}

/// Keeps how the login ended. That this could not be kept matters less than what was found.
pub(super) fn noted(context: &mut Context<'_>, failure: Option<&Failure>, mut finding: Finding) -> Finding {
    let history = context.session.as_ref().map(|session| session.history(moment()));
    if let (Some(sessions), Some(run)) = (&context.sessions, context.run.as_mut())
        && let Err(unwritable) = sessions.end_login(run, history, failure)
    {
        finding.text += &format!(" (not noted: {})", unwritable.what);
    }
    finding
}

/// Ends what was begun here; a kept session stays.
pub(super) fn logout(context: &mut Context<'_>) -> Finding {
    if !context.is_own {
        return Finding::skip("the kept session stays open");
    }
    match step(context, At::Logout, Session::logout) {
        Ok(()) => Finding::pass("the session that was made here is ended"),
        Err(trouble) => trouble.finding().into_warning(),
    }
}
