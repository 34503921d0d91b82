//! A prune and its record, for the screen and the command line: a prune that cannot be recorded
//! does not run.

use std::ops::ControlFlow;
use std::path::Path;

use super::{Outcome, PruneError, PrunePlan, settle};
use crate::kernel::session::{Bounds, Counters, PruneMode};
use crate::kernel::source::{Mount, Sample, Source};
use crate::reclaim::audit::{Action, AuditEntry, Log, Report};

/// A prune to carry out.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The confirmed plan.
    pub plan: &'a PrunePlan,
    /// The directory, as the record names it.
    pub path: &'a Path,
    /// The filesystem, if it is known.
    pub mount: Option<&'a Mount>,
    /// Its mode.
    pub mode: PruneMode,
    /// Its bounds.
    pub bounds: Bounds,
}

/// The outcome of an order.
#[derive(Debug)]
pub struct PruneReport {
    /// The prune, or why it did not run.
    pub done: Report<Outcome, PruneError>,
    /// Sample from before it.
    pub before: Box<Sample>,
    /// Sample from after its objects have left their slab caches, or from when that took too long.
    pub after: Box<Sample>,
}

/// Carries it out. `begins` gets the sample from before it; `progress` gets what was done so far,
/// and may end it.
pub fn carry_out(
    order: Order<'_>,
    source: &mut dyn Source,
    audit: &Log,
    begins: &mut dyn FnMut(&Sample),
    progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
) -> PruneReport {
    let Order {
        plan, mode, bounds, ..
    } = order;
    let record = AuditEntry {
        filesystem: order.mount.map(|mount| mount.fs.to_string()),
        mode: Some(mode.name()),
        ..AuditEntry::new(
            Action::Prune,
            order.path,
            plan.predicted(mode, bounds.writeback),
        )
    };
    let before = Box::new(source.sample());
    begins(&before);
    let mut after = before.clone();
    let done = audit.around(record, |record| {
        let result = plan.carry_out(mode, bounds, progress);
        *after = settled(order, source, &before, &result, progress);
        record.sreclaimable = [sreclaimable(&before), sreclaimable(&after)];
        note(record, &result);
        result
    });
    PruneReport {
        done,
        before,
        after,
    }
}

fn settled(
    order: Order<'_>,
    source: &mut dyn Source,
    before: &Sample,
    result: &Result<Outcome, PruneError>,
    progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
) -> Sample {
    let sample = source.settled("dentry");
    let cache = order.mount.and_then(Mount::inode_cache);
    let inodes = cache.and_then(|name| before.cache(name)?.active);
    let (Ok(outcome), Some(mount), Some(inodes)) = (result, order.mount, inodes) else {
        return sample;
    };
    let mut flow = || progress(&outcome.counters);
    settle::inodes(source, mount, inodes, outcome, &mut flow).unwrap_or(sample)
}

fn sreclaimable(sample: &Sample) -> Option<u64> {
    sample.memory.as_ref().ok()?.sreclaimable
}

/// Notes the outcome in the record.
pub fn note(record: &mut AuditEntry, result: &Result<Outcome, PruneError>) {
    match result {
        Ok(outcome) => {
            record.freed = outcome.went();
            record.took = outcome.took;
            record.outcome = outcome.status.name().into();
        }
        Err(error) => {
            if let PruneError::Midway { moved, took, .. } = error {
                (record.freed, record.took) = (*moved, *took);
            }
            record.outcome = format!("failed: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::kernel::session::SessionError;

    #[test]
    fn failure_midway_is_recorded_with_what_was_done() {
        let error = || PruneError::from(SessionError::Malformed("cut off"));
        let recorded = |error| {
            let mut record = AuditEntry::new(Action::Prune, Path::new("/"), 9);
            note(&mut record, &Err(error));
            record
        };
        let took = Duration::from_secs(3);
        let record = recorded(error().after(5_000, PruneMode::Negative, took));
        assert_eq!((record.freed, record.took), (5_000, took));
        let told = "cut off (at least 5,000 dentries had been pruned)";
        assert!(record.outcome.ends_with(told), "{}", record.outcome);
        let record = recorded(error().after(0, PruneMode::Negative, took));
        assert_eq!((record.freed, record.took), (0, Duration::ZERO));
        assert!(record.outcome.ends_with("cut off"), "{}", record.outcome);
    }
}
