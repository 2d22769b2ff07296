//! The automatic mode against the same faults, in virtual time: waits of ten minutes take none here.

use std::time::Duration;

use ibkr_auth_core::{Event, KeepConnected, Phase, Step};
use ibkr_auth_tests::world::World;
use ibkr_sim::demo;

use crate::faults::rule;

const LIMIT: Duration = Duration::from_secs(3 * 3_600);

/// What comes of a fault that strikes so many calls of a step from the first login on.
pub(crate) fn run(fault: (&'static str, &'static str), step: Step, calls: usize, oauth1: bool) -> String {
    let mut world = if oauth1 { World::oauth1() } else { World::new() };
    world.fault(&rule(step, &format!("1..{calls}"), fault.1));
    world.session.keep_connected(KeepConnected::default());
    // Until the fault has struck as often as it will, and what it broke is good again.
    let mut good_since = None;
    while world.elapsed() < LIMIT && world.session.phase() != Phase::Stopped {
        world.run_for(Duration::from_secs(1));
        let good = world.session.phase() == Phase::Connected && world.session.is_connected();
        match good_since {
            None if good => good_since = Some(world.elapsed()),
            Some(_) if !good => good_since = None,
            Some(since) if world.elapsed() - since > Duration::from_secs(150) => break,
            _ => {}
        }
    }
    check(&world, fault.0, step);
    let failed = world.events.iter().filter(|(_, event)| matches!(event, Event::Failed { .. }));
    let last_failure = failed.map(|(at, _)| *at).next_back();
    let (minted, name) = match oauth1 {
        true => (Step::GetLiveSessionToken, "live session tokens"),
        false => (Step::GetBearerToken, "bearer tokens"),
    };
    let logins = match world.count(minted) {
        0 | 1 => String::new(),
        logins => format!(", {logins} {name}"),
    };
    let works = world.works();
    match (world.session.stopped_by(), good_since) {
        (Some(error), _) => format!("**stopped**, {:?}{logins}", error.kind()),
        (None, Some(_)) if !works => "**believes in a session that is none**".to_owned(),
        (None, Some(since)) => {
            format!("{}{}{logins}", healed(since, last_failure), by(&world, last_failure, since))
        }
        (None, None) => format!("**not in {} h**: {}", LIMIT.as_secs() / 3_600, world.session.phase()),
    }
}

fn healed(since: Duration, last_failure: Option<Duration>) -> String {
    match (since.as_secs(), last_failure) {
        (0..=5, None) => "nothing felt".to_owned(),
        (0..=10, _) => "≤ 10 s".to_owned(),
        (11..=60, _) => "≤ 1 min".to_owned(),
        (61..=300, _) => "≤ 5 min".to_owned(),
        (301..=1_000, _) => "≤ 17 min".to_owned(),
        (longer, _) => format!("≤ {} min", longer.div_ceil(900) * 15),
    }
}

/// The dearest step between the last failure and the good session.
fn by(world: &World, last_failure: Option<Duration>, good: Duration) -> String {
    let Some(failure) = last_failure.filter(|failure| *failure < good) else { return String::new() };
    let took = world.sent.iter().filter(|(at, _)| (failure..=good).contains(at)).map(|(_, step)| *step);
    let steps: Vec<Step> = took.collect();
    let dearest = [
        Step::GetAccessToken,
        Step::GetBearerToken,
        Step::GetLiveSessionToken,
        Step::SsodhInit,
        Step::ValidateSso,
        Step::Tickle,
    ];
    let dearest = dearest.into_iter().find(|step| steps.contains(step));
    dearest.map_or_else(String::new, |step| format!(", by {step}"))
}

fn check(world: &World, fault: &str, step: Step) {
    let counters = world.sim.counters();
    assert_eq!(counters.refused_for("replay"), 0, "{fault} at {step}: an assertion was sent twice");
    assert_eq!(counters.refused_for("oauth_nonce"), 0, "{fault} at {step}: a request was sent twice");
    for signed in [Step::GetAccessToken, Step::GetBearerToken, Step::GetLiveSessionToken] {
        let at: Vec<_> = world.sent.iter().filter(|(_, sent)| *sent == signed).map(|(at, _)| *at).collect();
        let hour = Duration::from_secs(3_600);
        assert!(
            at.windows(13).all(|logins| logins[12] - logins[0] >= hour),
            "{fault} at {step}: the login budget"
        );
    }
    let text: String = world.events.iter().map(|(_, event)| format!("{event} {event:?}\n")).collect();
    for secret in [demo::CREDENTIAL, demo::oauth1::ACCESS_TOKEN] {
        assert!(!text.contains(secret), "{fault} at {step}: a secret in {text}");
    }
}
