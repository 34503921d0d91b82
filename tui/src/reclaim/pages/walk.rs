//! The walk over all regular files below a directory. It stays on its filesystem, follows no link,
//! and opens each file below the open directory that the plan was made for.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2};
use rustix::io::Errno;
use walkdir::{DirEntry, WalkDir};

use super::{Cut, Found, Plan};
use crate::kernel::page_cache::{Asker, Resident, Unknown};
use crate::kernel::source::Kernel;
use crate::reclaim::{Flow, Progress, ReclaimError};

/// Called with each file and its resident pages, if they are known.
pub(super) type Act<'a> = dyn FnMut(&File, &Stat, Option<&Resident>) + 'a;

/// A walk under way.
pub(super) struct Walk<'a> {
    plan: &'a Plan,
    doing: &'static str,
    asker: Asker,
    start: Instant,
    found: Found,
    /// The directory that is open, by a path that leads to it alone.
    root: PathBuf,
}

fn is_too_deep(error: &walkdir::Error) -> bool {
    let io = error.io_error().and_then(Errno::from_io_error);
    io == Some(Errno::NAMETOOLONG)
}

impl<'a> Walk<'a> {
    /// A walk over the directory of a plan.
    pub(super) fn new(plan: &'a Plan, doing: &'static str) -> Self {
        let open = PathBuf::from(format!("/proc/self/fd/{}/.", plan.target.dir.as_raw_fd()));
        Self {
            root: match open.is_dir() {
                true => open,
                false => plan.target.path.clone(), // without /proc
            },
            plan,
            doing,
            asker: Asker::default(),
            start: Instant::now(),
            found: Found::default(),
        }
    }

    /// Walks from the first file to the last.
    pub(super) fn run(
        mut self,
        kernel: &Kernel,
        act: &mut Act<'_>,
        flow: &mut Flow<'_>,
    ) -> Result<Found, ReclaimError> {
        let dentries = || kernel.dentry_state().ok()?.total;
        let before = dentries();
        let root = self.root.clone();
        for entry in WalkDir::new(&root).same_file_system(true) {
            if let Err(cut) = self.goes_on(flow) {
                self.found.cut = Some(cut);
                break;
            }
            match entry {
                Ok(entry) if entry.file_type().is_dir() => self.found.directories += 1,
                Ok(entry) if entry.file_type().is_file() => self.file(&entry, act, flow),
                Ok(_) => {}
                Err(error) if error.depth() == 0 => {
                    return Err(ReclaimError::file(&self.plan.target.path, error));
                }
                Err(error) if is_too_deep(&error) => self.found.too_deep += 1,
                Err(_) => self.found.skipped += 1,
            }
        }
        self.found.dentries = before
            .zip(dentries())
            .map(|(before, after)| after.saturating_sub(before));
        Ok(self.found)
    }

    fn goes_on(&self, flow: &mut Flow<'_>) -> Result<(), Cut> {
        let Found { files, .. } = self.found;
        let request = &self.plan.request;
        if request.max.is_some_and(|max| files >= max.get()) {
            return Err(Cut::Bound);
        }
        let progress = Progress {
            done: files,
            of: Some(self.plan.found.files).filter(|of| *of > 0),
            unit: "files",
            doing: self.doing,
        };
        if flow(&progress).is_break() {
            return Err(Cut::Stopped);
        }
        match request
            .bound
            .is_some_and(|bound| self.start.elapsed() > bound)
        {
            true => Err(Cut::Bound),
            false => Ok(()),
        }
    }

    fn file(&mut self, entry: &DirEntry, act: &mut Act<'_>, flow: &mut Flow<'_>) {
        let below = entry.path().strip_prefix(&self.root);
        let opened = below
            .map_err(|_| Errno::NOENT)
            .and_then(|below| self.open(below));
        let Ok((file, stat)) = opened else {
            self.found.skipped += 1;
            return;
        };
        self.found.files += 1;
        let progress = Progress::default();
        let mut go_on = || flow(&progress);
        let resident = match self.asker.resident(file.as_fd(), &stat, &mut go_on) {
            Ok(resident) => resident,
            Err(Unknown::NotYours) => {
                self.found.not_told += 1;
                None
            }
            Err(_) => None,
        };
        if let Some(of) = &resident {
            self.found.resident += of.cached;
            self.found.dirty += of.dirty.unwrap_or(0);
            self.found.writeback += of.writeback.unwrap_or(0);
            if of.dirty.unwrap_or(0) + of.writeback.unwrap_or(0) > 0 {
                self.found.unwritten += of.cached;
            }
        }
        act(&file, &stat, resident.as_ref());
    }

    /// Opens a regular file. Its access time stays as it is, if the kernel allows that.
    fn open(&self, below: &Path) -> Result<(File, Stat), Errno> {
        // A FIFO in its place, or a lease, would block.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let dir = &self.plan.target.dir;
        let open = |flags| openat2(dir, below, flags, Mode::empty(), resolve);
        let opened: Result<OwnedFd, Errno> = match open(flags | OFlags::NOATIME) {
            Err(Errno::PERM) => open(flags),
            opened => opened,
        };
        let file = File::from(opened?);
        let stat = fstat(&file)?;
        match FileType::from_raw_mode(stat.st_mode).is_file() {
            true => Ok((file, stat)),
            false => Err(Errno::NOENT),
        }
    }
}
