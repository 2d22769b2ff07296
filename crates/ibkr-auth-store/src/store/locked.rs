//! The right to change what is kept.

use super::{Lock, Store};
use crate::{Record, StoreError};

/// A record that nobody else changes, until drop: held while IBKR is asked about its session.
#[derive(Debug)]
#[must_use = "the lock is given up on drop"]
pub struct Locked {
    store: Store,
    _lock: Lock,
    /// What is kept, as it was when the lock was taken. It is changed here, and then [written](Self::write).
    pub record: Record,
}

impl Locked {
    pub(super) fn new(store: Store, lock: Lock) -> Result<Self, StoreError> {
        let locked = Self { record: store.read()?, store, _lock: lock };
        if locked.record.was_ahead {
            // Else it would be ahead for as long as the clock was set back. Where nothing can be written it
            // stays so.
            let _ = locked.write();
        }
        Ok(locked)
    }

    /// Whose lock it is.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Replaces what is kept: others see the old record or the new one, and never a part.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> Result<(), StoreError> {
        self.store.write(&self.record)
    }
}
