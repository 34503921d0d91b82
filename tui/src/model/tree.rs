//! The tree screen's state: a list of mounts, or a stack of directories walked into.

use std::collections::{HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::filter::Filter;
use super::tree_columns::{Sizes, TreeColumn, TreeLine};
use crate::census::{Census, Row, keep_greatest, minus, plus};
use crate::prune::PruneError;
use crate::session::Counters;
use crate::source::{Mount, SourceError};
use crate::text::printable;

/// Rows of a directory that are kept, those with the most dentries: of the others, which count as
/// what is directly there, only the number is. During a census there may be twice as many.
pub const KEPT: usize = 10_000;

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
        /// When it was last heard of.
        heard: Duration,
        /// It was told to end.
        stopping: bool,
    },
    /// It has ended.
    Counted {
        /// When.
        at: Duration,
        /// Before all was counted.
        end: End,
    },
    /// There is nothing to show of it.
    Failed(PruneError),
}

/// How a census ended.
#[derive(Debug)]
pub enum End {
    /// All was counted.
    Whole,
    /// The person ended it.
    Cancelled,
    /// The module could not count all of it: directories were too deep, or moved.
    Partial,
    /// It failed on the way.
    Failed(PruneError),
}

/// A part of a census, as it comes.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Directories counted since the part before.
    pub rows: Vec<Row>,
    /// How many more there were: only those with the most dentries are told.
    pub more: u64,
    /// The directory that is being counted, and about what was counted below it.
    pub under_way: Option<(OsString, Counters)>,
    /// All that was counted so far.
    pub so_far: Box<Counters>,
}

/// A directory that was walked into.
#[derive(Debug)]
pub struct Place {
    /// Its path.
    pub path: PathBuf,
    /// The filesystem it is on.
    pub mount: Mount,
    /// Its path may be looked up: a census has shown it, or the person asked for it.
    pub lookup: bool,
    /// How far it is counted.
    pub state: State,
    /// The worker's number of the census of one row, and the row's name.
    pub refreshing: Option<(u64, OsString)>,
    /// The figures, or those so far. Among the rows is one without a name: what none of the others
    /// counts.
    pub census: Census,
    /// Directories counted in the row without a name, since they are too many to be kept.
    pub more: u64,
    /// The selected row's name. None: whichever is first.
    pub selected: Option<OsString>,
    /// Dentries by name of row, when it was counted whole the time before.
    pub before: Option<HashMap<OsString, u64>>,
    /// The directory that is being counted.
    pub under_way: Option<OsString>,
    /// The greatest of the figures that bars show.
    pub greatest: u128,
    /// Of the rows, which are in order, so many are shown.
    shown: usize,
}

impl Place {
    /// Not counted yet.
    pub fn new(path: PathBuf, mount: Mount) -> Self {
        Self {
            path,
            mount,
            lookup: false,
            state: State::Uncounted,
            refreshing: None,
            census: Census::default(),
            more: 0,
            selected: None,
            before: None,
            under_way: None,
            greatest: 0,
            shown: 0,
        }
    }

    /// The rows shown, as far as they are known.
    pub fn rows(&self) -> &[Row] {
        &self.census.rows[..self.shown]
    }

    /// Where the selected row is; the first if it is gone.
    pub fn index(&self) -> usize {
        let rows = self.rows().iter();
        rows.map(|row| Some(&row.name))
            .position(|name| name == self.selected.as_ref())
            .unwrap_or(0)
    }

    /// The selected row.
    pub fn row(&self) -> Option<&Row> {
        self.rows().get(self.index())
    }

    /// A row with what its columns are made from.
    pub fn line<'a>(&self, row: &'a Row, sizes: Sizes) -> TreeLine<'a> {
        let before = self.before.as_ref();
        TreeLine {
            row,
            before: before.and_then(|before| before.get(&row.name).copied()),
            sizes,
        }
    }

    /// The worker's number of the census under way.
    pub fn job(&self) -> Option<u64> {
        match self.state {
            State::Counting { job, .. } => Some(job),
            _ => self.refreshing.as_ref().map(|(job, _)| *job),
        }
    }

    /// Whether the row's figures are being counted.
    pub fn is_counting(&self, row: &Row) -> bool {
        let refreshing = self.refreshing.as_ref().map(|(_, name)| name);
        [self.under_way.as_ref(), refreshing].contains(&Some(&row.name))
    }

    /// The figures are of no use any more; those of a whole count are kept to compare with.
    pub fn forget(&mut self) {
        if matches!(
            self.state,
            State::Counted {
                end: End::Whole,
                ..
            }
        ) {
            self.before = Some(self.totals());
        }
        self.state = State::Uncounted;
        self.refreshing = None;
        self.census = Census::default();
        self.under_way = None;
        (self.more, self.shown) = (0, 0);
    }

    /// Dentries by name of row.
    fn totals(&self) -> HashMap<OsString, u64> {
        let rows = self.census.rows.iter();
        rows.map(|row| (row.name.clone(), row.below.total))
            .collect()
    }

    /// The row that was counted again gets its figures; those of the directory change by as much.
    pub fn refresh(&mut self, census: &Census) {
        let Some((_, name)) = self.refreshing.take() else {
            return;
        };
        let mut before = self.before.take().unwrap_or_else(|| self.totals());
        if let Some(row) = self.census.rows.iter_mut().find(|row| row.name == name) {
            before.insert(name, row.below.total);
            let here = minus(self.census.here, &row.below);
            self.census.here = plus(here, &census.here);
            self.census.cost = census.cost;
            (row.below, row.partial) = (census.here, census.partial);
        }
        self.before = Some(before);
    }

    /// A census begins.
    pub fn begin(&mut self, job: u64, since: Duration) {
        self.forget();
        self.state = State::Counting {
            job,
            since,
            heard: since,
            stopping: false,
        };
    }

    /// A part of the census comes.
    pub fn take(&mut self, part: Part) {
        self.add(part.rows, part.more);
        self.census.here = *part.so_far;
        if let Some((name, below)) = part.under_way {
            self.under_way = Some(name.clone());
            self.census.rows.push(Row {
                name,
                own: Counters::default(),
                below,
                in_use: false,
                partial: true,
            });
        }
    }

    /// The census ends, with what was not told in parts.
    pub fn finish(&mut self, census: Census, at: Duration) {
        let stopping = matches!(self.state, State::Counting { stopping: true, .. });
        let end = match census.partial {
            false => End::Whole,
            true if stopping => End::Cancelled,
            true => End::Partial,
        };
        let rows = std::mem::take(&mut self.census.rows);
        self.census = census;
        let last = std::mem::replace(&mut self.census.rows, rows);
        self.add(last, 0);
        self.add_here();
        self.state = State::Counted { at, end };
    }

    /// The census fails. What was counted stays.
    pub fn fail(&mut self, error: PruneError, at: Duration) {
        if self.census.here.total == 0 && self.census.rows.is_empty() {
            self.state = State::Failed(error);
            return;
        }
        self.census.partial = true;
        self.under_way = None;
        self.add_here();
        let end = End::Failed(error);
        self.state = State::Counted { at, end };
    }

    /// Adds rows in place of the one that was under way.
    fn add(&mut self, rows: Vec<Row>, more: u64) {
        let kept = &mut self.census.rows;
        if let Some(name) = self.under_way.take() {
            kept.retain(|row| row.name != name);
        }
        kept.extend(rows);
        self.more += more;
        if kept.len() > 2 * KEPT {
            self.more += keep_greatest(kept, KEPT);
        }
    }

    /// The row of what is in no other row.
    fn add_here(&mut self) {
        self.more += keep_greatest(&mut self.census.rows, KEPT);
        let here = here(&self.census);
        if here.below.total > 0 {
            self.census.rows.push(here);
        }
    }

    /// Puts the rows in order, those that `order` shows in front.
    pub fn arrange(&mut self, order: &Order, sizes: Sizes) {
        let mut rows = std::mem::take(&mut self.census.rows);
        let shape = order.sort.shape();
        rows.sort_by_cached_key(|row| {
            let figure = (shape.figure)(&self.line(row, sizes));
            let figure = if order.reverse { figure } else { -figure };
            let last = order.directories_first && row.name.is_empty();
            let backwards = order.reverse && order.sort == TreeColumn::Name;
            let name = Backwards(row.name.clone(), backwards);
            (!order.shows(&row.name), last, figure, name)
        });
        self.shown = rows.partition_point(|row| order.shows(&row.name));
        let bars = rows[..self.shown].iter();
        let bars = bars.map(|row| order.bar(&self.line(row, sizes)));
        self.greatest = bars.max().unwrap_or(0);
        self.census.rows = rows;
    }
}

/// A name that may be compared from its end of the alphabet.
#[derive(PartialEq, Eq)]
struct Backwards(OsString, bool);

impl PartialOrd for Backwards {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Backwards {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let order = self.0.cmp(&other.0);
        if self.1 { order.reverse() } else { order }
    }
}

/// What is directly in the directory: all that its rows do not count, among it the directories
/// that the rows stand for.
fn here(census: &Census) -> Row {
    let rows = census.rows.iter();
    let here = rows.fold(census.here, |here, row| minus(here, &row.below));
    Row {
        name: OsString::new(),
        own: here,
        below: here,
        in_use: false,
        partial: census.partial,
    }
}

/// Which rows are shown, and in which order.
#[derive(Debug, Default)]
pub struct Order {
    /// What they are sorted by.
    pub sort: TreeColumn,
    /// Against the column's natural order.
    pub reverse: bool,
    /// What is in none of the directories comes last.
    pub directories_first: bool,
    /// Only names like this.
    pub filter: Filter,
}

impl Order {
    /// What the bar of a row shows: its part of the greatest in what is sorted by, by name in
    /// dentries.
    pub fn bar(&self, line: &TreeLine<'_>) -> u128 {
        let column = match self.sort {
            TreeColumn::Name => TreeColumn::Dentries,
            column => column,
        };
        (column.shape().figure)(line).unsigned_abs()
    }

    fn shows(&self, name: &OsStr) -> bool {
        self.filter.is_none() || !name.is_empty() && self.filter.fits(&printable(name))
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
    /// Which rows are shown, and in which order.
    pub order: Order,
    /// The process whose mounts are listed, if they are not our own.
    pub namespace: Option<Namespace>,
    /// What is cached of the mounts, by their points.
    pub totals: HashMap<PathBuf, Total>,
    /// The mounts that are being counted, by the worker's numbers; one after the other.
    pub counting: VecDeque<(u64, PathBuf)>,
}

/// The process whose mounts are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

/// What is cached of a mount.
#[derive(Debug)]
pub enum Total {
    /// It was counted.
    Counted {
        /// All below its point.
        here: Box<Counters>,
        /// Not all of it.
        partial: bool,
    },
    /// It could not be.
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
