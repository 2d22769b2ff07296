//! What really goes over the wire: method, path and headers of each request, as a plain HTTP server sees
//! them.

use ibkr_auth_config::{Proxy, Transport};
use ibkr_auth_core::{Config, Host, Step, testing::healthy_answer};
use ibkr_auth_tests::{driver::Driver, for_both_clients, lab};
use mockito::{Matcher, Mock, Server, ServerGuard};

for_both_clients!(each_request_has_the_shape_that_ibkr_demands, nothing_is_sent_that_was_not_asked_for);

fn healthy(server: &mut ServerGuard, method: &str, path: &str, step: Step) -> Mock {
    let body = healthy_answer(step).into_body();
    server
        .mock(method, path)
        .match_header("user-agent", Matcher::Regex("^ibkr-auth/".into()))
        .match_header("accept", "*/*")
        .match_header("transfer-encoding", Matcher::Missing)
        .with_body(body)
        .expect(1)
}

fn connect<D: Driver>(server: &ServerGuard) -> D {
    let config = Config::new("client id", "main", "someone")
        .and_then(|config| config.with_ip_services([format!("{}/ip", server.url())]))
        .unwrap()
        .with_host(Host::custom(&server.url()).unwrap());
    let mut client = D::new(config, lab::key(), &transport()).unwrap();
    client.connect().unwrap();
    client.validate_sso().unwrap();
    client
}

/// The system's trust store, whatever the environment of this test says about proxies.
fn transport() -> Transport {
    Transport { proxy: Some(Proxy::Off), ..Transport::default() }
}

fn each_request_has_the_shape_that_ibkr_demands<D: Driver>() {
    let mut server = Server::new();
    let form = "^grant_type=client_credentials&client_assertion=[\\w-]+\\.[\\w-]+\\.[\\w-]+\
                &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
                &scope=sso-sessions\\.write$";
    let mocks = [
        healthy(&mut server, "GET", "/ip", Step::PublicIp).match_header("authorization", Matcher::Missing),
        healthy(&mut server, "POST", "/oauth2/api/v1/token", Step::GetAccessToken)
            .match_header("content-type", "application/x-www-form-urlencoded")
            .match_header("content-length", Matcher::Regex("^[1-9][0-9]+$".into()))
            .match_body(Matcher::Regex(form.into())),
        healthy(&mut server, "POST", "/gw/api/v1/sso-sessions", Step::GetBearerToken)
            .match_header("content-type", "application/jwt")
            .match_header("authorization", "Bearer fake.access.token")
            .match_body(Matcher::Regex("^[\\w-]+\\.[\\w-]+\\.[\\w-]+$".into())),
        healthy(&mut server, "GET", "/v1/api/sso/validate", Step::ValidateSso)
            .match_header("authorization", "Bearer fake.bearer.token"),
        healthy(&mut server, "POST", "/v1/api/iserver/auth/ssodh/init", Step::SsodhInit)
            .match_header("content-type", "application/json")
            .match_header("content-length", "32")
            .match_body(r#"{"publish":true,"compete":false}"#),
        healthy(&mut server, "POST", "/v1/api/tickle", Step::Tickle).match_header("content-length", "0"),
        healthy(&mut server, "POST", "/v1/api/iserver/auth/status", Step::Status)
            .match_header("content-length", "0")
            .match_header("cookie", "api=bb665d0f55b6289d70bc7380089fc96f"),
        healthy(&mut server, "POST", "/v1/api/logout", Step::Logout).match_header("content-length", "0"),
    ];
    let mocks = mocks.map(Mock::create);
    let mut client: D = connect(&server);
    client.tickle().unwrap();
    client.status().unwrap();
    client.logout().unwrap();
    for mock in mocks {
        mock.assert();
    }
}

fn nothing_is_sent_that_was_not_asked_for<D: Driver>() {
    let mut server = Server::new();
    let unwanted = ["accept-encoding", "referer", "cookie", "expect", "accept-language"];
    let mut mocks = Vec::new();
    for (method, path, step) in [
        ("GET", "/ip", Step::PublicIp),
        ("POST", "/oauth2/api/v1/token", Step::GetAccessToken),
        ("POST", "/gw/api/v1/sso-sessions", Step::GetBearerToken),
        ("GET", "/v1/api/sso/validate", Step::ValidateSso),
        ("POST", "/v1/api/iserver/auth/ssodh/init", Step::SsodhInit),
    ] {
        let mut mock = healthy(&mut server, method, path, step);
        for header in unwanted {
            mock = mock.match_header(header, Matcher::Missing);
        }
        mocks.push(mock.create());
    }
    connect::<D>(&server);
    for mock in mocks {
        mock.assert();
    }
}
