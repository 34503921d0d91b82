//! What the kernel tells about its caches in /proc and /sys, sampled.
//!
//! One file of `source/` for each of the kernel's interfaces: text in, typed value out, no I/O.
//! Reading is done here, below a root that tests put elsewhere. A source that fails is an error
//! of its own in the [`Sample`] and leaves the others alone.

pub mod dentry_state;
pub mod inode_nr;
pub mod meminfo;
pub mod mounts;
pub mod slab_class;
pub mod slabinfo;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use dentry_state::DentryState;
pub use inode_nr::InodeNr;
pub use meminfo::Memory;
pub use mounts::Mount;
pub use slab_class::Class;
pub use slabinfo::Cache;

/// Where samples come from.
pub trait Source: Send {
    /// Reads everything once.
    fn sample(&mut self) -> Sample;
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
#[error("{}: {cause}", .path.display())]
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
    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match &self.cause {
            Cause::Unreadable(io::ErrorKind::PermissionDenied, _) => {
                "only root may read it: quit with q and run slabscope with sudo"
            }
            Cause::Unreadable(io::ErrorKind::NotFound, _) => {
                "this kernel does not offer it, or /proc is not mounted here"
            }
            Cause::Unreadable(..) => "it is read again with the next refresh",
            Cause::Malformed(_) => "this kernel writes it differently: please report the line",
        }
    }
}

/// The files of a running kernel.
#[derive(Debug)]
pub struct Kernel {
    root: PathBuf,
    classes: HashMap<String, Class>,
}

impl Kernel {
    /// Reads below `root`, which is `/` but in tests.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            classes: HashMap::new(),
        }
    }

    /// The mounts of this process's namespace.
    pub fn mounts(&self) -> Result<Vec<Mount>, SourceError> {
        let path = self.root.join("proc/self/mountinfo");
        let bytes = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        mounts::parse(&bytes).map_err(|malformed| SourceError {
            path,
            cause: malformed.into(),
        })
    }

    fn read<T>(
        &self,
        path: &str,
        parse: fn(&str) -> Result<T, Malformed>,
    ) -> Result<T, SourceError> {
        let path = self.root.join(path);
        let bytes = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        parse(&String::from_utf8_lossy(&bytes)).map_err(|malformed| SourceError {
            path,
            cause: malformed.into(),
        })
    }

    /// Each cache's class is read once: it cannot change, and two attributes of every cache take
    /// longer than everything else together.
    fn caches(&mut self) -> Result<Vec<Cache>, SourceError> {
        let mut caches = self.read("proc/slabinfo", slabinfo::parse)?;
        for cache in &mut caches {
            cache.class = match self.classes.get(&cache.name) {
                Some(&class) => class,
                None => {
                    let class = slab_class::read(&self.root, &cache.name);
                    self.classes.insert(cache.name.clone(), class);
                    class
                }
            };
        }
        Ok(caches)
    }
}

impl Source for Kernel {
    fn sample(&mut self) -> Sample {
        Sample {
            caches: self.caches(),
            memory: self.read("proc/meminfo", meminfo::parse),
            dentries: self.read("proc/sys/fs/dentry-state", dentry_state::parse),
            inodes: self.read("proc/sys/fs/inode-nr", inode_nr::parse),
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> SourceError {
    SourceError {
        path: path.into(),
        cause: Cause::Unreadable(error.kind(), error.to_string()),
    }
}

/// The fields of a line of numbers, for the interfaces of /proc/sys/fs.
fn numbers<const N: usize>(text: &str) -> Result<[u64; N], Malformed> {
    let mut fields = text.split_ascii_whitespace();
    let mut numbers = [0; N];
    for (at, number) in numbers.iter_mut().enumerate() {
        let field = fields
            .next()
            .ok_or_else(|| Malformed::new(1, format!("field {} is missing", at + 1)))?;
        // Sums of per-CPU counters: the kernel prints a sum that is momentarily negative as 0,
        // so a sign is not the kernel's.
        *number = field
            .parse()
            .map_err(|_| Malformed::new(1, format!("field {} is no count", at + 1)))?;
    }
    Ok(numbers)
}
