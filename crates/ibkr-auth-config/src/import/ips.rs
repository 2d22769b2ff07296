//! Whom IBKR's own gateway lets in.

use ibkr_auth_core::is_this_machine;

use super::Imported;
use crate::{AddressRange, gateway_values};

/// What the original ships with. Hardly anybody has chosen them: somebody's networks of long ago.
const SHIPPED: [&str; 2] = ["192.*", "131.216.*"];

/// Takes over what is allowed and not denied.
pub(super) fn take(allow: &[&str], deny: &[&str], imported: &mut Imported) {
    // Everybody else is denied here in any case.
    let denied: Vec<AddressRange> =
        deny.iter().filter_map(|text| parse(text)).filter(|range| !range.is_everybody()).collect();
    for text in allow {
        let (name, range) = (shown(text), parse(text));
        match range {
            _ if is_this_machine(text) => {}
            _ if SHIPPED.contains(text) => imported.warn(format!(
                "{name} of `ips.allow` is not taken over: it is a default of the original's, and opens the gateway to a \
                 whole network; if it is yours, set `gateway_allow_addresses: {text}`, better a smaller range"
            )),
            _ if is_everybody(text, range.as_ref()) => imported.warn(format!(
                "{name} of `ips.allow` is not taken over: it opens the gateway to everybody; name addresses under \
                 gateway_allow_addresses"
            )),
            Some(range) if denied.iter().any(|denied| denied.covers(&range)) => {
                imported.warn(format!("{name} of `ips.allow` is not taken over: `ips.deny` covers it"));
            }
            Some(range) if denied.iter().any(|denied| range.covers(denied)) => imported.warn(format!(
                "{name} of `ips.allow` is not taken over: `ips.deny` takes something out of it, which cannot be said here; \
                 set gateway_allow_addresses to what is left"
            )),
            Some(range) => imported.allow_addresses.push(range),
            None => match host(text) {
                Some(host) => {
                    imported.warn(format!(
                        "{name} of `ips.allow` is a name: clients may call the gateway by it, but connections are taken by \
                         their address, which belongs under gateway_allow_addresses"
                    ));
                    imported.allow_hosts.push(host);
                }
                None => imported.warn(format!("{name} of `ips.allow` is no address, and means nothing here")),
            },
        }
    }
    if !deny.is_empty() {
        imported.warn("`ips.deny` means nothing here: who is not allowed is denied");
    }
}

/// `10.*.*.*` is `10.*`.
fn parse(text: &str) -> Option<AddressRange> {
    let mut text = text;
    while let Some(shorter) = text.strip_suffix(".*").filter(|shorter| shorter.ends_with(".*")) {
        text = shorter;
    }
    AddressRange::parse(text)
}

fn is_everybody(text: &str, range: Option<&AddressRange>) -> bool {
    range.is_some_and(AddressRange::is_everybody)
        || text == "0.0.0.0"
        || (text.contains('*') && text.bytes().all(|byte| matches!(byte, b'*' | b'.')))
}

/// Not `x.x.x.x`, and nothing that tries to be an address.
fn host(text: &str) -> Option<String> {
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    let is_blank = text.split('.').all(|label| label.eq_ignore_ascii_case("x"));
    let ends_in_number = text.rsplit('.').next().is_none_or(is_number);
    gateway_values::host(text).ok().filter(|_| !is_blank && !ends_in_number)
}

/// An entry as far as it looks like one.
fn shown(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:*/-_".contains(&byte);
    match text.len() <= 64 && text.bytes().all(is_plain) {
        true => format!("`{text}`"),
        false => "an entry".to_owned(),
    }
}
