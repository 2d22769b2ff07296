//! The look-up of the public IPv4 address at a service that answers with its caller's.

use core::net::Ipv4Addr;

use http::{HeaderMap, Method, Uri};
use serde_json::Value;

use super::{answer, build};
use crate::{Advice, Config, Error, ErrorKind, Request, Response, Step};

const STEP: Step = Step::PublicIp;

/// Asks `service`.
///
/// # Errors
/// None in practice: the URL was checked when it was configured.
pub fn request(config: &Config, service: &Uri) -> Result<Request, Error> {
    build::request(STEP, config, Method::GET, &service.to_string(), HeaderMap::new(), None)
}

/// Reads the address: plain text, or JSON with a member `ip`.
///
/// # Errors
/// [`ErrorKind::PublicIp`] when the answer is anything but one public IPv4 address: none is ever made up.
pub fn parse(config: &Config, response: &Response) -> Result<Ipv4Addr, Error> {
    answer::success(STEP, config, response)?;
    let text = std::str::from_utf8(response.body()).unwrap_or_default().trim();
    let address = text.parse().ok().or_else(|| {
        let json: Value = serde_json::from_str(text).ok()?;
        json.get("ip")?.as_str()?.parse().ok()
    });
    match address {
        Some(address) if is_public(address) => Ok(address),
        Some(_) => Err(useless("the service answered with an address that is not public")),
        None => Err(useless("the service did not answer with an IPv4 address")),
    }
}

fn useless(what: &'static str) -> Error {
    let help = "name another service in ip_services, or set public_ip";
    Error::plain(ErrorKind::PublicIp, Some(STEP), what, help, Advice::DoNotRetry)
}

pub(crate) fn is_public(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let carrier_nat = first == 100 && (64..128).contains(&second);
    let unusable = first == 0 || address.is_loopback() || address.is_link_local() || address.is_multicast();
    !(unusable || carrier_nat || address.is_private() || first >= 240)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Ipv4Addr, ErrorKind> {
        let config = Config::new("client", "main", "someone").unwrap();
        parse(&config, &Response::new(body.into())).map_err(|error| error.kind())
    }

    #[test]
    fn text_and_json_are_read() {
        for body in ["203.0.113.7", "203.0.113.7\n", r#"{"ip":"203.0.113.7"}"#] {
            assert_eq!(read(body), Ok(Ipv4Addr::new(203, 0, 113, 7)));
        }
    }

    #[test]
    fn what_is_no_public_ipv4_address_is_refused() {
        for body in [
            "",
            "<html>",
            "2001:db8::1",
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "100.64.0.1",
            "169.254.1.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "203.0.113.7 203.0.113.8",
            "203.0.113.256",
        ] {
            assert_eq!(read(body), Err(ErrorKind::PublicIp), "{body}");
        }
    }
}
