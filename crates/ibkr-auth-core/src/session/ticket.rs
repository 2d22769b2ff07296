//! A command's receipt, in which its outcome appears.

use core::net::Ipv4Addr;
use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, OnceLock},
};

use crate::{AccessToken, AuthStatus, BearerToken, Error, LiveSession, SsoDetails, Tickle};

/// The receipt of a command. Dropping it does not cancel the command.
#[must_use = "the outcome is in the ticket, failures too"]
pub struct Ticket<T> {
    slot: Slot,
    outcome: PhantomData<fn() -> T>,
}

pub(super) type Slot = Arc<OnceLock<Result<Done, Error>>>;

impl<T: Outcome> Ticket<T> {
    pub(super) fn new(slot: Slot) -> Self {
        Self { slot, outcome: PhantomData }
    }

    /// What came of the command; `None` while it is under way.
    pub fn outcome(&self) -> Option<Result<T, Error>> {
        match self.slot.get()? {
            Ok(done) => T::from_done(done.clone()).map(Ok),
            Err(error) => Some(Err(error.clone())),
        }
    }
}

impl<T> fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("done", &self.slot.get().is_some()).finish()
    }
}

/// A login that is complete.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Connected {
    /// The address from which IBKR sees us; `None` with OAuth 1.0a, which names none.
    pub public_ip: Option<Ipv4Addr>,
    /// What IBKR knows about the SSO session. `None` when there was no need or no time to ask, or no answer:
    /// in the brokerage tier it is asked while the session is being established, if that takes a while.
    /// [`validate_sso`](crate::Session::validate_sso) asks.
    pub sso: Option<SsoDetails>,
    /// State of the brokerage session; `None` in the read-only tier.
    pub auth_status: Option<AuthStatus>,
}

/// What a step or command brings. Public only in name: it stands in the type of [`Outcome`], which is sealed.
#[derive(Clone)]
#[doc(hidden)]
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub enum Done {
    AccessToken(AccessToken),
    PublicIp(Ipv4Addr),
    BearerToken(BearerToken),
    LiveSession(LiveSession),
    SsoDetails(SsoDetails),
    AuthStatus(AuthStatus),
    Tickle(Tickle),
    LoggedOut(()),
    Connected(Connected),
}

/// What a [`Ticket`] can bring. Sealed.
pub trait Outcome: sealed::Sealed + Sized {
    #[doc(hidden)]
    fn from_done(done: Done) -> Option<Self>;
}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals it")]
    pub trait Sealed {}
}

macro_rules! outcomes {
    ($($variant:ident($type:ty)),+ $(,)?) => {$(
        impl sealed::Sealed for $type {}
        impl Outcome for $type {
            fn from_done(done: Done) -> Option<Self> {
                if let Done::$variant(value) = done { Some(value) } else { None }
            }
        }
    )+};
}

outcomes! {
    AccessToken(AccessToken),
    BearerToken(BearerToken),
    LiveSession(LiveSession),
    SsoDetails(SsoDetails),
    AuthStatus(AuthStatus),
    Tickle(Tickle),
    LoggedOut(()),
    Connected(Connected),
}
