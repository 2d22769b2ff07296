//! The proxy that the environment names, by the rule for `https`: everything that leaves this machine is
//! `https`.

use crate::{FileError, NoProxy, Proxy, env::Env, proxy};

pub(crate) fn choose(env: &Env) -> Result<Proxy, FileError> {
    let Some((name, text)) = env.first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) else {
        return Ok(Proxy::Off);
    };
    let text = text.trim();
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let help = "set it to an HTTP proxy like http://proxy.example:3128, or set IBKR_AUTH_PROXY to one, or to `none` to go \
                without";
    let url = proxy::url(&url, help).map_err(|problem| problem.at(name))?;
    let except =
        env.first(&["NO_PROXY", "no_proxy"]).map(|(_, list)| NoProxy::new(&list)).unwrap_or_default();
    Ok(Proxy::UrlExcept(url, except))
}
