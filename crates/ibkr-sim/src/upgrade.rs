//! `GET /v1/api/ws`: who may open a socket (IBKR's OpenAPI, its Web API changelog).

use base64::{Engine, engine::general_purpose::STANDARD};
use http::header;
use ring::digest;

use crate::{
    Endpoint,
    answer::{Answer, Answered},
    call::Call,
    sim::Sim,
    socket::Socket,
    store::Session,
};

/// What RFC 6455 has a server append to the client's key.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

impl Sim {
    /// A socket that names no session is opened all the same, and told that it waits for one. Why is in its
    /// refusals.
    pub(crate) fn upgrade(&mut self, call: &Call<'_>, host: &str) -> Answered {
        let accept = accept(call)?;
        let mut answer = Answer::empty(101)
            .with_header("upgrade", "websocket")
            .with_header("connection", "upgrade")
            .with_header("sec-websocket-accept", accept);
        let mut socket = Socket::new(host, call.ip);
        match self.bearer_of_socket(call) {
            Ok(bearer) => {
                self.request_on(&bearer, call)?;
                socket.attach(bearer, call.now);
            }
            Err(refused) => answer = answer.with_refusals(refused.refusals),
        }
        answer.socket = Some(self.sockets.open(socket));
        Ok(answer)
    }

    /// The upgrade counts as a request of its session.
    fn request_on(&mut self, bearer: &str, call: &Call<'_>) -> Result<(), Answer> {
        let Some(mut session) = self.store.sessions.get(bearer).cloned() else { return Ok(()) };
        self.settle(&mut session, call.now);
        self.pacing(call, &session)?;
        self.touch(&mut session, call.now);
        self.store.sessions.insert(bearer.to_owned(), session);
        Ok(())
    }

    /// The bearer that a request names, if it may have a socket.
    fn bearer_of_socket(&self, call: &Call<'_>) -> Result<String, Answer> {
        let rules = &self.config.rules;
        let query = call.query();
        let named = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        if let Some(token) = named("oauth_token") {
            return self.session_of_token(&token, call);
        }
        let bearer = named("bearer_token")
            .or_else(|| named("sessionToken").filter(|_| rules.ws_session_token))
            .ok_or_else(|| waits("bearer", "there is no bearer_token in the query", BEARER))?;
        let session = self.session_of(Some(&bearer), call)?;
        self.cookie_fits(call, &session).map(|()| bearer)
    }

    /// Of OAuth 1.0a: the live session of an access token, the newest unless the cookie is another's.
    fn session_of_token(&self, token: &str, call: &Call<'_>) -> Result<String, Answer> {
        let sessions = self.store.sessions.values();
        let sessions =
            sessions.filter(|session| session.live.as_ref().is_some_and(|live| live.token == token));
        let named = cookie(call, "api");
        let Some(session) =
            sessions.max_by_key(|session| (named == Some(session.cookie.as_str()), session.made))
        else {
            return Err(waits(
                "oauth_token",
                "no live session token is alive for this oauth_token",
                OAUTH_TOKEN,
            ));
        };
        self.alive(session, call)?;
        self.cookie_fits(call, session).map(|()| session.key.clone())
    }

    fn cookie_fits(&self, call: &Call<'_>, session: &Session) -> Result<(), Answer> {
        match cookie(call, "api") {
            Some(cookie) if cookie == session.cookie => Ok(()),
            _ if !self.config.rules.ws_cookie_required => Ok(()),
            Some(_) => Err(waits("session", "the cookie `api` is not the session of tickle", COOKIE)),
            None => Err(waits("session", "there is no cookie `api`", COOKIE)),
        }
    }
}

const BEARER: &str = "Open /v1/api/ws?bearer_token= with the access_token of sso-sessions";
const OAUTH_TOKEN: &str =
    "Open /v1/api/ws?oauth_token= with the access token of OAuth 1.0a, after live_session_token";
const COOKIE: &str = "Send Cookie: api= with the session of the last tickle";

fn waits(rule: &'static str, why: &str, fix: &'static str) -> Answer {
    Answer::empty(101).because(rule, why, fix)
}

/// `Sec-WebSocket-Accept` for a request that asks for the upgrade as RFC 6455 wants it.
fn accept(call: &Call<'_>) -> Result<String, Answer> {
    debug_assert_eq!(call.endpoint, Endpoint::Socket);
    let header = |name| call.header(&name).unwrap_or("");
    let lists = |text: &str, word: &str| text.split(',').any(|item| item.trim().eq_ignore_ascii_case(word));
    let key = header(header::SEC_WEBSOCKET_KEY);
    let why = if !lists(header(header::CONNECTION), "upgrade") {
        "Connection is not `upgrade`"
    } else if !lists(header(header::UPGRADE), "websocket") {
        "Upgrade is not `websocket`"
    } else if header(header::SEC_WEBSOCKET_VERSION) != "13" {
        "Sec-WebSocket-Version is not 13"
    } else if STANDARD.decode(key).map_or(0, |key| key.len()) != 16 {
        "Sec-WebSocket-Key is not 16 bytes in base64"
    } else {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
        return Ok(STANDARD.encode(digest));
    };
    let answer = Answer::text(400, "Can \"Upgrade\" only to \"WebSocket\".");
    Err(answer.because("upgrade", why, "Ask for a WebSocket as RFC 6455 has it, over HTTP/1.1"))
}

fn cookie<'a>(call: &Call<'a>, name: &str) -> Option<&'a str> {
    let lines = call.headers().get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies =
        lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.find(|(key, _)| *key == name).map(|(_, value)| value)
}
