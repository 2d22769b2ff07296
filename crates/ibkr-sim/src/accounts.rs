//! The accounts of a username, and what is in them.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, Answered, shown},
    call::Call,
    endpoint,
    sim::Sim,
    store::Session,
    tier::brokerage,
};

/// What each account holds: shares of AAPL.
const SHARES: u32 = 100;
const PRICE: u32 = 100;
const CASH: u32 = 1_000_000;

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

    /// The first page alone has something in it.
    pub(crate) fn positions(&self, call: &Call<'_>, session: &Session) -> Answered {
        let account = self.own_account(call, session)?;
        let is_first = call.path().ends_with("/positions") || call.path().ends_with("/positions/0");
        let position = json!({
            "acctId": account, "conid": endpoint::AAPL, "contractDesc": "AAPL", "ticker": "AAPL", "assetClass": "STK",
            "currency": "USD", "position": f64::from(SHARES), "mktPrice": f64::from(PRICE),
            "mktValue": f64::from(SHARES * PRICE), "avgCost": f64::from(PRICE), "avgPrice": f64::from(PRICE),
            "realizedPnl": 0.0, "unrealizedPnl": 0.0,
        });
        Ok(Answer::ok(&if is_first { vec![position] } else { Vec::new() }))
    }

    pub(crate) fn ledger(&self, call: &Call<'_>, session: &Session) -> Answered {
        let account = self.own_account(call, session)?;
        let row = |currency: &str, key: &str| {
            json!({
                "acctcode": account, "currency": currency, "key": "LedgerList", "secondkey": key,
                "cashbalance": f64::from(CASH), "settledcash": f64::from(CASH),
                "stockmarketvalue": f64::from(SHARES * PRICE),
                "netliquidationvalue": f64::from(CASH + SHARES * PRICE),
                "realizedpnl": 0.0, "unrealizedpnl": 0.0, "exchangerate": 1, "timestamp": call.now.secs(),
            })
        };
        Ok(Answer::ok(&json!({ "USD": row("USD", "USD"), "BASE": row("BASE", "BASE") })))
    }

    /// The account in the path, which must be one of the username's.
    pub(crate) fn own_account<'a>(&self, call: &Call<'a>, session: &Session) -> Result<&'a str, Answer> {
        let account = endpoint::account(call.path()).unwrap_or("");
        if self.accounts_of(session).iter().any(|own| own == account) {
            return Ok(account);
        }
        let error = format!("Bad Request: accountId is not valid: {account}");
        let why = format!("`{}` is none of the username's accounts", shown(account));
        Err(Answer::error(400, &error).because("account", why, "Take an account of /iserver/accounts"))
    }

    fn accounts_of(&self, session: &Session) -> &[String] {
        let user = self.config.users.iter().find(|user| user.credential == session.credential);
        user.map_or(&[], |user| &user.accounts)
    }
}
