//! After inodes were evicted: their filesystem frees them when it pleases.

use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use super::Outcome;
use crate::kernel::source::{Mount, Sample, Source};

/// Interval of the samples.
pub const STEP: Duration = Duration::from_millis(100);

/// Time that a filesystem may take. XFS looks for inodes to free every five seconds
/// (fs/xfs/xfs_icache.c: `xfs_reclaim_work_queue()`, Linux 7.3), others free after a grace period
/// of RCU.
pub fn patience(mount: &Mount) -> Duration {
    match &*mount.fs {
        "xfs" => Duration::from_secs(12),
        _ => Duration::from_secs(3),
    }
}

/// A sample once the inodes that were evicted have left their slab cache, in which `before` were
/// in use; or once that has taken too long, or `flow` ends it. None where there is nothing to wait for.
pub fn inodes(
    source: &mut dyn Source,
    mount: &Mount,
    before: u64,
    outcome: &Outcome,
    flow: &mut dyn FnMut() -> ControlFlow<()>,
) -> Option<Sample> {
    let evicted = outcome.inodes();
    let cache = mount.inode_cache()?;
    if evicted == 0 {
        return None;
    }
    let begin = Instant::now();
    loop {
        let sample = source.sample();
        // An impossible figure is read again.
        let now = sample.cache(cache).map_or(Some(0), |cache| cache.active);
        let over = begin.elapsed() > patience(mount) || flow().is_break();
        if over || now.is_some_and(|now| unsettled(evicted, before, now) == 0) {
            return Some(sample);
        }
        thread::sleep(STEP);
    }
}

/// Number of evicted inodes that still count as objects of their slab cache. As many as other
/// programs may have made meanwhile, and CPUs keep ready, do not count.
pub fn unsettled(evicted: u64, before: u64, after: u64) -> u64 {
    let still = evicted.saturating_sub(before.saturating_sub(after));
    if still > 100 + evicted / 100 {
        still
    } else {
        0
    }
}
