//! The shrinker of one superblock, where the kernel shows it in debugfs (CONFIG_SHRINKER_DEBUG): it
//! evicts dentries and inodes by memory cgroup and node.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Ended, Flow, Progress, ReclaimError};
use crate::base::text::printable;
use crate::kernel::source::files;

use crate::kernel::source::shrinkers::{self, Share};
use crate::kernel::source::{Cause, Files, KernelFs, KernelTree, Mount, Parsed, SourceError};

/// Parent of their directories, below the root.
pub const DIRECTORY: &str = "sys/kernel/debug/shrinker";

/// The shrinker of one superblock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrinker {
    root: PathBuf,
    directory: PathBuf,
}

/// Why a superblock's shrinker is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoShrinker {
    /// The kernel shows none at all.
    #[error("that takes CONFIG_SHRINKER_DEBUG")]
    NotShown,
    /// The user may not see them.
    #[error("only root may read debugfs")]
    Denied,
    /// They cannot be read.
    #[error("debugfs: {0}")]
    Unreadable(io::ErrorKind),
    /// Shrinkers are shown, but none of this superblock.
    #[error("debugfs has none of its name")]
    Nameless,
    /// This many have the same name: a type without a device is all that names them.
    #[error("{0} in debugfs have its name")]
    Several(usize),
}

impl NoShrinker {
    fn of(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::NotFound => Self::NotShown,
            io::ErrorKind::PermissionDenied => Self::Denied,
            kind => Self::Unreadable(kind),
        }
    }

    /// The remedy.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NotShown => "a kernel with CONFIG_SHRINKER_DEBUG, and debugfs mounted",
            Self::Denied => "sudo slabscope",
            Self::Unreadable(_) | Self::Nameless | Self::Several(_) => {
                "the superblock as a whole, without --inodes"
            }
        }
    }

    /// The error for a request to free the inodes of the mount at `point`.
    pub fn refused(self, point: &Path) -> ReclaimError {
        let text = format!(
            "{}: inodes: {self}; dentries alone can go",
            printable(point)
        );
        match self {
            Self::Denied => ReclaimError::Permission(text),
            _ => ReclaimError::Missing(text),
        }
    }
}

/// The shrinkers of all superblocks, by name: read once, however many there are.
#[derive(Debug)]
pub struct Shrinkers {
    root: PathBuf,
    directories: HashMap<String, Vec<PathBuf>>,
}

impl Shrinkers {
    /// As debugfs shows them now.
    pub fn read(root: &Path) -> Result<Self, NoShrinker> {
        let names = Files::new(root).names(DIRECTORY);
        let names = names.map_err(|error| NoShrinker::of(error.kind()))?;
        let mut directories: HashMap<String, Vec<PathBuf>> = HashMap::new();
        for entry in names {
            if let Some(name) = entry.to_str().and_then(shrinkers::name_of) {
                let all = directories.entry(name.to_owned()).or_default();
                all.push(root.join(DIRECTORY).join(&entry));
            }
        }
        Ok(Self {
            root: root.into(),
            directories,
        })
    }

    /// The shrinker of a mount's superblock.
    pub fn of(&self, mount: &Mount) -> Result<Shrinker, NoShrinker> {
        let device = device(&self.root, mount);
        let name = shrinkers::name(&mount.fs, device.as_deref());
        match self.directories.get(&name).map(Vec::as_slice) {
            None | Some([]) => Err(NoShrinker::Nameless),
            Some([directory]) => Ok(Shrinker {
                root: self.root.clone(),
                directory: directory.clone(),
            }),
            Some(several) => Err(NoShrinker::Several(several.len())),
        }
    }
}

impl Shrinker {
    /// The shrinker of a mount's superblock, read now.
    pub fn of(root: &Path, mount: &Mount) -> Result<Self, NoShrinker> {
        Shrinkers::read(root)?.of(mount)
    }

    /// Number of objects that it could free: dentries and inodes on the LRU, in the proportion of
    /// vm.vfs_cache_pressure. A figure that is not understood leaves the sum unknown.
    pub fn count(&self) -> Result<u64, ReclaimError> {
        let shares = self.shares()?;
        match shares.skipped.first {
            None => Ok(sum(&shares.value)),
            Some(malformed) => Err(ReclaimError::from(SourceError {
                path: self.directory.join("count"),
                cause: Cause::Malformed(malformed),
            })),
        }
    }

    fn shares(&self) -> Result<Parsed<Vec<Share>>, ReclaimError> {
        let path = self.directory.join("count");
        let below = path.strip_prefix(&self.root).unwrap_or(&path);
        let text = Files::new(&self.root).read(below, files::TABLE);
        let text = text.map_err(|error| ReclaimError::file(&path, error))?;
        Ok(shrinkers::parse(&text))
    }

    /// Has it free all that it can. What was used recently is spared once (fs/dcache.c:
    /// `dentry_lru_isolate()`, fs/inode.c: `inode_lru_isolate()`), so several turns are needed.
    pub fn scan(
        &self,
        bound: Option<Duration>,
        flow: &mut Flow<'_>,
    ) -> Result<Ended, ReclaimError> {
        const TURNS: usize = 8;
        /// What was spared goes in the next turn; then inodes without dentries follow, in as many
        /// turns again.
        const IDLE: usize = 3;
        let begun = Instant::now();
        // Figures that are not understood are skipped.
        let known = || Ok::<_, ReclaimError>(self.shares()?.value);
        let first = sum(&known()?);
        let (late, mut idle) = (Cell::new(false), 0);
        let mut flow = |progress: &Progress| {
            late.set(bound.is_some_and(|bound| begun.elapsed() > bound));
            match late.get() {
                true => ControlFlow::Break(()),
                false => flow(progress),
            }
        };
        for _ in 0..TURNS {
            let shares = known()?;
            let before = sum(&shares);
            for share in shares {
                if self
                    .scan_share(&share, first, before, &mut flow)?
                    .is_break()
                {
                    return Ok(if late.get() {
                        Ended::Bound
                    } else {
                        Ended::Stopped
                    });
                }
            }
            let left = sum(&known()?);
            idle = if left < before { 0 } else { idle + 1 };
            if left == 0 || idle == IDLE {
                break;
            }
        }
        Ok(Ended::Complete)
    }

    /// Opens a file of it, in debugfs alone.
    fn opened(&self, path: &Path) -> io::Result<File> {
        let top = self.root.join(DIRECTORY);
        let tree = KernelTree::open(&self.root, Path::new(DIRECTORY), KernelFs::Debugfs)?;
        tree.writable(path.strip_prefix(&top).unwrap_or(path))
    }

    fn scan_share(
        &self,
        share: &Share,
        first: u64,
        left: u64,
        flow: &mut Flow<'_>,
    ) -> Result<ControlFlow<()>, ReclaimError> {
        /// Objects per write.
        const SLICE: u64 = 8192;
        let path = self.directory.join("scan");
        let mut scanned = 0;
        while scanned < share.objects {
            let progress = Progress {
                done: first
                    .saturating_sub(left)
                    .saturating_add(scanned)
                    .min(first),
                of: Some(first),
                unit: "objects",
                doing: "scanning",
            };
            if flow(&progress).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let slice = SLICE.min(share.objects - scanned);
            let line = format!("{} {} {slice}", share.cgroup, share.node);
            match self
                .opened(&path)
                .and_then(|mut file| file.write_all(line.as_bytes()))
            {
                Ok(()) => scanned += slice,
                // The cgroup is gone.
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(ReclaimError::file(&path, error)),
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn sum(shares: &[Share]) -> u64 {
    let objects = shares.iter().map(|share| share.objects);
    objects.fold(0, u64::saturating_add)
}

/// The kernel's name of the superblock's device (fs/super.c: `setup_bdev_super()`).
fn device(root: &Path, mount: &Mount) -> Option<String> {
    let name = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
    let link = root.join("sys/dev/block").join(&*mount.superblock);
    match fs::read_link(link) {
        Ok(device) => name(device),
        // btrfs has a device number of its own for each.
        Err(_) if mount.device.starts_with("/dev/") => name(fs::canonicalize(&*mount.device).ok()?),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with the files of shrinkers.
    fn tree(name: &str) -> PathBuf {
        let name = format!("slabscope-shrinker-{name}-{}", std::process::id());
        let root = crate::private::directory().join(name);
        let _ = fs::remove_dir_all(&root);
        root
    }

    #[test]
    fn shrinker_is_found_by_the_name_of_its_device_and_scanned_by_cgroup() {
        let root = tree("scan");
        let mount = Mount {
            fs: "ext4".into(),
            superblock: "254:1".into(),
            ..Mount::default()
        };
        assert_eq!(Shrinker::of(&root, &mount), Err(NoShrinker::NotShown));
        for directory in ["sb-ext4:vda1-42", "sb-ext4:vda11-43"] {
            let directory = root.join(DIRECTORY).join(directory);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("count"), "1 10000 2\n21 98 0\n").unwrap();
            fs::write(directory.join("scan"), "").unwrap();
        }
        assert_eq!(Shrinker::of(&root, &mount), Err(NoShrinker::Nameless));
        let devices = root.join("sys/dev/block");
        fs::create_dir_all(&devices).unwrap();
        std::os::unix::fs::symlink("../../devices/x/vda1", devices.join("254:1")).unwrap();
        let shrinker = Shrinker::of(&root, &mount).unwrap();
        assert!(shrinker.directory.ends_with("sb-ext4:vda1-42"));
        assert_eq!(shrinker.count().unwrap(), 10_100);
        let mut heard = Vec::new();
        let mut flow = |progress: &Progress| {
            heard.push((progress.done, progress.of));
            ControlFlow::Continue(())
        };
        // Nothing falls here: after three turns it ends.
        assert_eq!(shrinker.scan(None, &mut flow).unwrap(), Ended::Complete);
        assert_eq!(heard.len(), 12, "{heard:?}");
        assert_eq!(heard[1], (8192, Some(10_100)));
        let scan = fs::read_to_string(shrinker.directory.join("scan")).unwrap();
        assert!(scan.starts_with("21 0 98"), "{scan}");
        // The sum is unknown with one of its figures; the others are still scanned.
        let odd = "1 100 x\n21 98 0\n";
        fs::write(shrinker.directory.join("count"), odd).unwrap();
        fs::write(shrinker.directory.join("scan"), "").unwrap();
        let error = shrinker.count().unwrap_err().to_string();
        assert!(error.ends_with("count: line 1: no count: x"), "{error}");
        let mut go_on = |_: &Progress| ControlFlow::Continue(());
        assert_eq!(shrinker.scan(None, &mut go_on).unwrap(), Ended::Complete);
        let scan = fs::read_to_string(shrinker.directory.join("scan")).unwrap();
        assert!(scan.starts_with("21 0 98"), "{scan}");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn scan_file_that_is_a_link_is_not_written() {
        let root = tree("link");
        let directory = root.join(DIRECTORY).join("sb-tmpfs-42");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("count"), "1 100\n").unwrap();
        fs::write(root.join("else"), "").unwrap();
        let link = "../../../../../else";
        std::os::unix::fs::symlink(link, directory.join("scan")).unwrap();
        let mount = Mount {
            fs: "tmpfs".into(),
            ..Mount::default()
        };
        let shrinker = Shrinker::of(&root, &mount).unwrap();
        assert!(directory.join("scan").exists());
        assert!(
            shrinker
                .scan(None, &mut |_| ControlFlow::Continue(()))
                .is_err()
        );
        assert_eq!(fs::read(root.join("else")).unwrap(), b"");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn missing_shrinker_has_a_reason() {
        let root = tree("none");
        let overlay = Mount {
            fs: "overlay".into(),
            point: "/var/lib/a\x1bb".into(),
            ..Mount::default()
        };
        for number in [12, 34] {
            let directory = format!("{DIRECTORY}/sb-overlay-{number}");
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        let why = Shrinker::of(&root, &overlay).unwrap_err();
        assert_eq!(why, NoShrinker::Several(2));
        let said = why.refused(&overlay.point).to_string();
        assert!(said.starts_with("/var/lib/a\\u{1b}b: "), "{said}");
        assert!(said.contains(": 2 in debugfs have its name;"), "{said}");
        assert!(!said.contains("CONFIG_SHRINKER_DEBUG"), "{said}");
        fs::remove_dir_all(&root).unwrap();
        let denied = NoShrinker::of(io::ErrorKind::PermissionDenied);
        assert_eq!(denied, NoShrinker::Denied);
        assert!(denied.refused(&overlay.point).is_permission());
        let said = NoShrinker::NotShown.refused(&overlay.point).to_string();
        assert!(said.contains("CONFIG_SHRINKER_DEBUG"), "{said}");
    }
}
