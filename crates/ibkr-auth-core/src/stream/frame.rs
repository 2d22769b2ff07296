//! What IBKR says on the WebSocket.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use crate::excerpt;

/// A frame of the server's, as far as this crate has to know it. It borrows from the text, and nothing is
/// built but what it names: looking at each frame costs one pass over it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// `{"topic":"system","success":…}`: IBKR knows the session. Too early a sign to subscribe. The username
    /// in it is left out.
    Success,
    /// `{"topic":"system","hb":…}`, each 10 s: milliseconds since 1970 by IBKR's clock.
    Heartbeat(u64),
    /// A piece of the brokerage session's state (topic `sts`).
    Status(Status),
    /// The answer to `tic`.
    Tic,
    /// `{"message":"waiting for session"}`: the session id is wanted as a frame.
    WaitingForSession,
    /// IBKR refused something.
    Error(Refusal<'a>),
    /// A subscription was ended: a server id of `smh`, `summary` or `ledger`. Others are ended in silence.
    Unsubscribed(Cow<'a, str>),
    /// A message of any other topic, `smd+265598` or `ntf`. Its text is the frame that was given.
    Message {
        /// Which subscription it answers.
        topic: Cow<'a, str>,
        /// `serverId`, which is what ends a `smh`.
        server_id: Option<Cow<'a, str>>,
    },
    /// `ech+hb`, the echo of a client's own: not JSON.
    Echo,
    /// Anything else.
    Other,
}

/// The arguments of `sts`, which come in pieces: what is `None` was not said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Status {
    /// Whether the brokerage session is good.
    pub authenticated: Option<bool>,
    /// Whether another login holds it.
    pub competing: Option<bool>,
    /// `fail` or `message`, if it says anything. As IBKR wrote it: show it to nobody unredacted.
    pub reason: Option<String>,
}

/// An error of IBKR's. `Debug` shows a redacted excerpt.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal<'a> {
    /// The topic that it is about, where it says so.
    pub topic: Option<Cow<'a, str>>,
    /// As IBKR wrote it, which may repeat what was sent. Empty where it is no text.
    pub message: Cow<'a, str>,
}

impl Refusal<'_> {
    /// What IBKR said, in one line of at most 300 characters and without what looks like a token.
    pub fn excerpt(&self) -> String {
        excerpt::redact(&self.message, &[])
    }
}

impl fmt::Debug for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal").field("topic", &self.topic).field("message", &self.excerpt()).finish()
    }
}

impl<'a> Frame<'a> {
    /// Reads a text or a binary frame: through IBKR's gateway they are binary. What cannot be read is
    /// [`Other`](Self::Other).
    pub fn parse(frame: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        let bytes = frame.as_ref().trim_ascii();
        match bytes.first() {
            Some(b'{') => serde_json::from_slice(bytes).map_or(Self::Other, |members| read(members, bytes)),
            _ if bytes == b"ech+hb" => Self::Echo,
            _ => Self::Other,
        }
    }
}

fn read<'a>(members: Members<'a>, bytes: &'a [u8]) -> Frame<'a> {
    let Members { topic, error, message, result, success, hb, server_id } = members;
    let topic = topic.text();
    match topic.as_deref() {
        Some("sts") => Frame::Status(status(bytes)),
        Some("error") => Frame::Error(Refusal {
            topic: None,
            message: error.text().or(message.text()).unwrap_or_default(),
        }),
        _ if error.is_said() => {
            Frame::Error(Refusal { topic, message: error.text().or(message.text()).unwrap_or_default() })
        }
        Some("tic") => Frame::Tic,
        Some("system") => match hb {
            Member::Number(millis) => Frame::Heartbeat(millis),
            _ if success.is_said() => Frame::Success,
            _ => Frame::Other,
        },
        Some(_) => Frame::Message { topic: topic.unwrap_or_default(), server_id: server_id.text() },
        None => without_topic(message.text(), result.text()),
    }
}

fn without_topic<'a>(message: Option<Cow<'a, str>>, result: Option<Cow<'a, str>>) -> Frame<'a> {
    match (message, result) {
        (Some(message), _) if message == "waiting for session" => Frame::WaitingForSession,
        (Some(message), _) => after(message, "Unsubscribed ").map_or(Frame::Other, Frame::Unsubscribed),
        (None, Some(result)) => after(result, "unsubscribed from ").map_or(Frame::Other, Frame::Unsubscribed),
        (None, None) => Frame::Other,
    }
}

fn after<'a>(text: Cow<'a, str>, prefix: &str) -> Option<Cow<'a, str>> {
    match text {
        Cow::Borrowed(text) => text.strip_prefix(prefix).map(Cow::Borrowed),
        Cow::Owned(text) => text.strip_prefix(prefix).map(|rest| Cow::Owned(rest.to_owned())),
    }
}

/// These frames are few: a tree may be built.
fn status(bytes: &[u8]) -> Status {
    let frame: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let flag = |name| frame["args"][name].as_bool();
    let text = |name: &str| frame["args"][name].as_str().filter(|text| !text.is_empty());
    Status {
        authenticated: flag("authenticated"),
        competing: flag("competing"),
        reason: text("fail").or_else(|| text("message")).map(str::to_owned),
    }
}

/// The members that tell frames apart; all others are skipped.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    topic: Member<'a>,
    #[serde(borrow, default)]
    error: Member<'a>,
    #[serde(borrow, default)]
    message: Member<'a>,
    #[serde(borrow, default)]
    result: Member<'a>,
    #[serde(borrow, default)]
    success: Member<'a>,
    #[serde(borrow, default)]
    hb: Member<'a>,
    #[serde(borrow, default, rename = "serverId")]
    server_id: Member<'a>,
}

/// A member of any type: one of an unexpected type must not hide the others.
#[derive(Default)]
enum Member<'a> {
    /// Not there, `null` or `false`.
    #[default]
    Unsaid,
    Text(Cow<'a, str>),
    Number(u64),
    Other,
}

impl<'a> Member<'a> {
    fn is_said(&self) -> bool {
        !matches!(self, Self::Unsaid)
    }

    fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Unsaid | Self::Other => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Member<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyMember)
    }
}

struct AnyMember;

impl<'de> Visitor<'de> for AnyMember {
    type Value = Member<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Member::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Member::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, said: bool) -> Result<Self::Value, E> {
        Ok(if said { Member::Other } else { Member::Unsaid })
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Member::Unsaid)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Member::Number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Member::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Member::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }
}
