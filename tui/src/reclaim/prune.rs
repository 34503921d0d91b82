//! Pruning below one directory: a plan from a dry run, then the prune of the very directory that
//! the plan was made for.

pub mod layers;
mod recorded;
pub mod settle;

use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::base::shell::quoted;
use crate::base::text::{count, printable};
use crate::kernel::reader::{self, Look, Reader, Records};
use crate::kernel::session::{Bounds, Counters, PruneMode, Record, SessionError, Status, Walk};
use crate::kernel::source::Mount;
use crate::kernel::target::{LookError, Target};
use crate::reclaim::audit::AuditError;
pub use recorded::{Order, PruneReport, carry_out, note};

/// Why there is no plan, or a plan was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The directory cannot be looked below.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The path leads to another directory than when the plan was made.
    #[error("{}: not the directory that the plan was made for (it was moved, removed or mounted over); look again", printable(.0))]
    Replaced(PathBuf),
    /// It cannot be recorded.
    #[error("{0}\n{remedy}", remedy = AuditError::REMEDY)]
    Unrecorded(#[from] AuditError),
    /// It failed after a part was done.
    #[error("{source} (at least {} {unit} had been pruned)", count(*.moved))]
    Midway {
        /// The error.
        source: Box<PruneError>,
        /// Dentries, or pages, that went, as far as the module reported.
        moved: u64,
        /// The unit: `dentries` or `pages`.
        unit: &'static str,
        /// Time spent until then.
        took: Duration,
    },
}

impl From<SessionError> for PruneError {
    fn from(error: SessionError) -> Self {
        LookError::from(error).into()
    }
}

impl PruneError {
    /// Adds what had been done by then, if anything.
    fn after(self, moved: u64, mode: PruneMode, took: Duration) -> Self {
        match moved {
            0 => self,
            _ => Self::Midway {
                source: Box::new(self),
                moved,
                unit: mode.unit(),
                took,
            },
        }
    }
}

/// What a prune would do, from a dry run.
#[derive(Clone, Debug)]
pub struct PrunePlan {
    /// The directory below which dentries go.
    pub target: Target,
    /// What the dry run counted; without the module, a census.
    pub found: Counters,
    /// The reader that counted. Only what the module counted can be pruned.
    pub reader: reader::Kind,
    /// Dentries came or went while they were counted, so that part of it was counted anew.
    pub changed: bool,
}

impl PrunePlan {
    /// Counts what would go and what would stay. None if `progress` ended it: a user who sees only
    /// a part of the plan cannot confirm it.
    pub fn new(
        target: Target,
        progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
    ) -> Result<Option<Self>, LookError> {
        let reader = reader::open()?;
        let kind = reader.kind();
        let mut changed = false;
        let (status, found) = match reader {
            Reader::Module(device) => {
                // It counts what goes in every mode, and the dirty pages of files.
                let walk = Walk::DryRun(PruneMode::Inodes);
                counted(&mut device.begin(target.dir.as_fd(), walk)?, progress)?
            }
            bpf @ Reader::Bpf(_) => {
                let look = Look::Census { depth: 0 };
                let mut records = bpf.begin(target.dir.as_fd(), look)?;
                let ended = counted(&mut *records, progress)?;
                changed = records.changed();
                ended
            }
        };
        Ok((status != Status::Stopped).then_some(Self {
            target,
            found,
            reader: kind,
            changed,
        }))
    }

    /// Whether the inodes and pages that go are known: those of files that are neither dirty nor
    /// being written.
    pub fn knows_files(&self) -> bool {
        self.reader.knows_dirty()
    }

    /// Number of dentries expected to go in `mode`; of page cache, of pages, if the plan
    /// [knows](Self::knows_files).
    pub fn predicted(&self, mode: PruneMode, writeback: bool) -> u64 {
        match mode {
            PruneMode::Negative => self.found.negative_prunable,
            PruneMode::Dentries | PruneMode::Inodes => self.found.prunable,
            PruneMode::Pages if writeback => {
                self.found.pages.saturating_sub(self.found.failed_pages)
            }
            PruneMode::Pages => {
                let stay = self.unwritten().saturating_add(self.found.failed_pages);
                self.found.pages.saturating_sub(stay)
            }
        }
    }

    /// Number of inodes expected to go in `mode`.
    pub fn inodes(&self, mode: PruneMode, writeback: bool) -> u64 {
        match mode {
            PruneMode::Inodes if writeback => {
                self.found.inodes_prunable + self.found.skipped_dirty + self.found.unsynced
            }
            PruneMode::Inodes => self.found.inodes_prunable,
            PruneMode::Negative | PruneMode::Dentries | PruneMode::Pages => 0,
        }
    }

    /// Pages of page cache expected to go in `mode`, [or more](Self::pages_are_least).
    pub fn pages(&self, mode: PruneMode, writeback: bool) -> u64 {
        match mode {
            PruneMode::Pages => self.predicted(mode, writeback),
            PruneMode::Inodes => self.found.pages_prunable,
            PruneMode::Negative | PruneMode::Dentries => 0,
        }
    }

    /// More pages may go than predicted: for files that are written or waited for first, other
    /// users are unknown.
    /// other users.
    pub fn pages_are_least(&self, mode: PruneMode, writeback: bool) -> bool {
        let first = self.found.skipped_dirty + self.found.unsynced;
        mode == PruneMode::Inodes && writeback && first > 0
    }

    /// Pages that are not on the disk yet.
    pub fn unwritten(&self) -> u64 {
        self.found.dirty_pages + self.found.writeback_pages
    }

    /// Carries the plan out in `mode`. `progress` gets what was done so far and may end the prune,
    /// which then is reported as [`Status::Stopped`].
    pub fn carry_out(
        &self,
        mode: PruneMode,
        bounds: Bounds,
        progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
    ) -> Result<Outcome, PruneError> {
        if !self.target.is_in_place()? {
            return Err(PruneError::Replaced(self.target.path.clone()));
        }
        let start = Instant::now();
        let mut moved = 0;
        let walk = Walk::Prune(mode, bounds);
        let mut session = reader::module()?.begin(self.target.dir.as_fd(), walk)?;
        let ended = counted(&mut session, &mut |so_far| {
            moved = mode.went(so_far);
            progress(so_far)
        });
        let (status, counters) =
            ended.map_err(|error| PruneError::from(error).after(moved, mode, start.elapsed()))?;
        Ok(Outcome {
            mode,
            predicted: self.predicted(mode, bounds.writeback),
            counters,
            status,
            took: start.elapsed(),
        })
    }
}

/// The command line that prunes the same, for copying.
pub fn command(path: &Path, mode: PruneMode, writeback: bool) -> String {
    let first = if writeback { " --writeback" } else { "" };
    format!(
        "slabscope prune {} --mode {}{first}",
        quoted(path),
        mode.name()
    )
}

/// The types of filesystem that the module prunes on by default (kmod/root_helper.c:
/// `is_tested()`).
pub const TESTED: [&str; 5] = ["ext4", "xfs", "btrfs", "overlay", "tmpfs"];

/// Why the module refuses a prune on a filesystem without the option for any; None: it does not.
pub fn untested(mount: &Mount) -> Option<String> {
    (!TESTED.contains(&&*mount.fs)).then(|| {
        format!(
            "pruning is tested on {} only, not on {}",
            TESTED.join(", "),
            printable(&*mount.fs)
        )
    })
}

/// A plan, and the filesystem that it is for.
#[derive(Clone, Debug)]
pub struct Task {
    /// The plan to carry out.
    pub plan: PrunePlan,
    /// The filesystem.
    pub mount: Mount,
}

/// The outcome of a prune.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its mode.
    pub mode: PruneMode,
    /// Dentries that the plan expected to go; of page cache, pages.
    pub predicted: u64,
    /// What the module counted; [`Counters::moved`] were handed to eviction.
    pub counters: Counters,
    /// Whether it reached the end.
    pub status: Status,
    /// How long it took.
    pub took: Duration,
}

impl Outcome {
    /// Dentries that went; of page cache, pages.
    pub fn went(&self) -> u64 {
        self.mode.went(&self.counters)
    }

    /// Inodes that were handed to eviction.
    pub fn inodes(&self) -> u64 {
        match self.mode {
            PruneMode::Inodes => self.counters.evict_attempted,
            PruneMode::Negative | PruneMode::Dentries | PruneMode::Pages => 0,
        }
    }
}

/// The total that a walk counts.
fn counted(
    records: &mut dyn Records,
    progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
) -> Result<(Status, Counters), LookError> {
    while let Some(record) = records.next() {
        match record? {
            Record::Progress(so_far) => {
                if progress(&so_far).is_break() {
                    records.stop()?;
                }
            }
            Record::Total { status, counters } => return Ok((status, *counters)),
            Record::Enter { .. } | Record::Leave { .. } | Record::Entry(_) => {}
        }
    }
    Err(SessionError::Malformed("the stream ends without a total").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_names_directory_mode_and_writeback() {
        assert_eq!(
            command(Path::new("/a b"), PruneMode::Inodes, true),
            "slabscope prune '/a b' --mode inodes --writeback"
        );
    }
}
