//! What a client has subscribed to, and what it is told then.

use serde_json::{Value, json};

use super::{Said, Socket, next};
use crate::{Moment, accounts, market, sim::Sim, store::Session};

/// One subscription. Its key in the socket is what its end names.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(super) of: Of,
    /// When it is told next; `None` when it is not told by the clock.
    pub(super) told_next: Option<Moment>,
    /// When it ends by itself.
    pub(super) ends: Option<Moment>,
}

/// What is subscribed to.
#[derive(Debug)]
pub(crate) enum Of {
    Market {
        target: String,
        conid: u64,
        fields: Vec<String>,
    },
    History {
        target: String,
        conid: u64,
        server_id: String,
    },
    Book {
        account: String,
        conid: u64,
    },
    /// With what was told of them.
    Orders(Vec<Value>),
    Trades,
    Profit,
    Summary {
        account: String,
    },
    Ledger {
        account: String,
    },
}

impl Subscription {
    /// `None` where it needs none (IBKR's Client Portal API page).
    pub(super) fn needs_brokerage(&self) -> bool {
        !matches!(self.of, Of::Profit | Of::Summary { .. } | Of::Ledger { .. })
    }

    pub(super) fn next(&self) -> Option<Moment> {
        self.told_next.into_iter().chain(self.ends).min()
    }

    /// Whether it is told again without being asked.
    fn repeats(&self) -> bool {
        !matches!(self.of, Of::History { .. } | Of::Orders(_) | Of::Trades)
    }
}

impl Sim {
    pub(super) fn tell_subscriptions(&self, socket: &mut Socket, session: &Session, now: Moment) {
        let mut subscriptions = std::mem::take(&mut socket.subscriptions);
        subscriptions.retain(|_, subscription| subscription.ends.is_none_or(|ends| ends > now));
        for subscription in subscriptions.values_mut() {
            let due = subscription.told_next.is_some_and(|told_next| told_next <= now);
            if due {
                let every = self.config.rules.ws_tick_every;
                subscription.told_next = subscription.repeats().then(|| next(now, every));
            }
            if let Some(said) = self.told(&mut subscription.of, session, now, due) {
                socket.say(Said::json(&said));
            }
        }
        socket.subscriptions = subscriptions;
    }

    /// What there is to tell: of orders whatever is new, of the rest what is due.
    fn told(&self, of: &mut Of, session: &Session, now: Moment, due: bool) -> Option<Value> {
        Some(match of {
            Of::Orders(told) => {
                let orders = self.store.orders.get(&session.credential);
                let orders: Vec<Value> = orders.into_iter().flatten().cloned().collect();
                let news: Vec<_> = orders.iter().filter(|order| !told.contains(order)).cloned().collect();
                if news.is_empty() && !due {
                    return None;
                }
                *told = orders;
                json!({ "topic": "sor", "args": news })
            }
            _ if !due => return None,
            Of::Market { target, conid, fields } => tick(target, *conid, fields, now),
            Of::History { target, conid, server_id } => {
                let mut bars = market::bars(*conid, now);
                bars["topic"] = format!("smh+{target}").into();
                bars["serverId"] = server_id.as_str().into();
                bars
            }
            Of::Book { account, conid } => {
                let row = |row: u64, side: &str, price: &str| json!({ "row": row, "focus": 0, side: price });
                let rows = [row(0, "ask", "1 @ 100.01"), row(1, "bid", "1 @ 99.99")];
                json!({ "topic": format!("sbd+{account}+{conid}"), "data": rows })
            }
            Of::Trades => json!({ "topic": "str", "args": [] }),
            Of::Profit => json!({ "topic": "spl", "args": self.profit_and_loss(session) }),
            Of::Summary { account } => json!({ "topic": format!("ssd+{account}"), "result": [{
                "key": "NetLiquidation", "currency": "USD", "monetaryValue": accounts::worth(), "severity": 0,
                "timestamp": now.secs(),
            }] }),
            Of::Ledger { account } => json!({ "topic": format!("sld+{account}"), "result": [{
                "key": "LedgerListUSD", "acctCode": account, "secondKey": "USD",
                "netLiquidationValue": accounts::worth(), "exchangeRate": 1.0, "severity": 0,
                "timestamp": now.secs(),
            }] }),
        })
    }
}

/// Every price is 100, a cent to either side.
fn tick(target: &str, conid: u64, fields: &[String], now: Moment) -> Value {
    let mut tick = json!({
        "topic": format!("smd+{target}"), "conid": conid, "conidEx": target, "_updated": now.millis(),
        "server_id": "q0", "6509": "RpB", "31": "100.00",
    });
    for field in fields {
        tick[field] = match field.as_str() {
            "84" => "99.99",
            "86" => "100.01",
            "85" | "88" | "7059" => "100",
            _ => "100.00",
        }
        .into();
    }
    tick
}
