//! Whose connections a gateway takes.

use std::net::IpAddr;

/// Addresses of clients: one, or all that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    address: IpAddr,
    bits: u8,
}

impl AddressRange {
    /// `192.168.1.7`, `10.0.0.0/8`, `fd00::/8`, or as IBKR's gateway writes it, `10.*` and `192.168.1.*`.
    ///
    /// `None` when it is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(begin) = text.strip_suffix(".*") {
            let octets: Option<Vec<u8>> = begin.split('.').map(|octet| octet.parse().ok()).collect();
            let octets = octets.filter(|octets| (1..=3).contains(&octets.len()))?;
            let mut all = [0; 4];
            all[..octets.len()].copy_from_slice(&octets);
            let bits = u8::try_from(8 * octets.len()).ok()?;
            return Some(Self { address: IpAddr::from(all), bits });
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u8>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    /// Whether it is every address there is.
    #[cfg(feature = "yaml")]
    pub(crate) fn is_everybody(&self) -> bool {
        self.bits == 0
    }

    /// Whether all of the other are in it.
    #[cfg(feature = "yaml")]
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.bits <= other.bits && self.holds(other.address)
    }

    /// Whether this address is one of them. An IPv4 address that came over IPv6 is what it was.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                begins_alike(u128::from(own.to_bits()), u128::from(other.to_bits()), 32, self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                begins_alike(own.to_bits(), other.to_bits(), 128, self.bits)
            }
            _ => false,
        }
    }
}

fn begins_alike(one: u128, other: u128, of: u32, bits: u8) -> bool {
    let rest = of - u32::from(bits);
    // A shift by the whole width is none.
    one.checked_shr(rest).unwrap_or(0) == other.checked_shr(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &str, address: &str) -> bool {
        AddressRange::parse(range).unwrap().holds(address.parse().unwrap())
    }

    #[test]
    fn a_range_holds_what_begins_like_it() {
        for (range, inside, outside) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("10.*", "10.200.3.4", "11.0.0.1"),
            ("172.17.0.*", "172.17.0.9", "172.17.1.9"),
            ("192.168.0.0/20", "192.168.15.1", "192.168.16.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
            ("fd00::/8", "fdab::1", "fc00::1"),
        ] {
            assert!(holds(range, inside), "{range} {inside}");
            assert!(!holds(range, outside), "{range} {outside}");
        }
        assert!(holds("0.0.0.0/0", "203.0.113.7") && holds("::/0", "2001:db8::1"));
    }

    #[cfg(feature = "yaml")]
    #[test]
    fn a_range_covers_what_lies_in_it() {
        let covers = |one, other| {
            let [one, other] = [one, other].map(|text| AddressRange::parse(text).unwrap());
            one.covers(&other)
        };
        assert!(covers("10.*", "10.1.*") && covers("10.*", "10.*") && covers("fd00::/8", "fd00::1"));
        assert!(!covers("10.1.*", "10.*") && !covers("10.*", "11.0.0.1") && !covers("0.0.0.0/0", "::1"));
    }

    #[test]
    fn what_is_no_range_is_none() {
        for text in
            ["", "*", ".*", "10", "10.*.1", "1.2.3.4.*", "300.*", "10.0.0.0/33", "host.docker.internal"]
        {
            assert_eq!(AddressRange::parse(text), None, "{text}");
        }
    }
}
