//! How a session is kept, whoever keeps it: the options that `keep` and `gateway` share.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use ibkr_auth_blocking::{Host, KeepConnected, OnCompeting, Region};

#[derive(Debug, clap::Args)]
pub(crate) struct Keeping {
    /// End another brokerage session of the username, such as TWS, now and whenever one takes over, three
    /// times an hour at most. Without this it goes on, and ours comes back when it has ended; `compete: true`
    /// in the settings ends one at the first login alone
    #[arg(long)]
    pub(crate) compete: bool,
    /// Whose nightly reset, midnight and weekend maintenance count [default: what IBKR says of the username]
    #[arg(long, value_name = "PLACE", value_parser = places())]
    region: Option<Region>,
    /// Further hosts to turn to when one is dead, such as `1.api.ibkr.com,2.api.ibkr.com`
    #[arg(long, value_name = "HOST,…", value_delimiter = ',', value_parser = host)]
    hosts: Vec<Host>,
}

impl Keeping {
    pub(crate) fn policy(&self) -> KeepConnected {
        let competing = if self.compete { OnCompeting::Take } else { OnCompeting::Yield };
        let policy =
            KeepConnected::default().with_hosts(self.hosts.iter().cloned()).with_competing(competing);
        match self.region {
            Some(place) => policy.with_region(place),
            None => policy,
        }
    }
}

/// Where IBKR's servers nearest to the user are.
fn places() -> impl TypedValueParser<Value = Region> {
    let places = [("new-york", "America"), ("zug", "Europe"), ("hong-kong", "Asia")];
    let values = places.map(|(name, continent)| PossibleValue::new(name).help(continent));
    PossibleValuesParser::new(values).map(|name| match name.as_str() {
        "new-york" => Region::NewYork,
        "zug" => Region::Zug,
        _ => Region::HongKong,
    })
}

fn host(text: &str) -> Result<Host, String> {
    let host = if text.contains("://") { Host::custom(text) } else { text.parse() };
    host.map_err(|_| {
        "is not one of IBKR's hosts (api.ibkr.com, 1.api.ibkr.com to 8.api.ibkr.com), nor a URL like https://host:port"
            .to_owned()
    })
}
