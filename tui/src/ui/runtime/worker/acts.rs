//! A prune by the module. It is recorded, or does not run.

use std::os::fd::AsFd;
use std::path::PathBuf;

use super::Work;
use crate::cache::census::census;
use crate::kernel::session::{Bounds, Mode};
use crate::kernel::source::{Mount, Sample, Source};
use crate::kernel::target::{LookError, Target};
use crate::reclaim::prune::{self, PruneError, Task, settle};
use crate::ui::update::{Msg, Pruned};

impl Work {
    /// Prunes one directory after the other, until it is told to stop.
    pub(super) fn prune(&mut self, job: u64, tasks: Vec<Task>, mode: Mode, writeback: bool) {
        let mut tasks = tasks.into_iter().peekable();
        // Each lets go of its directory at the end of its turn.
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
        mode: Mode,
    ) -> Result<Option<u64>, LookError> {
        let mut sum = 0;
        for path in below {
            let target = Target::open_cached(path)?;
            let census = census(target.dir.as_fd(), 0, &mut |_| self.goes_on(job))?;
            if census.partial && self.goes_on(job).is_break() {
                return Ok(None);
            }
            sum += match mode {
                Mode::Negative => census.here.negative,
                Mode::Dentries | Mode::Inodes => census.here.total,
                Mode::Pages => census.here.pages,
            };
        }
        Ok(Some(sum))
    }

    fn prune_one(&mut self, job: u64, task: &Task, mode: Mode, writeback: bool) -> Pruned {
        let path = &task.plan.target.path;
        let mut record = prune::record(&task.plan, path, Some(&task.mount), mode, writeback);
        let before = self.kernel.sample();
        let sreclaimable_before = sreclaimable(&before);
        let inodes_before = inodes(&before, &task.mount);
        let at = self.start.elapsed();
        let (clock, sample) = (clock(), Box::new(before));
        self.send(Msg::PruneBegan {
            job,
            at,
            clock,
            sample,
        });
        let (result, begun) = match self.audit.begin(&record) {
            Ok(begun) => {
                let mut progress = |so_far: &_| self.progress(job, so_far);
                let bounds = Bounds {
                    writeback,
                    ..Bounds::default()
                };
                let result = task.plan.carry_out(mode, bounds, &mut progress);
                (result, Some(begun))
            }
            Err(error) => (Err(PruneError::from(error)), None),
        };
        let mut sample = self.kernel.settled("dentry");
        if let (Ok(outcome), Some(before)) = (&result, inodes_before) {
            let cancelled = &self.cancelled;
            let mut flow = || cancelled.flow(job);
            let settled = settle::inodes(&mut self.kernel, &task.mount, before, outcome, &mut flow);
            sample = settled.unwrap_or(sample);
        }
        let sample = Box::new(sample);
        let memory = [sreclaimable_before, sreclaimable(&sample)];
        prune::note(&mut record, &result, memory);
        let recorded = begun.map_or(Ok(()), |begun| begun.end(&record));
        Pruned {
            result,
            record,
            recorded,
            sample,
        }
    }
}

/// Wall clock, for people.
pub(super) fn clock() -> String {
    jiff::Zoned::now().strftime("%H:%M:%S").to_string()
}

/// Objects in the cache that the filesystem's inodes come from.
fn inodes(sample: &Sample, mount: &Mount) -> Option<u64> {
    sample.cache(mount.inode_cache()?)?.active
}

fn sreclaimable(sample: &Sample) -> Option<u64> {
    sample.memory.as_ref().ok()?.sreclaimable
}
