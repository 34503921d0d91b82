//! The ledger: what a prune was predicted to free, what it freed, and why they differ.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::text::{bytes, count};
use crate::kernel::session::{Counters, PruneMode, Status};
use crate::kernel::source::{Cache, Mount};
use crate::reclaim::prune::settle;
use crate::ui::model::{Figures, Refill, Turn};

/// The outcome of a prune.
#[derive(Debug)]
pub struct Ledger {
    /// Mode of the prune.
    pub mode: PruneMode,
    /// The directories. Those at the end may never have begun.
    pub parts: Vec<Turn>,
    /// Directories of the plan that had nothing to prune.
    pub skipped: Vec<PathBuf>,
    /// Whether the pruned dentries are cached again.
    pub refill: Refill,
    /// If the dentry cache was shrunk, too: slabs freed, and the figures after it.
    pub shrunk: Option<(u64, Figures)>,
}

impl Ledger {
    /// The ledger of a prune that ended `at` this time since the start.
    pub fn new(mode: PruneMode, parts: Vec<Turn>, skipped: Vec<PathBuf>, at: Duration) -> Self {
        let ran = parts.iter().filter(|part| part.outcome().is_some());
        let left = ran
            .map(|part| part.cached.saturating_sub(part.moved()))
            .sum();
        let freed = parts.iter().map(Turn::moved).sum();
        Self {
            mode,
            parts,
            skipped,
            refill: Refill::new(at, left, freed),
            shrunk: None,
        }
    }

    /// Dentries, or pages, that were expected to go.
    pub fn predicted(&self) -> u64 {
        self.parts.iter().map(|part| part.predicted).sum()
    }

    /// Bytes that were expected to be freed.
    pub fn predicted_bytes(&self) -> Option<u64> {
        self.parts.iter().map(|part| part.predicted_bytes).sum()
    }

    /// Dentries, or pages, that went.
    pub fn moved(&self) -> u64 {
        self.parts.iter().map(Turn::moved).sum()
    }

    /// The sum of one of the module's counters.
    pub fn counted(&self, figure: impl Fn(&Counters) -> u64) -> u64 {
        let outcomes = self.parts.iter().filter_map(Turn::outcome);
        outcomes.map(|outcome| figure(&outcome.counters)).sum()
    }

    /// The part of [`Self::predicted_bytes`] for the dentries that went.
    pub fn moved_bytes(&self) -> Option<u64> {
        part_of(self.predicted_bytes()?, self.moved(), self.predicted())
    }

    /// Dentries that others were using or evicting.
    pub fn busy(&self) -> u64 {
        self.counted(|counters| counters.busy)
    }

    /// Figures from before the first.
    pub fn before(&self) -> Option<&Figures> {
        self.parts.first()?.before.as_ref()
    }

    /// Figures from after the last that began.
    pub fn after(&self) -> Option<&Figures> {
        let mut ends = self.parts.iter().rev().filter_map(|part| part.end.as_ref());
        ends.next().map(|end| &end.after)
    }

    /// The first status that is not the usual one; None: a directory failed, or did not begin.
    pub fn status(&self) -> Option<Status> {
        let mut unusual = Status::Complete;
        for part in &self.parts {
            let status = part.outcome()?.status;
            if unusual == Status::Complete {
                unusual = status;
            }
        }
        Some(unusual)
    }
}

/// Why the outcome differs from the prediction; None: it does not.
pub fn difference(predicted: u64, moved: u64, complete: bool) -> Option<String> {
    let n = count(predicted.abs_diff(moved));
    match predicted.cmp(&moved) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Less => Some(format!("{n} more became unused meanwhile")),
        std::cmp::Ordering::Greater if complete => Some(format!("{n} were used or gone meanwhile")),
        std::cmp::Ordering::Greater => Some(format!("{n} not reached")),
    }
}

/// The part of the bytes expected for all predicted dentries that the evicted ones account for.
pub fn part_of(bytes: u64, moved: u64, predicted: u64) -> Option<u64> {
    let share = u128::from(bytes) * u128::from(moved);
    u64::try_from(share.checked_div(predicted.into())?).ok()
}

/// Why the freed bytes differ from the objects that went, and those from the dentries. `moved` is
/// in dentries, `expected` and `page` in bytes.
pub fn reasons(
    moved: u64,
    expected: Option<u64>,
    before: &Figures,
    after: &Figures,
    page: u64,
) -> Vec<String> {
    let mut reasons = Vec::new();
    if let (Some(before), Some(after)) = (&before.dentry, &after.dentry) {
        reasons.extend(objects(moved, before, after));
    }
    let idle = after.dentry.as_ref().and_then(|cache| cache.idle(page));
    let idle = idle.unwrap_or(0);
    // A smaller difference is the usual slack of a cache in use.
    let worth_telling = (1 << 20) + expected.unwrap_or(0) / 50;
    if idle > worth_telling {
        reasons.push(format!(
            "{} lie idle in partly used slabs and in those that CPUs keep ready",
            bytes(idle)
        ));
    }
    let memory = before.sreclaimable.zip(after.sreclaimable);
    if let (Some((before, after)), Some(expected)) = (memory, expected) {
        let came_back = before.saturating_sub(after);
        if came_back.saturating_add(idle).saturating_add(worth_telling) < expected {
            let rest = bytes(expected - came_back - idle);
            reasons.push(format!("{rest} were taken by others meanwhile"));
        } else if came_back > expected.saturating_add(worth_telling) {
            let more = bytes(came_back - expected);
            reasons.push(format!("{more} more were freed: others freed memory too"));
        }
    }
    reasons
}

/// Inodes that were evicted, and have not left their slab cache yet.
pub fn pending(
    evicted: u64,
    before: &Figures,
    after: &Figures,
    mount: Option<&Mount>,
) -> Option<String> {
    let (before, after) = (before.inode.as_ref()?, after.inode.as_ref()?);
    let still = match settle::unsettled(evicted, before.active?, after.active?) {
        0 => return None,
        still => count(still),
    };
    let xfs = mount.is_some_and(|mount| &*mount.fs == "xfs");
    Some(match xfs {
        true => format!("{still} inodes are not freed yet: XFS does that in the background"),
        false => format!("{still} inodes still count as objects: others came, or wait for RCU"),
    })
}

/// slabinfo counts an object as active until the RCU grace period is over, and where a CPU has it
/// in a sheaf for its next allocation (mm/slub.c, Linux 7.3).
fn objects(moved: u64, before: &Cache, after: &Cache) -> Option<String> {
    let fell = before.active?.saturating_sub(after.active?);
    let still = moved.checked_sub(fell)?;
    (still > 100 + moved / 100).then(|| {
        format!(
            "{} still count as objects: new ones, those in CPUs' sheaves, those that wait for RCU",
            count(still)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn figures(active: u64, slabs: u64, sreclaimable: u64) -> Figures {
        Figures {
            dentry: Some(Cache {
                active: Some(active),
                slabs,
                object_size: 192,
                objects_per_slab: 21,
                pages_per_slab: 1,
                ..Cache::default()
            }),
            sreclaimable: Some(sreclaimable),
            ..Figures::default()
        }
    }

    #[test]
    fn equal_figures_need_no_reason() {
        let (before, after) = (
            figures(1_000_000, 47_620, 300 * MIB),
            figures(21, 1, 117 * MIB),
        );
        let reasons = reasons(1_000_000, Some(183 * MIB), &before, &after, 4096);
        assert_eq!(reasons, Vec::<String>::new());
        assert_eq!(difference(7, 7, true), None);
    }

    #[test]
    fn each_difference_has_its_reason() {
        let (before, after) = (
            figures(1_000_000, 47_620, 300 * MIB),
            figures(300_000, 40_000, 290 * MIB),
        );
        let all = reasons(1_000_000, Some(183 * MIB), &before, &after, 4096);
        assert!(
            all[0].starts_with("300,000 still count as objects"),
            "{all:?}"
        );
        assert!(
            all[1].starts_with("101 MiB lie idle in partly used slabs"),
            "{all:?}"
        );
        assert!(
            all[2].starts_with("71.7 MiB were taken by others"),
            "{all:?}"
        );
        let after = figures(0, 0, 0);
        let more = reasons(1_000_000, Some(183 * MIB), &before, &after, 4096);
        assert_eq!(more, ["117 MiB more were freed: others freed memory too"]);
        let nothing = Figures::default();
        assert!(reasons(5, None, &nothing, &nothing, 4096).is_empty());
    }

    #[test]
    fn difference_explains_predicted_and_pruned() {
        let says = |predicted, moved, complete| difference(predicted, moved, complete).unwrap();
        assert_eq!(says(1_100, 1_000, true), "100 were used or gone meanwhile");
        assert_eq!(says(1_100, 1_000, false), "100 not reached");
        assert_eq!(says(1_000, 1_001, true), "1 more became unused meanwhile");
    }
}
