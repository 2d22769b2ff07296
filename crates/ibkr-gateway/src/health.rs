//! ibeam's probes on a port of their own, so that set-ups that were made for it keep theirs.

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use http::{Method, Request, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use ibkr_auth_async::Phase;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    time::sleep,
};

use crate::{
    journal::Level,
    reply::{self, Reply},
    route::Route,
    seat::Seat,
};

/// A probe asks at once, and goes.
const IDLE_PROBE: Duration = Duration::from_secs(15);
/// At a time. Clients' connections come first.
const MOST_PROBES: usize = 32;

/// Answers until the gateway ends.
pub(crate) async fn serve(listener: TcpListener, seat: Arc<Seat>, mut closing: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MOST_PROBES));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closing.wait_for(|closing| *closing) => return,
        };
        let Ok((stream, peer)) = accepted else {
            // Too many open files, or a caller that left: go on when it has passed.
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        if !seat.guard().takes(peer.ip()) {
            continue;
        }
        let seat = Arc::clone(&seat);
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(move |request| {
                let seat = Arc::clone(&seat);
                async move { Ok::<_, Infallible>(answer(&seat, request, peer.ip())) }
            });
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(IDLE_PROBE);
            // How a probe ends is its own affair.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn answer(seat: &Seat, request: Request<Incoming>, peer: IpAddr) -> Reply {
    let (parts, _) = request.into_parts();
    match parts.uri.path() {
        "/livez" => reply::text(StatusCode::OK, "OK"),
        "/readyz" if seat.handle.phase() == Phase::Connected => reply::text(StatusCode::OK, "OK"),
        "/readyz" => reply::text(StatusCode::SERVICE_UNAVAILABLE, "Not Ready"),
        "/activate" | "/deactivate" if !may_switch(&parts.method, peer) => reply::error_because(
            StatusCode::METHOD_NOT_ALLOWED,
            "Method Not Allowed",
            "from elsewhere than this machine it takes a POST",
        ),
        "/activate" | "/deactivate" => match seat.guard().admit(&parts, &Route::Unknown, false) {
            Err(refused) => refused,
            Ok(_) => {
                let is_on = parts.uri.path() == "/activate";
                seat.journal
                    .say(Level::Info, if is_on { "activated by a probe" } else { "deactivated by a probe" });
                if is_on {
                    seat.release();
                } else {
                    seat.hold();
                }
                reply::text(StatusCode::OK, "OK")
            }
        },
        _ => reply::error(StatusCode::NOT_FOUND, "Not Found"),
    }
}

/// A picture in any web page asks by GET, and from one machine to another a browser sends no word of that.
fn may_switch(method: &Method, peer: IpAddr) -> bool {
    *method == Method::POST || peer.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_in_a_web_page_switches_nothing() {
        for (method, peer, may) in [
            (Method::GET, "127.0.0.1", true),
            (Method::GET, "::1", true),
            (Method::GET, "::ffff:127.0.0.1", true),
            (Method::GET, "172.17.0.1", false),
            (Method::HEAD, "172.17.0.1", false),
            (Method::POST, "172.17.0.1", true),
        ] {
            assert_eq!(may_switch(&method, peer.parse().unwrap()), may, "{method} from {peer}");
        }
    }
}
