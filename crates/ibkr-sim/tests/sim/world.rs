//! A simulator in virtual time and a client that does everything right until it is told otherwise.

use std::time::Duration;

use http::{Request, request};
use ibkr_jws::{Jws, RsaKey};
use ibkr_sim::{Moment, Peer, Reply, Sim, SimConfig, demo};
use serde_json::{Value, json};

/// 2026-11-18, a Wednesday, noon in New York.
pub(crate) const NOON: Moment = Moment::from_secs(1_795_021_200);

pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) now: Moment,
    pub(crate) peer: Peer,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut SimConfig)) -> Self {
        let mut config = SimConfig::default();
        change(&mut config);
        Self { sim: Sim::new(config), now: NOON, peer: Peer::LOOPBACK }
    }

    pub(crate) fn wait(&mut self, secs: u64) {
        self.now = self.now + Duration::from_secs(secs);
    }

    pub(crate) fn set_ip(&mut self, ip: &str) {
        self.sim.set_ip(ip.parse().unwrap());
    }

    pub(crate) fn send(&mut self, request: &Request<Vec<u8>>) -> Reply {
        self.sim.handle(self.now, self.peer, request)
    }

    pub(crate) fn assertion(&self) -> Value {
        let now = self.now.secs();
        json!({ "iss": demo::CLIENT_ID, "sub": demo::CLIENT_ID, "aud": "/token", "exp": now + 20, "iat": now - 10 })
    }

    pub(crate) fn sso_claims(&self) -> Value {
        let now = self.now.secs();
        json!({
            "ip": "203.0.113.7", "credential": demo::CREDENTIAL, "iss": demo::CLIENT_ID, "exp": now + 86_400, "iat": now,
        })
    }

    pub(crate) fn access(&mut self) -> String {
        self.access_for("sso-sessions.write")
    }

    pub(crate) fn access_for(&mut self, scope: &str) -> String {
        let form = token_form(&sign(&self.assertion()), scope);
        let reply = self.send(&token_request(&form));
        assert_eq!(rules(&reply), [""; 0]);
        body(&reply)["access_token"].as_str().unwrap().to_owned()
    }

    /// A new SSO session. Assertions of the same second are the same, so a second passes.
    pub(crate) fn bearer(&mut self) -> String {
        let access = self.access();
        self.wait(1);
        let reply = self.send(&sso_request(&access, &sign(&self.sso_claims())));
        assert_eq!(rules(&reply), [""; 0]);
        body(&reply)["access_token"].as_str().unwrap().to_owned()
    }

    /// A bearer with a brokerage session that is established.
    pub(crate) fn brokerage(&mut self) -> String {
        let bearer = self.bearer();
        let reply = self.send(&init(&bearer, true));
        assert_eq!(body(&reply)["authenticated"], true);
        self.wait(2);
        bearer
    }

    pub(crate) fn status(&mut self, bearer: &str) -> Value {
        let reply = self.send(&post("/v1/api/iserver/auth/status", bearer));
        assert_eq!(reply.response.status(), 200);
        body(&reply)
    }
}

pub(crate) fn sign(claims: &Value) -> String {
    sign_as(demo::KEY_ID, claims)
}

pub(crate) fn sign_as(kid: &str, claims: &Value) -> String {
    let key = RsaKey::from_pem(demo::PRIVATE_KEY_PEM.as_bytes()).unwrap();
    Jws::rs256(kid, claims, &key).unwrap().expose().to_owned()
}

pub(crate) fn builder(method: &str, path: &str) -> request::Builder {
    Request::builder().method(method).uri(format!("https://api.ibkr.com{path}")).header("user-agent", "test")
}

pub(crate) fn with_body(builder: request::Builder, body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
    let body = body.into();
    builder.header("content-length", body.len()).body(body).unwrap()
}

pub(crate) fn token_form(assertion: &str, scope: &str) -> String {
    format!(
        "grant_type=client_credentials&client_assertion={assertion}&scope={scope}\
         &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    )
}

pub(crate) fn token_request(form: &str) -> Request<Vec<u8>> {
    let builder = builder("POST", "/oauth2/api/v1/token");
    with_body(builder.header("content-type", "application/x-www-form-urlencoded"), form)
}

pub(crate) fn sso_request(access: &str, jws: &str) -> Request<Vec<u8>> {
    let builder = authorized("POST", "/gw/api/v1/sso-sessions", access);
    with_body(builder.header("content-type", "application/jwt"), jws)
}

pub(crate) fn authorized(method: &str, path: &str, token: &str) -> request::Builder {
    builder(method, path).header("authorization", format!("Bearer {token}"))
}

pub(crate) fn get(path: &str, bearer: &str) -> Request<Vec<u8>> {
    authorized("GET", path, bearer).body(Vec::new()).unwrap()
}

pub(crate) fn post(path: &str, bearer: &str) -> Request<Vec<u8>> {
    with_body(authorized("POST", path, bearer), "")
}

pub(crate) fn post_json(path: &str, bearer: &str, body: &Value) -> Request<Vec<u8>> {
    with_body(authorized("POST", path, bearer).header("content-type", "application/json"), body.to_string())
}

pub(crate) fn init(bearer: &str, compete: bool) -> Request<Vec<u8>> {
    post_json("/v1/api/iserver/auth/ssodh/init", bearer, &json!({ "publish": true, "compete": compete }))
}

pub(crate) fn tickle(bearer: &str) -> Request<Vec<u8>> {
    get("/v1/api/tickle", bearer)
}

pub(crate) fn body(reply: &Reply) -> Value {
    serde_json::from_slice(reply.response.body()).unwrap()
}

pub(crate) fn text(reply: &Reply) -> &str {
    std::str::from_utf8(reply.response.body()).unwrap()
}

pub(crate) fn status(reply: &Reply) -> u16 {
    reply.response.status().as_u16()
}

pub(crate) fn rules(reply: &Reply) -> Vec<&'static str> {
    reply.refusals.iter().map(|refusal| refusal.rule).collect()
}
