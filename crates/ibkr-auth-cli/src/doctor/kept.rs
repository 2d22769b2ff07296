//! The kept session: what is stored, and what IBKR says about it.

use std::time::SystemTime;

use ibkr_auth_blocking::{AuthStatus, ErrorKind, Session};
use ibkr_auth_store::{Keeper, KeptSession, seconds, span};

use super::{
    ask::step,
    context::{Context, Need},
    finding::Finding,
    meaning::At,
};
use crate::{failure::Failure, mask};

/// What the state folder holds. Nothing is sent.
pub(super) fn stored(context: &mut Context<'_>) -> Finding {
    let Some(sessions) = &context.sessions else { return Finding::skip("needs: settings") };
    let record = match sessions.store.read() {
        Ok(record) => record,
        Err(error) => {
            let text =
                [Some(error.message()), error.reason()].into_iter().flatten().collect::<Vec<_>>().join(": ");
            let means = "the session that is kept, if there is one, cannot be used";
            return Finding::fail(text, means, error.help());
        }
    };
    context.keeper = sessions.store.keeper();
    let is_good = record.kept.as_ref().is_some_and(is_good);
    let keeper = match context.keeper {
        Some(keeper) if is_good => format!("{keeper} keeps it connected"),
        Some(keeper) => format!("{keeper} runs, but has no good session now"),
        None => "no `ibkr-auth keep` runs".to_owned(),
    };
    if record.is_damaged {
        return Finding::warn(
            format!("{} is damaged; {keeper}", mask::path(&sessions.store.path())),
            "it counts as if there were none: the next login replaces it",
            "nothing, unless it happens again: then check the disk",
        );
    }
    let text = match &record.kept {
        Some(kept) if is_good || context.keeper.is_some() || context.args.offline => {
            format!("{}; {keeper}", told(kept))
        }
        Some(kept) => format!("{}, will be checked; {keeper}", told(kept)),
        None => format!("there is none; {keeper}"),
    };
    context.kept = record.kept;
    if let Some(Keeper { program, .. }) = context.keeper.filter(|_| context.args.fresh) {
        return Finding::warn(
            text,
            format!("--fresh would end the session of {program}: it is left alone"),
            format!("stop {program}, then `ibkr-auth doctor --fresh`"),
        );
    }
    if context.keeper.is_some() && !is_good {
        return Finding::warn(
            text,
            "other invocations rely on its session, and make no login of their own",
            "see its screen or output: it may be paused, or wait for IBKR",
        );
    }
    Finding::pass(text)
}

/// As far as is known without asking.
fn is_good(kept: &KeptSession) -> bool {
    kept.good_at > 0 && kept.expires.is_none_or(|ends| seconds(SystemTime::now()) < ends)
}

fn told(kept: &KeptSession) -> String {
    let now = seconds(SystemTime::now());
    let seen = match kept.good_at {
        0 => "last seen not to be good".to_owned(),
        at => format!("seen to be good {} ago", span(now.saturating_sub(at))),
    };
    let ends = match kept.expires {
        Some(at) if at <= now => format!(", ended {} ago", span(now - at)),
        Some(at) => format!(", ends in {}", span(at - now)),
        None => String::new(),
    };
    format!("{} old, {seen}{ends}", span(now.saturating_sub(kept.began)))
}

/// What IBKR says about it: one tickle, or one question that disturbs nobody where another program tickles.
pub(super) fn asked(context: &mut Context<'_>) -> Finding {
    let Some(sessions) = &context.sessions else { return Finding::skip("needs: settings") };
    if let Err(failure) = sessions.heed_pause() {
        return not_free(failure);
    }
    let missing = context.missing(&[Need::Tls]);
    if !missing.is_empty() {
        return Finding::skip(format!("needs: {}", missing.join(", ")));
    }
    match sessions.begin_run() {
        Ok(run) => {
            context.kept = run.kept();
            // A program that keeps the session connected needs the lock itself.
            context.run = context.keeper.is_none().then_some(run);
        }
        Err(failure) => return not_free(failure),
    }
    let Some(kept) = context.kept.clone() else {
        return Finding::skip(match context.keeper {
            Some(keeper) => format!("none is kept; making one is left to {keeper}"),
            None => "none is kept: a new one is made".to_owned(),
        });
    };
    if let Err(finding) = resume(context, &kept) {
        return *finding;
    }
    if context.args.fresh && context.keeper.is_none() {
        return end(context);
    }
    let status = match context.keeper {
        Some(_) => step(context, At::Tickle, Session::status),
        None => step(context, At::Tickle, Session::tickle).map(|tickle| {
            let status = tickle.auth_status.clone();
            context.tickle = Some(tickle);
            status
        }),
    };
    match status {
        Ok(status) => good(context, status),
        Err(trouble) => {
            context.session = None;
            let is_lost = trouble.error.kind() == ErrorKind::Unauthorized;
            context.kept_is_good = is_lost.then_some(false);
            let mut finding = trouble.finding();
            if let Some(Keeper { program, .. }) = context.keeper {
                finding.help = Some(format!("see the output of {program}, which heals it"));
            }
            // A session that ended is no fault: they all do.
            if is_lost { finding.into_warning() } else { finding }
        }
    }
}

/// Another invocation is at work, or IBKR has asked for a pause.
fn not_free(failure: Failure) -> Finding {
    let means = failure.why.unwrap_or_else(|| "two invocations never ask IBKR at the same time".to_owned());
    Finding::fail(failure.what, means, failure.help.unwrap_or_default())
}

fn good(context: &mut Context<'_>, status: AuthStatus) -> Finding {
    let is_ready = status.is_ready();
    context.kept_is_good = Some(true);
    context.status = Some(status);
    context.there.insert(Need::Session);
    let since = context.kept.as_ref().map_or(0, |kept| seconds(SystemTime::now()).saturating_sub(kept.began));
    let since = span(since);
    Finding::pass(match is_ready {
        true => format!("the kept session of {since} ago is good: it is used for what follows"),
        false => {
            format!(
                "the bearer token of the kept session of {since} ago is accepted: it is used for what follows"
            )
        }
    })
}

/// Takes its tokens.
fn resume(context: &mut Context<'_>, kept: &KeptSession) -> Result<(), Box<Finding>> {
    let Some(sessions) = &context.sessions else { return Err(Box::new(Finding::skip("needs: settings"))) };
    let Ok(session) = sessions.restored(kept, context.config.clone()) else {
        context.kept_is_good = Some(false);
        let means = "it cannot be gone on with; the next login replaces it";
        return Err(Box::new(Finding::warn("the kept session is damaged", means, "`ibkr-auth login`")));
    };
    for secret in session.bearer().into_iter().chain(session.session_id()) {
        context.secrets.add(secret.expose());
    }
    (context.config, context.session) = (session.config().clone(), Some(session));
    Ok(())
}

/// Makes room for the login that was asked for, if there can be one.
fn end(context: &mut Context<'_>) -> Finding {
    let stays = "a whole new login cannot be made, so the kept session stays";
    let missing = context.missing(&[Need::Key, Need::PublicIp]);
    if !missing.is_empty() {
        return Finding::skip(format!("{stays}; needs: {}", missing.join(", ")));
    }
    if let (Some(sessions), Some(run)) = (&context.sessions, &context.run)
        && let Err(failure) = sessions.may_begin_login(run)
    {
        return Finding::fail(failure.what, stays, failure.help.unwrap_or_default());
    }
    let outcome = step(context, At::Logout, Session::logout);
    context.session = None;
    match outcome {
        Ok(()) => {
            context.kept_is_good = Some(false);
            Finding::pass("the kept session is ended, as --fresh asks")
        }
        // It may be open still: a login beside it would leave it to nobody.
        Err(trouble) => trouble.finding(),
    }
}
