//! The table of reactions, row by row: what a keeper makes of one answer after the other, without a world
//! around it.

use std::time::Duration;

use super::{Action, Attempt, KeepConnected, Keeper, Mode, OnCompeting, View};
use ibkr_oauth1::LiveSessionToken;

use crate::{
    AccessToken, BearerToken, Config, Error, Host, LiveSession, Login, Now, Phase, Response, Secret, Step,
    Tier, TransportError, TransportKind,
    session::{
        exchange,
        facts::Facts,
        guard::{Guard, Reach},
        retry::Jitter,
        ticket::Done,
    },
    testing::{self, Bench},
};

/// One line of the table on top of `react.rs`, and what shows that it is so.
struct Row {
    happened: &'static str,
    reaction: &'static str,
    shown_by: fn(),
}

const TABLE: &[Row] = &[
    Row {
        happened: "the session is good",
        reaction: "tickle in a minute; extend the bearer token before it ends, look right after its end",
        shown_by: || {
            let mut desk = Desk::connected();
            desk.answer(Action::Tickle, 200, GOOD).plans(Action::ValidateSso, 0);
            desk.validated();
            desk.answer(Action::Tickle, 200, GOOD).plans(Action::Tickle, 60);
            desk.passes(30).answer(Action::Tickle, 200, &ending_in(100)).plans(Action::ValidateSso, 31);
            desk.answer(Action::Tickle, 200, &ending_in(20)).plans(Action::Tickle, 20).is(Phase::Connected);
        },
    },
    Row {
        happened: "not authenticated, `no bridge`, `not authenticated`",
        reaction: "`ssodh/init` without `compete`",
        shown_by: || {
            for (status, body) in [(200, CLOSED), (400, NO_BRIDGE), (401, r#"{"error":"not authenticated"}"#)]
            {
                let mut desk = Desk::connected();
                desk.answer(Action::Tickle, status, body).plans(Action::SsodhInit, 0).is(Phase::Recovering);
                assert!(!desk.begins().compete, "{body}");
            }
        },
    },
    Row {
        happened: "401, `no session`, `RESULT:false`",
        reaction: "a new bearer token; if that is refused too, the whole login",
        shown_by: || {
            for (status, body) in [(401, ""), (200, r#"{"error":"no session"}"#)] {
                let mut desk = Desk::connected();
                desk.answer(Action::Tickle, status, body).plans(Action::Renew, 0).is(Phase::Recovering);
                desk.refused(Action::Renew, Step::GetBearerToken, 401).plans(Action::Login, 0);
            }
        },
    },
    Row {
        happened: "403",
        reaction: "a new bearer token; when it goes on for 2 minutes, as a refusal",
        shown_by: || {
            let mut desk = Desk::connected();
            desk.answer(Action::Tickle, 403, "{}").plans(Action::Renew, 0);
            desk.connects(Action::Renew);
            desk.answer(Action::Tickle, 403, "{}").plans(Action::Renew, 1);
            desk.connects(Action::Renew);
            desk.answer(Action::Tickle, 403, "{}").plans(Action::Renew, 30);
        },
    },
    Row {
        happened: "410",
        reaction: "another host, with the same bearer token; a new one when no other host is left",
        shown_by: || {
            let mut desk = Desk::with_hosts(&["1.api.ibkr.com"]);
            desk.answer(Action::Tickle, 410, "{}").plans(Action::Tickle, 1).turns_to("1.api.ibkr.com");
            desk.answer(Action::Tickle, 410, "{}").turns_to("api.ibkr.com");
            desk.answer(Action::Tickle, 410, "{}").forgets_bearer();
            Desk::connected().answer(Action::Tickle, 410, "{}").forgets_bearer().plans(Action::Renew, 0);
        },
    },
    Row {
        happened: "429",
        reaction: "nothing until `Retry-After`, or 15 minutes, has passed; to `sso/validate` alone: tickles go on",
        shown_by: || {
            let mut desk = Desk::connected();
            desk.answer(Action::Tickle, 429, "{}").plans(Action::Tickle, 900);
            assert!(matches!(desk.phase(), Phase::Waiting { .. }));
            desk.passes(899).begins_nothing();
            let mut desk = Desk::connected();
            desk.answer(Action::ValidateSso, 429, "{}").plans(Action::Tickle, 60).is(Phase::Connected);
        },
    },
    Row {
        happened: "500 to `ssodh/init`, not established in time",
        reaction: "the same again; every third time what it builds on is renewed",
        shown_by: || {
            let mut desk = Desk::connected();
            desk.answer(Action::Tickle, 200, CLOSED);
            desk.refused(Action::SsodhInit, Step::SsodhInit, 500).plans(Action::SsodhInit, 1);
            desk.refused(Action::SsodhInit, Step::SsodhInit, 500).plans(Action::SsodhInit, 2);
            desk.refused(Action::SsodhInit, Step::SsodhInit, 500).forgets_bearer().plans(Action::Renew, 1);
        },
    },
    Row {
        happened: "no answer, 5xx, 3xx, HTML, truncated or unreadable, `Please query /accounts first`",
        reaction: "tickle, now and then `auth/status`, until a server answers, from the second time on at one host \
                   after the other; no login before",
        shown_by: || {
            let nothing = |desk: &mut Desk, action| {
                desk.fails(action, Step::Tickle, TransportError::timeout());
            };
            let mut desk = Desk::with_hosts(&["1.api.ibkr.com"]);
            nothing(&mut desk, Action::Tickle);
            desk.plans(Action::Tickle, 1).is(Phase::Connected);
            nothing(&mut desk, Action::Tickle);
            desk.plans(Action::Tickle, 1).turns_to("1.api.ibkr.com").is(Phase::Recovering);
            for (status, body) in [(503, ""), (302, ""), (200, "<html>"), (200, "{"), (400, QUERY_ACCOUNTS)] {
                let mut desk = Desk::connected();
                desk.answer(Action::Tickle, status, body).plans(Action::Tickle, 1);
                desk.answer(Action::Tickle, status, body).plans(Action::Tickle, 2);
                desk.answer(Action::Tickle, status, body).plans(Action::Status, 4);
            }
        },
    },
    Row {
        happened: "the same under a bearer token that was refused",
        reaction: "`auth/status`, now and then a tickle; no login before either, unless none has got out",
        shown_by: || {
            let mut desk = Desk::with_hosts(&["1.api.ibkr.com"]);
            desk.answer(Action::Tickle, 410, "{}").answer(Action::Tickle, 410, "{}");
            desk.answer(Action::Tickle, 410, "{}").forgets_bearer().plans(Action::Tickle, 2);
            desk.refused(Action::Tickle, Step::Tickle, 503).plans(Action::Status, 8);
            desk.refused(Action::Status, Step::Status, 503).plans(Action::Status, 2);
            desk.refused(Action::Status, Step::Status, 503).plans(Action::Tickle, 2);
        },
    },
    Row {
        happened: "one step goes on failing so while others are answered, or a server answers everything so for 10 \
                   minutes",
        reaction: "a new bearer token once, then the whole login; rarer each time, and not while IBKR is closed",
        shown_by: || {
            let mut desk = Desk::connected();
            for _ in 0..3 {
                desk.answer(Action::Tickle, 200, CLOSED).plans(Action::SsodhInit, 0);
                desk.refused(Action::SsodhInit, Step::SsodhInit, 503);
            }
            desk.plans(Action::Renew, 1);
            let mut desk = Desk::connected();
            desk.answer(Action::Tickle, 503, "").passes(600);
            desk.answer(Action::Tickle, 503, "").plans(Action::Renew, 1);
            let mut desk = Desk::connected();
            desk.closes().answer(Action::Tickle, 503, "").passes(600);
            assert!(matches!(desk.phase(), Phase::Connected | Phase::Maintenance { .. }));
            desk.answer(Action::Tickle, 503, "").plans(Action::Tickle, 2);
        },
    },
    Row {
        happened: "another login has the session, or IBKR opens it with `compete` alone",
        reaction: "as the policy says",
        shown_by: || {
            let mut desk = Desk::connected();
            desk.answer(Action::Tickle, 200, HELD).plans(Action::SsodhInit, 60).is(Phase::Yielded);
            assert!(!desk.passes(60).begins().compete);
            let mut desk = Desk::under(OnCompeting::Take);
            desk.answer(Action::Tickle, 200, HELD).plans(Action::SsodhInit, 0).is(Phase::Recovering);
            assert!(desk.begins().compete);
            let mut desk = Desk::under(OnCompeting::Take);
            desk.answer(Action::Tickle, 200, HELD).plans(Action::SsodhInit, 0);
            desk.keeper.pause();
            desk.keeper.resume(true);
            assert!(!desk.begins().compete, "a pause lets go of what was to be taken");
            let mut desk = Desk::connected();
            desk.answer(Action::Tickle, 200, HELD).is(Phase::Yielded);
            desk.keeper.pause();
            desk.keeper.resume(true);
            assert!(!desk.begins().compete, "whoever comes back from a pause has asked for nothing more");
            let mut desk = Desk::under(OnCompeting::RetakeAfter(Duration::from_secs(300)));
            desk.answer(Action::Tickle, 200, HELD).plans(Action::Status, 60).is(Phase::Yielded);
            assert_eq!(desk.keeper.contest.left().and_then(|left| left.retake_at), Some(desk.at(300)));
            let mut desk = Desk::under(OnCompeting::Never);
            desk.answer(Action::Tickle, 200, HELD).is(Phase::Yielded);
            desk.keeper.resume(true);
            assert!(!desk.begins().compete, "not even when the user asks for it");
        },
    },
    Row {
        happened: "the client, its key, its scope or the user is refused",
        reaction: "once more if the key's file has changed; else stop, unless IBKR knew them before: then again after \
                   30 s, 5, 15, 30 and 60 minutes; while IBKR is closed for longer",
        shown_by: || {
            let refused = |desk: &mut Desk| {
                desk.refused(Action::Login, Step::GetAccessToken, 401);
            };
            let mut desk = Desk::new();
            refused(&mut desk);
            desk.is(Phase::Stopped);
            let mut desk = Desk::new();
            desk.key_changes = true;
            refused(&mut desk);
            desk.plans(Action::Login, 0);
            let mut desk = Desk::connected();
            for wait in [30, 300, 900, 1_800, 3_600] {
                refused(&mut desk);
                desk.plans(Action::Login, wait);
            }
            refused(&mut desk);
            desk.is(Phase::Stopped);
            let mut desk = Desk::connected();
            desk.closes();
            refused(&mut desk);
            desk.plans(Action::Login, 300);
        },
    },
    Row {
        happened: "the proxy refuses its credentials, the key cannot sign, a live session token does not prove itself twice",
        reaction: "the same",
        shown_by: || {
            let mut desk = Desk::new();
            desk.fails(
                Action::Login,
                Step::GetAccessToken,
                TransportError::new(TransportKind::ProxyRefused, "407"),
            );
            desk.is(Phase::Stopped);
            let mut desk = Desk::connected();
            desk.fails(Action::Tickle, Step::Tickle, TransportError::new(TransportKind::ProxyRefused, "407"));
            desk.plans(Action::Tickle, 30);
            let mut desk = Desk::connected();
            desk.config.tier = Tier::ReadOnly;
            desk.fails(Action::Tickle, Step::Tickle, TransportError::timeout()).is(Phase::Connected);
            desk.fails(Action::Tickle, Step::Tickle, TransportError::new(TransportKind::ProxyRefused, "407"));
            desk.is(Phase::Recovering);
        },
    },
    Row {
        happened: "this machine's clock is wrong by more than is corrected",
        reaction: "again when it has been set, or after 15 minutes",
        shown_by: || {
            let mut desk = Desk::connected();
            desk.facts.refuse_bearer();
            desk.refused_by_the_clock(3_600).plans(Action::Login, 30);
            desk.passes(30).begins_nothing();
            desk.now.wall += Duration::from_secs(3_600);
            assert_eq!(desk.passes(30).begins().action, Action::Login);
            let mut desk = Desk::connected();
            desk.facts.refuse_bearer();
            desk.refused_by_the_clock(3_600).passes(870).begins_nothing();
            assert_eq!(desk.passes(30).begins().action, Action::Login);
            // One that is good is looked at meanwhile.
            let mut desk = Desk::connected();
            desk.refused_by_the_clock(3_600).passes(30).begins_nothing();
            assert_eq!(desk.passes(30).begins().action, Action::Tickle);
        },
    },
    Row {
        happened: "a live session token is lost within 10 minutes, the second in a row or a later one",
        reaction: "a new one after 30 s, 5, 15, 30 and 60 minutes",
        shown_by: || {
            let mut desk = Desk::by_oauth1();
            desk.answer(Action::Tickle, 401, "");
            assert_eq!(desk.begins().action, Action::Login, "the first one may be chance");
            for minutes in [1, 8, 23, 31, 61] {
                desk.connects(Action::Login);
                desk.answer(Action::Tickle, 200, GOOD).answer(Action::Tickle, 401, "").begins_nothing();
                assert_eq!(desk.passes(minutes * 60).begins().action, Action::Login, "{minutes}");
            }
            // One that has lived is no longer one in a row.
            desk.connects(Action::Login);
            desk.passes(600).answer(Action::Tickle, 200, GOOD).answer(Action::Tickle, 401, "");
            assert_eq!(desk.begins().action, Action::Login);
        },
    },
    Row {
        happened: "a request is refused for its time alone (OAuth 1.0a)",
        reaction: "the same again after 30 s: the session is as good as it was",
        shown_by: || {
            let mut desk = Desk::by_oauth1();
            desk.answer(Action::Tickle, 401, OVERTAKEN).plans(Action::Tickle, 30);
            assert!(desk.facts.bearer_is_good());
        },
    },
];

const OVERTAKEN: &str = r#"{"error":"id: 1, error: invalid oauth_timestamp","statusCode":401}"#;

const GOOD: &str = r#"{"session":"s","iserver":{"authStatus":{"authenticated":true,"connected":true}}}"#;
const READY: &str = r#"{"authenticated":true,"connected":true}"#;
const CLOSED: &str = r#"{"session":"s","iserver":{"authStatus":{"authenticated":false,"connected":false}}}"#;
const HELD: &str =
    r#"{"session":"s","iserver":{"authStatus":{"authenticated":true,"connected":true,"competing":true}}}"#;
const NO_BRIDGE: &str = r#"{"error":"no bridge"}"#;
const QUERY_ACCOUNTS: &str = r#"{"error":"Please query /accounts first"}"#;

fn ending_in(seconds: u64) -> String {
    GOOD.replacen('{', &format!(r#"{{"ssoExpires":{},"#, seconds * 1_000), 1)
}

/// A keeper, and facts as one likes them.
struct Desk {
    config: Config,
    facts: Facts,
    guard: Guard,
    keeper: Keeper,
    now: Now,
    key_changes: bool,
    turned_to: Option<Host>,
    forgot_bearer: bool,
}

impl Desk {
    fn new() -> Self {
        Self::with(KeepConnected::default())
    }

    fn with(policy: KeepConnected) -> Self {
        let (config, facts) = (testing::config(), Facts::default());
        let policy = policy.with_region(crate::Region::NewYork);
        let home = config.host.clone();
        let keeper = Keeper::new(policy, false, &home, (&config, &facts), Jitter::new(1));
        let now = Bench::new().now;
        let guard = Guard::default();
        Self { config, facts, guard, keeper, now, key_changes: false, turned_to: None, forgot_bearer: false }
    }

    fn connected() -> Self {
        Self::new().logged_in()
    }

    fn by_oauth1() -> Self {
        Self { config: testing::oauth1_config(), ..Self::new() }.logged_in()
    }

    fn under(competing: OnCompeting) -> Self {
        Self::with(KeepConnected::default().with_competing(competing)).logged_in()
    }

    fn with_hosts(hosts: &[&str]) -> Self {
        let hosts = hosts.iter().map(|host| host.parse().unwrap());
        Self::with(KeepConnected::default().with_hosts(hosts)).logged_in()
    }

    fn logged_in(mut self) -> Self {
        self.connects(Action::Login);
        self.answer(Action::Tickle, 200, GOOD);
        self
    }

    /// A login that succeeds, a minute ago.
    fn connects(&mut self, action: Action) {
        let token = |text: &str| Secret::new(text);
        let access = AccessToken { token: token("access"), expires_in: None, scope: None };
        let live = LiveSessionToken::from_base64("vF0KfK5239p+7JfUbJmqFJFGkCE=").unwrap();
        let brought = match self.config.login {
            Login::OAuth2(_) => {
                vec![Done::AccessToken(access), Done::BearerToken(BearerToken { token: token("bearer") })]
            }
            Login::OAuth1(_) => vec![Done::LiveSession(LiveSession { token: live, expires: None })],
        };
        for done in brought {
            self.facts.keep(&done, &self.config, self.now);
        }
        let ready = exchange::read(Step::Status, None, &self.config, &testing::answer(200, READY)).unwrap();
        self.facts.keep(&ready, &self.config, self.now);
        self.attempt(action, &Ok(ready));
        self.passes(60);
    }

    fn validated(&mut self) {
        self.facts.remember_validation(Some(self.now.mono));
    }

    fn passes(&mut self, seconds: u64) -> &mut Self {
        let by = Duration::from_secs(seconds);
        (self.now.mono, self.now.wall) = (self.now.mono + by, self.now.wall + by);
        self
    }

    fn closes(&mut self) -> &mut Self {
        while self.keeper.closed_until(self.view()).is_none() {
            self.passes(600);
        }
        self
    }

    fn at(&self, seconds: u64) -> std::time::Instant {
        self.now.mono + Duration::from_secs(seconds)
    }

    fn view(&self) -> View<'_> {
        View { now: self.now, config: &self.config, facts: &self.facts, guard: &self.guard }
    }

    fn answer(&mut self, action: Action, status: u16, body: &str) -> &mut Self {
        let step = match action {
            Action::Tickle => Step::Tickle,
            Action::Status => Step::Status,
            Action::ValidateSso => Step::ValidateSso,
            Action::SsodhInit => Step::SsodhInit,
            Action::Renew | Action::Login => Step::GetBearerToken,
        };
        self.answer_to(action, step, &testing::answer(status, body))
    }

    fn refused(&mut self, action: Action, step: Step, status: u16) -> &mut Self {
        self.answer_to(action, step, &testing::answer(status, "{}"))
    }

    fn answer_to(&mut self, action: Action, step: Step, response: &Response) -> &mut Self {
        let result = exchange::read(step, None, &self.config, response);
        match &result {
            Ok(done) => {
                self.facts.keep(done, &self.config, self.now);
            }
            Err(error) => self.facts.keep_error(error.kind()),
        }
        self.attempt(action, &result)
    }

    fn fails(&mut self, action: Action, step: Step, failure: TransportError) -> &mut Self {
        self.attempt(action, &Err(Error::transport(Some(step), &failure)))
    }

    fn refused_by_the_clock(&mut self, ahead: u64) -> &mut Self {
        let mut response = testing::answer(401, "{}");
        let date = httpdate::fmt_http_date(self.now.wall + Duration::from_secs(ahead));
        response.headers_mut().insert(http::header::DATE, date.parse().unwrap());
        self.facts.clock.observe(&response, self.now, self.now);
        let refusal = exchange::read(Step::GetAccessToken, None, &self.config, &response).err().unwrap();
        let wrong = self.facts.clock.beyond().unwrap();
        self.attempt(Action::Login, &Err(refusal.by_a_wrong_clock(wrong)))
    }

    fn attempt(&mut self, action: Action, outcome: &Result<Done, Error>) -> &mut Self {
        let attempt = self.keeper.begin(
            View { now: self.now, config: &self.config, facts: &self.facts, guard: &self.guard },
            action,
        );
        let view = View { now: self.now, config: &self.config, facts: &self.facts, guard: &self.guard };
        let key_changes = std::mem::take(&mut self.key_changes);
        let effects = self.keeper.react(view, attempt, outcome, Reach::of(outcome), || key_changes);
        self.forgot_bearer = effects.refuse_bearer;
        self.guard.be_quiet(effects.quiet_until);
        self.facts.forget(&effects);
        if let Some(host) = effects.host {
            self.config.host = host.clone();
            self.turned_to = Some(host);
        }
        self
    }

    /// The next action, no sooner than after so many seconds, and jittered by no more than a half, or 30 s.
    #[track_caller]
    fn plans(&mut self, action: Action, seconds: u64) -> &mut Self {
        let Mode::Due(planned, at) = &self.keeper.mode else { panic!("{:?}", self.keeper.mode) };
        let wait = at.map_or(Duration::ZERO, |at| at.saturating_duration_since(self.now.mono));
        let least = Duration::from_secs(seconds);
        let most = least + (least / 2).min(Duration::from_secs(30)) + Duration::from_millis(500);
        assert_eq!(*planned, action, "in {wait:?}");
        assert!((least..=most).contains(&wait), "{planned:?} in {wait:?}");
        self
    }

    #[track_caller]
    fn is(&mut self, phase: Phase) -> &mut Self {
        assert_eq!(self.phase(), phase);
        self
    }

    fn phase(&mut self) -> Phase {
        let view = View { now: self.now, config: &self.config, facts: &self.facts, guard: &self.guard };
        self.keeper.changed_phase(view);
        self.keeper.told()
    }

    #[track_caller]
    fn turns_to(&mut self, host: &str) -> &mut Self {
        assert_eq!(self.turned_to.take(), Some(host.parse().unwrap()));
        self
    }

    #[track_caller]
    fn forgets_bearer(&mut self) -> &mut Self {
        assert!(self.forgot_bearer);
        self
    }

    #[track_caller]
    fn begins(&mut self) -> Attempt {
        let view = View { now: self.now, config: &self.config, facts: &self.facts, guard: &self.guard };
        self.keeper.due(view).unwrap()
    }

    #[track_caller]
    fn begins_nothing(&mut self) -> &mut Self {
        let view = View { now: self.now, config: &self.config, facts: &self.facts, guard: &self.guard };
        assert_eq!(self.keeper.due(view), None);
        self
    }
}

#[test]
fn a_look_that_is_asked_for_during_an_extension_follows_it() {
    let mut desk = Desk::connected();
    assert_eq!(desk.begins().action, Action::ValidateSso);
    desk.keeper.check();
    desk.validated();
    let good = r#"{"RESULT":true,"EXPIRES":3600000}"#;
    desk.answer(Action::ValidateSso, 200, good).plans(Action::Status, 0);
    desk.answer(Action::Status, 200, READY).plans(Action::Tickle, 60);
}

#[test]
fn every_row_is_so() {
    for row in TABLE {
        println!("{}", row.happened);
        (row.shown_by)();
    }
}

#[test]
fn the_documentation_has_the_same_table() {
    let rows = TABLE.iter().map(|row| format!("//! | {} | {} |\n", row.happened, row.reaction));
    let table = "//! | what happened | reaction |\n//! |---|---|\n".to_owned() + &rows.collect::<String>();
    assert!(include_str!("react.rs").contains(&table), "react.rs should have\n{table}");
}
