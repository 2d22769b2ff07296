//! Which orders were executed, and how often: proof that a client has sent none twice.

use std::collections::VecDeque;

use serde::Serialize;

/// Orders that are remembered; the oldest go.
const MOST: usize = 10_000;

/// An order that was executed, whatever became of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlacedOrder {
    /// The client's own name for it, `cOID`.
    pub coid: Option<String>,
    /// The account.
    pub account: String,
    /// How often an order of this name was executed in this account. One without a name counts by itself.
    pub times: u64,
}

/// The orders that were executed, in the order of their arrival.
#[derive(Debug, Default)]
pub(crate) struct Placed(VecDeque<PlacedOrder>);

impl Placed {
    pub(crate) fn count(&mut self, account: &str, coid: Option<&str>) {
        let known = self
            .0
            .iter_mut()
            .find(|order| order.coid.is_some() && order.coid.as_deref() == coid && order.account == account);
        match known {
            Some(order) => order.times += 1,
            None => self.0.push_back(PlacedOrder {
                coid: coid.map(str::to_owned),
                account: account.to_owned(),
                times: 1,
            }),
        }
        if self.0.len() > MOST {
            self.0.pop_front();
        }
    }

    pub(crate) fn orders(&self) -> impl Iterator<Item = &PlacedOrder> {
        self.0.iter()
    }
}
