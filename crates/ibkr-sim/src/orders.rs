//! Orders: placed, asked about, confirmed, cancelled.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::{
    answer::{Answer, Answered, shown},
    call::Call,
    sim::Sim,
    store::{Question, Session},
    tier::{accounts_first, brokerage},
};

/// Orders, and questions, that are remembered for each username.
const MOST: usize = 100;

/// The number of the one question that is asked.
const QUESTION: &str = "o163";

impl Sim {
    pub(crate) fn orders(&self, session: &Session) -> Answered {
        brokerage(session)?;
        accounts_first(session, 500)?;
        let orders = self.store.orders.get(&session.credential);
        Ok(Answer::ok(
            &json!({ "orders": orders.into_iter().flatten().collect::<Vec<_>>(), "snapshot": true }),
        ))
    }

    /// Executes every order of the body, or asks about it first.
    pub(crate) fn place_order(&mut self, call: &Call<'_>, session: &Session) -> Answered {
        brokerage(session)?;
        accounts_first(session, 400)?;
        let account = self.own_account(call, session)?.to_owned();
        let orders = orders_in(call)?;
        if !self.config.rules.order_questions || session.suppressed.iter().any(|id| id == QUESTION) {
            return Ok(self.execute(session, &account, orders));
        }
        let id = self.ids.uuid();
        let questions = self.store.questions.entry(session.credential.clone()).or_default();
        keep(questions, Question { id: id.clone(), account, orders });
        Ok(Answer::ok(&json!([{
            "id": id, "isSuppressed": false, "messageIds": [QUESTION],
            "message": ["The following order exceeds the price percentage limit.\nAre you sure you want to submit this order?"],
        }])))
    }

    /// The answer to a question about an order. Once answered it is forgotten.
    pub(crate) fn order_reply(&mut self, call: &Call<'_>, session: &Session) -> Answered {
        brokerage(session)?;
        let body: Value = serde_json::from_slice(call.body()).unwrap_or_default();
        let Some(confirmed) = body["confirmed"].as_bool() else {
            let why = "confirmed is missing or no boolean";
            return Err(Answer::error(400, "Bad Request").because("body", why, "Send {\"confirmed\":true}"));
        };
        let asked = call.path().rsplit('/').next().unwrap_or("");
        let questions = self.store.questions.get_mut(&session.credential);
        let question = questions.and_then(|questions| {
            let place = questions.iter().position(|question| question.id == asked)?;
            questions.remove(place)
        });
        let Some(Question { account, orders, .. }) = question else {
            let why = format!("there is no question `{}`", shown(asked));
            let answer = Answer::error(400, "Bad Request: replyId is not valid");
            return Err(answer.because(
                "order",
                why,
                "Take the id of the answer to the order; each counts once",
            ));
        };
        match confirmed {
            true => Ok(self.execute(session, &account, orders)),
            // As all rejections of orders.
            false => Ok(Answer::ok(&json!({ "error": "The order was not confirmed" }))),
        }
    }

    /// Until the brokerage session ends these questions are not asked.
    pub(crate) fn suppress(&self, call: &Call<'_>, session: &mut Session) -> Answered {
        brokerage(session)?;
        let body: Value = serde_json::from_slice(call.body()).unwrap_or_default();
        let Some(ids) = body["messageIds"].as_array() else {
            let answer = Answer::error(400, "Bad Request: messageIds is required");
            return Err(answer.because("body", "messageIds is no list", "Send {\"messageIds\":[\"o163\"]}"));
        };
        session.suppressed = ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
        Ok(Answer::ok(&json!({ "status": "submitted" })))
    }

    pub(crate) fn cancel_order(&mut self, call: &Call<'_>, session: &Session) -> Answered {
        brokerage(session)?;
        accounts_first(session, 400)?;
        let account = self.own_account(call, session)?;
        let asked = call.path().rsplit('/').next().unwrap_or("");
        let orders = self.store.orders.get_mut(&session.credential);
        let order = orders.into_iter().flatten().find(|order| {
            order["acct"] == account && order["orderId"].as_u64().is_some_and(|id| id.to_string() == asked)
        });
        let Some(order) = order else {
            let why = format!("there is no order `{}`", shown(asked));
            let answer = Answer::error_only(400, &format!("OrderID {asked} doesn't exist"));
            return Err(answer.because("order", why, "Take an orderId of /iserver/account/orders"));
        };
        order["status"] = "Cancelled".into();
        Ok(Answer::ok(&json!({
            "msg": "Request was submitted", "order_id": order["orderId"], "conid": order["conid"], "account": account,
        })))
    }

    /// Counts each order, so that a test can tell whether one was sent twice.
    fn execute(&mut self, session: &Session, account: &str, orders: Vec<Value>) -> Answer {
        let mut placed = Vec::new();
        for order in orders {
            self.counters.orders += 1;
            self.placed.count(account, order["cOID"].as_str());
            let id = 1_000_000_000 + self.counters.orders;
            placed.push(
                json!({ "order_id": id.to_string(), "order_status": "Submitted", "encrypt_message": "1" }),
            );
            let kept = self.store.orders.entry(session.credential.clone()).or_default();
            keep(
                kept,
                json!({
                    "acct": account, "orderId": id, "conid": order["conid"], "side": order["side"],
                    "order_ref": order["cOID"], "status": "Submitted",
                }),
            );
        }
        Answer::ok(&placed)
    }
}

fn keep<T>(kept: &mut VecDeque<T>, new: T) {
    kept.push_back(new);
    if kept.len() > MOST {
        kept.pop_front();
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

/// By `conid`, a number, or for combinations and chosen exchanges by `conidex`, a text (IBKR's
/// documentation).
fn names_contract(order: &Value) -> bool {
    order["conid"].as_u64().is_some_and(|conid| conid > 0)
        || order["conidex"].as_str().is_some_and(|conidex| !conidex.is_empty())
}
