//! Standard output from a thread of its own: a reader that is slow, or a terminal that hangs, must not hold
//! up the keeper.

use std::{
    io::{self, Write},
    sync::mpsc::{Receiver, SyncSender, channel, sync_channel},
    thread,
    time::Duration,
};

use super::input::{Input, Source};

pub(super) struct Writer {
    queue: SyncSender<String>,
    ended: Receiver<()>,
}

impl Writer {
    /// `most` texts wait at a time.
    pub(super) fn start(most: usize, mut out: impl Write + Send + 'static, source: Source) -> Self {
        let ((queue, texts), (end, ended)) = (sync_channel::<String>(most), channel());
        // Where the system gives no thread nothing can be shown, and the session is kept all the same.
        let _ = thread::Builder::new().name("output".to_owned()).spawn(move || {
            let _end = end;
            for text in texts {
                if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush())
                    && is_closed(&error)
                {
                    return source.send(Input::Unwritable(error));
                }
            }
        });
        Self { queue, ended }
    }

    /// `false` when so much waits already that this does not.
    pub(super) fn write(&self, text: String) -> bool {
        self.queue.try_send(text).is_ok()
    }

    /// Waits until everything is written, but not for ever.
    pub(super) fn finish(self, within: Duration) {
        drop(self.queue);
        let _ = self.ended.recv_timeout(within);
    }
}

/// A full disk may have room again; whoever has closed a pipe or a terminal will not read on.
fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}
