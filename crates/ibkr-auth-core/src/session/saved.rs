//! A session that outlives its process.

use std::{
    fmt, mem,
    time::{Duration, SystemTime},
};

use core::net::Ipv4Addr;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::facts::{Facts, Kept};
use ibkr_oauth1::LiveSessionToken;

use crate::{AccessToken, Config, Error, Host, Login, Now, Secret, SessionToken, time::unix_seconds};

const VERSION: u32 = 1;
/// A time that is saved may lie so far in the future.
const ROUNDED_UP: Duration = Duration::from_secs(1);

/// The tokens of a session, to be resumed by another process with
/// [`Session::restore`](crate::Session::restore). Whoever reads [`expose`](Self::expose) can trade: keep it
/// where only its owner can read it. Hidden in `Debug`; on drop this buffer is wiped, and nothing else that
/// holds its tokens.
#[derive(Clone)]
pub struct SavedSession(Secret);

impl SavedSession {
    /// Takes what [`expose`](Self::expose) gave. Whether it is intact and ours is seen by
    /// [`Session::restore`](crate::Session::restore).
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    /// One line of JSON with every token in it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for SavedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SavedSession([redacted])")
    }
}

/// Times are seconds since 1970 of the wall clock, the one that both processes have.
#[derive(Serialize, Deserialize)]
struct Content {
    version: u32,
    /// Whose it is: see [`Login::identity`](crate::Login::identity).
    client_id: String,
    client_key_id: String,
    credential: String,
    /// The server of the configuration, and the one in use.
    home: String,
    host: String,
    access_token: Option<String>,
    access_token_ends: Option<u64>,
    bearer: String,
    bearer_ip: Option<Ipv4Addr>,
    bearer_ends: Option<u64>,
    session_id: Option<String>,
    validated: Option<u64>,
    /// In milliseconds: a second is all that has to lie between two.
    tickled: Option<u64>,
    /// Of the last request that was signed by itself.
    #[serde(default)]
    timestamp: u64,
    /// What was known of IBKR's clock then, in milliseconds.
    #[serde(default)]
    skew: i64,
}

/// The tokens are not left behind in memory that is given back.
impl Drop for Content {
    fn drop(&mut self) {
        self.bearer.zeroize();
        self.access_token.zeroize();
        self.session_id.zeroize();
    }
}

impl SavedSession {
    pub(super) fn of(config: &Config, home: &Host, kept: &Kept, now: Now) -> Option<Self> {
        let seconds = |at: Now| unix_seconds(at.wall);
        let [client_id, client_key_id, credential] = config.login.identity();
        let content = Content {
            version: VERSION,
            client_id: client_id.to_owned(),
            client_key_id: client_key_id.to_owned(),
            credential: credential.to_owned(),
            home: home.base_url().to_owned(),
            host: config.host.to_string(),
            access_token: kept.access_token.as_ref().map(|token| token.expose().to_owned()),
            access_token_ends: kept.access_token_ends.map(seconds),
            bearer: match &kept.bearer {
                SessionToken::Bearer(token) => token.expose().to_owned(),
                SessionToken::Live(token) => token.to_base64().as_str().to_owned(),
            },
            bearer_ip: kept.bearer_ip,
            bearer_ends: kept.bearer_ends.map(seconds),
            session_id: kept.session_id.as_ref().map(|id| id.expose().to_owned()),
            // Rounded up: the next one must not come a moment too soon.
            validated: kept.validated.map(|at| {
                let ago = now.mono.saturating_duration_since(at);
                unix_seconds(now.wall).saturating_sub(ago.as_secs()) + 1
            }),
            tickled: kept.tickled.and_then(|at| {
                let at = now.wall.checked_sub(now.mono.saturating_duration_since(at))?;
                let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
                u64::try_from(since.as_millis()).ok()
            }),
            timestamp: kept.timestamps.last(),
            skew: kept.skew.millis(),
        };
        serde_json::to_string(&content).ok().map(Self::new)
    }

    /// Gives what was saved back to a session, and tells which server that used.
    pub(super) fn restore(
        &self,
        config: &Config,
        home: &Host,
        facts: &mut Facts,
        now: Now,
    ) -> Result<Host, Error> {
        let unusable = |what: &str| Error::config(format!("the saved session {what}"), "log in anew");
        let mut content: Content = serde_json::from_str(self.expose()).map_err(|_| unusable("is damaged"))?;
        let identity = (&*content.client_id, &*content.client_key_id, &*content.credential, &*content.home);
        let [client_id, client_key_id, credential] = config.login.identity();
        let own = (client_id, client_key_id, credential, home.base_url());
        if content.version != VERSION {
            return Err(unusable("was written by another version"));
        } else if identity != own {
            return Err(unusable("belongs to another client, username or server"));
        }
        // A text that somebody has changed must not lead the tokens elsewhere.
        let host = content.host.parse().unwrap_or_else(|_| config.host.clone());
        let token = match config.login {
            Login::OAuth2(_) => SessionToken::Bearer(Secret::new(mem::take(&mut content.bearer))),
            Login::OAuth1(_) => {
                let token = LiveSessionToken::from_base64(&content.bearer);
                SessionToken::Live(token.ok_or_else(|| unusable("is damaged"))?)
            }
        };
        facts.start_over(token, content.bearer_ip);
        facts.clock.recall(content.skew, content.timestamp, now);
        facts.timestamps.recall(content.timestamp, facts.clock.skew().correct(now.wall));
        facts.session_id = content.session_id.take().map(Secret::new);
        facts.bearer_ends = content.bearer_ends.map(|at| moment(at, now));
        if let Some(token) = content.access_token.take() {
            let ends = content.access_token_ends.map(|at| moment(at, now));
            let expires_in = ends.map(|ends| ends.mono.saturating_duration_since(now.mono));
            facts.keep_access_token(AccessToken { token: Secret::new(token), expires_in, scope: None }, now);
        }
        if let Some(at) = content.validated {
            let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at)).unwrap_or(now.wall);
            match now.wall.duration_since(at) {
                Ok(ago) => facts.remember_validation(now.mono.checked_sub(ago)),
                Err(ahead) if ahead.duration() <= ROUNDED_UP => facts.remember_validation(Some(now.mono)),
                // The clock was set back since: it tells nothing.
                Err(_) => {}
            }
        }
        if let Some(at) = content.tickled
            && let Some(at) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(at))
            && let Ok(ago) = now.wall.duration_since(at)
        {
            facts.remember_tickle(now.mono.checked_sub(ago));
        }
        Ok(host)
    }
}

/// The time `at` on both clocks.
fn moment(at: u64, now: Now) -> Now {
    let wall = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at)).unwrap_or(now.wall);
    let left = wall.duration_since(now.wall).unwrap_or_default();
    Now { mono: now.mono.checked_add(left).unwrap_or(now.mono), wall }
}
