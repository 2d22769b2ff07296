//! `/v1/api`: who may call, how often, and which endpoint answers.

use crate::{
    Endpoint, Extension, Moment,
    answer::{Answer, Answered},
    call::Call,
    oauth1::MINT,
    pace,
    sim::Sim,
    store::{Session, Tier},
    tier,
};

impl Sim {
    pub(crate) fn trading(&mut self, call: &Call<'_>) -> Answered {
        let mut session = self.caller(call)?;
        self.settle(&mut session, call.now);
        self.pacing(call, &session)?;
        self.touch(&mut session, call.now);
        let answered = match call.endpoint {
            _ if call.stub.is_some() => stubbed(call, &session),
            Endpoint::Validate => self.validate(call, &mut session),
            Endpoint::Init => self.ssodh_init(call, &mut session),
            Endpoint::Status => Ok(Answer::ok(&self.auth_status_at(call.now, &session))),
            Endpoint::Tickle => self.tickle(call, &session),
            Endpoint::Reauthenticate => self.reauthenticate(call, &mut session),
            Endpoint::Logout => return Ok(self.logout(session)),
            Endpoint::PortfolioAccounts | Endpoint::Subaccounts => self.portfolio_accounts(&session),
            Endpoint::User => self.user(&session),
            Endpoint::SelectAccount => self.select_account(call, &mut session),
            Endpoint::Trades => self.trades(&session),
            Endpoint::Pnl => self.pnl(&session),
            Endpoint::Accounts => self.accounts(call, &mut session),
            Endpoint::Orders => self.orders(&session),
            Endpoint::PlaceOrder => self.place_order(call, &session),
            Endpoint::OrderReply => self.order_reply(call, &session),
            Endpoint::CancelOrder => self.cancel_order(call, &session),
            Endpoint::Positions => self.positions(call, &session),
            Endpoint::Ledger => self.ledger(call, &session),
            Endpoint::SecdefSearch => self.secdef_search(call, &session),
            Endpoint::Secdef => self.secdef(call),
            Endpoint::Snapshot => self.snapshot(call, &mut session),
            Endpoint::History => self.history(call, &session),
            Endpoint::Suppress => self.suppress(call, &mut session),
            _ => Err(Answer::error(404, "Not Found")),
        };
        let cookie =
            format!("api={}; Path=/; Secure;Secure;HttpOnly;SameSite=None;SameSite=None", session.cookie);
        self.keep(session);
        let with_cookie = |answer: Answer| answer.with_header("set-cookie", cookie.clone());
        answered.map(with_cookie).map_err(with_cookie)
    }

    /// Writes a session back that was taken out as a copy.
    pub(crate) fn keep(&mut self, session: Session) {
        if let Some(kept) = self.store.sessions.get_mut(&session.key) {
            *kept = session;
        }
    }

    /// What any request does to its session.
    pub(crate) fn touch(&self, session: &mut Session, now: Moment) {
        session.last_request = now;
        if self.config.rules.bearer_extended_by == Extension::AnyRequest && session.live.is_none() {
            session.expires = now + self.config.rules.bearer_life;
        }
    }

    /// The session of a request, by its bearer or by its signature.
    fn caller(&mut self, call: &Call<'_>) -> Result<Session, Answer> {
        if call.oauth1().is_none() {
            return self.session_of(call.bearer(), call);
        }
        let session = self.signed_session(call)?;
        if call.endpoint == Endpoint::Validate {
            // IBKR's Client Portal API page.
            let answer = Answer::error(401, "not authenticated");
            let fix = "Leave it out: a live session token cannot be extended";
            return Err(answer.because("authorization", "sso/validate is not for OAuth 1.0a", fix));
        }
        Ok(session)
    }

    pub(crate) fn session_of(&self, bearer: Option<&str>, call: &Call<'_>) -> Result<Session, Answer> {
        // The same body for all causes (IBKR's OpenAPI).
        let unauthorized = || Answer::problem(401, "Unauthorized", Some("Access token expired"));
        let fix = "Send Authorization: Bearer with the access_token of sso-sessions";
        let Some(bearer) = bearer else {
            return Err(unauthorized().because("authorization", "there is no bearer token", fix));
        };
        let found = self.store.sessions.get(bearer).filter(|session| session.live.is_none());
        let Some(session) = found else {
            let why = if self.store.access.contains_key(bearer) {
                "this is the access token, not the SSO bearer"
            } else if self.store.sessions.contains_key(bearer) {
                "this is a live session token: it signs requests and is in none"
            } else {
                "the bearer is unknown, logged out or long expired"
            };
            return Err(unauthorized().because("bearer", why, fix));
        };
        self.alive(session, call).map(|()| session.clone())
    }

    /// Whether a session lasts, for this caller.
    pub(crate) fn alive(&self, session: &Session, call: &Call<'_>) -> Result<(), Answer> {
        let unauthorized = || Answer::problem(401, "Unauthorized", Some("Access token expired"));
        if session.deadline() <= call.now {
            let midnight = session.ends.is_some_and(|ends| ends <= call.now);
            let (rule, expired, fix) = match session.live {
                Some(_) => ("live-session-token", "the live session token expired", MINT),
                None => {
                    ("bearer", "the bearer expired", "Extend it by sso/validate in time, or log in again")
                }
            };
            let why = if midnight { "the session ended at midnight" } else { expired };
            return Err(unauthorized().because(rule, why, fix));
        }
        if self.config.rules.ip_checked_always && !session.is_at_home(call.ip) {
            let why = format!("the caller is at {}, the session was made for another address", call.ip);
            let fix = "Make a new bearer with the new ip, or list it in alternativeIps";
            return Err(unauthorized().because("ip", why, fix));
        }
        Ok(())
    }

    /// What time has done to the brokerage tier since the session's last request.
    pub(crate) fn settle(&self, session: &mut Session, now: Moment) {
        if !matches!(session.tier, Tier::Up(_)) {
            return;
        }
        if self.config.calendar.reset_between(session.last_request, now) {
            session.tier = Tier::Gone;
        } else if now.since(session.last_request) >= self.config.rules.brokerage_idle {
            session.tier = Tier::Idle;
        }
    }

    pub(crate) fn pacing(&mut self, call: &Call<'_>, session: &Session) -> Result<(), Answer> {
        let rules = &self.config.rules;
        let Some(global) = rules.pacing else { return Ok(()) };
        let who = &session.credential;
        let pace = &mut self.store.pace;
        let own = pace::limits_of(call.endpoint).iter().map(|limit| (Some(call.endpoint), *limit));
        let mut limits = std::iter::once((None, global)).chain(own);
        let refused = limits.find_map(|(endpoint, limit)| {
            let wait = pace.admit(who, endpoint, limit, call.now).err()?;
            Some((endpoint, wait))
        });
        let Some((endpoint, wait)) = refused else { return Ok(()) };
        pace.offend(call.ip, rules, call.now);
        *self.counters.paced.entry(endpoint.map_or("*", Endpoint::name)).or_default() += 1;
        let why = format!("{} again {} ms too early", call.endpoint, wait.as_millis());
        let answer = Answer::error_only(429, "Too Many Requests");
        Err(answer.because("pacing", why, "Keep to IBKR's pacing limits"))
    }
}

/// What a user put there. As with IBKR, `/iserver` is for those who have a brokerage session.
fn stubbed(call: &Call<'_>, session: &Session) -> Answered {
    if call.is_iserver() {
        tier::brokerage(session)?;
    }
    Ok(Answer::ok(&call.stub))
}
