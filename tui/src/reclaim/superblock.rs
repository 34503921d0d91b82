//! One superblock: its dentries, by a reconfiguration that changes nothing (fspick(2),
//! fsconfig(2)): the kernel then drops all unused dentries of it (fs/super.c: `reconfigure_super()`
//! calls `shrink_dcache_sb()`, Linux 7.3). `mount -o remount` would merge the options of fstab.
//! kernel/reconfigure.rs takes care that nothing changes; the options are read before and after.

use std::fs::File;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::shrinker::Shrinker;
use super::{
    Ended, Figure, Flow, Progress, Ran, ReclaimError, Reclaimer, figure, machine, open, refused,
};
use crate::base::shell::quoted;
use crate::base::text::{count, printable};
use crate::cache::holders::watches::watches;
use crate::cache::who;
use crate::kernel::aside::{Deed, Waited, aside};
use crate::kernel::paths::{self, Kind};
use crate::kernel::source::mounts::Options;
use crate::kernel::source::{Kernel, Mount, Mounted};
use crate::reclaim::prune::settle;

/// Filesystems on which a test has shown that nothing changes.
pub const TESTED: [&str; 4] = ["ext4", "xfs", "btrfs", "overlay"];

/// Options of the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Inodes too, by the shrinker's file in debugfs.
    pub inodes: bool,
    /// On any type of filesystem, tested or not.
    pub any_filesystem: bool,
    /// Upper bound on the wait; None: until it is done, or stopped.
    pub bound: Option<Duration>,
}

/// The plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Options of the user.
    pub request: Request,
    /// The mount that was named.
    pub mount: Mount,
    /// Other mount points of its superblock.
    pub others: Vec<PathBuf>,
    /// Options of the superblock.
    pub options: Options,
    /// What its shrinker could free, dentries and inodes together, if the kernel reports it.
    pub shrinkable: Option<u64>,
    /// Bytes of the larger of its objects, a dentry or an inode.
    object: Option<u64>,
    shrinker: Option<Shrinker>,
    /// A sentence on the inodes that other programs keep in memory.
    watched: Option<String>,
    id: u64,
    /// The mount's own flag.
    read_only: bool,
    root: PathBuf,
    /// The mount's root.
    dir: Arc<File>,
}

impl Plan {
    /// A plan for the superblock that `path` is on.
    pub fn new(
        kernel: &mut Kernel,
        path: &Path,
        request: Request,
        flow: &mut Flow<'_>,
    ) -> Result<Self, ReclaimError> {
        let all = kernel.mounted()?;
        // Before the path is touched: a server that is gone would block it.
        let mounts = kernel.mounts()?;
        if let Some(mount) = Mount::of(&mounts, path) {
            fit(mount, request.any_filesystem)?;
        }
        let id = mount_id(&open(path, Kind::Any, flow)?, path)?;
        let found = all.iter().find(|mounted| mounted.id == id);
        let found = found.ok_or_else(|| changed(path, "its mount is gone"))?;
        let Mounted {
            mount,
            options,
            read_only,
            ..
        } = found;
        fit(mount, request.any_filesystem)?;
        if let Some(why) = found.given_up(&all) {
            let point = printable(&mount.point);
            return Err(ReclaimError::Refused(format!("{point}: {why}")));
        }
        if &*mount.fs == "ext4" && options.has("abort") && !request.inodes {
            return Err(ReclaimError::Refused(format!(
                "{}: mounted with `abort`, by which a remount ends all writing to it",
                printable(&mount.point)
            )));
        }
        let dir = open(&mount.point, Kind::Any, flow)?;
        if mount_id(&dir, &mount.point)? != id {
            return Err(changed(&mount.point, "something is mounted over it"));
        }
        let shrinker = Shrinker::of(kernel.root(), mount);
        if let (true, Err(why)) = (request.inodes, &shrinker) {
            return Err(why.refused(&mount.point));
        }
        let shrinker = shrinker.ok();
        let shares =
            |other: &&Mounted| other.mount.superblock == mount.superblock && other.id != id;
        Ok(Self {
            request,
            others: all
                .iter()
                .filter(shares)
                .map(|other| other.mount.point.clone())
                .collect(),
            mount: mount.clone(),
            options: options.clone(),
            object: largest(kernel, mount),
            shrinkable: shrinker.as_ref().and_then(|shrinker| shrinker.count().ok()),
            shrinker,
            watched: watched(kernel.root(), mount, flow),
            id,
            read_only: *read_only,
            root: kernel.root().into(),
            dir: Arc::new(dir.into()),
        })
    }
}

/// A sentence on the inodes of a filesystem that inotify and fanotify keep; takes at most a second.
fn watched(root: &Path, mount: &Mount, flow: &mut Flow<'_>) -> Option<String> {
    const LONGEST: Duration = Duration::from_secs(1);
    let begin = Instant::now();
    let progress = Progress {
        doing: "looking for inodes that are watched",
        ..Progress::default()
    };
    let mut go_on = || match begin.elapsed() > LONGEST {
        true => ControlFlow::Break(()),
        false => flow(&progress),
    };
    let found = watches(&root.join("proc"), who::device(mount)?, &mut go_on);
    found.ok()?.words()
}

/// Bytes of an object of its inodes' cache or of dentries, whichever is larger.
fn largest(kernel: &mut Kernel, mount: &Mount) -> Option<u64> {
    let sample = kernel.sample_bare();
    let names = ["dentry"].into_iter().chain(mount.inode_cache());
    let sizes = names.map(|name| sample.cache(name).map(|cache| cache.object_size));
    sizes.collect::<Option<Vec<_>>>()?.into_iter().max()
}

fn changed(path: &Path, what: &str) -> ReclaimError {
    ReclaimError::Changed {
        path: path.into(),
        what: what.into(),
    }
}

/// The number of the mount that an open file is on.
fn mount_id(file: &OwnedFd, path: &Path) -> Result<u64, ReclaimError> {
    let id = paths::mount_id(file).map_err(|errno| ReclaimError::file(path, errno))?;
    id.ok_or_else(|| {
        ReclaimError::Missing(
            "this kernel does not report a file's mount; Linux 5.8 and newer do".into(),
        )
    })
}

/// Why this filesystem is unfit. Reasons that no option overrides are first.
pub(crate) fn unfit(mount: &Mount, any: bool) -> Option<String> {
    let fs = printable(&*mount.fs);
    let why = if mount.is_memory() {
        return Some(format!(
            "{fs} lives in its dentries: each holds its file until that is removed; nothing would go"
        ));
    } else if any || TESTED.contains(&&*mount.fs) {
        return None;
    } else if mount.is_remote() {
        "a server or a program that does not answer could block this forever"
    } else if mount.is_internal() {
        "it is a pseudo filesystem, and its few dentries do not fill memory"
    } else {
        "a no-op remount of it is not tested"
    };
    let tested = TESTED.join(", ");
    Some(format!(
        "{fs} is not one of {tested}: {why}; --any-filesystem overrides this"
    ))
}

fn fit(mount: &Mount, any: bool) -> Result<(), ReclaimError> {
    match unfit(mount, any) {
        Some(why) => Err(ReclaimError::Refused(format!(
            "{}: {why}",
            printable(&mount.point)
        ))),
        None => Ok(()),
    }
}

impl Reclaimer for Plan {
    fn name(&self) -> &'static str {
        "superblock"
    }

    fn path(&self) -> &Path {
        &self.mount.point
    }

    fn filesystem(&self) -> Option<&str> {
        Some(&self.mount.fs)
    }

    fn reach(&self) -> String {
        let mut reach = format!(
            "all of this {} filesystem, {}",
            printable(&*self.mount.fs),
            printable(&*self.mount.device)
        );
        if !self.others.is_empty() {
            let others = self.others.iter().map(printable);
            reach += &format!(", mounted at {} too", others.collect::<Vec<_>>().join(", "));
        }
        reach + "; other namespaces may have more mounts of it"
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.request.inodes {
            notes.push("unused dentries go, then unused inodes without page cache".into());
        } else {
            notes.push(
                "all its unused dentries go; inodes stay, though one without a name or page cache may follow".into(),
            );
            notes.push("does a no-op remount; mount and umount block meanwhile".into());
        }
        notes.push(match self.shrinkable {
            Some(n) => format!(
                "at most {} dentries and inodes on its LRU lists, as its shrinker reports",
                count(n)
            ),
            None => format!(
                "this kernel does not report how much that is: slabscope census {} counts it",
                quoted(&self.mount.point)
            ),
        });
        notes.extend(self.watched.clone());
        match &*self.mount.fs {
            "btrfs" if !self.request.inodes => {
                notes.push("btrfs writes all that is dirty first, and waits for it".into());
            }
            "overlay" => notes.push(
                "overlay's dentries hold those of the filesystems below, which then become unused, but are not freed".into(),
            ),
            "xfs" => notes.push("XFS frees inodes later, in the background".into()),
            _ => {}
        }
        notes
    }

    fn command(&self) -> String {
        let mut command = format!(
            "slabscope reclaim --superblock {}",
            quoted(&self.mount.point)
        );
        if self.request.inodes {
            command += " --inodes";
        }
        if self.request.any_filesystem {
            command += " --any-filesystem";
        }
        command
    }

    fn measure(&self, kernel: &mut Kernel) -> Vec<Figure> {
        let mut figures = machine(kernel);
        if let Some(name) = self.mount.inode_cache() {
            let sample = kernel.sample_bare();
            let objects = sample.cache(name).and_then(|cache| cache.active);
            figures.push(Figure::count("inode_objects", name, objects));
        }
        if let Some(shrinker) = &self.shrinker {
            let shrinkable = shrinker.count().ok();
            figures.push(Figure::count("shrinkable", "its shrinker's", shrinkable));
        }
        figures
    }

    /// Unknown where its shrinker is not shown: then nothing counts its objects.
    fn predicted(&self, now: &[Figure]) -> Option<u64> {
        let most = self.shrinkable?.saturating_mul(self.object?);
        Some(most.min(figure(now, "sreclaimable_bytes")?))
    }

    fn run(&self, flow: &mut Flow<'_>) -> Result<Ran, ReclaimError> {
        if self.now()?.options != self.options {
            let what = "its options are others than when the plan was made";
            return Err(changed(&self.mount.point, what));
        }
        match (&self.shrinker, self.request.inodes) {
            (Some(shrinker), true) => self.scan(shrinker, flow),
            _ => self.reconfigure(flow),
        }
    }
}

/// Evicted inodes that are still objects of their slab cache.
fn pending(before: &[Figure], now: &[Figure]) -> u64 {
    let both = |key| Some((figure(before, key)?, figure(now, key)?));
    let (Some(inodes), Some(objects)) = (both("inodes"), both("inode_objects")) else {
        return 0;
    };
    settle::unsettled(inodes.0.saturating_sub(inodes.1), objects.0, objects.1)
}

impl Plan {
    /// Evicts by its shrinker. XFS frees inodes later: that is waited for, but not for ever.
    fn scan(&self, shrinker: &Shrinker, flow: &mut Flow<'_>) -> Result<Ran, ReclaimError> {
        let mut kernel = Kernel::new(&self.root);
        let before = self.measure(&mut kernel);
        let mut ran = Ran::from(shrinker.scan(self.request.bound, flow)?);
        let begin = Instant::now();
        let progress = Progress {
            doing: "waiting for inodes to be freed",
            ..Progress::default()
        };
        loop {
            let left = pending(&before, &self.measure(&mut kernel));
            if left == 0 {
                return Ok(ran);
            }
            if begin.elapsed() > settle::patience(&self.mount) || flow(&progress).is_break() {
                ran.notes.push(format!(
                    "{} inodes were evicted that the filesystem has yet to free, in the background",
                    count(left)
                ));
                return Ok(ran);
            }
            thread::sleep(settle::STEP);
        }
    }

    /// The mount as it is now.
    fn now(&self) -> Result<Mounted, ReclaimError> {
        let mut all = Kernel::new(&self.root).mounted()?.into_iter();
        let mounted = all.find(|mounted| mounted.id == self.id);
        mounted.ok_or_else(|| changed(&self.mount.point, "it was unmounted"))
    }

    fn aside(
        &self,
        deed: Deed,
        bound: Option<Duration>,
        flow: &mut Flow<'_>,
    ) -> Result<Waited, ReclaimError> {
        let point = &self.mount.point;
        let dir = self.dir.as_fd().try_clone_to_owned();
        let dir = dir.map_err(|error| ReclaimError::file(point, error))?;
        let progress = Progress {
            doing: "shrinking",
            ..Progress::default()
        };
        aside(deed, Some(dir), bound, &mut || flow(&progress))
            .map_err(|error| ReclaimError::file(point, error))
    }

    fn reconfigure(&self, flow: &mut Flow<'_>) -> Result<Ran, ReclaimError> {
        let point = &self.mount.point;
        let failed = |errno| refused("reconfiguring", point, errno);
        let ended = match self.aside(Deed::Reconfigure, self.request.bound, flow)? {
            Waited::Done(result) => {
                result.map_err(failed)?;
                Ended::Complete
            }
            Waited::Ended { bound: true } => Ended::Bound,
            Waited::Ended { bound: false } => Ended::Stopped,
            Waited::Left(pid) => Ended::Left(pid),
        };
        let mut ran = Ran::from(ended);
        // mount(8) sets the mount's own flag after the superblock's.
        thread::sleep(Duration::from_millis(100));
        match self.now() {
            Ok(now) => {
                if let Err(error) = self.as_remounted(&now, &mut ran) {
                    ran.ended = Ended::Failed(error.to_string());
                }
                if now.options != self.options {
                    let changed = self.options.difference(&now.options);
                    self.report_change(&now, &changed, &mut ran);
                }
            }
            Err(error) => ran.notes.push(error.to_string()),
        }
        Ok(ran)
    }

    /// A change of options is a failure, unless another process has remounted it: what the kernel
    /// makes of a reconfiguration may differ from what was read of it.
    fn report_change(&self, now: &Mounted, changed: &str, ran: &mut Ran) {
        match ran.ended {
            Ended::Complete if now.read_only == self.read_only => {
                ran.ended = Ended::Failed(format!(
                    "its mount options have changed: {changed}; remount it with the old ones, unless another \
                     process has changed them"
                ));
            }
            _ => ran
                .notes
                .push(format!("its mount options have changed: {changed}")),
        }
    }

    /// Sets the superblock read-only or writable as the mount's own flag says, if a remount changed that meanwhile.
    fn as_remounted(&self, now: &Mounted, ran: &mut Ran) -> Result<(), ReclaimError> {
        if now.read_only == self.read_only || now.read_only == now.options.has("ro") {
            return Ok(());
        }
        let (deed, what) = match now.read_only {
            true => (Deed::MakeReadOnly, "read-only"),
            false => (Deed::MakeWritable, "writable"),
        };
        let go_on = &mut |_: &Progress| ControlFlow::Continue(());
        match self.aside(deed, Some(SET_RIGHT), go_on)? {
            Waited::Done(Ok(())) => {
                ran.notes
                    .push(format!("it was remounted {what} meanwhile, and stays so"));
                Ok(())
            }
            Waited::Done(Err(errno)) => Err(refused("remounting", &self.mount.point, errno)),
            _ => Err(changed(
                &self.mount.point,
                &format!("remounted {what} by another process: check that it still is"),
            )),
        }
    }
}

/// Upper bound on the time for that.
const SET_RIGHT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evicted_inodes_that_are_not_freed_are_pending() {
        let figures = |inodes, objects| {
            [("inodes", inodes), ("inode_objects", objects)]
                .map(|(key, value)| Figure::count(key, "", Some(value)))
        };
        let before = figures(9_000, 8_000);
        assert_eq!(pending(&before, &figures(4_000, 8_000)), 5_000);
        assert_eq!(pending(&before, &figures(4_000, 3_020)), 0);
        assert_eq!(pending(&before, &[]), 0);
    }

    #[test]
    fn unknown_filesystem_is_refused_with_the_reason() {
        let why = |fs: &str, any: bool| {
            let mount = Mount {
                fs: fs.into(),
                point: "/mnt".into(),
                ..Mount::default()
            };
            fit(&mount, any).err().map(|error| error.to_string())
        };
        assert_eq!(why("ext4", false), None);
        for (fs, part) in [
            ("nfs4", "does not answer"),
            ("fuse.sshfs", "does not answer"),
            ("vfat", "not tested"),
            ("proc", "it is a pseudo filesystem"),
        ] {
            let said = why(fs, false).unwrap();
            assert!(
                said.contains(part) && said.contains("--any-filesystem"),
                "{said}"
            );
            assert_eq!(why(fs, true), None);
        }
        assert!(why("tmpfs", true).unwrap().contains("nothing would go"));
    }
}
