//! What becomes of a request when its connection fails it: what was not sent says so and costs nothing, what
//! may have been executed is never repeated, and nobody is told to.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    thread,
};

use ibkr_auth_core::{Error, KeepConnected};
use ibkr_auth_tests::driver::Kept;

use super::{
    rough::{Manner, Rough},
    *,
};

for_both_clients!(
    connections_that_the_server_has_closed_cost_no_wait,
    the_automatic_mode_loses_nothing_by_them_either,
    an_order_goes_out_on_no_connection_that_the_server_has_closed,
    nor_on_one_whose_tls_has_ended,
    an_answer_without_a_length_is_whole_once_its_connection_has_ended,
    an_answer_that_is_cut_off_is_none,
    one_request_is_lost_to_forgotten_connections_and_no_more,
    an_order_whose_answer_is_lost_is_to_be_found_out_about,
    an_order_without_an_answer_in_time_is_to_be_found_out_about,
    a_handshake_that_breaks_means_not_sent,
    a_connection_that_does_not_come_in_time_means_not_sent,
    nothing_leaves_the_api_whatever_its_path,
    plain_http_goes_through_no_proxy,
    a_proxy_that_fails_is_named,
    a_proxy_may_have_an_ipv6_address,
    a_panic_is_noticed_at_once,
);

const ORDERS: &str = "/v1/api/iserver/account/U1/orders";

fn order() -> Request {
    http::Request::post(ORDERS).body(br#"{"orders":[]}"#.to_vec()).unwrap()
}

/// The events that a client tells from now on.
fn listen<D: Driver>(client: &mut D) -> Arc<Mutex<Vec<Event>>> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    client.on_event(move |event| listener.lock().unwrap().push(event.clone()));
    told
}

/// The waits before steps that were tried again.
fn waits(told: &Mutex<Vec<Event>>) -> Vec<Duration> {
    let told = told.lock().unwrap();
    told.iter()
        .filter_map(|event| if let Event::Retrying { after, .. } = event { Some(*after) } else { None })
        .collect()
}

fn connections_that_the_server_has_closed_cost_no_wait<D: Driver>() {
    let server = Rough::new(Manner::OnceOnly);
    let mut client: D = server.client();
    let told = listen(&mut client);
    client.connect().unwrap();
    let waits = waits(&told);
    assert!(!waits.is_empty() && waits.iter().all(Duration::is_zero), "{waits:?}");
    client.logout().expect("nobody is left logged in");
}

fn the_automatic_mode_loses_nothing_by_them_either<D: Driver>() {
    let server = Rough::new(Manner::OnceOnly);
    let mut client: D = server.client();
    let told = listen(&mut client);
    let handle = client.keep_connected(KeepConnected::default());
    handle.ready(Duration::from_secs(60)).unwrap();
    handle.stop().unwrap();
    let waits = waits(&told);
    assert!(!waits.is_empty() && waits.iter().all(Duration::is_zero), "{told:?}");
    let failed = |event: &Event| matches!(event, Event::Phase { because: Some(_), .. });
    assert!(!told.lock().unwrap().iter().any(failed), "{told:?}");
}

fn an_order_goes_out_on_no_connection_that_the_server_has_closed<D: Driver>() {
    let server = Rough::new(Manner::Keep);
    let mut client: D = server.client();
    client.connect().unwrap();
    for round in 1..=20 {
        // The client's runtime, where it has one, stands still meanwhile: it hears of this only when it
        // looks.
        server.hang_up();
        let answer = client.send(order()).unwrap_or_else(|error| panic!("{round}: {error}"));
        assert_eq!((answer.status().as_u16(), server.count("POST /v1/api/iserver/account/")), (200, round));
    }
}

/// The connection of the system may go on after that of TLS.
fn nor_on_one_whose_tls_has_ended<D: Driver>() {
    let server = Rough::with_tls(Manner::EndsTls);
    let mut client: D =
        server.client_with(server.config().with_timeout(Duration::from_secs(2)).unwrap(), Proxy::Off);
    client.connect().unwrap();
    for round in 1..=5 {
        let answer = client.send(order()).unwrap_or_else(|error| panic!("{round}: {error}"));
        assert_eq!((answer.status().as_u16(), server.count(&format!("POST {ORDERS}"))), (200, round));
    }
}

fn an_answer_without_a_length_is_whole_once_its_connection_has_ended<D: Driver>() {
    for server in [Rough::new(Manner::NoLength), Rough::with_tls(Manner::NoLength)] {
        let mut client: D = server.client();
        client.connect().unwrap();
        assert_eq!(client.send(order()).unwrap().body(), b"{}");
    }
}

fn an_answer_that_is_cut_off_is_none<D: Driver>() {
    let server = Rough::with_tls(Manner::CutOff);
    let mut client: D = server.client();
    client.connect().unwrap();
    let error = client.send(order()).unwrap_err();
    is_in_doubt(&error);
    assert_eq!(error.kind(), ErrorKind::Transport);
}

#[test]
fn nor_from_a_runtime_of_many_threads_that_is_busy() {
    let server = Rough::new(Manner::Keep);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let transport = Transport { proxy: Some(Proxy::Off), ..Transport::default() };
    let mut client = ibkr_auth_async::Client::new(server.config(), testing::FakeKey, &transport).unwrap();
    let handle = runtime.block_on(async {
        client.connect().await.unwrap();
        client.keep_connected(KeepConnected::default())
    });
    runtime.block_on(handle.ready(Duration::from_secs(20))).unwrap();
    let server = Arc::new(server);
    for round in 1..=20 {
        let (handle, server) = (handle.clone(), Arc::clone(&server));
        // On the one worker: nothing else runs between the end of the connections and the order.
        let sent = runtime.spawn(async move {
            server.hang_up();
            handle.send(order()).await
        });
        runtime.block_on(sent).unwrap().unwrap_or_else(|error| panic!("{round}: {error}"));
    }
    assert_eq!(server.count(&format!("POST {ORDERS}")), 20);
}

fn one_request_is_lost_to_forgotten_connections_and_no_more<D: Driver>() {
    // The token and the look-up go out together.
    let server = Rough::new(Manner::Together);
    let config = testing::config().with_host(server.config().host().clone());
    let config = config.with_ip_services([format!("{}/ip", server.url())]).unwrap();
    let mut client: D = server.client_with(config.with_timeout(Duration::from_secs(1)).unwrap(), Proxy::Off);
    client.connect().unwrap();
    server.set(Manner::Forgotten);
    assert_eq!(client.send(get("/v1/api/x")).unwrap_err().kind(), ErrorKind::Timeout);
    client.send(order()).expect("on a new connection");
}

#[track_caller]
fn is_in_doubt(error: &Error) {
    assert_eq!((error.advice(), error.may_have_been_executed()), (Advice::FindOut, true), "{error}");
    assert!(error.to_string().contains("GET /v1/api/iserver/account/orders"), "{error}");
    assert!(!error.to_string().contains("again;"), "{error}");
}

fn an_order_whose_answer_is_lost_is_to_be_found_out_about<D: Driver>() {
    for manner in [Manner::Lose, Manner::OnceOnly] {
        let server = Rough::new(Manner::Keep);
        let mut client: D = server.client();
        client.connect().unwrap();
        server.set(manner);
        let error = client.send(order()).unwrap_err();
        is_in_doubt(&error);
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert_eq!(server.count(&format!("POST {ORDERS}")), 1, "sent once");
    }
}

fn an_order_without_an_answer_in_time_is_to_be_found_out_about<D: Driver>() {
    let lab = Lab::new();
    let mut client: D = with(&lab, lab.config().with_timeout(Duration::from_secs(1)).unwrap());
    client.connect().unwrap();
    lab.server.handle().fault(r#"{"on":"unknown","do":{"hang":true}}"#).unwrap();
    let error = client.send(http::Request::delete("/v1/api/x").body(Vec::new()).unwrap()).unwrap_err();
    is_in_doubt(&error);
    assert!(error.kind() == ErrorKind::Timeout && error.to_string().contains("limit is 1s"), "{error}");
    let error = client.send(get("/v1/api/x")).unwrap_err();
    assert!(matches!(error.advice(), Advice::RetryAfter(_)), "{error}");
}

#[track_caller]
fn was_not_sent(error: &Error, text: &str) {
    assert_eq!((error.kind(), error.may_have_been_executed()), (ErrorKind::Transport, false), "{error}");
    let shown = error.to_string();
    assert!(shown.starts_with("not sent: ") && shown.contains(text), "{error}");
}

type Treatment = fn(TcpStream);

/// A listener that does something to every connection.
fn listener(address: impl Into<SocketAddr>, treat: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(address.into()).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(treat));
    address
}

const HERE: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn a_handshake_that_breaks_means_not_sent<D: Driver>() {
    let server = Rough::new(Manner::Keep);
    let mut client: D = server.client();
    client.connect().unwrap();
    let treatments: [(&str, Treatment); 4] = [
        ("closed", |stream| drop(stream)),
        ("reset", |stream| {
            // What is closed with bytes that nobody has read is reset.
            let _ = stream.peek(&mut [0]);
        }),
        ("cut", |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
        }),
        ("garbled", |mut stream| {
            let _ = stream.write_all(b"HTTP/1.1 400 this is not TLS\r\n\r\n");
            let _ = stream.read(&mut [0; 4096]);
        }),
    ];
    for (name, treat) in treatments {
        let address = listener(HERE, treat);
        client.set_host(Host::custom(&format!("https://{address}")).unwrap());
        let error = client.send(order()).unwrap_err();
        was_not_sent(&error, "connection");
        let repeatable = matches!(error.advice(), Advice::RetryAfter(_));
        assert_eq!(repeatable, name != "garbled", "{name}: {error}");
    }
}

fn a_connection_that_does_not_come_in_time_means_not_sent<D: Driver>() {
    let server = Rough::new(Manner::Keep);
    let silent = || {
        let kept = Mutex::new(Vec::new());
        listener(HERE, move |stream| kept.lock().unwrap().push(stream))
    };
    let config = server.config().with_timeout(Duration::from_secs(1)).unwrap();
    let mut client: D = server.client_with(config.clone(), Proxy::Off);
    client.connect().unwrap();
    client.set_host(Host::custom(&format!("https://{}", silent())).unwrap());
    was_not_sent(&client.send(order()).unwrap_err(), "no connection: none within 66");

    let proxy = Proxy::Url(Secret::new(format!("http://{}", silent())));
    let mut client: D = server.client_with(config, proxy);
    client.connect().unwrap();
    client.set_host(Host::production());
    was_not_sent(&client.send(order()).unwrap_err(), "through the proxy: none within 66");
}

fn nothing_leaves_the_api_whatever_its_path<D: Driver>() {
    let server = Rough::new(Manner::Keep);
    let mut client: D = server.client();
    client.connect().unwrap();
    let before = server.requests();
    for path in [
        "/v1/api/../../gw/api/v1/accounts",
        "/v1/api/%2e%2e/%2E./oauth2/x",
        "/v1/api/..%2f..%2foauth2/x",
        r"/v1/api/\..\..\..\evil",
        "/v1/api/%5c..%5c..%5cevil",
        "/v1/api/portfolio/./accounts",
    ] {
        for url in [path.to_owned(), format!("{}{path}", server.url())] {
            let error = client.send(get(&url)).expect_err(path);
            assert_eq!(error.kind(), ErrorKind::Config, "{path}: {error}");
        }
    }
    assert_eq!(server.requests(), before);
    let plain = "/v1/api/a..b/%2Fc;d?x=../y";
    client.send(get(plain)).unwrap();
    assert_eq!(server.count(&format!("GET {plain} ")), 1, "what is sent is sent as written");
}

fn plain_http_goes_through_no_proxy<D: Driver>() {
    let proxy = Rough::new(Manner::Keep);
    for url in
        [Proxy::Url(Secret::new(proxy.url())), Proxy::UrlExcept(Secret::new(proxy.url()), Default::default())]
    {
        let server = Rough::new(Manner::Keep);
        server.client_with::<D>(server.config(), url).connect().unwrap();
        assert_eq!((proxy.requests(), server.requests()), (0, 3));
    }
}

fn a_proxy_that_fails_is_named<D: Driver>() {
    let says = |answer: &'static str| {
        listener(HERE, move |mut stream| {
            let head = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            let _ = stream.write_all(answer.as_bytes());
        })
    };
    let nobody = TcpListener::bind(HERE).unwrap().local_addr().unwrap();
    for (proxy, text) in [
        (nobody, "no connection through the proxy: it cannot be reached: "),
        (
            says("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
            "no connection through the proxy: it opens no tunnel",
        ),
        (says(""), "no connection through the proxy"),
        (says("HTTP/1.1 407 Who\r\nProxy-Authenticate: NTLM\r\n\r\n"), "Basic alone"),
    ] {
        let proxy = Proxy::Url(Secret::new(format!("http://{proxy}")));
        let server = Rough::new(Manner::Keep);
        let mut client: D = server.client_with(server.config(), proxy);
        client.connect().unwrap();
        client.set_host(Host::production());
        was_not_sent(&client.send(order()).unwrap_err(), text);
    }
}

/// Only the way to IBKR has to be IPv4.
fn a_proxy_may_have_an_ipv6_address<D: Driver>() {
    // Without IPv6 on this machine there is nothing to try.
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return;
    }
    let lab = Lab::new();
    let behind = lab.server.proxy_url().trim_start_matches("http://").to_owned();
    let proxy = listener((Ipv6Addr::LOCALHOST, 0), move |stream| {
        let other = TcpStream::connect(&behind).unwrap();
        for (mut from, mut to) in [(stream.try_clone().unwrap(), other.try_clone().unwrap()), (other, stream)]
        {
            thread::spawn(move || io::copy(&mut from, &mut to));
        }
    });
    let transport =
        Transport { proxy: Some(Proxy::Url(Secret::new(format!("http://{proxy}")))), ..lab.transport() };
    let config = Config::new(demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL).unwrap();
    D::new(config, key(), &transport).unwrap().connect().unwrap();
}

fn a_panic_is_noticed_at_once<D: Driver>() {
    let session = Session::new(testing::config(), testing::FakeKey, 0);
    let mut client = D::with_http(session, |_, _| panic!("on purpose"));
    let error = client.get_access_token().unwrap_err();
    assert_eq!((error.kind(), error.advice()), (ErrorKind::Panicked, Advice::DoNotRetry), "{error}");
}
