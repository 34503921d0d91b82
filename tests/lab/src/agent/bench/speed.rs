//! Speed: the time for a whole operation.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};
use slabscope::kernel::session::{PruneMode, Walk};
use slabscope::kernel::source::Kernel;
use slabscope::kernel::target::Target;
use slabscope::reclaim::{Ended, Reclaimer as _, carousel};

use super::peers::{
    directory, drop_caches, fill, nanoseconds, negative, prune, settle, shrink_dcache_parent, walk,
};
use super::tell;
use crate::agent::{lookups, tools};

pub const NEGATIVES: u64 = 1_000_000;
pub const FILES: u64 = 50_000;
const UNLINKED: u64 = 200_000;

/// A million negatives in one directory; the census is of the same ones, before they are pruned.
pub fn negatives(rounds: u32) -> Result<()> {
    let dir = directory("negatives")?;
    for _ in 0..rounds {
        fill(&dir, NEGATIVES)?;
        let (census, found) = walk(&dir, Walk::Census { depth: 0 })?;
        ensure!(
            found.negative == NEGATIVES,
            "the census counts {} negatives",
            found.negative
        );
        let ours = negative(&dir, NEGATIVES)?;
        fill(&dir, NEGATIVES)?;
        let other = drop_caches()?;
        fill(&dir, NEGATIVES)?;
        let peer = shrink_dcache_parent(&dir)?;
        tell("negative", nanoseconds(ours), nanoseconds(other))?;
        tell("negative_peer", nanoseconds(ours), nanoseconds(peer))?;
        tell("census", nanoseconds(census), nanoseconds(ours))?;
    }
    Ok(())
}

/// Looks up every file of a tree.
pub fn look(top: &Path) -> Result<()> {
    for index in 0..FILES {
        let path = tools::file(top, index);
        fs::symlink_metadata(&path).with_context(|| format!("cannot find {}", path.display()))?;
    }
    settle();
    Ok(())
}

/// A tree of files whose inodes stay cached: only names go.
pub fn tree(rounds: u32) -> Result<()> {
    let top = directory("tree")?;
    tools::make_files(&top, FILES)?;
    rustix::fs::sync();
    for _ in 0..rounds {
        look(&top)?;
        let (ours, found) = walk(&top, prune(PruneMode::Dentries))?;
        ensure!(
            found.moved >= FILES && found.moved == found.total,
            "{} of {} dentries pruned",
            found.moved,
            found.total
        );
        look(&top)?;
        let other = shrink_dcache_parent(&top)?;
        let (_, left) = walk(&top, Walk::Census { depth: 0 })?;
        ensure!(
            left.total == 0,
            "shrink_dcache_parent() left {}",
            left.total
        );
        tell("dentries", nanoseconds(ours), nanoseconds(other))?;
    }
    Ok(())
}

/// The way without a module: a file that is removed while it is open takes its name's dentry with
/// it.
fn unlink_each(dir: &Path) -> Result<Duration> {
    let handle = File::open(dir).with_context(|| format!("cannot open {}", dir.display()))?;
    let started = Instant::now();
    for index in 0..UNLINKED {
        let name = lookups::name("sess_", index);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
        let file = openat(&handle, name.as_str(), flags, Mode::RUSR)
            .with_context(|| format!("cannot create {name}"))?;
        unlinkat(&handle, name.as_str(), AtFlags::empty())
            .with_context(|| format!("cannot remove {name}"))?;
        drop(file);
    }
    Ok(started.elapsed())
}

/// The other way without a module: one link renamed through the names. Listing them is not
/// included, as above.
fn carousel_round(dir: &Path) -> Result<Duration> {
    let mut kernel = Kernel::new("/");
    let state = Some(Path::new("/run/carousel").to_owned());
    let plan = carousel::Plan::new(&mut kernel, dir, carousel::Request::default(), state)?;
    let names: Vec<String> = (0..UNLINKED)
        .map(|index| lookups::name("sess_", index))
        .collect();
    let listed = |_: &Target| {
        let names = names.iter().map(String::as_bytes);
        Ok(Some(carousel::names::collect(names)))
    };
    let plan = plan.list(&mut { listed })?.context("no plan")?;
    let started = Instant::now();
    let ran = plan.run(&mut carousel::names::go_on)?;
    let took = started.elapsed();
    ensure!(ran.ended == Ended::Complete, "{ran:?}");
    Ok(took)
}

/// Negatives, each evicted by name.
pub fn unlink(rounds: u32) -> Result<()> {
    let dir = directory("unlinked")?;
    for _ in 0..rounds {
        fill(&dir, UNLINKED)?;
        let ours = negative(&dir, UNLINKED)?;
        fill(&dir, UNLINKED)?;
        let other = unlink_each(&dir)?;
        let (_, left) = walk(&dir, Walk::Census { depth: 0 })?;
        ensure!(left.total < 100, "{} dentries are left", left.total);
        fill(&dir, UNLINKED)?;
        let renamed = carousel_round(&dir)?;
        let (_, left) = walk(&dir, Walk::Census { depth: 0 })?;
        ensure!(left.total < 100, "{} dentries are left", left.total);
        tell("unlink", nanoseconds(ours), nanoseconds(other))?;
        tell("carousel", nanoseconds(renamed), nanoseconds(other))?;
    }
    Ok(())
}
