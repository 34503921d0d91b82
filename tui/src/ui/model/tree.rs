//! The tree screen's state: a list of mounts, or a stack of directories that were entered.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::place::Place;
use super::tree_order::Order;
use crate::kernel::session::Counters;
use crate::kernel::source::{Gap, Mount, SourceError};

/// The tree screen's state.
#[derive(Debug, Default)]
pub struct Tree {
    /// The mounts; None until they are read.
    pub mounts: Option<Result<Arc<[Mount]>, SourceError>>,
    /// The lines of mountinfo that were not understood.
    pub gap: Option<Gap>,
    /// The selected mount's point. None: the first.
    pub mount: Option<PathBuf>,
    /// The directories from the mount down to the one shown; empty: the list of mounts is shown.
    pub stack: Vec<Place>,
    /// The directory to show once the mounts are known.
    pub opening: Option<PathBuf>,
    /// The view before a jump to a path, until that is known to be a directory.
    pub left: Option<Left>,
    /// The order and filter of the rows.
    pub order: Order,
    /// The process whose mounts are listed, if they are not our own.
    pub namespace: Option<Namespace>,
    /// Counts of the mounts, by mount point.
    pub totals: HashMap<PathBuf, Total>,
    /// Mounts to count, by the worker's job numbers; one after the other.
    pub counting: VecDeque<(u64, PathBuf)>,
}

/// The view before a jump to a path.
#[derive(Debug)]
pub struct Left {
    /// The path.
    pub to: PathBuf,
    /// [`Tree::stack`] before it.
    pub stack: Vec<Place>,
    /// [`Tree::mount`] before it.
    pub mount: Option<PathBuf>,
}

/// The process whose mounts are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

/// A directory that is marked for a plan.
#[derive(Clone, Debug)]
pub struct Marked {
    /// The mount it was seen on: by the time of the plan the list of mounts may be that of another
    /// process.
    pub mount: Mount,
    /// What was counted below it then.
    pub below: Box<Counters>,
}

/// The count of a mount.
#[derive(Debug)]
pub enum Total {
    /// It was counted.
    Counted {
        /// When it ended, since the start.
        at: Duration,
        /// Counts of all below its point.
        here: Box<Counters>,
        /// The count is incomplete.
        partial: bool,
    },
    /// It could not be counted.
    Failed,
}

impl Tree {
    /// The directory that is shown.
    pub fn place(&self) -> Option<&Place> {
        self.stack.last()
    }

    /// The mounts, as far as they are known.
    pub fn mounts(&self) -> &[Mount] {
        match &self.mounts {
            Some(Ok(mounts)) => mounts,
            _ => &[],
        }
    }

    /// The mounts as a shared slice.
    pub fn shared_mounts(&self) -> Arc<[Mount]> {
        match &self.mounts {
            Some(Ok(mounts)) => Arc::clone(mounts),
            _ => Arc::default(),
        }
    }

    /// Index of the selected mount; 0 if it is gone.
    pub fn mount_index(&self) -> usize {
        let mut mounts = self.mounts().iter();
        mounts
            .position(|mount| Some(&mount.point) == self.mount.as_ref())
            .unwrap_or(0)
    }

    /// Whether something is mounted at `path`.
    pub fn is_mount(&self, path: &Path) -> bool {
        self.mounts().iter().any(|mount| mount.point == path)
    }
}
