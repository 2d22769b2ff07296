//! Faults on order: which requests they strike and what they do. This is the script format of the library,
//! the admin port and the command line.

use std::{collections::BTreeMap, fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Endpoint;

/// One rule of a fault script: `{"on":"tickle","calls":"2..4","do":{"status":503}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The endpoint's name, or `*` for all.
    #[serde(default)]
    pub on: On,
    /// Only on this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Only this path, in which each `*` stands for anything: `/v1/api/iserver/secdef/*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Which of the requests that `on`, `host` and `path` select, counted from 1 since the rule was added.
    #[serde(default)]
    pub calls: Calls,
    /// Strikes with this probability, 0 to 1, thrown with the simulator's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// Only for so many seconds of the servers' clock, from the first time that it strikes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<u64>,
    /// Only until a request to this endpoint succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Endpoint>,
    /// What happens.
    #[serde(rename = "do")]
    pub action: Action,
}

impl Fault {
    /// Strikes every request to an endpoint.
    pub fn on(endpoint: Endpoint, action: Action) -> Self {
        Self { on: On::Endpoint(endpoint), ..Self::everywhere(action) }
    }

    /// Strikes every request.
    pub fn everywhere(action: Action) -> Self {
        Self {
            on: On::Any,
            host: None,
            path: None,
            calls: Calls::ALL,
            chance: None,
            for_s: None,
            until: None,
            action,
        }
    }

    /// Strikes every connection at this stage of its making.
    pub fn at(stage: Stage, action: Action) -> Self {
        Self { on: On::Stage(stage), ..Self::everywhere(action) }
    }

    /// Only these calls, counted from 1.
    #[must_use]
    pub fn calls(mut self, from: u64, to: u64) -> Self {
        self.calls = Calls { from, to };
        self
    }

    /// Only for so many seconds, from the first time that it strikes.
    #[must_use]
    pub fn for_secs(mut self, secs: u64) -> Self {
        self.for_s = Some(secs);
        self
    }

    /// Only until a request to this endpoint succeeds.
    #[must_use]
    pub fn until(mut self, endpoint: Endpoint) -> Self {
        self.until = Some(endpoint);
        self
    }

    /// Reads a script: one rule, a JSON array of rules, or a rule on each line (`#` starts a comment line).
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse_script(text: &str) -> Result<Vec<Self>, serde_json::Error> {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let text: String = lines.flat_map(|line| [line, "\n"]).collect();
        if text.trim_start().starts_with('[') {
            return serde_json::from_str(&text);
        }
        serde_json::Deserializer::from_str(&text).into_iter().collect()
    }
}

impl FromStr for Fault {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).unwrap_or_default())
    }
}

/// What a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum On {
    /// Every endpoint: `*`.
    #[default]
    Any,
    /// One endpoint.
    Endpoint(Endpoint),
    /// Connections, at this stage.
    Stage(Stage),
}

/// A stage of a connection: of its making, or of what is said on it when it has become a socket. In its
/// making the actions `hang`, `reset`, `close` and `delay_ms` count; with a frame `hang`, `reset`, `close`,
/// `close_code`, and what changes the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The connection was taken and nothing was read from it: `tcp`.
    Tcp,
    /// The client has said hello in TLS, and waits for the server's part of the handshake: `tls`.
    Tls,
    /// A frame is to be sent on an open socket: `ws-frame`. Its topic stands for the path.
    Frame,
}

impl TryFrom<String> for On {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.as_str() {
            "*" => Ok(Self::Any),
            "tcp" => Ok(Self::Stage(Stage::Tcp)),
            "tls" => Ok(Self::Stage(Stage::Tls)),
            "ws-frame" => Ok(Self::Stage(Stage::Frame)),
            _ => serde_json::from_value(Value::String(name))
                .map(Self::Endpoint)
                .map_err(|error| format!("{error}, `*`, `tcp`, `tls`, `ws-frame`")),
        }
    }
}

impl From<On> for String {
    fn from(on: On) -> Self {
        match on {
            On::Any => "*".to_owned(),
            On::Endpoint(endpoint) => endpoint.name().to_owned(),
            On::Stage(Stage::Tcp) => "tcp".to_owned(),
            On::Stage(Stage::Tls) => "tls".to_owned(),
            On::Stage(Stage::Frame) => "ws-frame".to_owned(),
        }
    }
}

/// A range of calls, both ends included: `3`, `2..4`, `2..`, `..4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "String")]
pub struct Calls {
    /// The first call that is struck.
    pub from: u64,
    /// The last.
    pub to: u64,
}

impl Calls {
    /// Every call.
    pub const ALL: Self = Self { from: 1, to: u64::MAX };

    /// Whether a call is in the range.
    pub fn contains(self, call: u64) -> bool {
        (self.from..=self.to).contains(&call)
    }
}

impl Default for Calls {
    fn default() -> Self {
        Self::ALL
    }
}

impl TryFrom<Value> for Calls {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let number = |text: &str, otherwise| match text.trim() {
            "" => Ok(otherwise),
            digits => digits.parse().map_err(|_| format!("`{text}` is no number of a call")),
        };
        let (from, to) = text.split_once("..").unwrap_or((&text, &text));
        let calls = Self { from: number(from, 1)?, to: number(to, u64::MAX)? };
        if calls.from == 0 || calls.from > calls.to {
            Err("calls count from 1, upwards".into())
        } else {
            Ok(calls)
        }
    }
}

impl From<Calls> for String {
    fn from(calls: Calls) -> Self {
        match calls {
            Calls { from, to } if from == to => from.to_string(),
            Calls { from, to: u64::MAX } => format!("{from}.."),
            Calls { from, to } => format!("{from}..{to}"),
        }
    }
}

/// What a fault does. Fields combine: a `delay_ms` with a `status`, a `kick` with nothing else.
///
/// `status`, `html`, `garbage`, `huge` and `redirect` take the place of the answer, and with `hang`, `reset`
/// and `close` the request is lost before the servers see it, unless `processed` is set: then it takes effect
/// and its answer is lost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Action {
    /// Answer with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The body that goes with `status`: text, or JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// What stands at this place of `/v1/api`, JSON: the request is checked like any other, and then answered
    /// with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stub: Option<Value>,
    /// Changes to the JSON of the true answer, as a merge patch (RFC 7396): `{"ssoExpires":0}`; `null`
    /// removes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<Value>,
    /// The `Date` header is this many seconds off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_shift_s: Option<i64>,
    /// Headers to set on the answer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Seconds for a `Retry-After` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Answer 302 to this place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// Answer 200, or with `status`, with a web page, as captive portals and company proxies do.
    #[serde(skip_serializing_if = "is_false")]
    pub html: bool,
    /// Answer 200 with bytes that are no JSON and no UTF-8.
    #[serde(skip_serializing_if = "is_false")]
    pub garbage: bool,
    /// Answer 200 with a body of this many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub huge: Option<u64>,
    /// Compress the answer though nobody asked for it.
    #[serde(skip_serializing_if = "is_false")]
    pub gzip: bool,
    /// Answer this much later, in real time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Never answer.
    #[serde(skip_serializing_if = "is_false")]
    pub hang: bool,
    /// Reset the connection instead of answering.
    #[serde(skip_serializing_if = "is_false")]
    pub reset: bool,
    /// Close the connection with a farewell instead of answering.
    #[serde(skip_serializing_if = "is_false")]
    pub close: bool,
    /// Close the socket with this code, with `ws-frame` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_code: Option<u16>,
    /// Close the connection with a farewell once the answer is out, though nothing in it said so.
    #[serde(skip_serializing_if = "is_false")]
    pub close_after: bool,
    /// Close the connection after this many bytes of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncate: Option<usize>,
    /// Send the body byte by byte with this pause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drip_ms: Option<u64>,
    /// From now on callers from loopback are seen at this address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Somebody logs in elsewhere and takes the brokerage sessions.
    #[serde(skip_serializing_if = "is_false")]
    pub kick: bool,
    /// The servers' clock jumps by this many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_jump_s: Option<i64>,
    /// The servers forget every token and session.
    #[serde(skip_serializing_if = "is_false")]
    pub restart: bool,
    /// Whether the request takes effect although its answer is replaced or lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processed: Option<bool>,
}

impl Action {
    /// Answer with this status and an IBKR-like body.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// Never answer.
    pub fn hang() -> Self {
        Self { hang: true, ..Self::default() }
    }

    /// Reset the connection.
    pub fn reset() -> Self {
        Self { reset: true, ..Self::default() }
    }

    /// Close the connection instead of answering.
    pub fn close() -> Self {
        Self { close: true, ..Self::default() }
    }

    /// A web page with this status.
    pub fn page(status: u16) -> Self {
        Self { html: true, ..Self::status(status) }
    }

    /// The true answer, changed by this merge patch.
    pub fn patch(patch: Value) -> Self {
        Self { patch: Some(patch), ..Self::default() }
    }

    /// The request takes effect even though its answer is replaced or lost.
    #[must_use]
    pub fn processed(mut self) -> Self {
        self.processed = Some(true);
        self
    }

    /// Whether the answer is made by the fault.
    pub(crate) fn replaces(&self) -> bool {
        self.status.is_some() || self.html || self.garbage || self.huge.is_some() || self.redirect.is_some()
    }

    /// Whether the request reaches the servers.
    pub(crate) fn lets_through(&self) -> bool {
        self.processed.unwrap_or(!(self.replaces() || self.hang || self.reset || self.close))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
