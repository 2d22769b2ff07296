//! The brokerage tier: `ssodh/init`, `auth/status`, `tickle`, `sso/validate`, `logout`, `reauthenticate`
//! (IBKR's OpenAPI and Client Portal API page).

use serde_json::{Value, json};

use crate::{
    CompetingShown, Expires, Extension, Moment,
    answer::{Answer, Answered},
    call::Call,
    sim::Sim,
    store::{Session, Tier},
};

/// IBKR's are called like `JifN19053`. People are to see that this is not one of them.
const SERVER_NAME: &str = "SIMULATOR";
const SERVER_VERSION: &str = "Build 10.25.0p, Dec 5, 2023 5:48:12 PM";

/// What IBKR says to `compete: false` when it does not show the rival (reports of users).
const FORCE_COMPETE: &str = "Force compete capability must be used together with compete flag";

impl Sim {
    /// Somebody logs in on another platform (TWS, a phone) and takes the brokerage session of this username,
    /// or of all with `None`. It stays taken until `ssodh/init` with `compete: true`, or
    /// [`release`](Self::release).
    pub fn kick(&mut self, credential: Option<&str>) {
        let hit = |name: &str| credential.is_none_or(|credential| credential == name);
        for session in self.store.sessions.values_mut().filter(|session| hit(&session.credential)) {
            if matches!(session.tier, Tier::Up(_)) {
                session.tier = Tier::Competing;
            }
        }
        let users = self.config.users.iter().map(|user| &user.credential).filter(|name| hit(name));
        self.store.elsewhere.extend(users.cloned());
    }

    /// The other platform logs out.
    pub fn release(&mut self) {
        self.store.elsewhere.clear();
    }

    pub(crate) fn ssodh_init(&mut self, call: &Call<'_>, session: &mut Session) -> Answered {
        let asked = init_parameters(call)?;
        let (Some(publish), Some(compete)) = (asked("publish"), asked("compete")) else {
            let fix = "Send {\"publish\":true,\"compete\":true}";
            let answer = Answer::error(400, "Bad Request: publish and compete are required");
            return Err(answer.because("init", "publish or compete is missing or no boolean", fix));
        };
        if !publish {
            let answer = Answer::error_only(500, "failed to generate sso dh token");
            return Err(answer.because("publish", "publish is false", "Send \"publish\": true"));
        }
        if self.config.rules.init_once && matches!(session.tier, Tier::Idle | Tier::Gone) {
            let answer = Answer::error(503, "Service Unavailable");
            let why = "the brokerage session of this SSO session ended before";
            return Err(answer.because("init", why, "Make a new bearer with sso-sessions"));
        }
        self.begin_brokerage(call.now, session, compete);
        let mut status = self.auth_status_at(call.now, session);
        if status["authenticated"] == false && status["competing"] == false {
            // Seen with it (reports of users).
            status["passed"] = false.into();
        }
        Ok(Answer::ok(&status))
    }

    /// One username has one brokerage session: takes it from the others, or yields.
    fn begin_brokerage(&mut self, now: Moment, session: &mut Session, compete: bool) {
        if matches!(session.tier, Tier::Up(_)) {
            return;
        }
        let mut others = std::mem::take(&mut self.store.sessions);
        let rivals = others
            .values_mut()
            .filter(|other| other.credential == session.credential && other.key != session.key);
        let mut taken = self.store.elsewhere.contains(&session.credential);
        for rival in rivals {
            self.settle(rival, now);
            if matches!(rival.tier, Tier::Up(_)) && rival.deadline() > now {
                taken = true;
                if compete {
                    rival.tier = Tier::Competing;
                }
            }
        }
        self.store.sessions = others;
        if taken && !compete {
            session.tier = Tier::Competing;
            return;
        }
        if self.config.rules.compete_demanded && !compete {
            session.tier = Tier::Refused;
            return;
        }
        self.store.elsewhere.remove(&session.credential);
        session.tier = Tier::Up(now + self.config.rules.established_after);
        session.accounts_read = false;
        session.snapshot_warm = false;
        session.selected = None;
        session.suppressed.clear();
        self.counters.inits += 1;
    }

    /// The state table of the brokerage tier. Without a session three flags and the MAC are all there is.
    pub(crate) fn auth_status_at(&self, now: Moment, session: &Session) -> Value {
        let mac = self.ids.mac_of(&session.credential);
        let shown = self.config.rules.competing_shown;
        let (authenticated, established, competing) = match session.tier {
            Tier::Never | Tier::Gone => {
                return json!({ "authenticated": false, "competing": false, "connected": false, "MAC": mac });
            }
            Tier::Up(from) => (true, from <= now, false),
            Tier::Idle | Tier::Refused => (false, false, false),
            Tier::Competing => (false, false, shown == CompetingShown::Flag),
        };
        let fail = match session.tier {
            Tier::Competing if shown == CompetingShown::FailText => FORCE_COMPETE,
            Tier::Refused if shown != CompetingShown::Never => FORCE_COMPETE,
            _ => "",
        };
        json!({
            "authenticated": authenticated,
            "established": established,
            "competing": competing,
            "connected": true,
            "message": "",
            "MAC": mac,
            "serverInfo": { "serverName": SERVER_NAME, "serverVersion": SERVER_VERSION },
            "hardware_info": self.hardware(session),
            "fail": fail,
        })
    }

    fn hardware(&self, session: &Session) -> String {
        let digits = self.ids.hex_of(&session.credential, 18);
        format!("{}|{}", &digits[10..], self.ids.mac_of(&session.credential))
    }

    pub(crate) fn tickle(&self, call: &Call<'_>, session: &Session) -> Answered {
        let mut body = json!({
            "session": session.cookie,
            "hmds": { "error": "no bridge" },
            "iserver": { "authStatus": self.auth_status_at(call.now, session) },
        });
        // Recorded answers to OAuth 1.0a have none of these.
        if session.live.is_none() {
            body["ssoExpires"] = millis(session.deadline().since(call.now)).into();
            body["collission"] = false.into();
            body["userId"] = self.user_id(session).into();
        }
        Ok(Answer::ok(&body))
    }

    /// Every field of the published examples, and those that ibauth's model demands.
    pub(crate) fn validate(&mut self, call: &Call<'_>, session: &mut Session) -> Answered {
        if self.config.rules.bearer_extended_by != Extension::Nothing {
            session.expires = call.now + self.config.rules.bearer_life;
        }
        let deadline = session.deadline();
        let expires = match self.config.rules.expires {
            Expires::MillisLeft => millis(deadline.since(call.now)),
            Expires::EpochMillis => deadline.millis(),
        };
        let paper = self.config.users.iter().any(|user| user.paper && user.credential == session.credential);
        let mut body = json!({
            "USER_ID": self.user_id(session),
            "USER_NAME": session.credential,
            "RESULT": true,
            "AUTH_TIME": session.made.millis(),
            "SF_ENABLED": false,
            "SF_CONFIG": "",
            "IS_FREE_TRIAL": false,
            "IS_PENDING_APPLICANT": false,
            "CREDENTIAL": session.credential,
            "CREDENTIAL_TYPE": 0,
            "IP": session.ips.first().map(ToString::to_string).unwrap_or_default(),
            "EXPIRES": expires,
            "QUALIFIED_FOR_MOBILE_AUTH": null,
            "LANDING_APP": "UNIVERSAL",
            "IS_MASTER": false,
            "lastAccessed": session.last_request.millis(),
            "LOGIN_TYPE": if paper { 2 } else { 1 },
            "HARDWARE_INFO": self.hardware(session),
            "UNIQUE_LOGIN_ID": self.ids.hex_of(&session.cookie, 32),
            "COUNTERPARTY": "",
            "TOKEN": self.ids.hex_of(&format!("token of {}", session.cookie), 40),
            "took": 12,
            "features": {
                "env": "PROD", "wlms": true, "realtime": true, "bond": true, "optionChains": true,
                "calendar": true, "newMf": true,
            },
            "region": self.config.calendar.region.code(),
        });
        if paper {
            body["PAPER_USER_NAME"] = session.credential.clone().into();
        }
        Ok(Answer::ok(&body))
    }

    pub(crate) fn logout(&mut self, mut session: Session) -> Answer {
        if self.config.rules.logout_ends_sso {
            self.store.sessions.remove(&session.key);
        } else {
            session.tier = Tier::Gone;
            self.keep(session);
        }
        Answer::ok(&json!({ "status": true }))
    }

    /// Deprecated by IBKR, still answered.
    pub(crate) fn reauthenticate(&mut self, call: &Call<'_>, session: &mut Session) -> Answered {
        self.begin_brokerage(call.now, session, true);
        Ok(Answer::ok(&json!({ "message": "triggered" })))
    }

    fn user_id(&self, session: &Session) -> u64 {
        let user = self.config.users.iter().find(|user| user.credential == session.credential);
        user.map_or(0, |user| user.user_id)
    }
}

/// The parameters of `ssodh/init` by name: from a JSON body, a form body, or the query when the body is
/// empty.
fn init_parameters(call: &Call<'_>) -> Result<impl Fn(&str) -> Option<bool>, Answer> {
    let bad = |why: &str| {
        let fix = "Send {\"publish\":true,\"compete\":true} as application/json";
        Answer::error(400, "Bad Request").because("init", why, fix)
    };
    let pairs: Vec<(String, Value)> = match call.content_type().as_str() {
        _ if call.body().is_empty() => words(call.query()),
        "application/json" => match serde_json::from_slice(call.body()) {
            Ok(Value::Object(object)) => object.into_iter().collect(),
            _ => return Err(bad("the body is no JSON object")),
        },
        "application/x-www-form-urlencoded" => {
            words(form_urlencoded::parse(call.body()).into_owned().collect())
        }
        _ => return Err(bad("the content type is neither JSON nor a form")),
    };
    if pairs.is_empty() {
        let answer = Answer::error(400, "Bad Request: body can't be empty");
        return Err(answer.because("init", "there are no parameters", "Send publish and compete as JSON"));
    }
    Ok(move |name: &str| pairs.iter().find(|(key, _)| key == name)?.1.as_bool())
}

fn words(pairs: Vec<(String, String)>) -> Vec<(String, Value)> {
    let value = |text: String| text.parse::<bool>().map_or(Value::String(text), Value::Bool);
    pairs.into_iter().map(|(name, text)| (name, value(text))).collect()
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
