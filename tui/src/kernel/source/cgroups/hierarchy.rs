//! The mount that has the memory controller, and its version.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::base::shell::quoted;
use crate::base::text::printable;
use crate::kernel::source::kernel_tree::{KernelFs, KernelTree, directories};
use crate::kernel::source::{Kernel, Mounted, SourceError, text, unreadable};

/// The interface of the memory controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// The older one, with a hierarchy for each controller.
    V1,
    /// The unified one.
    #[default]
    V2,
}

/// The hierarchy of cgroups that has the memory controller.
#[derive(Debug)]
pub struct Hierarchy {
    /// Its mount point.
    pub point: PathBuf,
    /// Which interface it has.
    pub version: Version,
    /// Its files.
    pub tree: KernelTree,
    /// Whether its top is that of the machine, and not of a container.
    pub whole: bool,
    /// Whether the controller is on for the cgroups below the top (cgroup.subtree_control; of v1 always).
    enabled: bool,
}

/// Why there are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CgroupsError {
    /// A file cannot be read or understood.
    #[error(transparent)]
    File(#[from] SourceError),
    /// There is no mount of it.
    #[error("cgroup2 is not mounted")]
    NotMounted,
    /// It is mounted, and nothing of it can be read; others may be mounted over it.
    #[error("no mount of cgroup2 can be read: {0}")]
    OutOfReach(SourceError),
    /// Version 1 has the memory controller.
    #[error("the memory controller belongs to cgroup v1 here{}", because(.0))]
    Version1(Option<SourceError>),
    /// Version 1 has it, mounted here, and no cgroup of it is in the way of returning the
    /// controller.
    #[error("the memory controller belongs to cgroup v1 here, which has no cgroups")]
    IdleVersion1(PathBuf),
    /// No hierarchy has it.
    #[error("{}: there is no memory controller among these cgroups", printable(.0))]
    NoMemory(PathBuf),
}

fn because(error: &Option<SourceError>) -> String {
    match error {
        Some(error) => format!(", and its files cannot be read: {error}"),
        None => String::new(),
    }
}

impl CgroupsError {
    /// The remedy.
    pub fn remedy(&self) -> Cow<'static, str> {
        let text = match self {
            Self::File(error) => error.remedy(),
            Self::IdleVersion1(point) => return format!("umount {}", quoted(point)).into(),
            Self::NotMounted | Self::OutOfReach(_) => "mount -t cgroup2 none /sys/fs/cgroup",
            Self::Version1(_) => {
                "v1 reports slab by cache up to Linux 5.8, afterwards kernel memory as a whole, and cannot \
                 reclaim it by cgroup. For v2 boot with systemd.unified_cgroup_hierarchy=1, or without \
                 systemd with cgroup_no_v1=memory"
            }
            Self::NoMemory(_) => {
                "boot without cgroup_disable=memory; in a container its host has to delegate the controller"
            }
        };
        text.into()
    }
}

impl Hierarchy {
    /// The hierarchy with the memory controller. A mount that cannot be read is passed over as long
    /// as another one has the controller: there may be several of one hierarchy, and others mounted
    /// over some.
    pub fn find(root: &Path) -> Result<Self, CgroupsError> {
        let mut mounts = Kernel::new(root).mounted()?;
        let usual = |mounted: &Mounted| !mounted.mount.point.starts_with("/sys/fs/cgroup");
        mounts.sort_by_key(usual);
        let mut failed = None;
        let mut without = None;
        for mounted in mounts
            .iter()
            .filter(|mounted| &*mounted.mount.fs == "cgroup2")
        {
            match Self::of(root, mounted, Version::V2) {
                Ok((found, true)) => return Ok(found),
                Ok((_, false)) => without = without.or(Some(mounted.mount.point.clone())),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let has_memory =
            |mounted: &&Mounted| &*mounted.mount.fs == "cgroup" && mounted.options.has("memory");
        let mut version_1 = None;
        for mounted in mounts.iter().filter(has_memory) {
            match Self::of(root, mounted, Version::V1) {
                Ok((found, _)) => return Ok(found),
                Err(error) => version_1 = version_1.or(Some(error)),
            }
        }
        Err(match (version_1, without, failed) {
            (Some(error), ..) => CgroupsError::Version1(Some(error)),
            (None, Some(point), _) => CgroupsError::NoMemory(point),
            (None, None, Some(error)) => CgroupsError::OutOfReach(error),
            (None, None, None) => CgroupsError::NotMounted,
        })
    }

    /// The hierarchy of version 2: the interface that reclaims by cgroup.
    pub fn unified(root: &Path) -> Result<Self, CgroupsError> {
        match Self::find(root)? {
            found if found.version == Version::V2 => Ok(found),
            found if found.is_idle() => Err(CgroupsError::IdleVersion1(found.point)),
            _ => Err(CgroupsError::Version1(None)),
        }
    }

    /// Whether it has no cgroup but its top. One of v1 goes with its mount then, and v2 has its controllers again
    /// (kernel/cgroup/cgroup.c: `cgroup_kill_sb()`, Linux 6.1).
    fn is_idle(&self) -> bool {
        let top = self.tree.directory(Path::new(""));
        let below = top.and_then(directories);
        self.whole && below.is_ok_and(|below| below.is_empty())
    }

    /// The command that has memory counted by cgroup, where it is not: the machine's top has the controller, and passes
    /// it on to none below. What a container's top passes on its host decides.
    pub fn enable(&self) -> Option<String> {
        let control = self.point.join(CONTROL);
        let needed = self.whole && !self.enabled;
        needed.then(|| format!("echo +memory >{}", quoted(control)))
    }

    /// One mount, and whether it has the memory controller.
    fn of(root: &Path, mounted: &Mounted, version: Version) -> Result<(Self, bool), SourceError> {
        let point = mounted.mount.point.clone();
        let fs = match version {
            Version::V1 => KernelFs::Cgroup1,
            Version::V2 => KernelFs::Cgroup2,
        };
        let tree =
            KernelTree::open(root, &point, fs).map_err(|error| unreadable(&point, &error))?;
        let names_memory = |file| {
            let top = tree.directory(Path::new(""));
            let read = top.and_then(|top| tree.read(top, file));
            let read = read.map_err(|error| unreadable(&point.join(file), &error))?;
            Ok(has_memory(&text(&read)))
        };
        let (has_memory, enabled) = match version {
            Version::V1 => (true, true),
            // What was not captured is not missing.
            Version::V2 => (
                names_memory("cgroup.controllers")?,
                names_memory(CONTROL).unwrap_or(true),
            ),
        };
        let whole = *mounted.mount.root == *Path::new("/");
        let found = Self {
            point,
            version,
            tree,
            whole,
            enabled,
        };
        Ok((found, has_memory))
    }
}

/// The controllers that a cgroup passes on to those below it.
const CONTROL: &str = "cgroup.subtree_control";

/// cgroup.controllers, cgroup.subtree_control: names in one line (kernel/cgroup/cgroup.c: `cgroup_controllers_show()`).
fn has_memory(text: &str) -> bool {
    text.split_ascii_whitespace().any(|name| name == "memory")
}
