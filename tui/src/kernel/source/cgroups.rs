//! The memory controllers of cgroups (Documentation/admin-guide/cgroup-v2.rst, Linux 7.3; of v1
//! cgroup-v1/memory.rst). Each figure of a cgroup includes its descendants.
//!
//! A user with a delegated cgroup chooses names, depth and number of those below it. So what cannot
//! be read costs its own row alone, and the amount that is read has a bound.

mod hierarchy;
mod one;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::kernel_tree::{KernelTree, directories};
use super::{Cause, Kernel, SourceError};
use crate::base::text::percent;

pub use hierarchy::{CgroupsError, Hierarchy, Version};
pub use one::{bytes, limit, pressure};

/// A cgroup.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cgroup {
    /// Its path below the mount of the hierarchy; empty: the root.
    pub path: PathBuf,
    /// Inode number: a cgroup that is made anew with the same path has another.
    pub id: u64,
    /// Index of its parent in [`Cgroups::all`]; None: it is the root.
    pub parent: Option<usize>,
    /// Number of cgroups above it.
    pub depth: usize,
    /// Version of the hierarchy that it belongs to.
    pub version: Version,
    /// What its memory is used for; None: the controller is not enabled for it, and its memory
    /// counts as that of the next above for which it is; or [`Self::unread`].
    pub stat: Option<CgroupMemory>,
    /// Why its files, or the cgroups below it, could not be read, or what of them was not
    /// understood. None: all was read.
    pub unread: Option<SourceError>,
    /// Bytes that count against its limits (memory.current); the root of v2 has none.
    pub current: Option<u64>,
    /// Bytes above which it is reclaimed, and then killed (memory.max); None: no limit.
    pub max: Option<u64>,
    /// Bytes above which it is slowed down and reclaimed (memory.high); None: no limit.
    pub high: Option<u64>,
    /// Percent of the last ten seconds in which some task of it waited for memory
    /// (memory.pressure); None: the kernel does not report it.
    pub pressure: Option<f64>,
    /// Cgroups below it that were removed and still have memory charged (cgroup.stat:
    /// nr_dying_descendants); None: not reported, as by v1.
    pub dying: Option<u64>,
    /// Memory controllers of those at and below it (cgroup.stat: nr_dying_subsys_memory, Linux
    /// 6.13); None: not reported.
    pub dying_memory: Option<u64>,
}

/// What the memory of a cgroup is used for, in bytes; None: the kernel does not report it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupMemory {
    /// Slab objects that a shrinker can free.
    pub slab_reclaimable: Option<u64>,
    /// Slab objects that none can.
    pub slab_unreclaimable: Option<u64>,
    /// All slab objects: the sum of the two above.
    pub slab: Option<u64>,
    /// Page cache, tmpfs and shared memory.
    pub file: Option<u64>,
    /// Anonymous memory of programs.
    pub anon: Option<u64>,
    /// All memory of the kernel, slab included (v2: `kernel`, Linux 5.18; v1:
    /// memory.kmem.usage_in_bytes).
    pub kernel: Option<u64>,
    /// Kernel memory that is not slab, by what it is: `percpu`, `vmalloc`; the largest first.
    pub parts: Vec<(&'static str, u64)>,
    /// Slab by cache, the largest first (v1 up to Linux 5.8: memory.kmem.slabinfo).
    pub caches: Vec<(String, u64)>,
}

/// Percent of a limit from which on a cgroup is near it.
pub const NEAR: u64 = 90;

impl Cgroup {
    /// The lower of its own limits, and the file that sets it.
    pub fn limit(&self) -> Option<(u64, &'static str)> {
        let file = match self.version {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        };
        let max = self.max.map(|max| (max, file));
        let high = self.high.map(|high| (high, "memory.high"));
        max.into_iter().chain(high).min_by_key(|&(limit, _)| limit)
    }

    /// Percent of the lower limit that it uses.
    pub fn used(&self) -> Option<u64> {
        let (limit, _) = self.limit()?;
        percent(self.current?, limit)
    }

    /// Whether it is near its limit, and more of its memory is slab than anything else.
    pub fn is_filled_by_slab(&self) -> bool {
        let near = self.used().is_some_and(|used| used >= NEAR);
        near && self.is_mostly_slab()
    }

    /// Whether more of its memory is slab than page cache, and than memory of programs.
    pub fn is_mostly_slab(&self) -> bool {
        let most = |stat: &CgroupMemory| {
            let slab = stat.slab;
            slab > Some(0) && slab > stat.file && slab > stat.anon
        };
        self.stat.as_ref().is_some_and(most)
    }

    /// The last part of its path; `/` of the root.
    pub fn name(&self) -> OsString {
        match self.path.file_name() {
            Some(name) => name.to_owned(),
            None => "/".into(),
        }
    }

    /// Its path as users write it: `/system.slice`.
    pub fn full(&self) -> PathBuf {
        Path::new("/").join(&self.path)
    }
}

/// All cgroups at one moment.
#[derive(Clone, Debug, Default)]
pub struct Cgroups {
    /// Where the hierarchy is mounted.
    pub mount: PathBuf,
    /// Which interface it has.
    pub version: Version,
    /// The cgroups, parents before their children.
    pub all: Vec<Cgroup>,
    /// Cgroups that were found and not read, by the bounds; those below them are not known.
    pub not_read: u64,
    /// The command that has their memory counted; None: it is counted.
    pub enable: Option<String>,
    /// How long reading them took.
    pub took: Duration,
}

/// Levels that are read: systemd has four or five, a container in a container twice that.
const DEPTH: usize = 64;
/// Bytes that the rows and their paths may take: some 100,000 cgroups of ordinary names.
const ROOM: usize = 64 << 20;

/// Reads all cgroups. `goes_on` is asked between two; None: it ended the reading.
pub fn read(
    root: &Path,
    goes_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Option<Cgroups>, CgroupsError> {
    let begin = Instant::now();
    let hierarchy = Hierarchy::find(root)?;
    let mut walk = Walk::new(root, &hierarchy);
    while let Some(next) = walk.waiting.pop_front() {
        if goes_on().is_break() {
            return Ok(None);
        }
        walk.visit(next);
    }
    let (mut all, not_read) = (walk.all, walk.not_read);
    if hierarchy.version == Version::V1 {
        one::add_slabs_below(&mut all);
    }
    if let Some(top) = all.first_mut() {
        if let (None, Some(error)) = (&top.stat, &top.unread) {
            return Err(error.clone().into());
        }
        one::of_machine(top, &mut Kernel::new(root));
    }
    Ok(Some(Cgroups {
        enable: hierarchy.enable(),
        mount: hierarchy.point,
        version: hierarchy.version,
        all,
        not_read,
        took: begin.elapsed(),
    }))
}

/// Level by level, so that the bounds cut what is deepest, however much one of them has below it.
struct Walk<'a> {
    hierarchy: &'a Hierarchy,
    reader: one::Reader,
    all: Vec<Cgroup>,
    waiting: VecDeque<Cgroup>,
    room: usize,
    not_read: u64,
}

impl<'a> Walk<'a> {
    fn new(root: &'a Path, hierarchy: &'a Hierarchy) -> Self {
        Self {
            hierarchy,
            reader: one::Reader::new(root, hierarchy.version),
            all: Vec::new(),
            waiting: VecDeque::from([Cgroup::default()]),
            room: ROOM,
            not_read: 0,
        }
    }

    fn tree(&self) -> &'a KernelTree {
        &self.hierarchy.tree
    }

    fn visit(&mut self, mut cgroup: Cgroup) {
        cgroup.version = self.hierarchy.version;
        let directory = match self.tree().directory(&cgroup.path) {
            Ok(directory) => directory,
            Err(error) => return self.failed(cgroup, &error),
        };
        if let Ok(stat) = rustix::fs::fstat(&directory) {
            cgroup.id = stat.st_ino;
        }
        if let Err(error) = self.reader.fill(self.tree(), &directory, &mut cgroup) {
            if is_gone(&error.cause) {
                return;
            }
            cgroup.stat = None;
            cgroup.unread = Some(error);
        }
        if let Some(error) = cgroup.unread.take() {
            cgroup.unread = Some(self.named(&cgroup, error));
        }
        match directories(&directory) {
            Ok(children) => self.found(&cgroup, children),
            Err(error) => return self.failed(cgroup, &error),
        }
        self.all.push(cgroup);
    }

    fn found(&mut self, parent: &Cgroup, children: Vec<(PathBuf, u64)>) {
        for (name, id) in children {
            let path = parent.path.join(name);
            let takes = size_of::<Cgroup>() + path.as_os_str().len();
            let depth = parent.depth + 1;
            if depth > DEPTH || takes > self.room {
                self.not_read += 1;
                continue;
            }
            self.room -= takes;
            self.waiting.push_back(Cgroup {
                path,
                id,
                parent: Some(self.all.len()),
                depth,
                ..Cgroup::default()
            });
        }
    }

    /// A row that says why it has no figures; none of a cgroup that was removed meanwhile.
    fn failed(&mut self, mut cgroup: Cgroup, error: &io::Error) {
        let hidden = io::Error::other("another filesystem is mounted over it");
        let error = match error.raw_os_error() == Some(Errno::XDEV.raw_os_error()) {
            true => &hidden,
            false => error,
        };
        let error = super::unreadable(Path::new(""), error);
        if cgroup.parent.is_some() && is_gone(&error.cause) {
            return;
        }
        cgroup.unread = Some(self.named(&cgroup, error));
        self.all.push(cgroup);
    }

    /// The error with the whole path; `error` has the file's name alone.
    fn named(&self, cgroup: &Cgroup, error: SourceError) -> SourceError {
        let point = &self.hierarchy.point;
        SourceError {
            path: point
                .join(&cgroup.path)
                .join(&error.path)
                .components()
                .collect(),
            cause: error.cause,
        }
    }
}

/// An open file of a cgroup that is removed fails with ENODEV (fs/kernfs/file.c, Linux 7.3).
fn is_gone(cause: &Cause) -> bool {
    let gone = crate::base::text::reason(&io::Error::from(Errno::NODEV));
    match cause {
        Cause::Unreadable(ErrorKind::NotFound, _) => true,
        Cause::Unreadable(_, text) => *text == gone,
        Cause::Malformed(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgroup_near_its_limit_because_of_slab_is_found() {
        let cgroup = |current, max, high, slab, file| Cgroup {
            stat: Some(CgroupMemory {
                slab: Some(slab),
                file: Some(file),
                anon: Some(0),
                ..CgroupMemory::default()
            }),
            current: Some(current),
            max,
            high,
            ..Cgroup::default()
        };
        assert!(cgroup(95, Some(100), None, 60, 30).is_filled_by_slab());
        assert!(cgroup(95, Some(1_000), Some(100), 60, 30).is_filled_by_slab());
        assert!(
            !cgroup(95, Some(100), None, 30, 60).is_filled_by_slab(),
            "files fill it"
        );
        assert!(
            !cgroup(80, Some(100), None, 60, 10).is_filled_by_slab(),
            "not near"
        );
        assert!(
            !cgroup(95, None, None, 60, 30).is_filled_by_slab(),
            "no limit"
        );
        let limited = cgroup(95, Some(100), Some(99), 60, 30);
        assert_eq!(limited.limit(), Some((99, "memory.high")));
        let zero = cgroup(95, Some(0), None, 60, 30);
        assert_eq!(zero.used(), None);
    }
}
