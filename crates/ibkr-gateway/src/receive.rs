//! A client's request, read as far as it has to be before anything of it goes on.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::{
    body::{Content, Flowing},
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
pub(crate) async fn upload(mut body: Incoming) -> Result<Content, Reply> {
    if body.is_end_stream() {
        return Ok(Content::Whole(Bytes::new()));
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
            Ok(None) => return Ok(Content::Whole(begin.freeze())),
            Ok(Some(Err(_))) => return Err(incomplete(StatusCode::BAD_REQUEST)),
            Err(_) => return Err(incomplete(StatusCode::REQUEST_TIMEOUT)),
        }
    }
    Ok(Content::Flowing(Flowing::new(begin.freeze(), body, STALLED)))
}

fn incomplete(status: StatusCode) -> Reply {
    reply::unanswered(status, reply::Fate::NotSent, "the body did not arrive as a whole")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::{Request, Response};
    use http_body_util::Full;
    use hyper::{server::conn::http1, service::service_fn};
    use hyper_util::rt::TokioIo;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        time::sleep,
    };

    use super::*;

    /// What comes of a request: its status, and how its body arrived.
    async fn said(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(match upload(request.into_body()).await {
            Ok(Content::Whole(body)) => Response::new(Full::new(body)),
            Ok(flowing) => match flowing.collect().await {
                Ok(body) => Response::new(Full::new(format!("flowing {}", body.to_bytes().len()).into())),
                Err(error) => Response::new(Full::new(error.to_string().into())),
            },
            Err(refused) => {
                let mut answer = Response::new(Full::default());
                *answer.status_mut() = refused.status();
                answer
            }
        })
    }

    fn client() -> DuplexStream {
        let (client, server) = duplex(1024);
        tokio::spawn(
            http1::Builder::new().half_close(true).serve_connection(TokioIo::new(server), service_fn(said)),
        );
        client
    }

    async fn answer(client: &mut DuplexStream) -> String {
        let mut text = vec![0; 4096];
        let length = client.read(&mut text).await.unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    }

    fn head(length: usize) -> String {
        format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n")
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_body_that_drips_is_given_up() {
        let (begin, mut client) = (Instant::now(), client());
        client.write_all(head(1_000).as_bytes()).await.unwrap();
        let (mut reading, mut writing) = tokio::io::split(client);
        tokio::spawn(async move {
            while writing.write_all(b"x").await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let mut text = [0; 12];
        reading.read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"HTTP/1.1 408");
        assert_eq!(begin.elapsed().as_secs(), HELD_WITHIN.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_may_drip_and_not_stand_still() {
        let mut client = client();
        let size = HELD + 100;
        client.write_all(head(size).as_bytes()).await.unwrap();
        for _ in 0..99 {
            client.write_all(b"x").await.unwrap();
            sleep(STALLED - Duration::from_secs(1)).await;
        }
        client.write_all(&vec![0; HELD + 1]).await.unwrap();
        assert!(answer(&mut client).await.ends_with(&format!("flowing {size}")));
        client.write_all(head(size).as_bytes()).await.unwrap();
        client.write_all(b"x").await.unwrap();
        let begin = Instant::now();
        assert!(answer(&mut client).await.ends_with("the body stands still"));
        assert_eq!(begin.elapsed(), STALLED);
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_body_is_none() {
        for (whole, sent) in [(10, 0), (10, 9)] {
            let mut client = client();
            client.write_all(head(whole).as_bytes()).await.unwrap();
            client.write_all(&vec![0; sent]).await.unwrap();
            client.shutdown().await.unwrap();
            let text = answer(&mut client).await;
            assert!(text.is_empty() || text.starts_with("HTTP/1.1 400"), "{text}");
        }
    }
}
