//! What a client may send on an open socket: topics to subscribe to and to leave.

use serde_json::{Value, json};

use super::{
    Said, Socket,
    subscription::{Of, Subscription},
};
use crate::{Moment, sim::Sim, store::Session};

impl Sim {
    /// A frame of a client whose socket was ready. What it brings about is said at once.
    pub(crate) fn topic(&self, socket: &mut Socket, session: &mut Session, now: Moment, text: &str) {
        let Some((verb, rest)) = text.split_at_checked(3) else { return socket.say(Said::unknown(text)) };
        let rest = rest.strip_prefix('+').unwrap_or(rest);
        let (target, arguments) = rest.split_once('+').unwrap_or((rest, ""));
        match verb {
            "tic" => socket.say(Said::tic(session.last_request)),
            "ech" if rest == "hb" => socket.say(Said::echo()),
            "smd" | "smh" | "sbd" | "sor" | "str" if !socket.is_ready() => {}
            "smd" if !session.accounts_read => socket.say(Said::error("smd", 500, "No accounts")),
            "smd" | "smh" | "sbd" | "sor" | "str" | "spl" | "ssd" | "sld" => {
                match self.asked(socket, session, verb, target, arguments) {
                    Ok((key, of)) => self.subscribe(socket, key, of, now),
                    Err(refused) => socket.say(refused),
                }
            }
            "umd" | "umh" | "ubd" | "uor" | "utr" | "upl" | "usd" | "uld" => {
                unsubscribe(socket, verb, target);
            }
            _ => socket.say(Said::unknown(text)),
        }
        self.touch(session, now);
    }

    /// The subscription that a frame asks for, and the key under which it is kept.
    fn asked(
        &self,
        socket: &mut Socket,
        session: &Session,
        verb: &str,
        target: &str,
        arguments: &str,
    ) -> Result<(String, Of), Said> {
        let conid = |text: &str| {
            let number = text.split('@').next().and_then(|number| number.parse::<u64>().ok());
            number.ok_or_else(|| Said::error(verb, 400, "Invalid conid"))
        };
        let account = || match self.accounts_of(session).iter().find(|own| *own == target) {
            Some(own) => Ok(own.clone()),
            None => Err(Said::error(verb, 400, "Invalid account ID")),
        };
        let target_text = target.to_owned();
        Ok(match verb {
            "smd" => {
                let of = Of::Market { target: target_text, conid: conid(target)?, fields: fields(arguments) };
                (format!("smd+{target}"), of)
            }
            "smh" => {
                let conid = conid(target)?;
                socket.histories += 1;
                let server_id = format!("{}:{conid}", 20_000 + socket.histories);
                (format!("smh+{server_id}"), Of::History { target: target_text, conid, server_id })
            }
            "sbd" => {
                let account = account()?;
                let conid = conid(arguments.split('+').next().unwrap_or(""))?;
                (format!("sbd+{account}"), Of::Book { account, conid })
            }
            "ssd" => (format!("ssd+{target}"), Of::Summary { account: account()? }),
            "sld" => (format!("sld+{target}"), Of::Ledger { account: account()? }),
            "sor" => (verb.to_owned(), Of::Orders(Vec::new())),
            "str" => (verb.to_owned(), Of::Trades),
            _ => (verb.to_owned(), Of::Profit),
        })
    }

    /// Market data asked for again adds its fields, and lasts from then on.
    fn subscribe(&self, socket: &mut Socket, key: String, mut of: Of, now: Moment) {
        let before = socket.subscriptions.remove(&key).map(|subscription| subscription.of);
        if let (Of::Market { fields, .. }, Some(Of::Market { fields: before, .. })) = (&mut of, before) {
            fields.extend(before);
            fields.sort();
            fields.dedup();
        }
        let is_market = matches!(of, Of::Market { .. });
        let ends = is_market.then(|| now + self.config.rules.ws_stream_life);
        socket.subscriptions.insert(key, Subscription { of, told_next: Some(now), ends });
    }
}

/// Three of them are confirmed (ibind).
fn unsubscribe(socket: &mut Socket, verb: &str, target: &str) {
    let key = match verb {
        "uor" | "utr" | "upl" => format!("s{}", &verb[1..]),
        _ => format!("s{}+{target}", &verb[1..]),
    };
    socket.subscriptions.remove(&key);
    let confirmation = match verb {
        "umh" => json!({ "message": format!("Unsubscribed {target}") }),
        "usd" => json!({ "result": "unsubscribed from summary" }),
        "uld" => json!({ "result": "unsubscribed from ledger" }),
        _ => return,
    };
    socket.say(Said::json(&confirmation));
}

/// The fields of `{"fields":["31",…]}`.
fn fields(arguments: &str) -> Vec<String> {
    let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
    let fields = arguments["fields"].as_array().into_iter().flatten();
    // A client's mistake must not overwrite what a tick is known by.
    let is_field = |field: &&str| field.bytes().all(|byte| byte.is_ascii_digit());
    fields.filter_map(Value::as_str).filter(is_field).map(str::to_owned).collect()
}
