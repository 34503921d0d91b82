//! The names in a directory as user space can know them: what readdir(3) reports, and whether a
//! name that is there can be reached by what is cached. Names known to be absent, and what is
//! cached further below, only the module can see.
//!
//! Opening the directory makes a dentry for each name on its path that was not cached; reading it
//! makes none on disk filesystems (on proc, NFS and FUSE it may). Nothing is asked about a name
//! but with `RESOLVE_CACHED`, which looks nothing up, though the kernel then takes the name for
//! recently used. That is why this is no crate that walks directories: those open each directory
//! that they find in order to walk into it, before it is known that nobody wants them to.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, openat};
use rustix::io::Errno;

use crate::kernel::page_cache::{self, Unknown};
use crate::kernel::paths;
use crate::kernel::source::dentry_state::Cost;

/// Names that are kept of a directory; the rest is only counted.
pub const KEPT: usize = 100_000;

/// The type of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A device, socket or FIFO, or the filesystem does not say.
    Other,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// It may hold any byte but `/` and NUL.
    pub name: OsString,
    /// Its type.
    pub kind: Kind,
    /// It can be reached by what is cached. Filesystems that want names asked for anew (proc, NFS,
    /// FUSE) never say so.
    pub cached: bool,
    /// Bytes of page cache, if asked for.
    pub pages: Option<Result<u64, Unknown>>,
}

/// What is in a directory.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// In the directory's own order, as many as are kept.
    pub entries: Vec<Entry>,
    /// Number of names beyond [`KEPT`].
    pub more: u64,
    /// Not all of the directory was read.
    pub partial: bool,
    /// What reading it cost in dentries, where it was measured.
    pub cost: Option<Cost>,
}

/// Reads the names in `dir` as long as `goes_on` says so.
pub fn read(
    dir: BorrowedFd<'_>,
    goes_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Entries, Errno> {
    let mut found = Entries::default();
    // A target is open as `O_PATH`, which reads nothing.
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for entry in Dir::new(openat(dir, ".", how, Mode::empty())?)? {
        if goes_on().is_break() {
            found.partial = true;
            break;
        }
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        if found.entries.len() == KEPT {
            found.more += 1;
            continue;
        }
        let name = OsStr::from_bytes(name);
        found.entries.push(Entry {
            cached: is_cached(dir, name),
            name: name.to_owned(),
            kind: match entry.file_type() {
                FileType::Directory => Kind::Directory,
                FileType::RegularFile => Kind::File,
                FileType::Symlink => Kind::Link,
                _ => Kind::Other,
            },
            pages: None,
        });
    }
    Ok(found)
}

fn is_cached(dir: BorrowedFd<'_>, name: &OsStr) -> bool {
    open_cached(dir, name, OFlags::PATH).is_ok()
}

fn open_cached(dir: BorrowedFd<'_>, name: &OsStr, how: OFlags) -> Result<File, Errno> {
    let flags = how | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = paths::open_at(dir, name, flags, ResolveFlags::CACHED)?;
    Ok(file.into())
}

/// Bytes of page cache of a regular file in `dir`; None: it was ended. One that is not cached is not
/// looked up.
pub fn pages(
    dir: BorrowedFd<'_>,
    name: &OsStr,
    goes_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Option<u64>, Unknown> {
    let how = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    match open_cached(dir, name, how) {
        Ok(file) => page_cache::resident(file.as_fd(), goes_on),
        Err(Errno::AGAIN) => Err(Unknown::NotCached),
        Err(Errno::ACCESS | Errno::PERM) => Err(Unknown::NotYours),
        Err(_) => Err(Unknown::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn entries_have_their_kind_and_a_new_file_is_cached() {
        let dir =
            crate::private::directory().join(format!("slabscope-readdir-{}", std::process::id()));
        fs::create_dir_all(dir.join("below")).unwrap();
        fs::write(dir.join("file"), vec![1; 10_000]).unwrap();
        std::os::unix::fs::symlink("file", dir.join("link")).unwrap();
        let open = File::open(&dir).unwrap();
        let mut found = read(open.as_fd(), &mut || ControlFlow::Continue(())).unwrap();
        found.entries.sort_by(|a, b| a.name.cmp(&b.name));
        let entry = |name: &str, kind| Entry {
            name: name.into(),
            kind,
            cached: true,
            pages: None,
        };
        assert_eq!(
            found.entries,
            [
                entry("below", Kind::Directory),
                entry("file", Kind::File),
                entry("link", Kind::Link)
            ]
        );
        assert!(!found.partial);
        let mut go_on = || ControlFlow::Continue(());
        let mut ask = |name: &str| pages(open.as_fd(), OsStr::new(name), &mut go_on);
        // What was just written is in memory.
        let written = 10_000_u64.next_multiple_of(rustix::param::page_size() as u64);
        assert_eq!(ask("file"), Ok(Some(written)));
        assert!(ask("none").is_err());
        let stopped = read(open.as_fd(), &mut || ControlFlow::Break(())).unwrap();
        assert!(stopped.partial && stopped.entries.is_empty());
        fs::remove_dir_all(dir).unwrap();
    }
}
