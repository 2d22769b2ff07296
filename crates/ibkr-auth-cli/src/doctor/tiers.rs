//! What the session opens: the read-only tier, the brokerage tier, the accounts.

use std::{thread, time::Duration, time::Instant};

use ibkr_auth_blocking::{AuthStatus, ErrorKind, Expiry, Session, Tier};
use ibkr_auth_store::{seconds, span};
use serde_json::Value;

use super::{
    ask::{Asked, get, step},
    context::{Context, Need},
    finding::{Finding, INTERRUPTED},
    meaning::At,
};
use crate::mask;

const STATUS_EVERY: Duration = Duration::from_secs(1);
const MOST_SHOWN: usize = 5;

/// Everything outside `/iserver`.
pub(super) fn read_only(context: &mut Context<'_>) -> Finding {
    // Another invocation may have asked the same.
    match (&mut context.run, &context.sessions) {
        (Some(run), _) => run.pace_accounts(),
        (None, Some(sessions)) => {
            // Where the store cannot be written, another line says so.
            let _ = sessions.pace_accounts();
        }
        (None, None) => {}
    }
    let answer = match get(context, At::Portfolio, "/v1/api/portfolio/accounts") {
        Ok(answer) => answer,
        Err(trouble) => return trouble.finding(),
    };
    let id = |account: &Value| account["accountId"].as_str().or(account["id"].as_str()).map(str::to_owned);
    let ids: Option<Vec<String>> = answer.as_array().map(|accounts| accounts.iter().filter_map(id).collect());
    listed(ids, "open")
}

/// Who is logged in. A kept session is not asked about again: IBKR takes one such request a minute.
pub(super) fn validate(context: &mut Context<'_>) -> Finding {
    if !context.is_own {
        let paper = context.kept.as_ref().and_then(|kept| kept.paper);
        let ends = context.tickle.as_ref().and_then(|tickle| tickle.sso_expires);
        return Finding::pass(format!(
            "not asked again: {}{}",
            kind(paper),
            ends.map_or_else(String::new, until)
        ));
    }
    if context.run.as_ref().is_none_or(|run| run.validated) {
        return Finding::skip("not asked: a login within the last minute has, and IBKR takes one a minute");
    }
    if let Some(run) = &mut context.run {
        run.note_validation();
    }
    match step(context, At::Validate, Session::validate_sso) {
        Ok(sso) => {
            if let Some(run) = &mut context.run {
                run.note_paper(sso.paper);
            }
            let region =
                sso.region.map_or_else(String::new, |region| format!(", region {}", mask::said(&region)));
            let ends = sso.expires.map_or_else(String::new, until);
            Finding::pass(format!("{}{region}{ends}", kind(sso.paper)))
        }
        Err(trouble) => trouble.finding(),
    }
}

fn kind(paper: Option<bool>) -> &'static str {
    match paper {
        Some(true) => "paper account",
        Some(false) => "live account",
        None => "account of unknown kind",
    }
}

fn until(ends: Expiry) -> String {
    let left = match ends {
        Expiry::In(left) => left.as_secs(),
        Expiry::At(at) => seconds(at).saturating_sub(seconds(std::time::SystemTime::now())),
    };
    format!(", ends in {} unless it is extended", span(left))
}

/// Trading and market data: opened unless it is open, and waited for.
pub(super) fn brokerage(context: &mut Context<'_>) -> Finding {
    if context.config.tier() == Tier::ReadOnly {
        return Finding::skip("not wanted: `tier: read-only` in the settings");
    }
    let begin = Instant::now();
    let status = match (context.status.clone(), context.keeper) {
        (Some(status), _) if status.is_ready() => Ok(status),
        (Some(status), _) if status.competing && !context.args.compete => Ok(status),
        (Some(status), Some(_)) => Ok(status),
        _ => open(context).map(|status| established(context, status)),
    };
    let status = match status {
        Ok(status) => status,
        Err(trouble) => return trouble.finding(),
    };
    context.there.insert(Need::BrokerageAnswer);
    context.status = Some(status.clone());
    if status.is_ready() {
        context.there.insert(Need::Brokerage);
        return Finding::pass(match begin.elapsed() {
            waited if waited < Duration::from_millis(100) => "established".to_owned(),
            waited => format!("established within {:.1} s", waited.as_secs_f64()),
        });
    }
    if status.competing {
        return Finding::skip("needs: the end of the competing session");
    }
    if context.is_interrupted() {
        return Finding::skip(INTERRUPTED);
    }
    not_ready(context, &status)
}

fn open(context: &mut Context<'_>) -> Asked<AuthStatus> {
    match step(context, At::Init, Session::ssodh_init) {
        // 410 is also what some paper accounts are answered whose session is there.
        Err(trouble) if trouble.error.kind() == ErrorKind::Gone => match asked(context) {
            Some(status) if status.is_ready() => Ok(status),
            _ => Err(trouble),
        },
        outcome => outcome,
    }
}

/// Waits until the accounts are loaded, which takes seconds.
fn established(context: &mut Context<'_>, mut status: AuthStatus) -> AuthStatus {
    let (begin, limit) = (Instant::now(), context.config.establish_within());
    let is_stopped = |context: &Context<'_>| context.is_interrupted() || context.pause.get().is_some();
    while !status.is_ready() && !status.competing && !is_stopped(context) && begin.elapsed() < limit {
        thread::sleep(STATUS_EVERY.min(limit.saturating_sub(begin.elapsed())));
        status = asked(context).unwrap_or(status);
    }
    status
}

fn asked(context: &mut Context<'_>) -> Option<AuthStatus> {
    step(context, At::Status, Session::status).ok()
}

fn not_ready(context: &Context<'_>, status: &AuthStatus) -> Finding {
    let flag = |name: &str, is_set: bool| format!("{name} {}", if is_set { "yes" } else { "no" });
    let flags = [
        flag("authenticated", status.authenticated),
        flag("connected", status.connected),
        flag("established", status.established.unwrap_or(false)),
    ];
    let said = [&status.fail, &status.message].into_iter().flatten().find(|text| !text.trim().is_empty());
    let said = said.map_or_else(String::new, |text| format!(": {}", mask::said(text)));
    let text = format!("not ready ({}){said}", flags.join(", "));
    if let Some(keeper) = context.keeper {
        let means = format!("{keeper} is healing it");
        return Finding::warn(text, means, "see its output, and run this again in a minute");
    }
    Finding::fail(
        text,
        "logged in, but the accounts are not loaded. Normal for seconds; for good it was seen with a new paper account \
         (`ibkr-auth guide`, §9, step 4)",
        "wait a minute and run this again, with a longer `establish_within` in the settings; then write to IBKR with this report",
    )
}

/// Whether another login has the brokerage session.
pub(super) fn competing(context: &mut Context<'_>) -> Finding {
    if !context.status.as_ref().is_some_and(|status| status.competing) {
        return Finding::pass("none");
    }
    Finding::fail(
        "another login of this username has the brokerage session",
        "one username has one brokerage session on all of IBKR's platforms: TWS, Client Portal, the phone, another program \
         (`ibkr-auth guide`, §5)",
        "log out there; or end that session with --compete; a lost session of your own, as after a change of address, ends \
         after 5 idle minutes; best, give the program a username of its own",
    )
}

/// The first call that needs the brokerage tier.
pub(super) fn accounts(context: &mut Context<'_>) -> Finding {
    let answer = match get(context, At::Accounts, "/v1/api/iserver/accounts") {
        Ok(answer) => answer,
        Err(trouble) => return trouble.finding(),
    };
    let ids = answer["accounts"].as_array();
    let ids = ids.map(|ids| ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect());
    let kind = match answer["isPaper"].as_bool() {
        Some(true) => "paper",
        Some(false) => "live",
        None => "tradable",
    };
    listed(ids, kind)
}

fn listed(ids: Option<Vec<String>>, how: &str) -> Finding {
    let help = "look for a proxy in between; if there is none, write to IBKR with this report";
    match ids.as_deref() {
        None => Finding::fail(
            "the answer is not a list of accounts",
            "something other than IBKR may have answered",
            help,
        ),
        Some([]) => Finding::warn(
            "no accounts are listed",
            "account data come back empty, not failing, until the brokerage session is established (`ibkr-auth guide`, §9, \
             step 5)",
            "run this again in a minute; if it stays, ask IBKR whether the username may see an account",
        ),
        Some(ids) => {
            let plural = if ids.len() == 1 { "account" } else { "accounts" };
            let shown: Vec<_> = ids.iter().take(MOST_SHOWN).map(|id| mask::account(id)).collect();
            let more = if ids.len() > MOST_SHOWN { ", …" } else { "" };
            Finding::pass(format!("{how}: {} {plural}, {}{more}", ids.len(), shown.join(", ")))
        }
    }
}
