//! Files of one of the kernel's own filesystems, by paths that are made of names which others chose.
//!
//! A path that is put together as text leads wherever a link, a `..` or a mount on the way leads. Here
//! it stays inside one directory: below it no link is followed (but where the kernel itself makes
//! them), no other mount is entered, and on the running kernel the filesystem has to be the expected
//! one before anything is written.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, fstat, fstatfs, openat, openat2};
use rustix::io::Errno;

use super::files::{self, FIGURES, Files};

/// A filesystem whose files are the kernel's, by its number in statfs(2) (include/uapi/linux/magic.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum KernelFs {
    /// /sys/fs/cgroup.
    Cgroup2 = 0x6367_7270,
    /// /sys/fs/cgroup/memory.
    Cgroup1 = 0x0027_e0eb,
    /// /sys.
    Sysfs = 0x6265_6572,
    /// /proc.
    Proc = 0x9fa0,
    /// /sys/kernel/debug.
    Debugfs = 0x6462_6720,
    /// /sys/kernel/tracing.
    Tracefs = 0x7472_6163,
}

impl KernelFs {
    fn name(self) -> &'static str {
        match self {
            Self::Cgroup2 => "cgroup2",
            Self::Cgroup1 => "cgroup",
            Self::Sysfs => "sysfs",
            Self::Proc => "proc",
            Self::Debugfs => "debugfs",
            Self::Tracefs => "tracefs",
        }
    }

    /// Of merged slab caches, sysfs has links to one directory (mm/slub.c: `sysfs_slab_alias()`).
    fn has_links(self) -> bool {
        self == Self::Sysfs
    }

    fn check(self, file: impl AsFd) -> io::Result<()> {
        match fstatfs(file)?.f_type as u64 {
            found if found == self as u64 => Ok(()),
            _ => Err(io::Error::other(format!("not on {}", self.name()))),
        }
    }
}

/// A directory of a kernel filesystem, and all below it.
#[derive(Debug)]
pub struct KernelTree {
    top: OwnedFd,
    fs: KernelFs,
    /// Whether it is the running kernel's: a captured tree lies on another filesystem.
    live: bool,
}

impl KernelTree {
    /// Opens the directory `at` below `root`, which is `/` or a captured tree.
    pub fn open(root: &Path, at: &Path, fs: KernelFs) -> io::Result<Self> {
        let live = root == Path::new("/");
        let at = at.strip_prefix("/").unwrap_or(at);
        let top = Files::new(root).directory(at)?;
        if live {
            // Another user may have put a link on the way to the path of mountinfo.
            fs.check(&top)?;
        }
        Ok(Self { top, fs, live })
    }

    /// A directory below.
    pub fn directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(self.below(path, flags)?)
    }

    /// Opens a file for writing. Nothing but a file of this filesystem is ever opened.
    pub fn writable(&self, path: &Path) -> io::Result<File> {
        self.opened(path, OFlags::WRONLY)
    }

    /// Opens a file for appending. Some files would lose what others wrote, opened otherwise.
    pub fn appendable(&self, path: &Path) -> io::Result<File> {
        self.opened(path, OFlags::WRONLY | OFlags::APPEND)
    }

    /// The contents of a file in a directory below.
    pub fn read(&self, directory: impl AsFd, name: &str) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(directory, name, flags, Mode::empty())?;
        regular(&file)?;
        let mut bytes = Vec::new();
        files::read_from(&mut file.into(), FIGURES, &mut bytes)?;
        Ok(bytes)
    }

    fn opened(&self, path: &Path, how: OFlags) -> io::Result<File> {
        // A file that is none of the kernel's is not waited for.
        let flags = how | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = self.below(path, flags)?;
        regular(&file)?;
        if self.live {
            self.fs.check(&file)?;
        }
        Ok(file.into())
    }

    fn below(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        beneath(self.top.as_fd(), path, flags, self.fs.has_links())
    }
}

/// The directories directly in one, with their inode numbers. A name whose type is unknown is left
/// out.
pub fn directories(of: impl AsFd) -> io::Result<Vec<(PathBuf, u64)>> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let mut found = Vec::new();
    for entry in Dir::read_from(of)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if entry.file_type() == FileType::Directory && name != b"." && name != b".." {
            found.push((OsStr::from_bytes(name).into(), entry.ino()));
        }
    }
    Ok(found)
}

fn regular(file: impl AsFd) -> io::Result<()> {
    let mode = fstat(file)?.st_mode;
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Ok(()),
        _ => Err(io::Error::other("not a regular file")),
    }
}

/// Opens what is below a directory, and nothing else. `links`: those that stay below are followed.
fn beneath(
    top: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    links: bool,
) -> rustix::io::Result<OwnedFd> {
    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_MAGICLINKS;
    if !links {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    let path = match path.as_os_str().is_empty() {
        true => Path::new("."),
        false => path,
    };
    match openat2(top, path, flags, Mode::empty(), resolve) {
        // Before Linux 5.6, or with a path longer than PATH_MAX.
        Err(Errno::NOSYS | Errno::NAMETOOLONG) => by_steps(top, path, flags),
        opened => opened,
    }
}

/// The same, one name at a time, which takes a path of any length. No link is followed.
fn by_steps(top: BorrowedFd<'_>, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    const STEP: OFlags = OFlags::PATH
        .union(OFlags::DIRECTORY)
        .union(OFlags::NOFOLLOW)
        .union(OFlags::CLOEXEC);
    let device = fstat(top)?.st_dev;
    let same = |file: OwnedFd| match fstat(&file)?.st_dev == device {
        true => Ok(file),
        false => Err(Errno::XDEV),
    };
    let mut names = path.components().filter(|name| *name != Component::CurDir);
    let mut at = openat(top, ".", STEP, Mode::empty())?;
    let mut name = names.next();
    while let Some(step) = name {
        let Component::Normal(step) = step else {
            return Err(Errno::XDEV);
        };
        name = names.next();
        let flags = if name.is_some() {
            STEP
        } else {
            flags | OFlags::NOFOLLOW
        };
        at = same(openat(&at, step, flags, Mode::empty())?)?;
        if name.is_none() {
            return Ok(at);
        }
    }
    openat(&at, ".", flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use rustix::fs::open;

    use super::*;

    fn tree(name: &str) -> PathBuf {
        let name = format!("slabscope-kernel-tree-{name}-{}", std::process::id());
        let root = crate::private::directory().join(name);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("sys/fs/cgroup/a/b")).unwrap();
        fs::write(root.join("secret"), "").unwrap();
        fs::write(root.join("sys/fs/cgroup/a/memory.reclaim"), "").unwrap();
        symlink("../../../secret", root.join("sys/fs/cgroup/link")).unwrap();
        symlink("a", root.join("sys/fs/cgroup/alias")).unwrap();
        root
    }

    fn written(tree: &KernelTree, path: &str) -> io::Result<()> {
        tree.writable(Path::new(path))?.write_all(b"x")
    }

    #[test]
    fn paths_that_leave_the_tree_are_not_written() {
        let root = tree("leave");
        let at = Path::new("/sys/fs/cgroup");
        let cgroups = KernelTree::open(&root, at, KernelFs::Cgroup2).unwrap();
        let write = |path: &str| written(&cgroups, path);
        write("a/memory.reclaim").unwrap();
        for path in [
            "link",
            "alias/memory.reclaim",
            "../../../secret",
            "/secret",
            "a/../link",
            "a",
        ] {
            assert!(write(path).is_err(), "{path}");
        }
        // sysfs has links of the kernel's own, which stay below.
        let sysfs = KernelTree::open(&root, at, KernelFs::Sysfs).unwrap();
        written(&sysfs, "alias/memory.reclaim").unwrap();
        assert!(written(&sysfs, "link").is_err());
        assert_eq!(fs::read(root.join("secret")).unwrap(), b"");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn path_opened_name_by_name_leads_to_the_same() {
        let root = tree("steps");
        let top = open(root.join("sys/fs/cgroup"), OFlags::PATH, Mode::empty()).unwrap();
        let steps = |path: &str| by_steps(top.as_fd(), Path::new(path), OFlags::WRONLY);
        assert!(steps("a/memory.reclaim").is_ok());
        for path in [
            "link",
            "alias/memory.reclaim",
            "../../../secret",
            "/secret",
            "a/../link",
        ] {
            assert!(steps(path).is_err(), "{path}");
        }
        let directory = OFlags::DIRECTORY | OFlags::RDONLY;
        let found = by_steps(top.as_fd(), Path::new("."), directory).unwrap();
        let names: Vec<_> = directories(found)
            .unwrap()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, [Path::new("a")]);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn another_filesystem_of_the_running_kernel_is_refused() {
        let error = KernelTree::open(Path::new("/"), Path::new("/proc"), KernelFs::Cgroup2);
        assert_eq!(error.unwrap_err().to_string(), "not on cgroup2");
        let proc = KernelTree::open(Path::new("/"), Path::new("/proc"), KernelFs::Proc).unwrap();
        assert!(
            proc.writable(Path::new("self/oom_score_adj")).is_err(),
            "self is a link"
        );
        let own = format!("{}/oom_score_adj", std::process::id());
        assert!(proc.writable(Path::new(&own)).is_ok());
    }
}
