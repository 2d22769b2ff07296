//! The checks in their order, as data, and the loop that runs them.

use std::time::Instant;

use ibkr_auth_core::Login;

use super::{
    DoctorArgs, address,
    context::{Context, Need},
    files,
    finding::{Finding, INTERRUPTED},
    kept, key, login, network, oauth1,
    report::Report,
    settings, tiers,
};
use crate::{failure::Failure, options::Global, output::Output, progress::Progress};

/// One check. It is skipped where something is missing that it needs; all others run all the same.
struct Check {
    name: &'static str,
    /// Whether something leaves this machine.
    sends: bool,
    /// Whether it is of this login, if not of both.
    of: Option<fn(&Login) -> bool>,
    needs: &'static [Need],
    run: fn(&mut Context<'_>) -> Finding,
}

/// From the inside out.
const CHECKS: &[Check] = &[
    local("settings", &[], settings::settings),
    local("file modes", &[], files::modes),
    local("key", &[Need::Settings], key::key),
    local("encryption key", &[Need::Settings], oauth1::encryption_key).of(is_oauth1),
    local("dh parameters", &[Need::Settings], oauth1::dh_parameters).of(is_oauth1),
    local("state folder", &[], files::state_folder),
    local("kept session", &[Need::Settings], kept::stored),
    sending("proxy", &[], network::proxy),
    sending("dns", &[Need::Proxy], network::dns),
    sending("tls", &[Need::Dns], network::tls),
    sending("clock", &[Need::Tls], network::clock),
    sending("public ip", &[Need::Proxy], address::public_ip),
    sending("session", &[Need::Settings], kept::asked),
    sending("access token", &[Need::Settings, Need::Key, Need::Tls], login::access_token).of(is_oauth2),
    sending("bearer token", &[Need::Settings, Need::Key, Need::Tls], login::bearer_token).of(is_oauth2),
    sending(
        "live session token",
        &[Need::Settings, Need::Key, Need::Secret, Need::Tls],
        oauth1::live_session_token,
    )
    .of(is_oauth1),
    sending("read-only tier", &[Need::Session], tiers::read_only),
    sending("sso/validate", &[Need::Session], tiers::validate).of(is_oauth2),
    sending("brokerage tier", &[Need::Session], tiers::brokerage),
    sending("competing session", &[Need::BrokerageAnswer], tiers::competing),
    sending("accounts", &[Need::Brokerage], tiers::accounts),
    sending(LAST, &[Need::Session], login::logout),
];

/// Ends what was made here, after a Ctrl-C too, and where IBKR asked for a pause: a session that nobody knows
/// is worse than one more request.
const LAST: &str = "logout";

type Run = fn(&mut Context<'_>) -> Finding;

const fn local(name: &'static str, needs: &'static [Need], run: Run) -> Check {
    Check { name, sends: false, of: None, needs, run }
}

const fn sending(name: &'static str, needs: &'static [Need], run: Run) -> Check {
    Check { name, sends: true, of: None, needs, run }
}

impl Check {
    const fn of(self, login: fn(&Login) -> bool) -> Self {
        Self { of: Some(login), ..self }
    }
}

fn is_oauth1(login: &Login) -> bool {
    login.oauth1().is_some()
}

fn is_oauth2(login: &Login) -> bool {
    login.oauth2().is_some()
}

/// How the checks ended.
pub(super) enum End {
    Reached,
    Interrupted,
}

pub(super) fn run(
    global: &Global,
    output: Output,
    args: &DoctorArgs,
    report: &mut Report,
) -> Result<End, Failure> {
    let mut context = Context::new(global, output, args)?;
    let mut outcome = Ok(());
    for check in CHECKS {
        // The settings, which are read first, say which login it is.
        if check.of.is_some_and(|is_of| !is_of(context.config.login())) {
            continue;
        }
        let begin = Instant::now();
        let progress = check.sends.then(|| Progress::start(output, format!("checking: {}", check.name)));
        let finding = judge(check, &mut context);
        drop(progress);
        // A session that was made is logged out, also where nobody reads the report any more.
        outcome = outcome.and_then(|()| report.add(check.name, finding, begin.elapsed(), &context.secrets));
    }
    let ended = context.end();
    outcome.and(ended)?;
    Ok(if context.is_interrupted() { End::Interrupted } else { End::Reached })
}

fn judge(check: &Check, context: &mut Context<'_>) -> Finding {
    if check.sends && context.args.offline {
        return Finding::skip("nothing is sent: --offline");
    }
    if check.sends && context.pause.get().is_some() && check.name != LAST {
        return Finding::skip("nothing more is sent: IBKR asked for a pause");
    }
    if context.is_interrupted() && check.name != LAST {
        return Finding::skip(INTERRUPTED);
    }
    if let Some((_, failure)) = context.refused.take_if(|(name, _)| *name == check.name) {
        return login::forbidden(failure);
    }
    match context.missing(check.needs) {
        missing if missing.is_empty() => (check.run)(context),
        missing => Finding::skip(format!("needs: {}", missing.join(", "))),
    }
}
