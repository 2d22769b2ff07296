//! The public address, as each look-up service sees it.

use std::{collections::BTreeSet, net::Ipv4Addr, thread};

use http::Uri;
use ibkr_auth_blocking::{Error, Http};
use ibkr_auth_core::{Config, PublicIp, wire};

use super::{
    call::{authority, send},
    context::{Context, Need},
    finding::Finding,
};

const MEANS: &str = "each login states the public IPv4 address, and IBKR checks all later requests against it; a wrong one \
                     is refused with 401 (`ibkr-auth guide`, §7)";

type Answer = Result<Ipv4Addr, Error>;

/// All services at once, a line for each, and whether they agree.
pub(super) fn public_ip(context: &mut Context<'_>) -> Finding {
    let Some((services, fixed)) = services(&context.config) else {
        return Finding::pass("OAuth 1.0a names no address: none is looked up");
    };
    let http = match &context.http {
        Ok(http) => http,
        Err(error) => return Finding::fail(error.message(), "no request can be made", error.help()),
    };
    let (config, limit) = (&context.config, context.limit());
    let answers: Vec<Answer> = thread::scope(|scope| {
        let asked: Vec<_> = services
            .iter()
            .map(|service| scope.spawn(move || look_up(config, http, service, limit)))
            .collect();
        let ended = |_| Err(Error::config("the look-up broke off", "run it again"));
        asked.into_iter().map(|thread| thread.join().unwrap_or_else(ended)).collect()
    });
    let seen: Vec<Ipv4Addr> = answers.iter().filter_map(|answer| answer.as_ref().ok().copied()).collect();
    context.address = fixed.or_else(|| seen.first().copied());
    if context.address.is_some() {
        context.there.insert(Need::PublicIp);
    }
    let parts = services.iter().zip(answers).map(|(service, answer)| part(service, answer)).collect();
    verdict(&seen, fixed).with_parts(parts)
}

/// Those of the settings; the usual ones where an address is fixed.
fn services(config: &Config) -> Option<(Vec<Uri>, Option<Ipv4Addr>)> {
    Some(match config.login().public_ip()? {
        PublicIp::Lookup(services) => (services.clone(), None),
        PublicIp::Fixed(address) => {
            let usual = Config::new("none", "none", "none").ok();
            match usual.as_ref().and_then(|usual| usual.login().public_ip()) {
                Some(PublicIp::Lookup(services)) => (services.clone(), Some(*address)),
                _ => (Vec::new(), Some(*address)),
            }
        }
    })
}

fn look_up(config: &Config, http: &Http, service: &Uri, limit: std::time::Duration) -> Answer {
    let request = wire::public_ip::request(config, service)?;
    let (_, answer) = send(http, request, limit);
    wire::public_ip::parse(config, &answer.map_err(|failure| Error::transport(None, &failure))?)
}

/// Only the host is shown: what stands behind it may hold a key.
fn part(service: &Uri, answer: Answer) -> (String, Finding) {
    let name = format!("ip by {}", authority(service));
    let finding = match answer {
        Ok(address) => Finding::pass(address.to_string()),
        Err(error) => {
            let said = error.excerpt().map_or_else(String::new, |said| format!(": {said}"));
            Finding::warn(
                format!("{}{said}", error.message()),
                "a login asks the next service",
                "nothing while another one answers",
            )
        }
    };
    (name, finding)
}

fn verdict(seen: &[Ipv4Addr], fixed: Option<Ipv4Addr>) -> Finding {
    let different: BTreeSet<_> = seen.iter().collect();
    let all = different.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    match (fixed, seen) {
        (Some(fixed), []) => Finding::warn(
            format!("{fixed} is fixed in the settings; no service answered, so it could not be compared"),
            MEANS,
            "make sure that it is the address that your calls leave by",
        ),
        (Some(fixed), _) if different.contains(&fixed) && different.len() == 1 => {
            Finding::pass(format!("{fixed}, fixed in the settings, and all services agree"))
        }
        (Some(fixed), _) => Finding::warn(
            format!("{fixed} is fixed in the settings, but this machine is seen at {all}"),
            MEANS,
            "correct `public_ip`, or remove it so that the address is looked up",
        ),
        (None, []) => Finding::fail(
            "no service told the public address",
            MEANS,
            "check the network and proxy, name other services in `ip_services`, or set `public_ip`",
        ),
        (None, [first, ..]) if different.len() > 1 => Finding::warn(
            format!("the services disagree: {all}; a login takes {first}"),
            format!("{MEANS}. A VPN, a proxy or several ways out make requests leave by different addresses"),
            "let all requests leave by one address, or name all of them in `alternative_ips`",
        ),
        (None, [first, ..]) => Finding::pass(format!("{first}: all that answered agree")),
    }
}
