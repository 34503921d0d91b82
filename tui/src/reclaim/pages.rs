//! Page cache of the files below a directory without the module: each regular file is opened, and its
//! clean pages are given up by posix_fadvise(2) (mm/fadvise.c: `POSIX_FADV_DONTNEED`, Linux 7.3). Mapped
//! pages stay. A file with dirty pages is left alone, or written first: the call would begin to write them, and
//! drop what failed to be written.
//!
//! What failed to be written is clean, and only in memory. An error that was reported to no
//! caller yet is checked file by file; one that some `fsync`, or an earlier run, has already reported is
//! visible to the module, but not from user space: the flags of the mapping that show it are
//! cleared by a check (mm/filemap.c: `filemap_check_errors()`), and its `wb_err` counts as reported
//! for all who open the file afterwards. Before Linux 6.5, without cachestat(2), the check itself counts as that report,
//! unless the files are written.
//!
//! To find the files their directories are read, which caches the names of directories and of what
//! is opened: the growth in dentries during the walk is reported.

mod walk;

use std::fs::File;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Advice, Stat, fadvise, fdatasync};
use rustix::io::Errno;

use super::{Ended, Figure, Flow, Ran, ReclaimError, Reclaimer, machine};
use crate::base::shell::quoted;
use crate::base::text::{bytes, count, counted, printable};
use crate::kernel::aside::attended;
use crate::kernel::page_cache::{self, Asker, Resident};
use crate::kernel::paths::Kind;
use crate::kernel::source::{Kernel, Mount, Mounted};
use crate::kernel::target::Target;
use walk::Walk;

/// Options of the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Dirty files are written first, file by file.
    pub writeback: bool,
    /// Upper bound on the number of files.
    pub max: Option<NonZeroU64>,
    /// Upper bound on the time.
    pub bound: Option<Duration>,
    /// Also on a filesystem that asks a server or a program.
    pub any_filesystem: bool,
}

/// The result of a walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Regular files that were opened.
    pub files: u64,
    /// Directories that were read.
    pub directories: u64,
    /// Files and directories that may not be opened or read, or went meanwhile.
    pub skipped: u64,
    /// Directories whose paths are longer than a path can be: what is in them was not looked at.
    pub too_deep: u64,
    /// Of the files, those of other users: the kernel hides their page cache.
    pub not_told: u64,
    /// Bytes of page cache of the files that it reports.
    pub resident: u64,
    /// Of those, not written yet.
    pub dirty: u64,
    /// Of those, being written.
    pub writeback: u64,
    /// Bytes of page cache of all files with pages that are dirty or being written.
    pub unwritten: u64,
    /// Growth of dentry-state's total meanwhile; None: it is not known.
    pub dentries: Option<u64>,
    /// Why the walk is incomplete.
    pub cut: Option<Cut>,
}

/// Why a walk ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The user stopped it.
    Stopped,
    /// A bound on files or time was reached.
    Bound,
}

/// The plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The directory below which pages go.
    pub target: Target,
    /// Its filesystem.
    pub mount: Option<Mount>,
    /// Options of the user.
    pub request: Request,
    /// The result of the walk.
    pub found: Found,
    root: PathBuf,
}

impl Plan {
    /// Walks the directory and counts. None: `flow` ended it.
    pub fn new(
        kernel: &Kernel,
        path: &Path,
        request: Request,
        flow: &mut Flow<'_>,
    ) -> Result<Option<Self>, ReclaimError> {
        let mut plan = Self::unwalked(kernel, path, request, flow)?;
        let walked = plan.clone();
        let work = move |flow: &mut Flow<'_>| {
            let kernel = Kernel::new(&walked.root);
            Walk::new(&walked, "counting").run(&kernel, &mut |_, _, _| (), flow)
        };
        let Some(found) = attended(work, flow) else {
            return Ok(None);
        };
        plan.found = found?;
        Ok((plan.found.cut != Some(Cut::Stopped)).then_some(plan))
    }

    /// A plan before its walk.
    fn unwalked(
        kernel: &Kernel,
        path: &Path,
        request: Request,
        flow: &mut Flow<'_>,
    ) -> Result<Self, ReclaimError> {
        let mounts = kernel.mounts()?;
        let mount = Mount::of(&mounts, path).cloned();
        if let Some(why) = mount
            .as_ref()
            .and_then(|mount| unfit(mount, request.any_filesystem))
        {
            return Err(ReclaimError::Refused(format!("{}: {why}", printable(path))));
        }
        let dir = super::open(path, Kind::LinkedDirectory, flow)?;
        // A link may have led to another filesystem than the path says.
        let all = kernel.mounted()?;
        let mounted = Mounted::holding(&all, &dir);
        let mount = mounted.map(|mounted| mounted.mount.clone()).or(mount);
        let given_up = mounted.and_then(|mounted| mounted.given_up(&all));
        if let Some(why) = given_up.or_else(|| {
            let any = request.any_filesystem;
            unfit(mount.as_ref()?, any).or_else(|| waits(&mounts, path, any))
        }) {
            return Err(ReclaimError::Refused(format!("{}: {why}", printable(path))));
        }
        Ok(Self {
            target: Target::of(path, dir.into()),
            mount,
            request,
            found: Found::default(),
            root: kernel.root().into(),
        })
    }

    /// Resident bytes that stay.
    fn stays(&self) -> u64 {
        match self.request.writeback {
            true => 0,
            false => self.found.unwritten,
        }
    }
}

/// A mount below that the walk would block on.
fn waits(mounts: &[Mount], path: &Path, any: bool) -> Option<String> {
    let below = |mount: &&Mount| mount.is_remote() && mount.point.starts_with(path);
    let mount = mounts.iter().find(below).filter(|_| !any)?;
    Some(format!(
        "{} below it is on {}: a server or a program that does not answer could block this; choose \
         a directory beside it, or --any-filesystem",
        printable(&mount.point),
        printable(&*mount.fs)
    ))
}

/// Why this filesystem is unfit.
pub(crate) fn unfit(mount: &Mount, any: bool) -> Option<String> {
    let fs = printable(&*mount.fs);
    if mount.is_memory() {
        Some(format!(
            "on {fs} the page cache is the only copy of a file: none of it can go"
        ))
    } else if mount.is_internal() {
        // Opening one of its files may have effects.
        Some(format!(
            "{fs} is a pseudo filesystem: its files have no page cache that could go"
        ))
    } else if mount.is_remote() && !any {
        Some(format!(
            "on {fs} a server or a program that does not answer could block this forever; \
             --any-filesystem overrides this"
        ))
    } else {
        None
    }
}

/// Whether an error is one of writing a file's data, not of asking for it.
fn is_write_error(error: Errno) -> bool {
    matches!(error, Errno::IO | Errno::NOSPC | Errno::DQUOT | Errno::ROFS)
}

/// Drops the cached pages of a file. With `writeback` dirty pages are written first, else a file
/// with some is left alone, which is no error; a failed write is.
fn give_up(file: &File, resident: Option<&Resident>, writeback: bool) -> Result<(), Errno> {
    let unwritten = resident.and_then(|of| Some(of.dirty? + of.writeback? > 0));
    let errno = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    match unwritten {
        Some(true) if !writeback => return Ok(()),
        // It writes nothing, but reports the error to this file alone: who opens it later is not told.
        None if !writeback => page_cache::earlier_error(file.as_fd()).map_err(errno)?,
        _ => match page_cache::write_data(file.as_fd()).map_err(errno) {
            Err(error) if is_write_error(error) => return Err(error),
            Err(_) => fdatasync(file)?, // not every filesystem has it
            Ok(()) => {}
        },
    }
    fadvise(file, 0, None, Advice::DontNeed)
}

impl Reclaimer for Plan {
    fn name(&self) -> &'static str {
        "pages"
    }

    fn path(&self) -> &Path {
        &self.target.path
    }

    fn filesystem(&self) -> Option<&str> {
        self.mount.as_ref().map(|mount| &*mount.fs)
    }

    fn reach(&self) -> String {
        "below this directory only, on this filesystem only; files with further names elsewhere too"
            .into()
    }

    fn notes(&self) -> Vec<String> {
        let found = &self.found;
        let mut notes = vec![format!(
            "{} in {}",
            counted(found.files, "file"),
            match found.directories {
                1 => "1 directory".into(),
                n => format!("{} directories", count(n)),
            }
        )];
        if found.dirty + found.writeback > 0 {
            let dirty = bytes(found.dirty);
            let writeback = bytes(found.writeback);
            notes.push(match self.request.writeback {
                true => format!("{dirty} dirty and {writeback} being written: written first, and waited for"),
                false => format!(
                    "{dirty} dirty and {writeback} being written: these files are left alone, with {} of page \
                     cache; --writeback writes them first",
                    bytes(found.unwritten)
                ),
            });
        }
        if found.not_told > 0 {
            notes.push(format!(
                "page cache not reported by the kernel for {} of others: theirs goes too, uncounted",
                counted(found.not_told, "file")
            ));
        }
        if found.skipped > 0 {
            notes.push(format!(
                "{} may not be opened, or went meanwhile",
                count(found.skipped)
            ));
        }
        if found.too_deep > 0 {
            notes.push(format!(
                "not looked at, as their paths are longer than a path can be: {} and what is below; begin further down",
                match found.too_deep {
                    1 => "1 directory".into(),
                    n => format!("{} directories", count(n)),
                }
            ));
        }
        if found.cut == Some(Cut::Bound) {
            notes.push("bound reached: there may be more".into());
        }
        if let Some(made) = found.dentries {
            let of = if made > 0 {
                ": the names of what was opened"
            } else {
                ""
            };
            notes.push(format!("looking added {}{of}", counted_dentries(made)));
        }
        notes.push(
            "mapped pages stay; what goes is read from the disk again when it is used".into(),
        );
        notes
    }

    fn command(&self) -> String {
        let mut command = format!("slabscope reclaim --pages {}", quoted(&self.target.path));
        if self.request.writeback {
            command += " --writeback";
        }
        if let Some(max) = self.request.max {
            command += &format!(" --max {max}");
        }
        if self.request.any_filesystem {
            command += " --any-filesystem";
        }
        command
    }

    fn measure(&self, kernel: &mut Kernel) -> Vec<Figure> {
        machine(kernel)
    }

    fn predicted(&self, _: &[Figure]) -> Option<u64> {
        Some(self.found.resident.saturating_sub(self.stays()))
    }

    fn run(&self, flow: &mut Flow<'_>) -> Result<Ran, ReclaimError> {
        let plan = self.clone();
        let ran = attended(move |flow: &mut Flow<'_>| plan.walk(flow), flow);
        ran.unwrap_or_else(|| {
            let note = "a file's filesystem did not answer: how much went until then is not known";
            Ok(Ran {
                notes: vec![note.into()],
                ..Ran::from(Ended::Stopped)
            })
        })
    }
}

impl Plan {
    /// Walks over all files, and drops the pages of each.
    fn walk(&self, flow: &mut Flow<'_>) -> Result<Ran, ReclaimError> {
        let kernel = Kernel::new(&self.root);
        let asker = Asker::default();
        let (mut gone, mut failed, mut lost) = (0_u64, 0_u64, 0_u64);
        let mut act = |file: &File, stat: &Stat, before: Option<&Resident>| {
            // Nothing is cached of it.
            if before.is_some_and(|before| before.cached == 0) {
                return;
            }
            if let Err(error) = give_up(file, before, self.request.writeback) {
                match is_write_error(error) {
                    true => lost += 1,
                    false => failed += 1,
                }
                return;
            }
            if let Some(before) = before {
                let mut go_on = || ControlFlow::Continue(());
                let after = asker.resident(file.as_fd(), stat, &mut go_on);
                let after = after.ok().flatten().unwrap_or_default();
                gone += before.cached.saturating_sub(after.cached);
            }
        };
        let walked = Walk::new(self, "giving up").run(&kernel, &mut act, flow)?;
        let ended = match walked.cut {
            None if walked.too_deep > 0 => Ended::Bound,
            None => Ended::Complete,
            Some(Cut::Stopped) => Ended::Stopped,
            Some(Cut::Bound) => Ended::Bound,
        };
        Ok(Ran {
            ended,
            freed: Some(gone),
            went: None,
            notes: told(&walked, gone, failed, lost),
        })
    }
}

/// Remarks on the outcome.
fn told(walked: &Found, gone: u64, failed: u64, lost: u64) -> Vec<String> {
    let left = walked.resident.saturating_sub(gone);
    let mut notes = vec![format!(
        "{} of {} went from {}",
        bytes(gone),
        bytes(walked.resident),
        counted(walked.files, "file")
    )];
    if left > 0 {
        notes.push(format!(
            "{} stayed: dirty, mapped or used meanwhile",
            bytes(left)
        ));
    }
    if lost > 0 {
        notes.push(format!(
            "of {} a write has failed: their page cache stays, as it may be the only copy; the kernel reports \
             that once, and another run takes them for clean",
            counted(lost, "file")
        ));
    }
    if failed > 0 {
        notes.push(format!(
            "nothing could be freed of {}",
            counted(failed, "file")
        ));
    }
    if let Some(made) = walked.dentries {
        notes.push(format!("walking added {}", counted_dentries(made)));
    }
    notes
}

fn counted_dentries(n: u64) -> String {
    match n {
        0 => "no dentry".into(),
        1 => "1 dentry".into(),
        n => format!("{} dentries", count(n)),
    }
}

#[cfg(test)]
mod tests;
