//! The error that stands in the way of a session.

use crate::{Error, Event, Step};

/// The last error that nothing has overcome since: what is in the way when a login is given up.
#[doc(hidden)]
#[derive(Debug, Clone, Default)]
pub struct LastError(Option<Error>);

impl LastError {
    /// Takes in what has happened.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Failed { error, .. } | Event::Phase { because: Some(error), .. } => {
                self.0 = Some(error.clone());
            }
            Event::Done { step, .. } => {
                self.0.take_if(|error| overcomes(*step, error));
            }
            _ => {}
        }
    }

    /// The error.
    pub fn get(&self) -> Option<&Error> {
        self.0.as_ref()
    }

    /// The error, which is forgotten with that.
    pub fn take(&mut self) -> Option<Error> {
        self.0.take()
    }
}

/// Whether the error was of that step, or of one that it builds on.
fn overcomes(done: Step, error: &Error) -> bool {
    // A logout comes after a login that was given up, and mends nothing.
    let builds_on_all_before = !matches!(done, Step::PublicIp | Step::Tickle | Step::Logout);
    error.step().is_none_or(|failed| failed == done || (failed < done && builds_on_all_before))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{TransportError, TransportKind};

    #[test]
    fn a_step_that_is_done_overcomes_those_that_it_builds_on() {
        let after = |failed, done| {
            let error =
                Error::transport(Some(failed), &TransportError::new(TransportKind::Timeout, "it failed"));
            let mut last_error = LastError::default();
            last_error.hear(&Event::Failed { error, took: Duration::ZERO });
            last_error.hear(&Event::Done { step: done, took: Duration::ZERO });
            last_error.take().is_some()
        };
        assert!(!after(Step::GetBearerToken, Step::GetBearerToken));
        assert!(!after(Step::GetBearerToken, Step::ValidateSso));
        assert!(after(Step::SsodhInit, Step::GetBearerToken));
        assert!(after(Step::SsodhInit, Step::Tickle));
        assert!(after(Step::GetAccessToken, Step::PublicIp), "they overlap");
        assert!(after(Step::SsodhInit, Step::Logout), "the end of what was given up");
    }
}
