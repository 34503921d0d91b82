//! A prune by the module. It is recorded, or does not run.

use std::os::fd::AsFd;
use std::path::PathBuf;

use super::Work;
use crate::cache::census::census;
use crate::kernel::session::{Bounds, PruneMode};
use crate::kernel::source::Sample;
use crate::kernel::target::{LookError, Target};
use crate::reclaim::prune::{self, Order, PruneReport, Task};
use crate::ui::update::Msg;

impl Work {
    /// Prunes one directory after the other, until the user stops it.
    pub(super) fn prune(&mut self, job: u64, tasks: Vec<Task>, mode: PruneMode, writeback: bool) {
        let mut tasks = tasks.into_iter().peekable();
        // Each releases its directory at the end of its turn.
        while let Some(task) = tasks.next() {
            let pruned = Box::new(self.prune_one(job, &task, mode, writeback));
            let last = tasks.peek().is_none() || self.goes_on(job).is_break();
            let at = self.start.elapsed();
            self.send(Msg::Pruned {
                job,
                at,
                pruned,
                last,
            });
            if last {
                return;
            }
        }
    }

    /// Dentries, or pages, of a prune's kind below its directories; None: it was ended early.
    pub(super) fn recount(
        &self,
        job: u64,
        below: &[PathBuf],
        mode: PruneMode,
    ) -> Result<Option<u64>, LookError> {
        let mut sum = 0;
        for path in below {
            let target = Target::open_cached(path)?;
            let census = census(target.dir.as_fd(), 0, &mut |_| self.goes_on(job))?;
            if census.partial && self.goes_on(job).is_break() {
                return Ok(None);
            }
            sum += match mode {
                PruneMode::Negative => census.here.negative,
                PruneMode::Dentries | PruneMode::Inodes => census.here.total,
                PruneMode::Pages => census.here.pages,
            };
        }
        Ok(Some(sum))
    }

    fn prune_one(
        &mut self,
        job: u64,
        task: &Task,
        mode: PruneMode,
        writeback: bool,
    ) -> PruneReport {
        let order = Order {
            plan: &task.plan,
            path: &task.plan.target.path,
            mount: Some(&task.mount),
            mode,
            bounds: Bounds {
                writeback,
                ..Bounds::default()
            },
        };
        let (start, events) = (self.start, self.events.clone());
        let mut begins = |sample: &Sample| {
            let msg = Msg::PruneBegan {
                job,
                at: start.elapsed(),
                clock: clock(),
                sample: Box::new(sample.clone()),
            };
            // The receiver is gone once the program ends.
            drop(events.send(crate::ui::runtime::msg(msg)));
        };
        let mut progress = self.progress(job);
        prune::carry_out(
            order,
            &mut self.kernel,
            &self.audit,
            &mut begins,
            &mut progress,
        )
    }
}

/// Wall-clock time, as text.
pub(super) fn clock() -> String {
    jiff::Zoned::now().strftime("%H:%M:%S").to_string()
}
