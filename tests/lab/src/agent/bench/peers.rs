//! The measured operations, each as one call that returns its duration.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};
use slabscope::kernel::session::{Bounds, Counters, Device, PruneMode, Record, Status, Walk};

use super::TOP;
use crate::agent::lookups;

/// A prune without bounds.
pub fn prune(mode: PruneMode) -> Walk {
    Walk::Prune(mode, Bounds::default())
}

/// One walk from its first call to its last.
pub fn walk(dir: &Path, walk: Walk) -> Result<(Duration, Counters)> {
    let handle = File::open(dir).with_context(|| format!("cannot open {}", dir.display()))?;
    let started = Instant::now();
    let session = Device::open()?.begin(handle.as_fd(), walk)?;
    for record in session {
        if let Record::Total { status, counters } = record? {
            let took = started.elapsed();
            ensure!(
                status == Status::Complete,
                "the walk of {} ended with {status:?}",
                dir.display()
            );
            return Ok((took, *counters));
        }
    }
    bail!("a walk without a total")
}

/// A prune of negative dentries whose number is known.
pub fn negative(dir: &Path, count: u64) -> Result<Duration> {
    let (took, found) = walk(dir, prune(PruneMode::Negative))?;
    ensure!(
        found.moved == count,
        "{} of {count} negatives pruned",
        found.moved
    );
    Ok(took)
}

/// `echo 2 >/proc/sys/vm/drop_caches`
pub fn drop_caches() -> Result<Duration> {
    drop_caches_of(2)
}

/// 1: page cache, 2: slab objects, 3: both
pub fn drop_caches_of(which: u32) -> Result<Duration> {
    let started = Instant::now();
    fs::write("/proc/sys/vm/drop_caches", which.to_string()).context("cannot drop the caches")?;
    Ok(started.elapsed())
}

/// `shrink_dcache_parent()`, by way of the lab's own module
pub fn shrink_dcache_parent(dir: &Path) -> Result<Duration> {
    let started = Instant::now();
    fs::write("/proc/lab_peer", dir.as_os_str().as_encoded_bytes())
        .context("the lab's module does not shrink")?;
    Ok(started.elapsed())
}

/// A new, empty directory.
pub fn directory(name: &str) -> Result<PathBuf> {
    let path = Path::new(TOP).join(name);
    fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(path)
}

/// Empties the caches of what earlier rounds left, waits until freed memory is usable, and looks up
/// names that are not there.
pub fn fill(dir: &Path, count: u64) -> Result<()> {
    rustix::fs::sync();
    drop_caches()?;
    lookups::run(dir, count, "sess_", false)?;
    settle();
    Ok(())
}

/// Freed dentries become usable after a grace period of RCU: only the measurement that freed them
/// should bear that.
pub fn settle() {
    sleep(Duration::from_millis(200));
}

/// Binds the calling thread to one processor.
pub fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None::<Pid>, &set).context("cannot choose a processor")
}

/// Nanoseconds, as a sample holds them.
pub fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}
