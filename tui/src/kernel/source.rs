//! What the kernel reports of its caches in /proc and /sys, sampled.
//!
//! One file of `source/` for each of the kernel's interfaces: text in, typed value out, no I/O.
//! Reading is done here, below a root that tests put elsewhere. A source that fails is an error
//! of its own in the [`Sample`] and leaves the others alone.

pub mod cgroups;
pub mod dentry_state;
mod error;
pub mod files;
pub mod inode_nr;
pub mod kernel_tree;
mod lines;
mod lockdown;
pub mod meminfo;
pub mod memory_stat;
pub mod mounts;
mod mtab;
mod page_size;
pub mod shrinkers;
pub mod slab_attributes;
pub mod slabinfo;
mod sysctl;
pub mod totals;
pub mod uptime;

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub use cgroups::{Cgroup, CgroupMemory, Cgroups, CgroupsError, Hierarchy, Version};
pub use dentry_state::DentryState;
pub use error::{Cause, Gap, Malformed, SourceError};
pub use files::Files;
pub use inode_nr::InodeNr;
pub use kernel_tree::{KernelFs, KernelTree};
pub use lines::{Parsed, Skipped};
pub use lockdown::lockdown;
pub use meminfo::{Memory, PageCache};
pub use memory_stat::MemoryStat;
pub use mounts::{Mount, Mounted};
pub use slab_attributes::{Attributes, Class, Merged};
pub use slabinfo::{Cache, CacheId};
pub use totals::Totals;

/// A source of samples.
pub trait Source: Send {
    /// Reads everything once.
    fn sample(&mut self) -> Sample;

    /// A sample once a cache has stopped falling: what was evicted, and slabs of some caches, are
    /// freed an RCU grace period late (fs/dcache.c: `dentry_free()`, mm/slub.c: `free_slab()`,
    /// Linux 7.3).
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
    /// Bytes in a page of the kernel that wrote the files. None: unknown.
    pub page_size: Option<u64>,
    /// The lines that were not understood, by file.
    pub gaps: Vec<Gap>,
}

impl Sample {
    /// The cache of this name; of several the oldest, which is the one that sysfs shows.
    pub fn cache(&self, name: &str) -> Option<&Cache> {
        let caches = self.caches.as_deref().ok()?;
        caches
            .iter()
            .find(|cache| cache.nth == 0 && cache.name == name)
    }

    /// The cache with this identity.
    pub fn cache_of(&self, id: &CacheId) -> Option<&Cache> {
        let caches = self.caches.as_deref().ok()?;
        caches.iter().find(|cache| cache.is(id))
    }
}

/// The files of a kernel: of the running one, or those of another that were captured.
#[derive(Debug)]
pub struct Kernel {
    files: Files,
    known: slab_attributes::Known,
    /// What every sample reads, left open: opening takes as long as reading the small ones. Of a
    /// capture none is, as the next one may take its place.
    open: HashMap<&'static str, File>,
    buffer: Vec<u8>,
}

impl Kernel {
    /// Reads below `root`: `/`, or the directory of a capture.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            files: Files::new(root),
            known: slab_attributes::Known::default(),
            open: HashMap::new(),
            buffer: Vec::new(),
        }
    }

    /// The root below which it reads.
    pub fn root(&self) -> &Path {
        self.files.root()
    }

    /// Its files.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The mounts of this process's namespace.
    pub fn mounts(&self) -> Result<Vec<Mount>, SourceError> {
        self.read("proc/self/mountinfo", mounts::parse)
    }

    /// All mounts, hidden ones too, with the options of their superblocks.
    pub fn mounted(&self) -> Result<Vec<Mounted>, SourceError> {
        self.read("proc/self/mountinfo", mounts::parse_all)
    }

    /// As [`Self::mounts`], with the lines that were not understood.
    pub fn mounts_and_gap(&self) -> Result<(Vec<Mount>, Option<Gap>), SourceError> {
        let path = "proc/self/mountinfo";
        let parsed = self.read(
            path,
            |bytes| Ok(mounts::read(bytes)?.map(mounts::reachable)),
        )?;
        Ok((
            parsed.value,
            Gap::of(self.root().join(path), parsed.skipped),
        ))
    }

    /// All dentries of the machine.
    pub fn dentry_state(&self) -> Result<DentryState, SourceError> {
        let state = self.read("proc/sys/fs/dentry-state", |bytes| {
            Ok(dentry_state::parse(&text(bytes))?.value)
        })?;
        Ok(state.of_kernel(self.release().ok().as_deref()))
    }

    /// The page cache of the whole machine.
    pub fn page_cache(&self) -> Result<PageCache, SourceError> {
        self.read("proc/meminfo", |bytes| meminfo::page_cache(&text(bytes)))
    }

    /// A setting of one number, by its path below the root.
    pub fn setting(&self, path: &str) -> Result<u64, SourceError> {
        self.read(path, |bytes| {
            let [value] = numbers(&text(bytes), ["the value"])?.value;
            value.ok_or_else(|| Malformed::new(1, "the value is below zero"))
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
        let name = self.read(format!("proc/{pid}/comm"), word)?;
        Ok((name, mounts))
    }

    /// Time since the kernel started.
    pub fn uptime(&self) -> Result<Duration, SourceError> {
        self.read("proc/uptime", |bytes| uptime::parse(&text(bytes)))
    }

    /// The kernel's release: `7.3.4-amd64`.
    pub fn release(&self) -> Result<String, SourceError> {
        self.read("proc/sys/kernel/osrelease", word)
    }

    /// What changes with each boot.
    pub fn boot_id(&self) -> Result<String, SourceError> {
        self.read("proc/sys/kernel/random/boot_id", word)
    }

    /// The machine's name.
    pub fn hostname(&self) -> Result<String, SourceError> {
        self.read("proc/sys/kernel/hostname", word)
    }

    fn read<T>(
        &self,
        path: impl AsRef<Path>,
        parse: fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, SourceError> {
        let path = path.as_ref();
        let bytes = self.captured(path);
        let path = self.root().join(path);
        parse(&bytes.map_err(|error| unreadable(&path, &error))?).map_err(|malformed| SourceError {
            path,
            cause: malformed.into(),
        })
    }

    /// The whole of a file, in whichever form it was captured.
    fn captured(&self, path: &Path) -> io::Result<Vec<u8>> {
        let bytes = self.files.read(path, limit(path));
        let bytes = bytes.or_else(|error| sysctl::instead(&self.files, path, error));
        let bytes = bytes.or_else(|error| mtab::instead(&self.files, path, error));
        bytes.map(lines::utf_8)
    }

    /// As [`Self::read`], for a file that is read again and again. The lines that were not
    /// understood are added to `gaps`.
    fn read_again<T>(
        &mut self,
        path: &'static str,
        gaps: &mut Vec<Gap>,
        parse: fn(&[u8]) -> Result<Parsed<T>, Malformed>,
    ) -> Result<T, SourceError> {
        if let Err(error) = self.refill(path) {
            self.open.remove(path);
            return Err(unreadable(&self.root().join(path), &error));
        }
        let parsed = parse(&self.buffer).map_err(|malformed| SourceError {
            path: self.root().join(path),
            cause: malformed.into(),
        })?;
        gaps.extend(Gap::of(self.root().join(path), parsed.skipped));
        Ok(parsed.value)
    }

    /// Reads the file from its beginning into the buffer.
    fn refill(&mut self, path: &'static str) -> io::Result<()> {
        let limit = limit(Path::new(path));
        if self.files.captured() {
            self.buffer = self.captured(Path::new(path))?;
            return Ok(());
        }
        let file = match self.open.entry(path) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(slot) => slot.insert(self.files.open(path)?),
        };
        file.rewind()?;
        files::read_from(file, limit, &mut self.buffer)
    }

    /// A sample without a look at sysfs: a cache of which the class is not yet known has none.
    pub fn sample_bare(&mut self) -> Sample {
        self.join(false)
    }

    /// Each cache's class is read once: it cannot change, and two attributes of every cache take
    /// longer than everything else together.
    fn join(&mut self, learn: bool) -> Sample {
        let mut gaps = Vec::new();
        let mut caches = self.read_again("proc/slabinfo", &mut gaps, slabinfo::parse);
        let of = caches.as_deref_mut().unwrap_or_default();
        if learn {
            self.known.learn(&self.files, of);
        }
        let merged = self.known.tell(of);
        let memory = self.read_again("proc/meminfo", &mut gaps, |bytes| {
            meminfo::parse(&text(bytes))
        });
        let dentries = self.read_again("proc/sys/fs/dentry-state", &mut gaps, |bytes| {
            dentry_state::parse(&text(bytes))
        });
        Sample {
            page_size: self.page_size(of, memory.as_ref().ok()),
            memory,
            dentries: dentries.map(|state| self.counted(state)),
            inodes: self.read_again("proc/sys/fs/inode-nr", &mut gaps, |bytes| {
                inode_nr::parse(&text(bytes))
            }),
            caches,
            merged,
            gaps,
        }
    }

    /// The running kernel's page size; for a capture, the one that its figures show.
    fn page_size(&self, caches: &[Cache], memory: Option<&Memory>) -> Option<u64> {
        match self.files.captured() {
            true => page_size::page_size(caches, memory.and_then(|memory| memory.slab)),
            false => Some(rustix::param::page_size() as u64),
        }
    }

    /// Without the negatives, where the kernel does not count them: only a 0 is ambiguous.
    fn counted(&self, state: DentryState) -> DentryState {
        match state.lru_negative {
            Some(0) => state.of_kernel(self.release().ok().as_deref()),
            _ => state,
        }
    }
}

/// At most this many bytes are read of a file.
fn limit(path: &Path) -> u64 {
    match path.file_name().and_then(OsStr::to_str) {
        Some("slabinfo" | "mountinfo") => files::TABLE,
        _ => files::FIGURES,
    }
}

/// One line of text.
fn word(bytes: &[u8]) -> Result<String, Malformed> {
    let first = lines::lines(bytes).next();
    Ok(text(first.map_or(&[][..], |(_, line)| line)).into_owned())
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
        cause: Cause::Unreadable(error.kind(), crate::base::text::reason(error)),
    }
}

/// The fields of a line of numbers, for the interfaces of /proc/sys/fs. A counter that is below
/// zero is none: kernels print a sum that is momentarily negative as 0, but older ones have counters
/// of 32 bits, which overflow.
fn numbers<const N: usize>(
    text: &str,
    names: [&str; N],
) -> Result<Parsed<[Option<u64>; N]>, Malformed> {
    let (at, line) = lines::text_lines(text).next().unwrap_or((1, ""));
    let mut fields = line.split_ascii_whitespace();
    let mut parsed = Parsed {
        value: [None; N],
        skipped: Skipped::default(),
    };
    for (slot, name) in parsed.value.iter_mut().zip(names) {
        let missing = || Malformed::new(at, format!("{name} is missing"));
        let field = fields.next().ok_or_else(missing)?;
        let digits = field.strip_prefix('-').unwrap_or(field);
        let no_count = || Malformed::new(at, format!("{name} is no count: {}", excerpt(field)));
        let figure = number(digits).ok_or_else(no_count)?;
        if digits.len() < field.len() || below_zero(figure) {
            let below = format!("{name} ran below zero: {field}");
            parsed
                .skipped
                .first
                .get_or_insert(Malformed::new(at, below));
            parsed.skipped.lines = 1;
        } else {
            *slot = Some(figure);
        }
    }
    match fields.next() {
        Some(_) => Err(Malformed::new(at, format!("more than {N} fields"))),
        None => Ok(parsed),
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

/// Whether a count is one that ran below zero and was printed without a sign: no machine has as
/// many of anything.
fn below_zero(figure: u64) -> bool {
    i64::try_from(figure).is_err()
}

/// The beginning of what was not understood, for a message.
fn excerpt(text: &str) -> String {
    let cut: String = text.chars().take(24).collect();
    let dots = if cut.len() < text.len() { "..." } else { "" };
    format!("{}{dots}", crate::base::text::printable(cut))
}
