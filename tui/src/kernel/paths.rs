//! Opening a path by what is cached (`RESOLVE_CACHED` of openat2(2)) and as `O_PATH`, which opens
//! nothing on the filesystem, and identifying what is open, without asking a server. With
//! `O_RDONLY` FUSE asks its program and NFS its server about the last name even then
//! (fs/fuse/dir.c: `fuse_dir_open()`; fs/nfs/dir.c: `nfs_weak_revalidate()`, Linux 7.3).

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Statx, StatxFlags, openat2, statx};
use rustix::io::Errno;

/// What may be at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory, and not a symbolic link to one.
    Directory,
    /// A directory, or a link to one.
    LinkedDirectory,
    /// Anything; a symbolic link is followed.
    Any,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Directory, Self::LinkedDirectory, Self::Any];

    fn flags(self) -> OFlags {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        match self {
            Self::Directory => flags | OFlags::DIRECTORY | OFlags::NOFOLLOW,
            Self::LinkedDirectory => flags | OFlags::DIRECTORY,
            Self::Any => flags,
        }
    }

    /// The word that asks the helper process to open one.
    pub fn word(self) -> &'static str {
        match self {
            Self::Directory => "open-directory",
            Self::LinkedDirectory => "open-linked-directory",
            Self::Any => "open-any",
        }
    }
}

/// Opens by what is cached alone.
pub fn cached(path: &Path, kind: Kind) -> Result<OwnedFd, Errno> {
    openat2_below(path, kind.flags(), ResolveFlags::CACHED)
}

/// Opens as any program would: names are looked up, servers are asked, and waited for.
pub(crate) fn by_lookup(path: &Path, kind: Kind) -> Result<OwnedFd, Errno> {
    openat2_below(path, kind.flags(), ResolveFlags::empty())
}

/// Opens a path. The root of a process is a link that cannot be followed by what is cached alone
/// (fs/proc/base.c: `proc_pid_get_link()`, Linux 7.3): it is opened as any program would, and the
/// rest below it, where symbolic links are that process's.
fn openat2_below(path: &Path, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd, Errno> {
    match root_of_process(path) {
        None => open_at(CWD, path, flags, resolve),
        Some((root, rest)) => {
            let how = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let root = open_at(CWD, root, how, ResolveFlags::empty())?;
            open_at(root.as_fd(), rest, flags, resolve | ResolveFlags::IN_ROOT)
        }
    }
}

/// How often a path is asked for before it counts as not cached.
const ATTEMPTS: usize = 4;

/// Opens a path below a directory. By what is cached alone, a mount or a rename that happens
/// meanwhile, anywhere on the machine, fails it as a name that is not cached does (fs/namei.c:
/// `try_to_unlazy()` compares the sequence of `mount_lock`, `complete_walk()`; Linux 7.3): it is
/// asked again.
pub(crate) fn open_at(
    dir: BorrowedFd<'_>,
    path: impl AsRef<Path>,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let path = path.as_ref();
    let again = resolve.contains(ResolveFlags::CACHED);
    for _ in 1..if again { ATTEMPTS } else { 1 } {
        match openat2(dir, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            opened => return opened,
        }
    }
    openat2(dir, path, flags, Mode::empty(), resolve)
}

/// `/proc/PID/root` and what is below it.
pub fn root_of_process(path: &Path) -> Option<(&Path, &Path)> {
    let root = path.ancestors().find(|root| pid_of_root(root).is_some())?;
    let rest = path.strip_prefix(root).ok()?;
    let here = rest.as_os_str().is_empty();
    Some((root, if here { Path::new(".") } else { rest }))
}

/// The process that a path is the root of, by its name in /proc.
pub fn pid_of_root(path: &Path) -> Option<u32> {
    let pid = path.strip_prefix("/proc").ok()?.to_str()?;
    pid.strip_suffix("/root")?.parse().ok()
}

/// How many names at the end of a path cannot be reached by what is cached.
pub fn not_cached(path: &Path) -> usize {
    let mut above = path.ancestors().take_while(|path| *path != Path::new(""));
    above
        .position(|path| cached(path, Kind::Any).is_ok())
        .unwrap_or(1)
}

/// What the kernel knows of an open file. A server is not asked: what it would say may be otherwise by now.
pub fn stat(file: impl AsFd, wanted: StatxFlags) -> Result<Statx, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    statx(file, "", flags, wanted)
}

/// The number of the mount that an open file is on, as in mountinfo. None: this kernel does not
/// report it.
pub fn mount_id(file: impl AsFd) -> Result<Option<u64>, Errno> {
    let stat = stat(file, StatxFlags::MNT_ID)?;
    let told = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::MNT_ID);
    Ok(told.then_some(stat.stx_mnt_id))
}

/// Whether two descriptors have open the same file, on the same mount.
pub fn is_same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> Result<bool, Errno> {
    let id = |file| {
        let stat = stat(file, StatxFlags::INO | StatxFlags::MNT_ID)?;
        Ok((
            stat.stx_dev_major,
            stat.stx_dev_minor,
            stat.stx_ino,
            stat.stx_mnt_id,
        ))
    };
    Ok(id(one)? == id(other)?)
}

/// The current path of an open file, from /proc/self/fd; ` (deleted)` is appended once it is removed. No server is asked.
pub fn place(file: impl AsFd) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()))
}
