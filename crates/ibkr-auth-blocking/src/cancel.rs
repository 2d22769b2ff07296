//! Ends what a client waits for, from another thread.

use std::{
    fmt,
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Sender,
    },
};

use crate::{Client, client::Input};

/// Tells the commands of one client apart, so that none is ended by what was meant for another.
pub(crate) type Number = NonZeroU64;

/// The number of the command that is under way, for the cancellers; 0 while there is none.
#[derive(Debug, Default)]
pub(crate) struct Current {
    begun: u64,
    running: Arc<AtomicU64>,
}

impl Current {
    pub(crate) fn begin(&mut self) -> Number {
        let number = Number::MIN.saturating_add(self.begun);
        self.begun += 1;
        self.running.store(number.get(), Ordering::Release);
        number
    }

    pub(crate) fn end(&self) {
        self.running.store(0, Ordering::Release);
    }
}

/// Ends what a [`Client`] is waiting for, from any thread: for a Ctrl-C while it connects.
///
/// ```no_run
/// # fn on_ctrl_c(_: impl FnMut() + Send + 'static) {}
/// use ibkr_auth_blocking::{Canceller, Client, ErrorKind};
///
/// let mut client = Client::from_yaml("config.yaml")?;
/// let canceller = Canceller::of(&client);
/// on_ctrl_c(move || canceller.cancel());
/// match client.connect() {
///     Err(error) if error.kind() == ErrorKind::Cancelled => client.logout()?,
///     outcome => println!("{:?}", outcome?),
/// }
/// # Ok::<(), ibkr_auth_blocking::Error>(())
/// ```
#[derive(Clone)]
pub struct Canceller {
    inputs: Sender<Input>,
    running: Arc<AtomicU64>,
}

impl Canceller {
    /// The canceller of this client.
    pub fn of(client: &Client) -> Self {
        Self { inputs: client.inbox.outbox.clone(), running: Arc::clone(&client.current.running) }
    }

    /// Ends the call that is under way, of `connect` or of a single step, with
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled). Without one it does nothing: a call that begins
    /// later is not ended.
    pub fn cancel(&self) {
        if let Some(number) = Number::new(self.running.load(Ordering::Acquire)) {
            // A client that is gone waits for nothing.
            let _ = self.inputs.send(Input::Cancel(number));
        }
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").finish_non_exhaustive()
    }
}
