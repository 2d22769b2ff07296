//! As much of market data and contracts as shows how they are asked for.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, Answered},
    call::Call,
    endpoint,
    ids::Ids,
    moment::Moment,
    sim::Sim,
    store::Session,
    tier::{accounts_first, brokerage},
};

impl Sim {
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

    /// A day of bars that do not move.
    pub(crate) fn history(&self, call: &Call<'_>, session: &Session) -> Answered {
        brokerage(session)?;
        let conid = call.query().into_iter().find(|(name, _)| name == "conid");
        let Some(conid) = conid.and_then(|(_, conid)| conid.parse::<u64>().ok()) else {
            let answer = Answer::error(400, "Bad Request: conid is required");
            return Err(answer.because("body", "there is no conid", "Send conid in the query"));
        };
        Ok(Answer::ok(&bars(conid, call.now)))
    }

    /// Contracts by their numbers: in the query, a form or JSON. 200 at most, as IBKR's table of limits says.
    pub(crate) fn secdef(&self, call: &Call<'_>) -> Answered {
        let conids = conids(call);
        if conids.is_empty() || conids.len() > 200 {
            let why = format!("there are {} conids", conids.len());
            let answer = Answer::error(400, "Bad Request: conids is required");
            return Err(answer.because("body", why, "Send 1 to 200 numbers as conids, between commas"));
        }
        let rows: Vec<Value> = conids
            .iter()
            .map(|conid| {
                json!({
                    "conid": conid, "name": symbol(*conid), "ticker": symbol(*conid), "currency": "USD",
                    "assetClass": "STK", "listingExchange": "NASDAQ", "isUS": true, "multiplier": 0.0,
                })
            })
            .collect();
        Ok(Answer::ok(&json!({ "secdef": rows })))
    }

    /// Finds a share of any name; AAPL has its true number.
    pub(crate) fn secdef_search(&self, call: &Call<'_>, session: &Session) -> Answered {
        brokerage(session)?;
        let body: Value = serde_json::from_slice(call.body()).unwrap_or_default();
        let asked = call.query().into_iter().find(|(name, _)| name == "symbol").map(|(_, symbol)| symbol);
        let symbol = asked.or_else(|| body["symbol"].as_str().map(str::to_owned)).unwrap_or_default();
        if symbol.is_empty() {
            let fix = "Send symbol in the query, or in a JSON body";
            return Err(Answer::error(400, "Bad Request: symbol is required").because(
                "body",
                "there is no symbol",
                fix,
            ));
        }
        let conid = match symbol.as_str() {
            "AAPL" => endpoint::AAPL,
            other => 1_000_000 + Ids::number_of(other) % 900_000_000,
        };
        Ok(Answer::ok(&json!([{
            "conid": conid.to_string(), "companyHeader": format!("{symbol} - NASDAQ"), "companyName": symbol,
            "symbol": symbol, "description": "NASDAQ", "restricted": null, "sections": [{ "secType": "STK" }],
        }])))
    }
}

/// The numbers of contracts, from wherever clients put them.
fn conids(call: &Call<'_>) -> Vec<u64> {
    let json: Value = serde_json::from_slice(call.body()).unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let Some(numbers) = json["conids"].as_array() {
        return numbers.iter().filter_map(|number| text(number).parse().ok()).collect();
    }
    let form = form_urlencoded::parse(call.body()).into_owned();
    let lists = call.query().into_iter().chain(form).filter(|(name, _)| name == "conids");
    let all = lists.map(|(_, list)| list).chain(json.get("conids").map(text));
    all.flat_map(|list| list.split(',').filter_map(|id| id.trim().parse().ok()).collect::<Vec<_>>()).collect()
}

fn symbol(conid: u64) -> String {
    if conid == endpoint::AAPL { "AAPL".to_owned() } else { format!("SIM{conid}") }
}

/// Two bars of a minute, as they are told over REST and on the socket.
pub(crate) fn bars(conid: u64, now: Moment) -> Value {
    let minute = now.millis() / 60_000 * 60_000;
    let bar = |at: i64| json!({ "t": at, "o": 100.0, "h": 100.0, "l": 100.0, "c": 100.0, "v": 100 });
    json!({
        "symbol": symbol(conid), "text": symbol(conid), "priceFactor": 100, "timePeriod": "1d", "barLength": 60,
        "data": [bar(minute - 60_000), bar(minute)], "points": 1, "mktDataDelay": 0,
    })
}
