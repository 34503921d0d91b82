//! Files that are written anew, in directories where others may have planted something.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::fs::{fchmod, linkat, openat, renameat, renameat_with, unlinkat};
use rustix::io::Errno;

/// A file beside its final place, which is put there once it is whole; removed when dropped before.
pub struct NewFile {
    dir: OwnedFd,
    name: OsString,
    /// Its contents, for its owner alone.
    pub file: File,
}

impl NewFile {
    /// Makes one in `dir`, for a name there.
    pub fn create(dir: OwnedFd, beside: &OsStr) -> Result<Self, Errno> {
        // A program of the same number that was killed may have left one.
        const MOST: u32 = 100;
        let mut result = Err(Errno::EXIST);
        for n in 0..MOST {
            let name = Self::name(beside, n);
            result = Self::open(&dir, &name).map(|file| (name, file));
            if !matches!(result, Err(Errno::EXIST)) {
                break;
            }
        }
        let (name, file) = result?;
        Ok(Self { dir, name, file })
    }

    /// The `n`th name for it.
    pub(crate) fn name(beside: &OsStr, n: u32) -> OsString {
        // Of a long name the end would not fit; its own would.
        let name = match n {
            0 => format!(".slabscope-{}.part", std::process::id()),
            n => format!(".slabscope-{}-{n}.part", std::process::id()),
        };
        match beside.len() {
            0..200 => [OsStr::new("."), beside, OsStr::new(&name)]
                .into_iter()
                .collect(),
            _ => OsString::from(name),
        }
    }

    fn open(dir: &OwnedFd, name: &OsStr) -> Result<File, Errno> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(dir, name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(file.into())
    }

    /// Gives it its name, replacing what has that: if a link, the link itself.
    pub fn replace(&self, name: &OsStr) -> Result<(), Errno> {
        renameat(&self.dir, &*self.name, &self.dir, name)
    }

    /// Gives it its name, if nothing has that.
    pub fn put(&self, name: &OsStr) -> Result<(), Errno> {
        let (dir, aside) = (self.dir.as_fd(), &*self.name);
        match renameat_with(dir, aside, dir, name, RenameFlags::NOREPLACE) {
            // Not every filesystem supports this; a link does not replace either.
            Err(Errno::INVAL | Errno::NOSYS) => linkat(dir, aside, dir, name, AtFlags::empty()),
            done => done,
        }
    }
}

/// Puts a file with these bytes and this mode at `path`, an absolute one: at any time, also after a
/// power cut, there is all of it or all of what was there before.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let name = path.file_name().ok_or(Errno::ISDIR)?;
    let parent = path.parent().unwrap_or(Path::new("/"));
    let mut new = NewFile::create(super::directory(parent, false)?, name)?;
    new.file.write_all(bytes)?;
    fchmod(&new.file, Mode::from_raw_mode(mode))?;
    new.file.sync_data()?;
    Ok(new.replace(name)?)
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // If it was renamed, this name is gone already.
        let _ = unlinkat(&self.dir, &*self.name, AtFlags::empty());
    }
}
