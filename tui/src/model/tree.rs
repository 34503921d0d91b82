//! The tree screen's state: a list of mounts, or a stack of directories walked into.

use std::cmp::Reverse;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::census::{Census, Row};
use crate::prune::PruneError;
use crate::session::Counters;
use crate::source::{Mount, SourceError};

/// What the rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TreeSort {
    /// Bytes that a prune would bring back.
    #[default]
    ComesBack,
    /// Negative dentries.
    Negative,
    /// Dentries in use.
    InUse,
    /// Inodes.
    Inodes,
    /// Name, from A.
    Name,
}

impl TreeSort {
    /// In words, for the title.
    pub fn words(self) -> &'static str {
        match self {
            Self::ComesBack => "comes back",
            Self::Negative => "negative",
            Self::InUse => "in use",
            Self::Inodes => "inodes",
            Self::Name => "name",
        }
    }

    /// The one after it.
    pub fn next(self) -> Self {
        match self {
            Self::ComesBack => Self::Negative,
            Self::Negative => Self::InUse,
            Self::InUse => Self::Inodes,
            Self::Inodes => Self::Name,
            Self::Name => Self::ComesBack,
        }
    }
}

/// How far a directory is counted.
#[derive(Debug)]
pub enum State {
    /// Not since the figures became stale.
    Uncounted,
    /// The census is under way.
    Counting {
        /// The worker's number of it.
        job: u64,
        /// When it began.
        since: Duration,
        /// Counted so far.
        so_far: Box<Counters>,
    },
    /// It is done.
    Counted {
        /// The figures. Among its rows is one without a name, for what is directly here.
        census: Box<Census>,
        /// When it ended.
        at: Duration,
    },
    /// It failed.
    Failed(PruneError),
}

/// A directory that was walked into.
#[derive(Debug)]
pub struct Place {
    /// Its path.
    pub path: PathBuf,
    /// The filesystem it is on.
    pub mount: Mount,
    /// How far it is counted.
    pub state: State,
    /// The selected row's name. None: whichever is first.
    pub selected: Option<OsString>,
}

impl Place {
    /// Not counted yet.
    pub fn new(path: PathBuf, mount: Mount) -> Self {
        Self {
            path,
            mount,
            state: State::Uncounted,
            selected: None,
        }
    }

    /// The rows, if they are known.
    pub fn rows(&self) -> &[Row] {
        match &self.state {
            State::Counted { census, .. } => &census.rows,
            _ => &[],
        }
    }

    /// Where the selected row is; the first if it is gone.
    pub fn index(&self) -> usize {
        let rows = self.rows().iter();
        rows.map(|row| Some(&row.name))
            .position(|name| name == self.selected.as_ref())
            .unwrap_or(0)
    }
}

/// The tree screen's state.
#[derive(Debug, Default)]
pub struct Tree {
    /// The mounts; None until they are read.
    pub mounts: Option<Result<Vec<Mount>, SourceError>>,
    /// The selected mount's point. None: the first.
    pub mount: Option<PathBuf>,
    /// The directories from the mount down to the one shown; none: the list of mounts is shown.
    pub stack: Vec<Place>,
    /// The directory to show once the mounts are known.
    pub opening: Option<PathBuf>,
    /// What rows are sorted by.
    pub sort: TreeSort,
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

    /// Where the selected mount is; the first if it is gone.
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

    /// Puts the rows of the directory shown in order.
    pub fn sort_rows(&mut self, dentry_size: Option<u64>) {
        let sort = self.sort;
        let Some(Place {
            state: State::Counted { census, .. },
            ..
        }) = self.stack.last_mut()
        else {
            return;
        };
        // Without slabinfo the order by bytes is that by dentries.
        let size = dentry_size.unwrap_or(1);
        census.rows.sort_by_cached_key(|row| {
            let figure = match sort {
                TreeSort::ComesBack => comes_back(&row.below, size),
                TreeSort::Negative => row.below.negative,
                TreeSort::InUse => row.below.in_use,
                TreeSort::Inodes => row.below.inodes,
                TreeSort::Name => 0,
            };
            (Reverse(figure), row.name.is_empty(), row.name.clone())
        });
    }
}

/// Bytes that come back if all prunable dentries go.
pub fn comes_back(counters: &Counters, dentry_size: u64) -> u64 {
    let objects = counters.prunable.saturating_mul(dentry_size);
    objects.saturating_add(counters.external_bytes)
}

/// Bytes that come back if the prunable negative dentries go.
pub fn negatives_come_back(counters: &Counters, dentry_size: u64) -> u64 {
    let objects = counters.negative_prunable.saturating_mul(dentry_size);
    objects.saturating_add(counters.negative_external_bytes)
}
