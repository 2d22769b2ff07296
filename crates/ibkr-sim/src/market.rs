//! As much of market data and contracts as shows how they are asked for.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, Answered},
    call::Call,
    endpoint,
    ids::Ids,
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
