//! One command on its way: which of its steps are done, asked, or waiting.

use core::net::Ipv4Addr;
use std::time::Instant;

use super::{
    guard::Reach,
    keeper::Attempt,
    output::RequestId,
    plan::{self, Command},
    ticket::{Done, Outcome, Slot, Ticket},
};
use crate::{Advice, Config, Error, ErrorKind, Now, Step};

pub(super) struct Task {
    command: Command,
    purpose: Purpose,
    slot: Slot,
    pub(super) jobs: Vec<Job>,
    /// Until when the brokerage session must be established; set when `ssodh/init` has answered.
    pub(super) establish_by: Option<Instant>,
    /// A 410 to `ssodh/init`: final, unless the status then says that the session is there all the same.
    pub(super) doubt: Option<Error>,
    /// Why it ends as soon as the signed request that is on its way has been answered.
    pub(super) failed: Option<Error>,
    /// What the step that was done last has brought.
    pub(super) last: Option<Done>,
    /// Whether `ssodh/init` may end another session of the username.
    pub(super) compete: bool,
    /// The refusal of a bearer token for an address that was looked up: another service may know a better
    /// one.
    pub(super) doubted: Option<Doubted>,
    /// How far its signed requests came.
    pub(super) reach: Reach,
}

/// Who began it, and so who looks after its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A command of the user's.
    Command,
    /// The automatic mode.
    Upkeep(Attempt),
    /// Nobody: a pause logs out, and that is tried again while it makes sense.
    Pause,
}

/// A refusal that may be due to the address alone.
pub(super) struct Doubted {
    pub(super) refusal: Error,
    pub(super) ip: Ipv4Addr,
    /// How many look-up services are still to be heard.
    pub(super) unheard: usize,
}

pub(super) struct Job {
    pub(super) step: Step,
    needs: &'static [Step],
    /// The command may end without it.
    is_optional: bool,
    pub(super) state: JobState,
    pub(super) failures: u32,
    /// Which of the look-up services is asked next.
    pub(super) service: usize,
    /// How many of them have failed in a row.
    pub(super) asked: usize,
    /// A wrong clock was corrected once already.
    pub(super) clock_corrected: bool,
    /// A live session token that did not prove itself was asked for anew once already.
    pub(super) minted_again: bool,
    /// A connection that broke was replaced once already.
    pub(super) reconnected: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobState {
    /// To be sent, but not before this time.
    Waiting(Option<Instant>),
    Sent(RequestId),
    Done,
    /// It will not be done any more: see `Task::failed`.
    Failed,
}

impl Task {
    pub(super) fn new(command: Command, config: &Config) -> Self {
        let jobs = command.plan(config).iter().map(|&(step, needs)| Job {
            step,
            needs,
            is_optional: command.is_optional(step, config),
            state: if plan::is_given(step, config) { JobState::Done } else { JobState::Waiting(None) },
            failures: 0,
            service: 0,
            asked: 0,
            clock_corrected: false,
            minted_again: false,
            reconnected: false,
        });
        Self {
            command,
            purpose: Purpose::Command,
            slot: Slot::default(),
            jobs: jobs.collect(),
            establish_by: None,
            doubt: None,
            failed: None,
            last: None,
            compete: config.compete,
            doubted: None,
            reach: Reach::Nowhere,
        }
    }

    pub(super) fn for_upkeep(attempt: Attempt, config: &Config) -> Self {
        let mut task = Self::new(attempt.action.command(), config);
        task.adopt(attempt);
        task
    }

    /// From now on it is the automatic mode's.
    pub(super) fn adopt(&mut self, attempt: Attempt) {
        (self.purpose, self.compete) = (Purpose::Upkeep(attempt), attempt.compete);
    }

    pub(super) fn for_pause(config: &Config) -> Self {
        Self { purpose: Purpose::Pause, ..Self::new(Command::Logout, config) }
    }

    /// Begins with this look-up service.
    pub(super) fn asking_first(mut self, service: usize) -> Self {
        if let Some(job) = self.job_mut(Step::PublicIp) {
            job.service = service;
        }
        self
    }

    pub(super) fn command(&self) -> Command {
        self.command
    }

    /// What the automatic mode is told the outcome of.
    pub(super) fn attempt(&self) -> Option<Attempt> {
        match self.purpose {
            Purpose::Upkeep(attempt) => Some(attempt),
            Purpose::Command | Purpose::Pause => None,
        }
    }

    /// Whether what may pass is tried again here: single steps are sent once, and the automatic mode plans
    /// its own.
    pub(super) fn retries(&self) -> bool {
        match self.purpose {
            Purpose::Command => self.command == Command::Connect,
            Purpose::Pause => true,
            Purpose::Upkeep(_) => false,
        }
    }

    /// Whether a step whose connection broke is sent once more, at once. A single step is the caller's to
    /// repeat, but for a logout: nobody must be left logged in by a connection that the server had closed.
    pub(super) fn reconnects(&self, config: &Config) -> bool {
        let is_single = self.purpose == Purpose::Command
            && !self.command.waits_until_ready()
            && self.command != Command::Logout;
        config.retry.attempts > 1 && !is_single
    }

    pub(super) fn ticket<T: Outcome>(&self) -> Ticket<T> {
        Ticket::new(Slot::clone(&self.slot))
    }

    pub(super) fn finish(self, outcome: Result<Done, Error>) {
        // Filled once: a finished task is gone from the session.
        let _ = self.slot.set(outcome);
    }

    pub(super) fn awaits(&self, id: RequestId) -> bool {
        self.jobs.iter().any(|job| job.state == JobState::Sent(id))
    }

    /// The same, and it cannot end without it.
    pub(super) fn needs(&self, id: RequestId) -> bool {
        self.jobs.iter().any(|job| job.state == JobState::Sent(id) && !job.is_optional)
    }

    /// Whether the answer to this step is awaited.
    pub(super) fn has_sent(&self, step: Step) -> bool {
        self.jobs.iter().any(|job| job.step == step && matches!(job.state, JobState::Sent(_)))
    }

    pub(super) fn job(&self, step: Step) -> Option<&Job> {
        self.jobs.iter().find(|job| job.step == step)
    }

    pub(super) fn job_mut(&mut self, step: Step) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.step == step)
    }

    pub(super) fn set(&mut self, step: Step, state: JobState) {
        if let Some(job) = self.job_mut(step) {
            job.state = state;
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.jobs.iter().all(|job| job.is_optional || job.state == JobState::Done)
    }

    /// The first job that may be sent now.
    pub(super) fn next_job(&self, now: Now) -> Option<usize> {
        self.jobs.iter().position(|job| match job.state {
            JobState::Waiting(not_before) => {
                self.has_all(job.needs) && not_before.is_none_or(|at| at <= now.mono)
            }
            JobState::Sent(_) | JobState::Done | JobState::Failed => false,
        })
    }

    /// When a job that waits for a time, and for nothing else, may be sent.
    pub(super) fn next_wake(&self, now: Now) -> Option<Instant> {
        let times = self.jobs.iter().filter_map(|job| match job.state {
            JobState::Waiting(not_before) if self.has_all(job.needs) => Some(not_before.unwrap_or(now.mono)),
            _ => None,
        });
        times.min()
    }

    fn has_all(&self, needs: &[Step]) -> bool {
        needs.iter().all(|need| self.jobs.iter().any(|job| job.step == *need && job.state == JobState::Done))
    }
}

pub(super) fn cancelled() -> Error {
    Error::plain(ErrorKind::Cancelled, None, "cancelled by logout", "", Advice::DoNotRetry)
}

pub(super) fn out_of_order(first: Step) -> Error {
    let (what, help) =
        (format!("nothing is known yet from {first}"), format!("call {first} before, or connect"));
    Error::plain(ErrorKind::OutOfOrder, None, what, help, Advice::DoNotRetry)
}
