//! As many account endpoints as it takes to show IBKR's order of calls: init, then accounts, then the rest.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, Answered, shown},
    call::Call,
    endpoint,
    sim::Sim,
    store::{Session, Tier},
};

/// Orders that are remembered for each username.
const ORDERS_KEPT: usize = 100;

impl Sim {
    /// Needs the read-only tier alone.
    pub(crate) fn portfolio_accounts(&self, session: &Session) -> Answered {
        let paper = self.config.users.iter().any(|user| user.paper && user.credential == session.credential);
        let accounts: Vec<Value> = self
            .accounts_of(session)
            .iter()
            .map(|id| {
                json!({
                    "id": id, "accountId": id, "accountVan": id, "accountTitle": "", "displayName": id,
                    "accountAlias": null, "currency": "USD", "type": if paper { "DEMO" } else { "INDIVIDUAL" },
                    "tradingType": "STKNOPT", "covestor": false, "parent": {}, "desc": id,
                })
            })
            .collect();
        Ok(Answer::ok(&accounts))
    }

    /// While the brokerage session is not established it answers 200 with nothing in it.
    pub(crate) fn accounts(&self, call: &Call<'_>, session: &mut Session) -> Answered {
        let established = brokerage(session)? <= call.now;
        session.accounts_read = established;
        let ids = if established { self.accounts_of(session) } else { &[] };
        let properties: serde_json::Map<_, _> = ids
            .iter()
            .map(|id| {
                (
                    id.clone(),
                    json!({ "hasChildAccounts": false, "supportsCashQty": true, "supportsFractions": true }),
                )
            })
            .collect();
        let aliases: serde_json::Map<_, _> = ids.iter().map(|id| (id.clone(), id.clone().into())).collect();
        Ok(Answer::ok(&json!({
            "accounts": ids,
            "acctProps": properties,
            "aliases": aliases,
            "allowFeatures": { "snapshotRefreshTimeout": 30, "allowedAssetTypes": "STK,CFD,OPT,FOP,WAR,FUT,BAG,CASH" },
            "chartPeriods": {},
            "groups": [],
            "profiles": [],
            "selectedAccount": ids.first(),
            "serverInfo": {},
            "sessionId": format!("{:08x}.0000001e", session.made.secs()),
            "isFT": false,
            "isPaper": self.config.users.iter().any(|user| user.paper && user.credential == session.credential),
        })))
    }

    pub(crate) fn orders(&self, session: &Session) -> Answered {
        brokerage(session)?;
        accounts_first(session, 500)?;
        let orders = self.store.orders.get(&session.credential);
        Ok(Answer::ok(
            &json!({ "orders": orders.into_iter().flatten().collect::<Vec<_>>(), "snapshot": true }),
        ))
    }

    pub(crate) fn snapshot(&self, call: &Call<'_>, session: &mut Session) -> Answered {
        brokerage(session)?;
        accounts_first(session, 500)?;
        let conids = call.query().into_iter().find(|(name, _)| name == "conids").map(|(_, ids)| ids);
        let rows: Vec<Value> = conids
            .iter()
            .flat_map(|ids| ids.split(','))
            .filter_map(|id| id.trim().parse::<u64>().ok())
            .map(|id| match session.snapshot_warm {
                true => json!({ "conid": id, "conidEx": id.to_string(), "31": "100.00", "_updated": call.now.millis() }),
                false => json!({ "conid": id, "conidEx": id.to_string() }),
            })
            .collect();
        session.snapshot_warm = true;
        Ok(Answer::ok(&rows))
    }

    /// Executes every order of the body and counts it, so that a test can tell whether one was sent twice.
    pub(crate) fn place_order(&mut self, call: &Call<'_>, session: &Session) -> Answered {
        brokerage(session)?;
        accounts_first(session, 400)?;
        let account = endpoint::account_of_order(call.path()).unwrap_or("");
        if !self.accounts_of(session).iter().any(|own| own == account) {
            let error = format!("Bad Request: accountId is not valid: {account}");
            let why = format!("`{}` is none of the username's accounts", shown(account));
            return Err(Answer::error(400, &error).because(
                "account",
                why,
                "Take an account of /iserver/accounts",
            ));
        }
        let mut placed = Vec::new();
        for order in orders_in(call)? {
            self.counters.orders += 1;
            let id = 1_000_000_000 + self.counters.orders;
            placed.push(
                json!({ "order_id": id.to_string(), "order_status": "Submitted", "encrypt_message": "1" }),
            );
            let kept = self.store.orders.entry(session.credential.clone()).or_default();
            kept.push_back(json!({
                "acct": account, "orderId": id, "conid": order["conid"], "side": order["side"],
                "order_ref": order["cOID"], "status": "Submitted",
            }));
            if kept.len() > ORDERS_KEPT {
                kept.pop_front();
            }
        }
        Ok(Answer::ok(&placed))
    }

    fn accounts_of(&self, session: &Session) -> &[String] {
        let user = self.config.users.iter().find(|user| user.credential == session.credential);
        user.map_or(&[], |user| &user.accounts)
    }
}

/// The orders of a body: at least one, each an object that names a contract. One that does not spoils all.
fn orders_in(call: &Call<'_>) -> Result<Vec<Value>, Answer> {
    let fix = "Send {\"orders\":[{\"conid\":265598,…}]} as application/json";
    let empty = |why| Answer::error(400, "Bad Request: body can't be empty").because("body", why, fix);
    if call.body().is_empty() {
        return Err(empty("there is no body"));
    }
    if call.content_type() != "application/json" {
        let why = format!("the content type is `{}`", shown(&call.content_type()));
        return Err(Answer::error(400, "Bad Request").because("content-type", why, fix));
    }
    let mut body: Value = serde_json::from_slice(call.body()).unwrap_or(Value::Null);
    let orders = match body.get_mut("orders").map(Value::take) {
        Some(Value::Array(orders)) if !orders.is_empty() => orders,
        _ => return Err(empty("there are no orders in it")),
    };
    match orders.iter().position(|order| !names_contract(order)) {
        None => Ok(orders),
        Some(index) => {
            let why = format!("order {} is no object with a conid above 0 or a conidex", index + 1);
            Err(Answer::error(400, "Bad Request").because("order", why, fix))
        }
    }
}

/// By `conid`, a number, or for combinations and chosen exchanges by `conidex`, a text (IBKR's documentation).
fn names_contract(order: &Value) -> bool {
    order["conid"].as_u64().is_some_and(|conid| conid > 0)
        || order["conidex"].as_str().is_some_and(|conidex| !conidex.is_empty())
}

/// From when on the brokerage session is established, or the refusal.
fn brokerage(session: &Session) -> Result<crate::Moment, Answer> {
    match session.tier {
        Tier::Up(established) => Ok(established),
        Tier::Never => {
            let answer = Answer::error(400, "Bad Request: no bridge");
            Err(answer.because("no-bridge", "there is no brokerage session", "Call ssodh/init first"))
        }
        Tier::Idle | Tier::Competing | Tier::Refused | Tier::Gone => {
            let why = match session.tier {
                Tier::Idle => "the brokerage session ended for want of requests",
                Tier::Competing => "another login has the brokerage session",
                Tier::Refused => "ssodh/init was refused without compete",
                _ => "the brokerage session ended",
            };
            let answer = Answer::error(401, "not authenticated");
            Err(answer.because("not-authenticated", why, "Tickle every minute; call ssodh/init again"))
        }
    }
}

/// Both statuses are reported: 400 in IBKR's OpenAPI, 500 in the wild for orders and snapshots.
fn accounts_first(session: &Session, status: u16) -> Result<(), Answer> {
    if session.accounts_read {
        return Ok(());
    }
    let answer = match status {
        400 => Answer::error(400, "Bad Request: Please query /accounts first"),
        _ => Answer::error_only(status, "Please query /accounts first"),
    };
    let fix = "GET /iserver/accounts after ssodh/init, until it lists accounts";
    Err(answer.because("accounts-first", "/iserver/accounts was not read in this brokerage session", fix))
}
