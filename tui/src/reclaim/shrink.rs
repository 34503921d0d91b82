//! Shrinking one slab cache: the kernel frees the slabs of it that hold no object (mm/slub.c:
//! `shrink_store()`, `__kmem_cache_do_shrink()`, Linux 7.3). Objects stay.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::base::text::{printable, reason};
use crate::kernel::source::slab_attributes::{self, Attributes, directory};
use crate::kernel::source::{Cache, KernelFs, KernelTree, Sample};
use crate::reclaim::audit::{Action, AuditEntry};

/// Why a cache was not shrunk.
#[derive(Debug, thiserror::Error)]
pub enum ShrinkError {
    /// The kernel no longer shows the cache.
    #[error("{}: slabinfo shows no such cache", printable(.0))]
    Gone(String),
    /// Its file in sysfs cannot be written.
    #[error("{}: {}", printable(.path), reason(.source))]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl ShrinkError {
    /// The remedy.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Gone(_) => {
                "it is spelt otherwise, its module was unloaded, or its filesystem unmounted: nothing is there to shrink"
            }
            Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    "only root may write it: quit with q, then: sudo slabscope"
                }
                io::ErrorKind::NotFound => {
                    "this kernel does not offer it (CONFIG_SLUB_DEBUG or CONFIG_SYSFS is not set), or /sys is not mounted here"
                }
                io::ErrorKind::ReadOnlyFilesystem => {
                    "/sys is read-only here, as in a container: run slabscope outside of it"
                }
                _ => "nothing was done",
            },
        }
    }
}

/// A cache to shrink, as it was when the plan was made.
#[derive(Clone, Debug)]
pub struct ShrinkPlan {
    /// The cache.
    pub cache: Cache,
    /// Its other names.
    pub merged: Vec<String>,
    /// Its partial slabs, if the kernel reports them.
    pub partial: Option<u64>,
    /// Root of the kernel's files.
    pub root: PathBuf,
    /// The file to write.
    pub path: PathBuf,
}

impl ShrinkPlan {
    /// A plan from a current sample.
    pub fn new(root: &Path, cache: &str, sample: &Sample) -> Result<Self, ShrinkError> {
        let gone = || ShrinkError::Gone(cache.into());
        let found = sample.cache(cache).ok_or_else(gone)?;
        let path = directory(root, cache).ok_or_else(gone)?.join("shrink");
        if let Err(source) = opened(root, &path) {
            return Err(ShrinkError::Write { path, source });
        }
        Ok(Self {
            cache: found.clone(),
            merged: sample.merged.others(cache).map(str::to_owned).collect(),
            partial: partial(root, cache),
            root: root.into(),
            path,
        })
    }

    /// Number of slabs that the unallocated objects would fill. Objects that CPUs keep ready count
    /// as allocated until the shrinking itself returns them: more slabs may go.
    pub fn unallocated(&self) -> u64 {
        let active = self.cache.active.unwrap_or(self.cache.objects);
        let idle = self.cache.objects.saturating_sub(active);
        idle.checked_div(self.cache.objects_per_slab).unwrap_or(0)
    }

    /// Writes to the file.
    pub(crate) fn write(&self) -> Result<(), ShrinkError> {
        let written = opened(&self.root, &self.path).and_then(|mut file| file.write_all(b"1"));
        written.map_err(|source| ShrinkError::Write {
            path: self.path.clone(),
            source,
        })
    }
}

/// Opens a file of a cache, in sysfs alone.
fn opened(root: &Path, file: &Path) -> io::Result<File> {
    let caches = slab_attributes::DIRECTORY;
    let tree = KernelTree::open(root, Path::new(caches), KernelFs::Sysfs)?;
    let top = root.join(caches);
    tree.writable(file.strip_prefix(&top).unwrap_or(file))
}

/// The audit entry before it runs.
pub fn record(plan: &ShrinkPlan) -> AuditEntry {
    AuditEntry::new(Action::Shrink, &plan.path, plan.unallocated())
}

/// Partial slabs of a cache, if the kernel reports them.
pub fn partial(root: &Path, cache: &str) -> Option<u64> {
    let attributes: Attributes = slab_attributes::read(root, cache).ok()?;
    attributes.number("partial")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(cache: Cache) -> ShrinkPlan {
        ShrinkPlan {
            cache,
            merged: Vec::new(),
            partial: None,
            root: Path::new("/nowhere").into(),
            path: "/nowhere/at/all/shrink".into(),
        }
    }

    #[test]
    fn bound_is_in_whole_slabs_and_never_below_zero() {
        let cache = |active, objects, objects_per_slab| Cache {
            active: Some(active),
            objects,
            objects_per_slab,
            ..Cache::default()
        };
        assert_eq!(plan(cache(100, 141, 21)).unallocated(), 1);
        assert_eq!(plan(cache(141, 100, 21)).unallocated(), 0);
        assert_eq!(plan(cache(0, 100, 0)).unallocated(), 0);
    }

    #[test]
    fn link_of_a_merged_cache_is_followed_unless_it_leaves_sysfs() {
        let name = format!("slabscope-shrink-{}", std::process::id());
        let root = crate::private::directory().join(name);
        let _ = std::fs::remove_dir_all(&root);
        let caches = root.join(slab_attributes::DIRECTORY);
        for directory in [caches.join(":0000192"), root.join("else")] {
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join("shrink"), "").unwrap();
        }
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(to, caches.join(name)).unwrap();
        };
        link(":0000192", "merged");
        link("../../../else", "leaves");
        let write = |name: &str| {
            let mut plan = plan(Cache::default());
            plan.root.clone_from(&root);
            plan.path = caches.join(name).join("shrink");
            plan.write()
        };
        write("merged").unwrap();
        assert!(write("leaves").is_err());
        assert_eq!(std::fs::read(root.join("else/shrink")).unwrap(), b"");
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn missing_file_is_an_error_with_path_and_remedy() {
        let error = plan(Cache::default()).write().unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/at/all/shrink: "));
        assert!(error.remedy().contains("does not offer"));
    }
}
