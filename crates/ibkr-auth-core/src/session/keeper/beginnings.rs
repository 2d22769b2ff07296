//! What is begun first, by what is known, and what must come before an action: both as tables.

use super::{
    Action::{self, Login, Renew, SsodhInit, Status, Tickle, ValidateSso},
    KeepConnected, Keeper, View, first_action, prerequisite_of,
};
use crate::{
    AccessToken, BearerToken, Config, ErrorKind, Region, Secret, Step, Tier,
    session::{exchange, facts::Facts, guard::Guard, retry::Jitter, ticket::Done},
    testing::{self, Bench},
};

const READY: &str = r#"{"authenticated":true,"connected":true}"#;
const CLOSED: &str = r#"{"authenticated":false,"connected":false}"#;
const HELD: &str = r#"{"authenticated":true,"connected":true,"competing":true}"#;

/// What is known of a session.
#[derive(Debug, Clone, Copy)]
enum Known {
    Nothing,
    AccessToken,
    /// And a bearer token.
    Bearer,
    /// Which IBKR has refused.
    Refused,
    /// And what IBKR said of the brokerage session.
    Said(&'static str),
}

fn facts(known: Known, config: &Config) -> Facts {
    let (mut facts, now, token) = (Facts::default(), Bench::new().now, || Secret::new("token"));
    let access = AccessToken { token: token(), expires_in: None, scope: None };
    let mut keep = vec![Done::AccessToken(access), Done::BearerToken(BearerToken { token: token() })];
    match known {
        Known::Nothing => keep.clear(),
        Known::AccessToken => keep.truncate(1),
        Known::Bearer | Known::Refused => {}
        Known::Said(status) => {
            keep.push(exchange::read(Step::Status, None, config, &testing::answer(200, status)).unwrap());
        }
    }
    for done in keep {
        facts.keep(&done, config, now);
    }
    if let Known::Refused = known {
        facts.keep_error(ErrorKind::Unauthorized);
    }
    facts
}

#[test]
fn the_first_action_is_the_cheapest_that_can_be_enough() {
    let brokerage = testing::config();
    let (competing, read_only) =
        (brokerage.clone().with_compete(true), brokerage.clone().with_tier(Tier::ReadOnly));
    for (config, known, first) in [
        (&brokerage, Known::Nothing, Login),
        (&brokerage, Known::AccessToken, Login),
        (&brokerage, Known::Refused, Renew),
        (&brokerage, Known::Bearer, Tickle),
        (&brokerage, Known::Said(READY), Tickle),
        (&brokerage, Known::Said(CLOSED), SsodhInit),
        (&brokerage, Known::Said(HELD), Status),
        (&competing, Known::Said(HELD), SsodhInit),
        (&competing, Known::Said(READY), Tickle),
        (&read_only, Known::Said(CLOSED), Tickle),
        (&read_only, Known::Refused, Renew),
    ] {
        assert_eq!(first_action(config, &facts(known, config)), first, "{known:?}, {config:?}");
    }
}

#[test]
fn what_an_action_builds_on_comes_first() {
    let brokerage = testing::config();
    let read_only = brokerage.clone().with_tier(Tier::ReadOnly);
    for (config, known, action, first) in [
        (&brokerage, Known::Nothing, Tickle, Login),
        (&brokerage, Known::Nothing, Renew, Login),
        (&brokerage, Known::Nothing, Login, Login),
        (&brokerage, Known::AccessToken, Tickle, Renew),
        (&brokerage, Known::AccessToken, SsodhInit, Renew),
        (&brokerage, Known::AccessToken, Renew, Renew),
        (&brokerage, Known::AccessToken, Login, Login),
        (&brokerage, Known::Bearer, Status, Status),
        (&brokerage, Known::Bearer, SsodhInit, SsodhInit),
        (&brokerage, Known::Bearer, Renew, Renew),
        (&read_only, Known::Bearer, Status, Tickle),
        (&read_only, Known::Bearer, SsodhInit, Tickle),
        (&read_only, Known::Bearer, ValidateSso, ValidateSso),
        (&read_only, Known::Nothing, Status, Login),
    ] {
        let (facts, guard) = (facts(known, config), Guard::default());
        let view = View { now: Bench::new().now, config, facts: &facts, guard: &guard };
        assert_eq!(prerequisite_of(action, view), first, "{action:?} with {known:?}, {config:?}");
    }
}

fn keeper<'a>(
    policy: KeepConnected,
    config: &'a Config,
    facts: &'a Facts,
    guard: &'a Guard,
) -> (Keeper, View<'a>) {
    let keeper = Keeper::new(policy, false, &config.host, (config, facts), Jitter::new(1));
    (keeper, View { now: Bench::new().now, config, facts, guard })
}

#[test]
fn only_a_first_login_ends_another_session_because_the_settings_say_so() {
    for wants in [false, true] {
        let config = testing::config().with_compete(wants);
        let (facts, guard) = (Facts::default(), Guard::default());
        let (mut keeper, view) = keeper(KeepConnected::default(), &config, &facts, &guard);
        assert_eq!(keeper.begin(view, Action::Login).compete, wants);
        keeper.is_first = false;
        assert!(!keeper.begin(view, Action::Login).compete);
    }
}

#[test]
fn the_region_is_the_policys_or_else_the_one_that_ibkr_named() {
    let config = testing::config();
    let (mut facts, guard) = (Facts::default(), Guard::default());
    let region = |facts: &Facts, policy: KeepConnected| {
        let (keeper, view) = keeper(policy, &config, facts, &guard);
        keeper.region(view)
    };
    assert_eq!(region(&facts, KeepConnected::default()), Region::NewYork);
    facts.region = Some(Region::Zug);
    assert_eq!(region(&facts, KeepConnected::default()), Region::Zug);
    assert_eq!(region(&facts, KeepConnected::default().with_region(Region::HongKong)), Region::HongKong);
}
