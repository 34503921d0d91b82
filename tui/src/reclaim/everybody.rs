//! The whole machine: /proc/sys/vm/drop_caches (fs/drop_caches.c, Linux 7.3).

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Ended, Figure, Flow, Progress, Ran, ReclaimError, Reclaimer, figure, machine};
use crate::base::text::{bytes, count, counted, reason};
use crate::kernel::aside::{Deed, Waited, aside};
use crate::kernel::source::{Kernel, KernelFs, KernelTree, Mount};

/// What is dropped: the number that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// 1: clean page cache.
    Pages,
    /// 2: unused dentries and inodes, and whatever else a shrinker can free. Inodes with page cache
    /// stay (fs/inode.c: `inode_lru_isolate()`).
    Slab,
    /// 3: both.
    Both,
}

impl What {
    /// By its number.
    pub fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Pages,
            2 => Self::Slab,
            3 => Self::Both,
            _ => return None,
        })
    }

    /// The number that is written.
    pub fn number(self) -> u8 {
        match self {
            Self::Pages => 1,
            Self::Slab => 2,
            Self::Both => 3,
        }
    }

    fn deed(self) -> Deed {
        match self {
            Self::Pages => Deed::Write1,
            Self::Slab => Deed::Write2,
            Self::Both => Deed::Write3,
        }
    }

    /// Text for what goes.
    pub fn goes(self) -> &'static str {
        match self {
            Self::Pages => "clean page cache",
            Self::Slab => "unused dentries, and inodes without page cache",
            Self::Both => "clean page cache, unused dentries and inodes",
        }
    }
}

/// The plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is dropped.
    pub what: What,
    /// Whether all that is dirty is written first.
    pub sync: bool,
    /// Upper bound on the wait; None: until it is done, or stopped.
    pub bound: Option<Duration>,
    /// Filesystems that have something to lose.
    pub filesystems: u64,
    /// Figures of the machine when the plan was made.
    pub now: Vec<Figure>,
    path: PathBuf,
    file: Arc<File>,
}

impl Plan {
    /// A plan with the current figures.
    pub fn new(
        kernel: &mut Kernel,
        what: What,
        sync: bool,
        bound: Option<Duration>,
    ) -> Result<Self, ReclaimError> {
        let directory = Path::new("proc/sys/vm");
        let path = kernel.root().join(directory).join("drop_caches");
        let tree = KernelTree::open(kernel.root(), directory, KernelFs::Proc);
        let opened = tree.and_then(|tree| tree.writable(Path::new("drop_caches")));
        let file = opened.map_err(|error| ReclaimError::file(&path, error))?;
        let mounts = kernel.mounts()?;
        Ok(Self {
            what,
            sync,
            bound,
            filesystems: filesystems(&mounts),
            now: machine(kernel),
            path,
            file: file.into(),
        })
    }
}

/// Filesystems on disk or elsewhere, each once.
fn filesystems(mounts: &[Mount]) -> u64 {
    let stored = mounts.iter().filter(|mount| mount.is_stored());
    let all: HashSet<_> = stored.map(|mount| &mount.superblock).collect();
    all.len() as u64
}

impl Reclaimer for Plan {
    fn name(&self) -> &'static str {
        "everybody"
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn reach(&self) -> String {
        format!(
            "the whole system: every process, container and user, on {}",
            counted(self.filesystems, "filesystem")
        )
    }

    fn notes(&self) -> Vec<String> {
        let known = |key| figure(&self.now, key);
        let mut notes = vec![format!("what goes: {}", self.what.goes())];
        if let (Some(lru), Some(inodes), true) = (
            known("dentries_on_lru"),
            known("inodes"),
            self.what != What::Pages,
        ) {
            notes.push(format!(
                "at most {} dentries (on the LRU), {} inodes",
                count(lru),
                count(inodes)
            ));
        }
        if let (Some(pages), Some(dirty), true) = (
            known("page_cache_bytes"),
            known("dirty_bytes"),
            self.what != What::Slab,
        ) {
            let dirty = bytes(dirty);
            let of_dirty = match self.sync {
                true => format!("{dirty} dirty are written first"),
                false => format!("{dirty} dirty stay: --sync writes them first"),
            };
            notes.push(format!(
                "at most {} of page cache; {of_dirty}",
                bytes(pages)
            ));
        }
        notes.push("file reads are slower until caches refill".into());
        if self.sync {
            notes.push(
                "sync waits for every filesystem: a disk or a server that does not answer holds it up; it can be left"
                    .into(),
            );
        }
        notes
    }

    fn command(&self) -> String {
        let sync = if self.sync { "sync; " } else { "" };
        format!(
            "{sync}echo {} > /proc/sys/vm/drop_caches",
            self.what.number()
        )
    }

    fn measure(&self, kernel: &mut Kernel) -> Vec<Figure> {
        machine(kernel)
    }

    fn predicted(&self, now: &[Figure]) -> Option<u64> {
        let slab = || figure(now, "sreclaimable_bytes");
        let pages = || figure(now, "page_cache_bytes");
        match self.what {
            What::Pages => pages(),
            What::Slab => slab(),
            What::Both => Some(slab()?.saturating_add(pages()?)),
        }
    }

    fn run(&self, flow: &mut Flow<'_>) -> Result<Ran, ReclaimError> {
        let begun = Instant::now();
        if self.sync {
            let waited = self.aside(Deed::Sync, begun, flow)?;
            if waited != Ended::Complete {
                let mut ran = Ran::from(waited);
                ran.notes
                    .push("not all dirty data was written yet; nothing was dropped".into());
                return Ok(ran);
            }
        }
        self.aside(self.what.deed(), begun, flow).map(Ran::from)
    }
}

impl Plan {
    /// The bound is of all that was `begun`.
    fn aside(
        &self,
        deed: Deed,
        begun: Instant,
        flow: &mut Flow<'_>,
    ) -> Result<Ended, ReclaimError> {
        let left = self
            .bound
            .map(|bound| bound.saturating_sub(begun.elapsed()));
        let failed = |error| ReclaimError::file(&self.path, error);
        let doing = match deed {
            Deed::Sync => "writing dirty data",
            _ => "dropping",
        };
        let progress = Progress {
            doing,
            ..Progress::default()
        };
        let file = self.file.try_clone().map_err(failed)?;
        let waited = aside(deed, Some(file.into()), left, &mut || flow(&progress));
        Ok(match waited.map_err(failed)? {
            Waited::Done(Err(errno)) if deed == Deed::Sync => Ended::Failed(format!(
                "a filesystem reports a failed write ({}): memory may have the only copy; the kernel's log says \
                 which filesystem",
                reason(&errno.into())
            )),
            Waited::Done(result) => {
                result.map_err(|errno| ReclaimError::file(&self.path, errno))?;
                Ended::Complete
            }
            Waited::Ended { bound: true } => Ended::Bound,
            Waited::Ended { bound: false } => Ended::Stopped,
            Waited::Left(pid) => Ended::Left(pid),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filesystem_is_counted_once_and_one_in_memory_not() {
        let mount = |fs: &str, superblock: &str| Mount {
            fs: fs.into(),
            superblock: superblock.into(),
            ..Mount::default()
        };
        let mounts = [
            mount("ext4", "8:1"),
            mount("ext4", "8:1"),
            mount("xfs", "8:2"),
            mount("tmpfs", "0:9"),
            mount("proc", "0:5"),
        ];
        assert_eq!(filesystems(&mounts), 2);
    }

    #[test]
    fn affected_figures_are_named_with_their_values() {
        let file = tempfile();
        let now = vec![
            Figure::count("dentries_on_lru", "", Some(12_000)),
            Figure::count("inodes", "", Some(900)),
            Figure::bytes("page_cache_bytes", "", Some(3 << 20)),
            Figure::bytes("dirty_bytes", "", Some(4096)),
            Figure::bytes("sreclaimable_bytes", "", Some(1 << 20)),
        ];
        let plan = |what, sync| Plan {
            what,
            sync,
            bound: None,
            filesystems: 2,
            now: now.clone(),
            path: "/proc/sys/vm/drop_caches".into(),
            file: Arc::clone(&file),
        };
        let both = plan(What::Both, false);
        let notes = both.notes().join("\n");
        assert!(
            notes.contains("at most 12,000 dentries (on the LRU), 900 inodes"),
            "{notes}"
        );
        assert!(
            notes.contains("3.0 MiB of page cache; 4.0 KiB dirty stay"),
            "{notes}"
        );
        assert_eq!(both.predicted(&now), Some(4 << 20));
        assert_eq!(both.command(), "echo 3 > /proc/sys/vm/drop_caches");
        let pages = plan(What::Pages, true);
        assert!(!pages.notes().join("\n").contains("inodes"));
        assert_eq!(pages.command(), "sync; echo 1 > /proc/sys/vm/drop_caches");
        assert_eq!(plan(What::Slab, false).predicted(&now), Some(1 << 20));
    }

    fn tempfile() -> Arc<File> {
        File::open("/dev/null").unwrap().into()
    }
}
