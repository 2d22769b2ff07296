//! `POST /oauth2/api/v1/token` (IBKR's OpenAPI; field values from IBKR's own OAuth 2.0 samples).

use ibkr_jws::Jws;
use serde::Serialize;
use serde_json::json;

use crate::{
    Endpoint, Refusal,
    answer::{Answer, Answered, shown},
    assertion::{self, Signed, Standard},
    call::Call,
    sim::Sim,
    store::Access,
};

/// In the order of IBKR's example token.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    exp: i64,
    iat: i64,
    scope: &'a str,
    csid: &'a str,
}

impl Sim {
    pub(crate) fn token(&mut self, call: &Call<'_>) -> Answered {
        let form = self.token_form(call)?;
        let (client_id, signed) = self.client_assertion(call, &form.assertion)?;
        self.login_pace(call, &client_id)?;

        let asked: Vec<String> = form.scope.split_whitespace().map(str::to_owned).collect();
        let client = self.config.clients.iter().find(|client| client.client_id == client_id);
        let foreign = asked.iter().find(|scope| client.is_none_or(|client| !client.scopes.contains(scope)));
        if let Some(scope) = foreign {
            let why = format!("`{}` may not have the scope `{}`", shown(&client_id), shown(scope));
            let refusal = Refusal::new(
                "scope",
                why,
                "Ask for sso-sessions.write, or what the client is provisioned for",
            );
            return Err(self.token_error(400, "invalid_scope", vec![refusal]));
        }

        self.use_up(signed, call.now);
        let life = self.config.rules.access_token_life;
        let scope = asked.join(" ");
        let claims = Claims {
            iss: "/token",
            sub: &client_id,
            exp: (call.now + life).secs(),
            iat: call.now.secs(),
            scope: &scope,
            csid: &client_id,
        };
        let token = if self.config.rules.signatures {
            let kid = self.ids.hex_of("access-token-key", 40);
            let Ok(token) = Jws::rs256(&kid, &claims, &self.server_key) else {
                return Err(Answer::problem(500, "Internal Server Error", None));
            };
            token.expose().to_owned()
        } else {
            self.ids.hex(64)
        };
        self.store.keep_access(token.clone(), Access { client_id, scopes: asked, expires: call.now + life });
        self.counters.tokens += 1;
        Ok(Answer::ok(&json!({
            "access_token": token,
            "token_type": "Bearer",
            "scope": scope,
            "expires_in": life.as_secs(),
        }))
        .with_header("cache-control", "no-store"))
    }

    fn token_form(&self, call: &Call<'_>) -> Result<Form, Answer> {
        let mut refusals = Vec::new();
        if call.content_type() != "application/x-www-form-urlencoded" {
            let why = format!("the content type is `{}`", shown(&call.content_type()));
            refusals.push(Refusal::new("content-type", why, "Send application/x-www-form-urlencoded"));
        }
        let fields: Vec<(String, String)> = form_urlencoded::parse(call.body()).into_owned().collect();
        let mut field = |name: &'static str| {
            let mut values = fields.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone());
            let first = values.next();
            if first.is_none() && name != "scope" || values.next().is_some() {
                let why = format!("`{name}` is missing or there twice");
                refusals.push(Refusal::new(
                    "form",
                    why,
                    "Send each field of the token request once, in snake_case",
                ));
            }
            first.unwrap_or_default()
        };
        let grant = field("grant_type");
        let kind = field("client_assertion_type");
        let form = Form { assertion: field("client_assertion"), scope: field("scope") };
        if grant != "client_credentials" {
            let why = format!("grant_type is `{}`", shown(&grant));
            refusals.push(Refusal::new("grant_type", why, "grant_type is client_credentials"));
        }
        if kind != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
            let why = format!("client_assertion_type is `{}`", shown(&kind));
            let fix = "client_assertion_type is urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            refusals.push(Refusal::new("client_assertion_type", why, fix));
        }
        if fields.iter().any(|(name, _)| name == "client_secret") {
            refusals.push(Refusal::new(
                "form",
                "there is a client_secret",
                "IBKR takes private_key_jwt only",
            ));
        }
        if refusals.is_empty() { Ok(form) } else { Err(self.token_error(400, "invalid_request", refusals)) }
    }

    /// The client that signed, and what.
    fn client_assertion(&self, call: &Call<'_>, jws: &str) -> Result<(String, Signed), Answer> {
        let rules = &self.config.rules;
        let standard = Standard {
            now: call.now,
            tolerance: rules.clock_tolerance,
            life: rules.assertion_life,
            signatures: rules.signatures,
        };
        let Some(examined) = assertion::examine(&self.config.clients, jws, &standard) else {
            let fix = "client_assertion is header.claims.signature in base64url without padding";
            let refusal = Refusal::new("jws", "client_assertion is no compact JWS", fix);
            return Err(self.token_error(400, "invalid_client", vec![refusal]));
        };
        let mut refusals = examined.refusals;
        let claims = &examined.claims;
        if claims["sub"] != claims["iss"] {
            refusals.push(Refusal::new(
                "sub",
                "sub is not the client id",
                "iss and sub are both the client id",
            ));
        }
        if !rules.any_audience && claims["aud"] != "/token" {
            let why = format!("aud is `{}`", shown(&claims["aud"].to_string()));
            refusals.push(Refusal::new("aud", why, "aud is the literal /token, not a URL"));
        }
        let signed = self.once(jws, claims, &mut refusals);
        match examined.client {
            Some(client) if refusals.is_empty() => Ok((client.client_id.clone(), signed)),
            _ => Err(self.token_error(400, "invalid_client", refusals)),
        }
    }

    /// At most so many logins per client, if the rules say so.
    pub(crate) fn login_pace(&mut self, call: &Call<'_>, client_id: &str) -> Result<(), Answer> {
        let Some(limit) = self.config.rules.login_limit else { return Ok(()) };
        let admitted = self.store.pace.admit(client_id, Some(call.endpoint), limit, call.now);
        admitted.map_err(|_| {
            let why = format!("`{}` logs in too often", shown(client_id));
            let answer = Answer::error_only(429, "Too Many Requests");
            answer.because("login-limit", why, "Keep tokens until they expire, and back off after failures")
        })
    }

    /// Documented are 400 and 500 as problem+json (IBKR's OpenAPI); RFC 6749 has codes.
    fn token_error(&self, status: u16, code: &str, refusals: Vec<Refusal>) -> Answer {
        if self.config.rules.rfc6749_errors {
            let status = if code == "invalid_client" { 401 } else { status };
            return Answer::error_only(status, code).with_refusals(refusals);
        }
        Answer::problem(status, "Bad Request", None).with_refusals(refusals)
    }

    /// The access token of a call to `/gw`, if it is alive and has the scope.
    pub(crate) fn access(&self, call: &Call<'_>, scope: &str) -> Result<Access, Answer> {
        const DETAIL: &str = "The access token request is invalid";
        let unauthorized = || Answer::problem(401, "Unauthorized", Some(DETAIL));
        let fix = "Send Authorization: Bearer with the token endpoint's access_token";
        let Some(token) = call.bearer() else {
            return Err(unauthorized().because("authorization", "there is no bearer token", fix));
        };
        let Some(access) = self.store.access.get(token).filter(|access| access.expires > call.now) else {
            let why = if self.store.sessions.contains_key(token) {
                "this is the SSO bearer, not the access token"
            } else {
                "the access token is unknown or expired"
            };
            return Err(unauthorized().because("access-token", why, fix));
        };
        if !access.scopes.iter().any(|granted| granted == scope) {
            let answer =
                Answer::problem(403, "Forbidden", Some("The access token fails to have sufficient scope"));
            let why = format!("{} needs the scope {scope}", call.endpoint);
            return Err(answer.because("scope", why, "Ask the token endpoint for this scope"));
        }
        Ok(access.clone())
    }

    /// `echo/https` and `echo/signed-jwt` (IBKR's OpenAPI).
    pub(crate) fn echo(&mut self, call: &Call<'_>) -> Answered {
        let signed = call.endpoint == Endpoint::EchoSignedJwt;
        let access = self.access(call, if signed { "echo.write" } else { "echo.read" })?;
        if signed {
            let (_, signed) = self.signed_body(call, &access)?;
            self.use_up(signed, call.now);
        }
        let parameters: serde_json::Map<_, _> =
            call.query().into_iter().map(|(name, value)| (name, value.into())).collect();
        Ok(Answer::ok(&json!({
            "requestMethod": call.request.method().as_str(),
            "securityPolicy": if signed { "SIGNED_JWT" } else { "HTTPS" },
            "queryParameters": parameters,
        })))
    }
}

struct Form {
    assertion: String,
    scope: String,
}
