//! A network with a delay, between a client and the servers.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::line::{Cut, Stream};

/// The far end of `near`: every byte takes `one_way` in either direction, and the first only sets out after
/// `setup`.
pub(super) fn delayed(
    near: impl Stream + 'static,
    one_way: Duration,
    setup: Duration,
    cut: Cut,
) -> Box<dyn Stream> {
    if one_way.is_zero() {
        return Box::new(near);
    }
    let (far, inner) = tokio::io::duplex(1 << 20);
    tokio::spawn(async move {
        let (near_reads, near_writes) = tokio::io::split(near);
        let (inner_reads, inner_writes) = tokio::io::split(inner);
        let up = async {
            sleep(setup).await;
            // The client's farewell must not end the other direction.
            let _ = carry(near_reads, inner_writes, one_way).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = up => {}
            _ = carry(inner_reads, near_writes, one_way) => {}
            () = cut.happened() => sleep(one_way).await,
        }
    });
    Box::new(far)
}

/// Bytes leave `from` when they are there and reach `to` this much later, however many are on the way.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    one_way: Duration,
) -> io::Result<()> {
    let (send, mut arrive) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    let read = async move {
        loop {
            let mut bytes = vec![0; 16 * 1024];
            let count = from.read(&mut bytes).await.unwrap_or(0);
            bytes.truncate(count);
            if send.send((Instant::now() + one_way, bytes)).await.is_err() || count == 0 {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = arrive.recv().await {
            sleep_until(due).await;
            if bytes.is_empty() {
                break;
            }
            to.write_all(&bytes).await?;
            to.flush().await?;
        }
        to.shutdown().await
    };
    let ((), written) = tokio::join!(read, write);
    written
}
