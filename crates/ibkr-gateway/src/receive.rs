//! A client's request, read as far as it has to be before anything of it goes on.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::{
    body::{Flowing, Upload},
    deadline::Progress,
    exchange::STALLED,
    reply::{self, Reply},
};

/// What is no larger is held until it is there as a whole: half an order never leaves this machine, and what
/// was not carried out can be sent once more.
const HELD: usize = 64 * 1024;
/// So long it may take.
const HELD_WITHIN: Duration = Duration::from_secs(15);

/// The body of a request.
///
/// # Errors
/// What to tell a client that does not send what it has announced.
pub(crate) async fn upload(mut body: Incoming) -> Result<Upload, Reply> {
    if body.is_end_stream() {
        return Ok(Upload::Held(Bytes::new()));
    }
    let mut begin = BytesMut::new();
    let until = Instant::now() + HELD_WITHIN;
    // What is known to be larger is not held for nothing.
    while body.size_hint().lower() <= HELD as u64 && begin.len() <= HELD {
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    begin.extend_from_slice(&data);
                }
            }
            Ok(None) => return Ok(Upload::Held(begin.freeze())),
            Ok(Some(Err(_))) => return Err(incomplete(StatusCode::BAD_REQUEST)),
            Err(_) => return Err(incomplete(StatusCode::REQUEST_TIMEOUT)),
        }
    }
    let progress = Progress::new(Instant::now());
    Ok(Upload::Flowing(Flowing::new(begin.freeze(), body, STALLED), Arc::clone(&progress)))
}

fn incomplete(status: StatusCode) -> Reply {
    reply::unanswered(status, reply::Fate::NotSent, "the body did not arrive as a whole")
}
