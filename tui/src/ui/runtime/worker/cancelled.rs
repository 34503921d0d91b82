//! The jobs that end early.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The jobs that end early.
#[derive(Default)]
pub(super) struct Cancelled {
    all: AtomicBool,
    jobs: Mutex<BTreeSet<u64>>,
}

impl Cancelled {
    /// Cancels this job.
    pub(super) fn job(&self, job: u64) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.insert(job);
    }

    /// Cancels every job, future ones too: the program is ending.
    pub(super) fn all(&self) {
        self.all.store(true, Ordering::SeqCst);
    }

    /// Whether the program is ending.
    pub(super) fn is_all(&self) -> bool {
        self.all.load(Ordering::SeqCst)
    }

    /// Whether a job goes on.
    pub(super) fn flow(&self, job: u64) -> ControlFlow<()> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_all() || jobs.contains(&job) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancelled_job_ends_no_other() {
        let cancelled = Cancelled::default();
        cancelled.job(7);
        let goes_on = |job| cancelled.flow(job).is_continue();
        assert!(goes_on(6) && !goes_on(7) && goes_on(8));
        cancelled.all();
        assert!(!goes_on(6) && !goes_on(8));
    }
}
