//! What the kernel tells about its caches in /proc and /sys, sampled.
//!
//! One file of `source/` for each of the kernel's interfaces: text in, typed value out, no I/O.
//! Reading is done here, below a root that tests put elsewhere. A source that fails is an error
//! of its own in the [`Sample`] and leaves the others alone.

pub mod cgroups;
pub mod dentry_state;
pub mod inode_nr;
pub mod meminfo;
pub mod memory_stat;
pub mod mounts;
pub mod shrinkers;
pub mod slab_attributes;
pub mod slabinfo;
pub mod totals;
pub mod uptime;

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub use cgroups::{Cgroup, Cgroups, CgroupsError};
pub use dentry_state::DentryState;
pub use inode_nr::InodeNr;
pub use meminfo::{Memory, PageCache};
pub use memory_stat::MemoryStat;
pub use mounts::{Mount, Mounted};
pub use slab_attributes::{Attributes, Class, Merged};
pub use slabinfo::Cache;
pub use totals::Totals;

/// Where samples come from.
pub trait Source: Send {
    /// Reads everything once.
    fn sample(&mut self) -> Sample;

    /// A sample once a cache has stopped falling: what was evicted, and slabs of some caches, are
    /// given back an RCU grace period late (fs/dcache.c: `dentry_free()`, mm/slub.c:
    /// `free_slab()`, Linux 7.3).
    fn settled(&mut self, cache: &str) -> Sample {
        const STEP: Duration = Duration::from_millis(100);
        const LONGEST: Duration = Duration::from_secs(3);
        let held = |sample: &Sample| sample.cache(cache).map(|of| (of.slabs, of.active));
        let begin = Instant::now();
        let mut sample = self.sample();
        loop {
            thread::sleep(STEP);
            let next = self.sample();
            let fell = held(&next) < held(&sample);
            sample = next;
            if !fell || begin.elapsed() > LONGEST {
                return sample;
            }
        }
    }
}

/// What was read at one moment, each interface for itself.
#[derive(Clone, Debug)]
pub struct Sample {
    /// /proc/slabinfo, with the class from sysfs.
    pub caches: Result<Vec<Cache>, SourceError>,
    /// /proc/meminfo.
    pub memory: Result<Memory, SourceError>,
    /// /proc/sys/fs/dentry-state.
    pub dentries: Result<DentryState, SourceError>,
    /// /proc/sys/fs/inode-nr.
    pub inodes: Result<InodeNr, SourceError>,
    /// The links in /sys/kernel/slab.
    pub merged: Arc<Merged>,
}

impl Sample {
    /// The cache of this name.
    pub fn cache(&self, name: &str) -> Option<&Cache> {
        let caches = self.caches.as_deref().ok()?;
        caches.iter().find(|cache| cache.name == name)
    }
}

/// A file of the kernel that could not be read or understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {cause}", crate::text::printable(.path))]
pub struct SourceError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What is wrong with a file of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// It cannot be read.
    #[error("{1}")]
    Unreadable(io::ErrorKind, String),
    /// It is not as the kernel writes it.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Text that is not as the kernel writes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    /// The field and what is wrong with it.
    pub what: String,
}

impl Malformed {
    /// `what` is wrong with line number `line`.
    pub fn new(line: usize, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }
}

impl SourceError {
    /// Whether it is the running kernel's file.
    fn is_live(&self) -> bool {
        let roots = ["/proc", "/sys"];
        roots.iter().any(|root| self.path.starts_with(root))
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match (&self.cause, self.is_live()) {
            (Cause::Unreadable(io::ErrorKind::PermissionDenied, _), _) => {
                "only root may read it: sudo slabscope"
            }
            (Cause::Unreadable(io::ErrorKind::NotFound, _), true) => {
                "this kernel does not offer it, or /proc is not mounted here"
            }
            (Cause::Unreadable(io::ErrorKind::NotFound, _), false) => "it was not captured",
            (Cause::Unreadable(..), _) => "it is read again with the next refresh",
            (Cause::Malformed(_), true) => {
                "this kernel writes it differently: please report the line"
            }
            (Cause::Malformed(_), false) => {
                "it was captured in part, or its kernel writes it differently"
            }
        }
    }
}

/// The files of a running kernel.
#[derive(Debug)]
pub struct Kernel {
    root: PathBuf,
    known: slab_attributes::Known,
    /// What every sample reads, left open: opening takes as long as reading the small ones.
    open: HashMap<&'static str, File>,
    buffer: Vec<u8>,
}

impl Kernel {
    /// Reads below `root`, which is `/` but in tests.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            known: slab_attributes::Known::default(),
            open: HashMap::new(),
            buffer: Vec::new(),
        }
    }

    /// Where it is read.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The mounts of this process's namespace.
    pub fn mounts(&self) -> Result<Vec<Mount>, SourceError> {
        self.read("proc/self/mountinfo", mounts::parse)
    }

    /// All of them, those that others are mounted over too, with the options of their superblocks.
    pub fn mounted(&self) -> Result<Vec<Mounted>, SourceError> {
        self.read("proc/self/mountinfo", mounts::parse_all)
    }

    /// All dentries of the machine.
    pub fn dentry_state(&self) -> Result<DentryState, SourceError> {
        let parse = |bytes: &[u8]| dentry_state::parse(&text(bytes));
        self.read("proc/sys/fs/dentry-state", parse)
    }

    /// The page cache of the whole machine.
    pub fn page_cache(&self) -> Result<PageCache, SourceError> {
        self.read("proc/meminfo", |bytes| meminfo::page_cache(&text(bytes)))
    }

    /// The memory of a cgroup (v2), by its directory.
    pub fn memory_stat(&self, cgroup: &Path) -> Result<MemoryStat, SourceError> {
        let below = cgroup.strip_prefix("/").unwrap_or(cgroup);
        let path = below.join("memory.stat");
        self.read(path, |bytes| memory_stat::parse(&text(bytes)))
    }

    /// A setting of one number, by its path below the root.
    pub fn setting(&self, path: &str) -> Result<u64, SourceError> {
        self.read(path, |bytes| {
            let [value] = numbers(&text(bytes), ["the value"])?;
            Ok(value)
        })
    }

    /// The mounts of a process's namespace, by the paths that lead to them from here; and its name.
    pub fn mounts_of(&self, pid: u32) -> Result<(String, Vec<Mount>), SourceError> {
        let mut mounts = self.read(format!("proc/{pid}/mountinfo"), mounts::parse)?;
        let root = PathBuf::from(format!("/proc/{pid}/root"));
        for mount in &mut mounts {
            let below = mount.point.strip_prefix("/").unwrap_or(&mount.point);
            // Joined to nothing, the root would end in a slash.
            mount.point = root.join(below).components().collect();
        }
        let name = self.read(format!("proc/{pid}/comm"), |bytes| {
            Ok(text(bytes).trim_end().to_owned())
        })?;
        Ok((name, mounts))
    }

    /// Time since the kernel started.
    pub fn uptime(&self) -> Result<Duration, SourceError> {
        self.read("proc/uptime", |bytes| uptime::parse(&text(bytes)))
    }

    /// The kernel's release: `7.3.4-amd64`.
    pub fn release(&self) -> Result<String, SourceError> {
        self.read("proc/sys/kernel/osrelease", |bytes| {
            Ok(text(bytes).trim_end().to_owned())
        })
    }

    fn read<T>(
        &self,
        path: impl AsRef<Path>,
        parse: fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, SourceError> {
        let path = self.root.join(path);
        let bytes = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        parse(&bytes).map_err(|malformed| SourceError {
            path,
            cause: malformed.into(),
        })
    }

    /// As [`Self::read`], for a file that is read again and again.
    fn read_again<T>(
        &mut self,
        path: &'static str,
        parse: fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, SourceError> {
        if let Err(error) = self.refill(path) {
            self.open.remove(path);
            return Err(unreadable(&self.root.join(path), &error));
        }
        parse(&self.buffer).map_err(|malformed| SourceError {
            path: self.root.join(path),
            cause: malformed.into(),
        })
    }

    /// Reads the file from its beginning into the buffer.
    fn refill(&mut self, path: &'static str) -> io::Result<()> {
        let file = match self.open.entry(path) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(slot) => slot.insert(File::open(self.root.join(path))?),
        };
        file.rewind()?;
        self.buffer.clear();
        // Limited, if without a limit: else its size is asked for, and these files have none.
        file.take(u64::MAX).read_to_end(&mut self.buffer)?;
        Ok(())
    }

    /// A sample without a look at sysfs: a cache of which the class is not yet known has none.
    pub fn sample_bare(&mut self) -> Sample {
        self.join(false)
    }

    /// Each cache's class is read once: it cannot change, and two attributes of every cache take
    /// longer than everything else together.
    fn join(&mut self, learn: bool) -> Sample {
        let mut caches = self.read_again("proc/slabinfo", slabinfo::parse);
        let of = caches.as_deref_mut().unwrap_or_default();
        if learn {
            self.known.learn(&self.root, of);
        }
        let merged = self.known.tell(of);
        Sample {
            caches,
            memory: self.read_again("proc/meminfo", |bytes| meminfo::parse(&text(bytes))),
            dentries: self.read_again("proc/sys/fs/dentry-state", |bytes| {
                dentry_state::parse(&text(bytes))
            }),
            inodes: self.read_again("proc/sys/fs/inode-nr", |bytes| {
                inode_nr::parse(&text(bytes))
            }),
            merged,
        }
    }
}

impl Source for Kernel {
    fn sample(&mut self) -> Sample {
        self.join(true)
    }
}

/// What is no UTF-8 is replaced: the kernel writes ASCII there.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> SourceError {
    SourceError {
        path: path.into(),
        cause: Cause::Unreadable(error.kind(), error.to_string()),
    }
}

/// The fields of a line of numbers, for the interfaces of /proc/sys/fs.
fn numbers<const N: usize>(text: &str, names: [&str; N]) -> Result<[u64; N], Malformed> {
    let mut fields = text.split_ascii_whitespace();
    let mut numbers = [0; N];
    for (slot, name) in numbers.iter_mut().zip(names) {
        let field = fields
            .next()
            .ok_or_else(|| Malformed::new(1, format!("{name} is missing")))?;
        // Sums of per-CPU counters: the kernel prints a sum that is momentarily negative as 0,
        // so a sign is not the kernel's.
        *slot = number(field)
            .ok_or_else(|| Malformed::new(1, format!("{name} is no count: {}", excerpt(field))))?;
    }
    match fields.next() {
        Some(_) => Err(Malformed::new(1, format!("more than {N} fields"))),
        None => Ok(numbers),
    }
}

/// A count as the kernel writes it: digits alone.
fn number(text: &str) -> Option<u64> {
    let add = |sum: u64, byte: u8| match byte {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add((byte - b'0').into()),
        _ => None,
    };
    text.bytes().try_fold(0, add).filter(|_| !text.is_empty())
}

/// The beginning of what was not understood, for a message.
fn excerpt(text: &str) -> String {
    let cut: String = text.chars().take(24).collect();
    let dots = if cut.len() < text.len() { "..." } else { "" };
    format!("{}{dots}", crate::text::printable(cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_path_cannot_reach_the_terminal() {
        let path = Path::new("/sys/fs/cgroup/odd\x1b[31m.service/memory.stat");
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(
            unreadable(path, &denied).to_string(),
            "/sys/fs/cgroup/odd\\u{1b}[31m.service/memory.stat: permission denied"
        );
        let shown = CgroupsError::NoMemory("/a\x1bb".into()).to_string();
        assert!(shown.starts_with("/a\\u{1b}b: "), "{shown}");
    }
}
