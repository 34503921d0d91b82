//! One memory cgroup: `memory.reclaim` (cgroup v2, Linux 5.19; with `swappiness=` 6.8).
//!
//! The kernel counts pages of processes and files against the amount, and no slabs (mm/vmscan.c:
//! `flush_reclaim_state()`, Linux 7.3): asked for more than the page cache holds, it empties the
//! slabs as far as it can and returns EAGAIN. So the amount is requested in slices, and the
//! cgroup's charge is read after each.

use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::{Ended, Figure, Flow, Outcome, Progress, Ran, ReclaimError, Reclaimer, machine};
use crate::base::shell::quoted;
use crate::base::text::{bytes, printable};
use crate::kernel::source::{
    Cause, CgroupsError, Hierarchy, Kernel, KernelTree, Malformed, MemoryStat, SourceError,
    memory_stat,
};

/// No process' memory goes to swap, only page cache and slabs.
const HOW: &str = "swappiness=0";

/// The file that reclaims.
const RECLAIM: &str = "memory.reclaim";

/// The plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cgroup's directory.
    pub path: PathBuf,
    /// Bytes to reclaim.
    pub amount: u64,
    /// Upper bound on the time; None: until it is done, or stopped.
    pub bound: Option<Duration>,
    /// What it held when the plan was made.
    pub now: Held,
    /// Whether it is the root, of the whole machine.
    pub everybody: bool,
    /// Its directory, opened: a path could lead to another one later.
    directory: Arc<OwnedFd>,
    tree: Arc<KernelTree>,
    file: Arc<File>,
}

impl Plan {
    /// A plan with the current figures.
    pub fn new(
        kernel: &Kernel,
        cgroup: &Path,
        amount: u64,
        bound: Option<Duration>,
    ) -> Result<Self, ReclaimError> {
        let page = rustix::param::page_size() as u64;
        if amount < page {
            let least = bytes(page);
            return Err(ReclaimError::Refused(format!(
                "an amount of {amount} bytes is less than a page of memory, {least}"
            )));
        }
        let Hierarchy {
            point, tree, whole, ..
        } = hierarchy(kernel.root(), cgroup)?;
        let below = below(&point, cgroup)?;
        let no_cgroup = |error: io::Error| no_cgroup(cgroup, error);
        let directory = tree.directory(below).map_err(no_cgroup)?;
        let now = memory(&tree, &directory, cgroup)?;
        let file = cgroup.join(RECLAIM);
        let opened = tree.writable(&below.join(RECLAIM));
        let opened = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ReclaimError::Missing(format!(
                "{}: this kernel does not offer it; Linux 5.19 and newer do",
                printable(&file)
            )),
            _ => ReclaimError::file(&file, error),
        })?;
        Ok(Self {
            path: cgroup.into(),
            amount: amount / page * page,
            bound,
            now,
            everybody: below.as_os_str().is_empty() && whole,
            directory: directory.into(),
            tree: tree.into(),
            file: opened.into(),
        })
    }
}

impl Plan {
    /// What it holds now.
    fn memory(&self) -> Result<Held, ReclaimError> {
        memory(&self.tree, &self.directory, &self.path)
    }
}

/// The hierarchy that reclaims by cgroup.
fn hierarchy(root: &Path, cgroup: &Path) -> Result<Hierarchy, ReclaimError> {
    Hierarchy::unified(root).map_err(|error| {
        let text = format!("{}: {error}; {}", printable(cgroup), error.remedy());
        match error {
            CgroupsError::File(error) => error.into(),
            _ => ReclaimError::Missing(text),
        }
    })
}

/// The path of a cgroup's directory below the mount of its hierarchy.
fn below<'a>(point: &Path, cgroup: &'a Path) -> Result<&'a Path, ReclaimError> {
    let inside = cgroup.strip_prefix(point).ok().filter(|below| {
        let mut names = below.components();
        names.all(|name| matches!(name, Component::Normal(_)))
    });
    inside.ok_or_else(|| {
        ReclaimError::Refused(format!(
            "{}: not a cgroup's directory; those are below {}, named without ..",
            printable(cgroup),
            printable(point)
        ))
    })
}

/// Why a cgroup's directory was not opened. A link or a mount on the way leads out of the hierarchy.
fn no_cgroup(cgroup: &Path, error: io::Error) -> ReclaimError {
    let path = printable(cgroup);
    match Errno::from_io_error(&error) {
        Some(Errno::NOENT | Errno::NOTDIR) => ReclaimError::Refused(format!(
            "{path}: there is no such cgroup; slabscope cgroups lists them"
        )),
        Some(Errno::LOOP | Errno::XDEV) => ReclaimError::Refused(format!(
            "{path}: a link or a mount on the way leads out of the cgroups"
        )),
        _ => ReclaimError::file(cgroup, error),
    }
}

/// Memory of a cgroup, in bytes: promises and requests are based on these, so all are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Page cache, with shared memory.
    pub file: u64,
    /// The part of that which is on no disk.
    pub shmem: u64,
    /// Anonymous memory of processes.
    pub anon: u64,
    /// Slab objects that a shrinker can free.
    pub slab_reclaimable: u64,
    /// Slab objects that none can.
    pub slab_unreclaimable: u64,
}

/// Reads the memory of a cgroup. Without memory.stat the controller is off.
fn memory(tree: &KernelTree, directory: &OwnedFd, cgroup: &Path) -> Result<Held, ReclaimError> {
    let path = cgroup.join("memory.stat");
    let read = tree
        .read(directory, "memory.stat")
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let above = cgroup.parent().unwrap_or(cgroup);
                let control = quoted(above.join("cgroup.subtree_control"));
                ReclaimError::Missing(format!(
                    "{}: memory is not counted for this cgroup; echo +memory > {control}",
                    printable(cgroup)
                ))
            }
            _ => ReclaimError::file(&path, error),
        })?;
    let malformed = |malformed| SourceError {
        path: path.clone(),
        cause: Cause::Malformed(malformed),
    };
    let parsed = memory_stat::parse(&String::from_utf8_lossy(&read)).map_err(&malformed)?;
    let MemoryStat {
        file,
        shmem,
        anon,
        slab_reclaimable,
        slab_unreclaimable,
        ..
    } = parsed.value;
    let held = || {
        Some(Held {
            file: file?,
            shmem: shmem.unwrap_or(0),
            anon: anon?,
            slab_reclaimable: slab_reclaimable?,
            slab_unreclaimable: slab_unreclaimable?,
        })
    };
    let first = parsed.skipped.first;
    let none = || first.unwrap_or_else(|| Malformed::new(1, "not all figures are there"));
    Ok(held().ok_or_else(|| malformed(none()))?)
}

impl Reclaimer for Plan {
    fn name(&self) -> &'static str {
        "cgroup"
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn reach(&self) -> String {
        match self.everybody {
            true => "the whole system: this is the root cgroup".into(),
            false => "this cgroup and those below it only; files that it shares with others were \
                      charged to the cgroup that read them first"
                .into(),
        }
    }

    fn notes(&self) -> Vec<String> {
        let Held {
            file,
            shmem,
            slab_reclaimable,
            slab_unreclaimable,
            anon,
        } = self.now;
        let mut notes = vec![
            format!(
                "page cache goes too, {} of it: the kernel takes both; of slabs {} can go",
                bytes(file.saturating_sub(shmem)),
                bytes(slab_reclaimable)
            ),
            format!(
                "{} of anonymous memory stays ({HOW}), and {} of slabs that nothing can empty",
                bytes(anon),
                bytes(slab_unreclaimable)
            ),
            "the kernel does not count slabs against the amount: more of them may go than asked"
                .into(),
        ];
        let most = held(&self.now);
        if self.amount > most {
            notes.push(format!(
                "{} is more than both hold, {}",
                bytes(self.amount),
                bytes(most)
            ));
        }
        notes
    }

    fn command(&self) -> String {
        let file = quoted(self.path.join(RECLAIM));
        format!("echo '{} {HOW}' > {file}", self.amount)
    }

    fn measure(&self, kernel: &mut Kernel) -> Vec<Figure> {
        let stat = self.memory().ok();
        let of = |figure: fn(&Held) -> u64| stat.as_ref().map(figure);
        let mut figures = vec![
            Figure::bytes(
                "cgroup_slab_reclaimable_bytes",
                "its slabs",
                of(|stat| stat.slab_reclaimable),
            ),
            Figure::bytes(
                "cgroup_slab_unreclaimable_bytes",
                "of no shrinker",
                of(|stat| stat.slab_unreclaimable),
            ),
            Figure::bytes("cgroup_file_bytes", "its page cache", of(|stat| stat.file)),
            Figure::bytes("cgroup_anon_bytes", "its processes", of(|stat| stat.anon)),
        ];
        figures.extend(machine(kernel));
        figures
    }

    fn predicted(&self, _: &[Figure]) -> Option<u64> {
        Some(self.amount.min(held(&self.now)))
    }

    fn freed_bytes(&self, outcome: &Outcome) -> u64 {
        let fell = |key| outcome.fell(key).unwrap_or(0);
        fell("cgroup_slab_reclaimable_bytes").saturating_add(fell("cgroup_file_bytes"))
    }

    fn run(&self, flow: &mut Flow<'_>) -> Result<Ran, ReclaimError> {
        let held = || Ok(held(&self.memory()?));
        let mut ask = |amount: u64| {
            let text = format!("{amount} {HOW}");
            let written = (&*self.file).write_all(text.as_bytes());
            let errno = |error: &io::Error| Errno::from_io_error(error);
            match written {
                Ok(()) => Ok(true),
                Err(error) if errno(&error) == Some(Errno::AGAIN) => Ok(false),
                Err(error) if errno(&error) == Some(Errno::INVAL) => Err(ReclaimError::Missing(
                    format!("memory.reclaim does not take {HOW}: Linux 6.8 and newer do"),
                )),
                Err(error) => Err(ReclaimError::file(&self.path.join(RECLAIM), error)),
            }
        };
        slices(self.amount, self.bound, &held, &mut ask, flow).map(Ran::from)
    }
}

/// What a rung on a cgroup can reclaim: slabs and page cache.
fn held(stat: &Held) -> u64 {
    stat.slab_reclaimable.saturating_add(stat.file)
}

/// Reclaims the amount in slices. `ask` returns whether the kernel found that much. What is cached
/// anew meanwhile is not reclaimed again.
fn slices(
    amount: u64,
    bound: Option<Duration>,
    held: &dyn Fn() -> Result<u64, ReclaimError>,
    ask: &mut dyn FnMut(u64) -> Result<bool, ReclaimError>,
    flow: &mut Flow<'_>,
) -> Result<Ended, ReclaimError> {
    let page = rustix::param::page_size() as u64;
    let slice = (amount / 16)
        .next_multiple_of(page)
        .clamp(1 << 20, 256 << 20);
    let start = Instant::now();
    let first = held()?;
    let mut least = first;
    let mut found = 0_u64;
    loop {
        let done = match held() {
            Ok(now) => found.max(first.saturating_sub(now)),
            Err(error) if found > 0 => return Ok(Ended::Failed(error.to_string())),
            Err(error) => return Err(error),
        };
        if done >= amount {
            return Ok(Ended::Complete);
        }
        let progress = Progress {
            done,
            of: Some(amount),
            unit: "bytes",
            doing: "reclaiming",
        };
        if let ControlFlow::Break(()) = flow(&progress) {
            return Ok(Ended::Stopped);
        }
        if bound.is_some_and(|bound| start.elapsed() > bound) {
            return Ok(Ended::Bound);
        }
        let part = (amount - done).min(slice).next_multiple_of(page);
        let all = match ask(part) {
            Err(error) if found > 0 => return Ok(Ended::Failed(error.to_string())),
            asked => asked?,
        };
        if all {
            found += part;
        } else {
            // Freed slab objects are not counted yet: they are freed an RCU grace period late.
            let now = calm(held)?;
            if now.saturating_add(page) > least {
                return Ok(Ended::Less);
            }
            least = now;
        }
    }
}

/// The held bytes once they no longer fall.
fn calm(held: &dyn Fn() -> Result<u64, ReclaimError>) -> Result<u64, ReclaimError> {
    const STEP: Duration = Duration::from_millis(50);
    let mut now = held()?;
    for _ in 0..20 {
        thread::sleep(STEP);
        let next = held()?;
        let fell = next < now;
        now = next;
        if !fell {
            break;
        }
    }
    Ok(now)
}

#[cfg(test)]
mod tests;
