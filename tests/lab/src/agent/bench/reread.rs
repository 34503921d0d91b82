//! Inodes and page cache: the cost of evicting them, and of the next read after each kind of prune.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use slabscope::kernel::session::PruneMode;

use super::peers::{directory, drop_caches_of, nanoseconds, prune, settle, walk};
use super::tell;
use crate::agent::{lookups, tools};

const FILES: u64 = 50_000;
/// Absent names that are looked up among them.
const ABSENT: u64 = 50_000;

/// Reads every file of the tree, and looks up names that are not there.
fn read(top: &Path) -> Result<Duration> {
    let started = Instant::now();
    for index in 0..FILES {
        let path = tools::file(top, index);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    lookups::run(top, ABSENT, "absent_", false)?;
    Ok(started.elapsed())
}

fn tree(name: &str) -> Result<std::path::PathBuf> {
    let top = directory(name)?;
    tools::make_files(&top, FILES)?;
    // The first read sets times of access (relatime): a dirty inode would stay.
    read(&top)?;
    rustix::fs::sync();
    drop_caches_of(3)?;
    Ok(top)
}

/// Inodes and pages of a tree of files that were read, relative to a whole `drop_caches`.
pub fn inodes(rounds: u32) -> Result<()> {
    let top = tree("inodes")?;
    for _ in 0..rounds {
        read(&top)?;
        settle();
        let (ours, found) = walk(&top, prune(PruneMode::Inodes))?;
        ensure!(
            found.evict_attempted * 100 >= FILES * 99,
            "{} of {FILES} inodes evicted: {found:?}",
            found.evict_attempted
        );
        // Background work of one, as of XFS, must not burden the other.
        settle();
        read(&top)?;
        settle();
        let other = drop_caches_of(3)?;
        tell("inodes", nanoseconds(ours), nanoseconds(other))?;
    }
    Ok(())
}

/// Rereads with nothing pruned and after each prune, relative to a read of what is all cached.
pub fn reread(rounds: u32) -> Result<()> {
    let top = tree("reread")?;
    let modes = [
        ("read_negative", PruneMode::Negative),
        ("read_dentries", PruneMode::Dentries),
        ("read_pages", PruneMode::Pages),
        ("read_inodes", PruneMode::Inodes),
    ];
    for _ in 0..rounds {
        read(&top)?;
        let warm = read(&top)?;
        let tell = |name: &str, again: Duration| tell(name, nanoseconds(again), nanoseconds(warm));
        tell("read_nothing", read(&top)?)?;
        for (name, mode) in modes {
            walk(&top, prune(mode))?;
            settle();
            tell(name, read(&top)?)?;
        }
        drop_caches_of(3)?;
        settle();
        tell("read_dropped", read(&top)?)?;
    }
    Ok(())
}
