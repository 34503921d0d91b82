//! Memory that grows with the size of the tree, and memory that must not.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use slabscope::kernel::session::{Device, Record, Session, Walk};

use super::peers::{directory, fill, nanoseconds, negative, settle};
use super::tell;

const FEW: u64 = 100_000;
const MANY: u64 = 5_000_000;

/// Rounds for the cost of few dentries, whose median counts: a round is short, and so easily
/// disturbed.
const FEW_ROUNDS: usize = 5;

/// Directories below the root of the walk: with it, as many as the module's depth limit.
const DEPTH: usize = 255;

/// Sessions at once; one alone would vanish in the kernel's rounding to pages.
const SESSIONS: usize = 16;

/// A chain of directories; returns its deepest one.
fn chain(top: &Path) -> Result<PathBuf> {
    let mut path = top.to_owned();
    for _ in 0..DEPTH {
        path.push("d");
    }
    fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(path)
}

/// Bytes that the kernel has allocated for itself, by any allocator.
fn kernel_bytes() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
    let row = |name: &str| -> Result<u64> {
        text.lines()
            .find_map(|line| {
                line.strip_prefix(name)?
                    .strip_suffix("kB")?
                    .trim()
                    .parse()
                    .ok()
            })
            .with_context(|| format!("/proc/meminfo has no {name}"))
    };
    Ok(1024 * (row("Slab:")? + row("VmallocUsed:")?))
}

/// A session in the deepest directory, whose many children make a slice of time end there.
fn paused(top: &File) -> Result<Session> {
    let walk = Walk::Census {
        depth: u32::try_from(DEPTH).unwrap_or(u32::MAX),
    };
    let mut session = Device::open()?.begin(top.as_fd(), walk)?;
    let mut entered = 0;
    for record in &mut session {
        match record? {
            Record::Enter { .. } => entered += 1,
            Record::Progress(_) => break,
            other => anyhow::bail!("a session does not pause: {other:?}"),
        }
    }
    ensure!(
        entered == DEPTH,
        "a session stands {entered} directories deep"
    );
    Ok(session)
}

/// Kernel memory of one session.
fn session_bytes(top: &Path) -> Result<f64> {
    let top = File::open(top).context("cannot open the top")?;
    drop(paused(&top)?);
    settle();
    let before = kernel_bytes()?;
    let sessions: Vec<_> = (0..SESSIONS).map(|_| paused(&top)).collect::<Result<_>>()?;
    let after = kernel_bytes()?;
    drop(sessions);
    Ok((after as f64 - before as f64) / SESSIONS as f64)
}

/// The cost of a dentry among many relative to one among few; also the memory of a session deep in
/// the tree.
pub fn scale(rounds: u32) -> Result<()> {
    let top = directory("deep")?;
    let dir = chain(&top)?;
    for _ in 0..rounds {
        let mut few = Vec::new();
        for _ in 0..FEW_ROUNDS {
            fill(&dir, FEW)?;
            few.push(nanoseconds(negative(&dir, FEW)?) / FEW as f64);
        }
        few.sort_by(f64::total_cmp);
        fill(&dir, MANY)?;
        tell("memory", session_bytes(&top)?, 1.0)?;
        let many = nanoseconds(negative(&dir, MANY)?) / MANY as f64;
        tell("scale", many, few[FEW_ROUNDS / 2])?;
    }
    Ok(())
}
