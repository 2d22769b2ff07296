//! The accounts of a username, and what is in them.

use serde_json::{Value, json};

use crate::{
    Moment,
    answer::{Answer, Answered, shown},
    call::Call,
    endpoint,
    sim::Sim,
    store::{Session, Tier},
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
        session.accounts_read = brokerage(session)? <= call.now;
        Ok(Answer::ok(&self.accounts_at(call.now, session)))
    }

    /// As they are told over REST and on the socket.
    pub(crate) fn accounts_at(&self, now: Moment, session: &Session) -> Value {
        let established = matches!(session.tier, Tier::Up(from) if from <= now);
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
        json!({
            "accounts": ids,
            "acctProps": properties,
            "aliases": aliases,
            "allowFeatures": { "snapshotRefreshTimeout": 30, "allowedAssetTypes": "STK,CFD,OPT,FOP,WAR,FUT,BAG,CASH" },
            "chartPeriods": {},
            "groups": [],
            "profiles": [],
            "selectedAccount": session.selected.as_ref().or(ids.first()),
            "serverInfo": {},
            "sessionId": format!("{:08x}.0000001e", session.made.secs()),
            "isFT": false,
            "isPaper": self.config.users.iter().any(|user| user.paper && user.credential == session.credential),
        })
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
                "netliquidationvalue": worth(),
                "realizedpnl": 0.0, "unrealizedpnl": 0.0, "exchangerate": 1, "timestamp": call.now.secs(),
            })
        };
        Ok(Answer::ok(&json!({ "USD": row("USD", "USD"), "BASE": row("BASE", "BASE") })))
    }

    /// Chooses the account whose orders and trades are told.
    pub(crate) fn select_account(&self, call: &Call<'_>, session: &mut Session) -> Answered {
        brokerage(session)?;
        let body: Value = serde_json::from_slice(call.body()).unwrap_or_default();
        let asked = body["acctId"].as_str().unwrap_or("");
        let own = self.accounts_of(session);
        if !own.iter().any(|own| own == asked) {
            let why = format!("`{}` is none of the username's accounts", shown(asked));
            let answer = Answer::error_only(500, "Invalid account ID");
            return Err(answer.because("account", why, "Send {\"acctId\":…} with one of /iserver/accounts"));
        }
        if session.selected.as_ref().or(own.first()).is_some_and(|selected| selected == asked) {
            return Ok(Answer::ok(&json!({ "success": "Account already set" })));
        }
        session.selected = Some(asked.to_owned());
        Ok(Answer::ok(&json!({ "set": true, "acctId": asked })))
    }

    /// Orders stay submitted here, so that nothing is traded.
    pub(crate) fn trades(&self, session: &Session) -> Answered {
        brokerage(session)?;
        Ok(Answer::ok(&[(); 0]))
    }

    pub(crate) fn pnl(&self, session: &Session) -> Answered {
        brokerage(session)?;
        Ok(Answer::ok(&json!({ "upnl": self.profit_and_loss(session) })))
    }

    /// Of each account, as it is told over REST and on the socket.
    pub(crate) fn profit_and_loss(&self, session: &Session) -> Value {
        let worth = worth();
        let row = json!({
            "rowType": 1, "dpl": 0.0, "nl": worth, "upl": 0.0, "el": worth, "uel": worth,
            "mv": f64::from(SHARES * PRICE),
        });
        self.accounts_of(session).iter().map(|id| (format!("{id}.Core"), row.clone())).collect()
    }

    pub(crate) fn user(&self, session: &Session) -> Answered {
        let accounts: serde_json::Map<_, _> = self
            .accounts_of(session)
            .iter()
            .map(|id| (id.clone(), json!({ "openDate": session.made.millis(), "isFAClient": false })))
            .collect();
        Ok(Answer::ok(&json!({
            "username": session.credential, "uar": {}, "accts": accounts, "has2fa": true, "islite": false,
            "features": { "env": "PROD", "realtime": true }, "props": {}, "wbId": "",
        })))
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

    pub(crate) fn accounts_of(&self, session: &Session) -> &[String] {
        let user = self.config.users.iter().find(|user| user.credential == session.credential);
        user.map_or(&[], |user| &user.accounts)
    }
}

/// What each account is worth.
pub(crate) fn worth() -> f64 {
    f64::from(CASH + SHARES * PRICE)
}
