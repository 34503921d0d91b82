//! From the plan on the screen to the prune under way.

use std::path::PathBuf;
use std::time::Duration;

use crate::cache::census::{freeable, freeable_negatives};
use crate::cache::holders::Holders;
use crate::kernel::session::{Counters, PruneMode};
use crate::kernel::source::{Cache, Mount, Sample};
use crate::reclaim::prune::{Outcome, PrunePlan, Task, layers, untested};
use crate::ui::model::Sizes;

/// A plan on the screen: for one directory, or for each of the marked ones.
#[derive(Debug)]
pub struct Confirm {
    /// Number of the worker's job.
    pub job: u64,
    /// The prunes that are carried out, one after the other.
    pub tasks: Vec<Task>,
    /// The chosen mode.
    pub mode: PruneMode,
    /// Dirty files are written first.
    pub writeback: bool,
    /// The processes that hold what stays.
    pub held: Held,
}

/// The processes that hold what stays, if they were requested.
#[derive(Debug, Default)]
pub enum Held {
    /// They were not: the scan itself makes dentries.
    #[default]
    Unasked,
    /// The worker's job of this number scans.
    Looking(u64),
    /// The result of the scan.
    Found(Holders),
    /// Why the scan failed.
    Failed(String),
}

impl Confirm {
    /// Whether the module counted: only that prunes.
    pub fn prunes(&self) -> bool {
        self.tasks.iter().all(|task| task.plan.reader.prunes())
    }

    /// Whether there is anything for a process to hold.
    pub fn has_holders(&self) -> bool {
        self.sum(|found| found.in_use) > 0
    }

    /// Whether the inodes and pages that would go are known.
    pub fn knows_files(&self) -> bool {
        self.tasks.iter().all(|task| task.plan.knows_files())
    }

    /// The sum of one of the dry runs' counters.
    pub fn sum(&self, figure: impl Fn(&Counters) -> u64) -> u64 {
        let figures = self.tasks.iter().map(|task| figure(&task.plan.found));
        figures.fold(0, u64::saturating_add)
    }

    /// The sum of one of the plans' figures.
    fn sum_of(&self, figure: impl Fn(&PrunePlan) -> u64) -> u64 {
        let figures = self.tasks.iter().map(|task| figure(&task.plan));
        figures.fold(0, u64::saturating_add)
    }

    /// Dentries, or pages, that are expected to go in `mode`.
    pub fn predicted(&self, mode: PruneMode) -> u64 {
        self.sum_of(|plan| plan.predicted(mode, self.writeback))
    }

    /// Inodes that are expected to go in `mode`.
    pub fn inodes(&self, mode: PruneMode) -> u64 {
        self.sum_of(|plan| plan.inodes(mode, self.writeback))
    }

    /// Pages of page cache that are expected to go in `mode`.
    pub fn pages(&self, mode: PruneMode) -> u64 {
        self.sum_of(|plan| plan.pages(mode, self.writeback))
    }

    /// More pages may go than predicted.
    pub fn pages_are_least(&self) -> bool {
        let mut plans = self.tasks.iter().map(|task| &task.plan);
        plans.any(|plan| plan.pages_are_least(self.mode, self.writeback))
    }

    /// Pages that are not on the disk yet.
    pub fn unwritten(&self) -> u64 {
        self.sum_of(PrunePlan::unwritten)
    }

    /// The directories in the layers of overlays: each name is cached there once more.
    pub fn layers(&self) -> Vec<PathBuf> {
        let of = |task: &Task| layers::paths(&task.mount, &task.plan.target.path);
        self.tasks.iter().flat_map(of).collect()
    }

    /// Why the module would refuse it; the command line has an option to force it.
    pub fn refused(&self) -> Option<String> {
        let why = self.tasks.iter().find_map(|task| untested(&task.mount))?;
        Some(format!(
            "refused: {why}; slabscope prune --any-filesystem overrides this"
        ))
    }

    /// Bytes of slab objects that would be freed in `mode`, given the object sizes for each task.
    pub fn bytes(&self, mode: PruneMode, sizes: impl Fn(&Task) -> Sizes) -> Option<u64> {
        let bytes = |task: &Task| bytes(&task.plan, mode, self.writeback, sizes(task));
        self.tasks.iter().map(bytes).sum()
    }
}

/// Bytes of slab objects that would be freed in `mode`.
pub fn bytes(plan: &PrunePlan, mode: PruneMode, writeback: bool, sizes: Sizes) -> Option<u64> {
    let found = &plan.found;
    Some(match mode {
        PruneMode::Negative => freeable_negatives(found, sizes.dentry?),
        PruneMode::Dentries => freeable(found, sizes.dentry?),
        PruneMode::Inodes if !plan.knows_files() => return None,
        PruneMode::Inodes => {
            let inodes = plan.inodes(mode, writeback).saturating_mul(sizes.inode?);
            freeable(found, sizes.dentry?).saturating_add(inodes)
        }
        PruneMode::Pages => 0,
    })
}

/// A prune under way.
#[derive(Debug)]
pub struct Pruning {
    /// Number of the worker's job.
    pub job: u64,
    /// Mode of the prune.
    pub mode: PruneMode,
    /// The directories, in the order of the prune. The plans themselves moved into the effect: they
    /// hold the directories open, which would keep them in use.
    pub parts: Vec<Turn>,
    /// Directories of the plan with nothing to prune.
    pub skipped: Vec<PathBuf>,
    /// When the first began, since the start.
    pub since: Duration,
    /// Evicted so far below the current directory.
    pub so_far: Box<Counters>,
    /// The user stopped it.
    pub stopping: bool,
}

impl Pruning {
    /// The current directory, and its number from 0.
    pub fn turn(&self) -> Option<(usize, &Turn)> {
        let mut parts = self.parts.iter().enumerate();
        parts.find(|(_, part)| part.end.is_none())
    }

    /// Dentries, or pages, that are expected to go.
    pub fn predicted(&self) -> u64 {
        self.parts.iter().map(|part| part.predicted).sum()
    }

    /// Dentries, or pages, that went so far.
    pub fn moved(&self) -> u64 {
        let done: u64 = self.parts.iter().map(Turn::moved).sum();
        done.saturating_add(self.mode.went(&self.so_far))
    }
}

/// One directory of a prune.
#[derive(Debug)]
pub struct Turn {
    /// The directory below which it prunes.
    pub path: PathBuf,
    /// The filesystem it is on.
    pub mount: Mount,
    /// Dentries of the mode's kind, or pages, that were cached, evicted or not.
    pub cached: u64,
    /// Dentries, or pages, that are expected to go.
    pub predicted: u64,
    /// Inodes that are expected to go.
    pub predicted_inodes: u64,
    /// Pages of page cache that are expected to go.
    pub predicted_pages: u64,
    /// Bytes of slab objects that are expected to be freed.
    pub predicted_bytes: Option<u64>,
    /// When it began, since the start; None: it has not begun.
    pub began: Option<Duration>,
    /// Wall-clock time of its beginning, as text.
    pub clock: String,
    /// Figures from before it.
    pub before: Option<Figures>,
    /// The outcome; None: it has not ended, or did not begin.
    pub end: Option<TurnEnd>,
}

impl Turn {
    /// The turn of a task, in `mode`.
    pub fn new(task: &Task, mode: PruneMode, writeback: bool, sizes: Sizes) -> Self {
        let plan = &task.plan;
        Self {
            path: task.plan.target.path.clone(),
            mount: task.mount.clone(),
            cached: match mode {
                PruneMode::Negative => plan.found.negative,
                PruneMode::Dentries | PruneMode::Inodes => plan.found.total,
                PruneMode::Pages => plan.found.pages,
            },
            predicted: plan.predicted(mode, writeback),
            predicted_inodes: plan.inodes(mode, writeback),
            predicted_pages: plan.pages(mode, writeback),
            predicted_bytes: bytes(plan, mode, writeback, sizes),
            began: None,
            clock: String::new(),
            before: None,
            end: None,
        }
    }

    /// The module's outcome, unless it failed.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.end.as_ref()?.result.as_ref().ok()
    }

    /// Why it failed, if it did.
    pub fn error(&self) -> Option<&str> {
        let end = self.end.as_ref()?;
        end.result.as_ref().err().map(String::as_str)
    }

    /// Dentries, or pages, that went.
    pub fn moved(&self) -> u64 {
        self.end.as_ref().map_or(0, |end| end.moved)
    }
}

/// The outcome of pruning below one directory.
#[derive(Debug)]
pub struct TurnEnd {
    /// The module's outcome, or the error.
    pub result: Result<Outcome, String>,
    /// Dentries, or pages, that went, as far as is known if it failed.
    pub moved: u64,
    /// Figures from after it.
    pub after: Figures,
}

/// Figures that a ledger compares.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// The dentry cache.
    pub dentry: Option<Cache>,
    /// The cache that the filesystem's inodes come from.
    pub inode: Option<Cache>,
    /// Bytes of SReclaimable.
    pub sreclaimable: Option<u64>,
}

impl Figures {
    /// The figures of a sample.
    pub fn of(sample: &Sample, mount: Option<&Mount>) -> Self {
        let inodes = mount.and_then(Mount::inode_cache);
        Self {
            dentry: sample.cache("dentry").cloned(),
            inode: inodes.and_then(|name| sample.cache(name)).cloned(),
            sreclaimable: sample.memory.as_ref().ok().and_then(|m| m.sreclaimable),
        }
    }
}
