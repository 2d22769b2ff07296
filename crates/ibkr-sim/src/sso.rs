//! `POST /gw/api/v1/sso-sessions` (IBKR's OpenAPI) and the bearer that comes out of it.

use std::net::{IpAddr, Ipv4Addr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Refusal, User,
    answer::{Answer, Answered, shown},
    assertion::{self, Signed, Standard},
    call::Call,
    sim::Sim,
    store::{Access, Session},
};

impl Sim {
    /// Each call makes a session of its own and ends no other.
    pub(crate) fn sso_sessions(&mut self, call: &Call<'_>) -> Answered {
        let access = self.access(call, "sso-sessions.write")?;
        let (claims, signed) = self.signed_body(call, &access)?;
        let ips = addresses(&claims)?;
        let user = self.user_to_log_in(&claims, &access)?;
        if self.config.rules.ip_checked_at_login && !ips.contains(&call.ip) {
            let why = format!("ip is `{}`, the caller is at {}", shown(&claims["ip"].to_string()), call.ip);
            let fix = "ip is the public address of the caller: look it up before each sso-sessions request";
            return Err(unauthorized().because("ip", why, fix));
        }
        self.login_pace(call, &access.client_id)?;

        self.use_up(signed, call.now);
        let bearer = self.bearer(call, &access, &user);
        let expires = call.now + self.config.rules.bearer_life;
        let (ends, cookie) = (self.config.calendar.session_end(call.now), self.ids.hex(32));
        let session =
            Session { ips, ..Session::new(bearer.clone(), user.credential, call.now, expires, ends, cookie) };
        self.store.keep_session(session);
        self.counters.bearers += 1;
        Ok(Answer::ok(&json!({ "access_token": bearer, "active": true, "token_type": "Bearer" })))
    }

    /// The claims of a request whose security policy is SIGNED_JWT, and what was signed.
    pub(crate) fn signed_body(&self, call: &Call<'_>, access: &Access) -> Result<(Value, Signed), Answer> {
        let rules = &self.config.rules;
        let content_type = call.content_type();
        let text = ["text/plain", "application/text"].contains(&content_type.as_str());
        let policy =
            || Answer::problem(400, "Bad Request", Some("Invalid payload for security policy: SIGNED_JWT"));
        if content_type != "application/jwt" && !(rules.text_for_jwt && text) {
            let why = format!("the content type is `{}`", shown(&content_type));
            return Err(policy().because("content-type", why, "Send application/jwt"));
        }
        let standard = Standard {
            now: call.now,
            tolerance: rules.clock_tolerance,
            life: rules.sso_request_life,
            signatures: rules.signatures,
        };
        let body = std::str::from_utf8(call.body()).unwrap_or("");
        let Some(examined) = assertion::examine(&self.config.clients, body, &standard) else {
            let fix = "The body is the bare compact JWS: no JSON, no quotes, no newline";
            return Err(policy().because("jws", "the body is no compact JWS", fix));
        };
        let mut refusals = examined.refusals;
        if examined.claims["iss"] != access.client_id.as_str() {
            let fix = "iss is the client id for which the access token was made";
            refusals.push(Refusal::new("iss", "iss is not the access token's client", fix));
        }
        let signed = self.once(body, &examined.claims, &mut refusals);
        match refusals.is_empty() {
            true => Ok((examined.claims, signed)),
            false => Err(unauthorized().with_refusals(refusals)),
        }
    }

    fn user_to_log_in(&self, claims: &Value, access: &Access) -> Result<User, Answer> {
        let Some(credential) = claims["credential"].as_str() else { return Err(missing("credential")) };
        let Some(user) = self.config.users.iter().find(|user| user.credential == credential) else {
            let why = format!("there is no username `{}`", shown(credential));
            return Err(unauthorized().because("credential", why, "credential is the IBKR username"));
        };
        let client = self.config.clients.iter().find(|client| client.client_id == access.client_id);
        if client.is_some_and(|client| client.credentials.contains(&user.credential)) {
            return Ok(user.clone());
        }
        let why = format!("`{}` may not log `{}` in", shown(&access.client_id), shown(credential));
        let answer = Answer::problem(403, "Forbidden", None);
        Err(answer.because("credential", why, "Have IBKR provision this client for the username"))
    }

    /// Shaped as in IBKR's example: HS256, `iat` in milliseconds, no `exp`, opaque to clients.
    fn bearer(&mut self, call: &Call<'_>, access: &Access, user: &User) -> String {
        let account = user.accounts.first().map_or("", String::as_str);
        let claims = BearerClaims {
            sub: "WEB_API",
            aud: user.user_id.to_string(),
            iss: "com.ib.sso",
            iat: call.now.millis(),
            jti: self.ids.hex(40),
            ctp: format!("{}_{account}", access.client_id),
        };
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let input = [&b"{\"typ\":\"JWT\",\"alg\":\"HS256\"}"[..], &claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(self.ids.sign(&input)))
    }
}

#[derive(Serialize)]
struct BearerClaims {
    sub: &'static str,
    aud: String,
    iss: &'static str,
    iat: i64,
    jti: String,
    ctp: String,
}

/// `ip` and `alternativeIps`.
fn addresses(claims: &Value) -> Result<Vec<IpAddr>, Answer> {
    let Some(ip) = claims["ip"].as_str() else { return Err(missing("ip")) };
    let alternatives = match &claims["alternativeIps"] {
        Value::Null => &[][..],
        Value::Array(ips) => ips,
        _ => return Err(malformed("alternativeIps", "alternativeIps is no array")),
    };
    let all = std::iter::once(Some(ip)).chain(alternatives.iter().map(Value::as_str));
    // Every published sample is IPv4.
    all.map(|ip| ip.and_then(|ip| ip.parse::<Ipv4Addr>().ok()).map(IpAddr::V4))
        .collect::<Option<_>>()
        .ok_or_else(|| malformed("ip", "an address is no IPv4 address"))
}

fn unauthorized() -> Answer {
    Answer::problem(401, "Unauthorized", Some("The access token request is invalid"))
}

fn missing(claim: &'static str) -> Answer {
    invalid("Missing required parameter").because(
        claim,
        format!("the claim {claim} is missing"),
        "ip and credential are required strings",
    )
}

fn malformed(rule: &'static str, why: &str) -> Answer {
    invalid("Invalid parameter").because(rule, why, "Send dotted IPv4 addresses as strings")
}

fn invalid(description: &str) -> Answer {
    Answer::problem_json(
        400,
        &json!({
            "type": "/invalid-argument",
            "title": "Bad Request",
            "status": 400,
            "invalidArguments": [{ "field": "payload", "description": description }],
        }),
    )
}
