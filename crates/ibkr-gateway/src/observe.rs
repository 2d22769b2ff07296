//! Each request as a span, with an id that its client may give and is given. Names are OpenTelemetry's.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use http::{HeaderName, HeaderValue, Request};
use tracing::{Instrument, Span, field::Empty};

use crate::{page::random, reply::Reply};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ones are not ours to carry around.
const LONGEST_ID: usize = 64;

/// Answers a request within its span.
pub(crate) async fn observed<B, F>(request: Request<B>, answer: impl FnOnce(Request<B>) -> F) -> Reply
where
    F: Future<Output = Reply>,
{
    let id = given(&request).unwrap_or_else(made);
    let span = tracing::info_span!(
        target: "ibkr_gateway::request",
        "request",
        otel.kind = "server",
        http.request.method = %request.method(),
        // Without the query, which may name accounts.
        url.path = request.uri().path(),
        request.id = id.to_str().unwrap_or_default(),
        http.response.status_code = Empty,
    );
    let answering = answer(request).instrument(span.clone());
    let mut reply = answering.await;
    note(&span, &reply);
    reply.headers_mut().insert(REQUEST_ID, id);
    reply
}

fn note(span: &Span, reply: &Reply) {
    span.record("http.response.status_code", reply.status().as_u16());
    let _within = span.enter();
    tracing::debug!(target: "ibkr_gateway::request", "answered");
}

/// The client's own, if it can stand in a log.
fn given<B>(request: &Request<B>) -> Option<HeaderValue> {
    let id = request.headers().get(REQUEST_ID)?;
    let is_plain = id.len() <= LONGEST_ID && id.as_bytes().iter().all(u8::is_ascii_graphic);
    is_plain.then(|| id.clone())
}

/// Different in each process, and for each request.
fn made() -> HeaderValue {
    static PROCESS: OnceLock<String> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);

    let process = PROCESS.get_or_init(|| random().unwrap_or_default().chars().take(8).collect());
    let id = format!("{process}-{:x}", COUNT.fetch_add(1, Ordering::Relaxed));
    HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use http::{Response, StatusCode};

    use super::*;
    use crate::body::Content;

    async fn id(header: Option<&str>) -> String {
        let mut request = Request::get("/v1/api/tickle");
        if let Some(id) = header {
            request = request.header("x-request-id", id);
        }
        let request = request.body(()).unwrap();
        let reply = observed(request, |_| async { Response::new(Content::empty()) }).await;
        assert_eq!(reply.status(), StatusCode::OK);
        reply.headers()["x-request-id"].to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn an_id_comes_back_and_each_request_has_one() {
        assert_eq!(id(Some("abc-1")).await, "abc-1");
        assert_ne!(id(None).await, id(None).await);
        let long = "x".repeat(65);
        for odd in [long.as_str(), "a b", "\u{e9}"] {
            assert_ne!(id(Some(odd)).await, odd);
        }
    }
}
