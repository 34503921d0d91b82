//! A directory that was entered: its count, and the rows of its table.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::browse::{Browse, Listed};
use super::tree_columns::{Sizes, TreeLine};
use super::tree_order::Order;
use crate::cache::census::{Census, DirectoryCount};
use crate::kernel::session::Counters;
use crate::kernel::session::{minus, plus};
use crate::kernel::source::Mount;
use crate::kernel::target::LookError;

/// Rows of a directory that are kept, those with the most dentries: the others are only counted, as
/// part of what is directly there.
pub const KEPT: usize = 10_000;

/// State of a directory's count.
#[derive(Debug)]
pub enum State {
    /// Not counted since the figures became stale.
    Uncounted,
    /// The census is under way.
    Counting {
        /// Number of the worker's job.
        job: u64,
        /// When it began, since the start.
        since: Duration,
        /// When it last reported, since the start.
        heard: Duration,
        /// Its end was requested.
        stopping: bool,
    },
    /// It has ended.
    Counted {
        /// Time since the start of the program.
        at: Duration,
        /// How the census ended.
        end: End,
    },
    /// There are no figures.
    Failed(LookError),
}

/// The end of a census.
#[derive(Debug)]
pub enum End {
    /// All was counted.
    Whole,
    /// The user ended it.
    Cancelled,
    /// The module could not count all of it: directories were too deep, or moved.
    Partial,
    /// It failed midway.
    Failed(LookError),
}

/// Progress of a census.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The directories with the most dentries of those counted so far.
    pub rows: Vec<DirectoryCount>,
    /// Number of the others.
    pub more: u64,
    /// The directory that is being counted, and its approximate counts so far.
    pub under_way: Option<(OsString, Counters)>,
    /// All that was counted so far.
    pub so_far: Box<Counters>,
}

/// A directory that was entered.
#[derive(Debug)]
pub struct Place {
    /// Its path.
    pub path: PathBuf,
    /// The filesystem it is on.
    pub mount: Mount,
    /// Its path may be looked up: a census has shown it, or the user asked for it.
    pub lookup: bool,
    /// State of its count.
    pub state: State,
    /// Number of the worker's job that counts one row, and the row's name.
    pub refreshing: Option<(u64, OsString)>,
    /// The figures, final or so far. One row has no name: it counts what none of the others does.
    pub census: Census,
    /// Directories that the nameless row includes, since there are too many to keep.
    pub more: u64,
    /// The selected row's name. None: the first row.
    pub selected: Option<OsString>,
    /// Its names by readdir alone, if nothing counts.
    pub browse: Option<Browse>,
    /// Dentries by row name, from the last complete count.
    pub before: Option<HashMap<OsString, u64>>,
    /// The directory that is being counted.
    pub under_way: Option<OsString>,
    /// The sum of the figures that the bars show, those of hidden rows included.
    pub whole: u128,
    /// The first rows, in order, that the filter shows.
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
            browse: None,
            before: None,
            under_way: None,
            whole: 0,
            shown: 0,
        }
    }

    /// The rows shown, as far as they are known.
    pub fn rows(&self) -> &[DirectoryCount] {
        &self.census.rows[..self.shown]
    }

    /// Number of rows shown, or of names by readdir.
    pub fn len(&self) -> usize {
        match self.listed() {
            Some(listed) => listed.entries().len(),
            None => self.shown,
        }
    }

    /// Whether no row is shown.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of a row, or of an entry by readdir.
    pub fn name_at(&self, index: usize) -> Option<&OsString> {
        match self.listed() {
            Some(listed) => Some(&listed.entries().get(index)?.name),
            None => Some(&self.rows().get(index)?.name),
        }
    }

    /// Index of the selected row; 0 if it is gone.
    pub fn index(&self) -> usize {
        if let Some(listed) = self.listed() {
            return listed.index(self.selected.as_ref());
        }
        let rows = self.rows().iter();
        rows.map(|row| Some(&row.name))
            .position(|name| name == self.selected.as_ref())
            .unwrap_or(0)
    }

    /// The names by readdir alone, if those are shown.
    pub fn listed(&self) -> Option<&Listed> {
        match &self.browse {
            Some(Browse::Read(listed)) => Some(listed),
            _ => None,
        }
    }

    /// The names by readdir alone, for changes.
    pub fn listed_mut(&mut self) -> Option<&mut Listed> {
        match &mut self.browse {
            Some(Browse::Read(listed)) => Some(listed),
            _ => None,
        }
    }

    /// The selected row.
    pub fn row(&self) -> Option<&DirectoryCount> {
        self.rows().get(self.index())
    }

    /// A row with all that its columns show.
    pub fn line<'a>(&self, row: &'a DirectoryCount, sizes: Sizes) -> TreeLine<'a> {
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

    /// Stops waiting for a row, for names or for page cache; returns the number of the job to end.
    pub fn give_up(&mut self) -> Option<u64> {
        match (&self.refreshing, &mut self.browse) {
            (Some((job, _)), _) => {
                let job = *job;
                self.refreshing = None;
                Some(job)
            }
            // What was read until then is still used.
            (None, Some(Browse::Reading { job })) => Some(*job),
            (None, Some(Browse::Read(listed))) => listed.asking,
            _ => None,
        }
    }

    /// Whether the row is being counted.
    pub fn is_counting(&self, row: &DirectoryCount) -> bool {
        let refreshing = self.refreshing.as_ref().map(|(_, name)| name);
        [self.under_way.as_ref(), refreshing].contains(&Some(&row.name))
    }

    /// Drops stale figures; those of a complete count are kept for comparison.
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
        self.browse = None;
        self.census = Census::default();
        self.under_way = None;
        (self.more, self.shown) = (0, 0);
    }

    /// Dentries by row name.
    fn totals(&self) -> HashMap<OsString, u64> {
        let rows = self.census.rows.iter();
        rows.map(|row| (row.name.clone(), row.below.total))
            .collect()
    }

    /// Stores the new count of one row; the directory's figures change by the difference.
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

    /// Stores the progress of the census.
    pub fn take(&mut self, part: Part) {
        self.census.rows = part.rows;
        self.more = part.more;
        self.census.here = *part.so_far;
        self.under_way = part.under_way.as_ref().map(|(name, _)| name.clone());
        if let Some((name, below)) = part.under_way {
            self.census.rows.push(DirectoryCount {
                name,
                own: Counters::default(),
                below,
                in_use: false,
                partial: true,
                changed: false,
            });
        }
    }

    /// The census ends.
    pub fn finish(&mut self, census: Census, at: Duration) {
        let stopping = matches!(self.state, State::Counting { stopping: true, .. });
        let end = match census.partial {
            false => End::Whole,
            true if stopping => End::Cancelled,
            true => End::Partial,
        };
        self.more = census.more;
        self.census = census;
        self.under_way = None;
        self.add_here();
        self.state = State::Counted { at, end };
    }

    /// The census fails. Its figures so far stay.
    pub fn fail(&mut self, error: LookError, at: Duration) {
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

    /// Adds the row of what no other row counts.
    fn add_here(&mut self) {
        let here = here(&self.census);
        if here.below.total > 0 {
            self.census.rows.push(here);
        }
    }

    /// Sorts the rows, those that `order` shows in front.
    pub fn arrange(&mut self, order: &Order, sizes: Sizes) {
        if let Some(listed) = self.listed_mut() {
            listed.arrange(order);
        }
        let mut rows = std::mem::take(&mut self.census.rows);
        rows.sort_by_cached_key(|row| order.key(&self.line(row, sizes)));
        self.shown = rows.partition_point(|row| order.shows(&row.name));
        let bars = rows.iter().map(|row| order.bar(&self.line(row, sizes)));
        self.whole = bars.fold(0, u128::saturating_add);
        self.census.rows = rows;
    }
}

/// What is directly in the directory: all that its rows do not count, among it the directories of
/// the rows themselves.
fn here(census: &Census) -> DirectoryCount {
    let rows = census.rows.iter();
    let here = rows.fold(census.here, |here, row| minus(here, &row.below));
    DirectoryCount {
        name: OsString::new(),
        own: here,
        below: here,
        in_use: false,
        partial: census.partial,
        changed: census.changed && !census.rows.iter().any(|row| row.changed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::base::filter::Filter;
    use crate::kernel::session::plus;
    use crate::kernel::source::mounts;
    use crate::ui::model::{TREE_SHAPES, TreeColumn};

    fn place() -> Place {
        let mounts = mounts::parse(b"1 0 8:1 / / rw - ext4 /dev/vda1 rw\n").unwrap();
        Place::new("/".into(), mounts[0].clone())
    }

    fn counters((negative, in_use, unused): (u32, u32, u32)) -> Counters {
        let [negative, in_use, unused] = [negative, in_use, unused].map(u64::from);
        Counters {
            total: negative + in_use + unused,
            negative,
            in_use,
            prunable: negative + unused,
            inodes: in_use + unused,
            ..Default::default()
        }
    }

    fn row(at: usize, below: Counters) -> DirectoryCount {
        DirectoryCount {
            name: format!("dir{at}").into(),
            own: below,
            below,
            in_use: false,
            partial: false,
            changed: false,
        }
    }

    /// Reports the rows in parts of `step`, each with the next one under way.
    fn told(rows: &[DirectoryCount], step: usize, here: Counters) -> Place {
        let mut place = place();
        place.begin(1, Duration::ZERO);
        for (at, part) in rows.chunks(step).enumerate() {
            let next = rows.get((at + 1) * step);
            let so_far = at * step + part.len();
            place.take(Part {
                rows: rows[..so_far].to_vec(),
                under_way: next.map(|row| (row.name.clone(), Counters::default())),
                ..Part::default()
            });
        }
        let census = Census {
            here,
            rows: rows.to_vec(),
            ..Census::default()
        };
        place.finish(census, Duration::from_secs(1));
        place
    }

    proptest! {
        #[test]
        fn each_row_is_there_once_however_the_census_reports_it(
            figures in vec((0_u32..9, 0_u32..9, 0_u32..9), 0..40),
            directly in (0_u32..9, 0_u32..9, 0_u32..9),
            step in 1_usize..9,
        ) {
            let rows: Vec<_> = figures.into_iter().map(counters).enumerate()
                .map(|(at, below)| row(at, below)).collect();
            let here = rows.iter().fold(counters(directly), |sum, row| plus(sum, &row.below));
            let place = told(&rows, step, here);
            let sum = place.census.rows.iter().fold(Counters::default(), |sum, row| plus(sum, &row.below));
            prop_assert_eq!(sum, here);
            for row in &rows {
                let same = place.census.rows.iter().filter(|other| *other == row);
                prop_assert_eq!(same.count(), 1);
            }
        }

        #[test]
        fn shown_rows_match_the_filter_and_are_in_order(
            figures in vec((0_u32..9, 0_u32..9, 0_u32..9), 1..40),
            column in 0..TREE_SHAPES.len(),
            (reverse, directories_first) in (any::<bool>(), any::<bool>()),
            filter in "[0-9]?",
        ) {
            let rows: Vec<_> = figures.into_iter().map(counters).enumerate()
                .map(|(at, below)| row(at, below)).collect();
            let here = counters((99, 0, 0));
            let here = rows.iter().fold(here, |sum, row| plus(sum, &row.below));
            let mut place = told(&rows, 7, here);
            let shape = &TREE_SHAPES[column];
            let order = Order {
                sort: shape.column,
                reverse,
                directories_first,
                filter: Filter::new(filter.clone()),
            };
            let sizes = Sizes::default();
            place.arrange(&order, sizes);
            let fits = |row: &&DirectoryCount| row.name.to_string_lossy().contains(&filter);
            let fitting = place.census.rows.iter().filter(fits).count();
            prop_assert_eq!(place.rows().len(), fitting);
            prop_assert_eq!(place.rows().iter().filter(fits).count(), fitting);
            for pair in place.rows().windows(2).filter(|pair| {
                !directories_first || !pair[1].name.is_empty()
            }) {
                let [one, two] = [&pair[0], &pair[1]].map(|row| (shape.figure)(&place.line(row, sizes)));
                let sorted = if reverse { one <= two } else { one >= two };
                prop_assert!(sorted);
                if shape.column == TreeColumn::Name {
                    prop_assert_eq!(pair[0].name > pair[1].name, reverse);
                }
            }
        }
    }
}
