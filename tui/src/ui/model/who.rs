//! The who screen: the processes that fill a cache, by a trace in the kernel.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use crate::base::filter::Filter;
use crate::base::text::printable;
use crate::cache::who::{Identity, Reading, Row, Spec};
use crate::ui::screen::Screen;

/// Upper bound on the time of a trace.
pub const WATCH_LIMIT: Duration = Duration::from_secs(300);

/// Readings that a row's small chart shows.
pub const PAST: usize = 8;

/// Identity of a row from one reading to the next.
pub type WhoId = (u32, Option<Identity>);

/// Identity of a row.
pub fn who_id(row: &Row) -> WhoId {
    let directory = row.directory.as_ref();
    (row.process.pid, directory.map(|of| of.identity.clone()))
}

/// The question before anything is armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmWho {
    /// The subject of the trace.
    pub spec: Spec,
}

/// State of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchState {
    /// It was requested.
    Arming,
    /// The kernel counts.
    Running,
    /// Its end was requested.
    Stopping,
    /// Nothing is armed any more.
    Ended,
}

/// A trace, under way or the last one.
#[derive(Debug)]
pub struct Watching {
    /// Number of the trace.
    pub job: u64,
    /// The subject of the trace.
    pub spec: Spec,
    /// Its state.
    pub state: WatchState,
    /// When the kernel began to count, since the start.
    pub since: Duration,
    /// When it was last read, since the start.
    pub at: Duration,
    /// The tracing method, and what it does not report.
    pub means: String,
    /// The counts.
    pub reading: Reading,
    /// How long the last reading took.
    pub took: Duration,
    /// Events per second, between the last two readings.
    pub rate: f64,
    /// Why it ended, if neither its time was over nor the user ended it.
    pub error: Option<String>,
    courses: HashMap<WhoId, Course>,
}

/// A row over time.
#[derive(Clone, Debug, Default)]
pub struct Course {
    made: u64,
    /// Objects made per second, between the last two readings.
    pub rate: f64,
    /// Objects made between two readings, the oldest first.
    pub past: VecDeque<u64>,
}

impl Watching {
    /// A trace that was requested.
    pub fn new(job: u64, spec: Spec) -> Self {
        Self {
            job,
            spec,
            state: WatchState::Arming,
            since: Duration::ZERO,
            at: Duration::ZERO,
            means: String::new(),
            reading: Reading::default(),
            took: Duration::ZERO,
            rate: 0.0,
            error: None,
            courses: HashMap::new(),
        }
    }

    /// Whether anything is armed.
    pub fn is_on(&self) -> bool {
        self.state != WatchState::Ended
    }

    /// How long the kernel has counted.
    pub fn lasted(&self) -> Duration {
        self.at.saturating_sub(self.since)
    }

    /// Stores a reading.
    pub fn read(&mut self, at: Duration, reading: Reading, took: Duration) {
        let elapsed = at.saturating_sub(self.at).as_secs_f64();
        let per_second = |more: u64| {
            if elapsed > 0.0 {
                more as f64 / elapsed
            } else {
                0.0
            }
        };
        self.rate = per_second(reading.events.saturating_sub(self.reading.events));
        let mut before = std::mem::take(&mut self.courses);
        for row in &reading.rows {
            let id = who_id(row);
            let mut course = before.remove(&id).unwrap_or_default();
            let more = row.made.saturating_sub(course.made);
            course.rate = per_second(more);
            course.made = row.made;
            if course.past.len() == PAST {
                course.past.pop_front();
            }
            course.past.push_back(more);
            self.courses.insert(id, course);
        }
        (self.at, self.reading, self.took) = (at, reading, took);
    }

    /// A row over time.
    pub fn course(&self, row: &Row) -> Option<&Course> {
        self.courses.get(&who_id(row))
    }

    /// The rows with a directory at or below `path`, those that made the most first.
    pub fn below(&self, path: &Path) -> impl Iterator<Item = &Row> {
        self.reading.rows.iter().filter(move |row| {
            let directory = row.directory.as_ref();
            let of = directory.and_then(|directory| directory.path.as_deref());
            of.is_some_and(|of| of.starts_with(path))
        })
    }
}

/// Sort key of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhoOrder {
    /// Number of objects made.
    #[default]
    Made,
    /// Number made per second.
    Rate,
    /// Remainder: absent names of dentries; for a cache, objects made and not freed.
    Left,
    /// The processes' names.
    Process,
}

impl WhoOrder {
    /// The next key.
    pub fn next(self) -> Self {
        match self {
            Self::Made => Self::Rate,
            Self::Rate => Self::Left,
            Self::Left => Self::Process,
            Self::Process => Self::Made,
        }
    }

    /// Its name in the title.
    pub fn words(self, cache: bool) -> &'static str {
        match self {
            Self::Made => "number created",
            Self::Rate => "creation rate",
            Self::Left if cache => "number not freed",
            Self::Left => "negative names",
            Self::Process => "process",
        }
    }
}

/// The open files of a process.
#[derive(Debug)]
pub struct Opened {
    /// Number of the scan.
    pub job: u64,
    /// The process's name on the screen.
    pub name: String,
    /// The lines; None: the scan is under way.
    pub lines: Option<Vec<String>>,
    /// Lines above those in sight.
    pub scroll: usize,
}

/// The page, kept for the session.
#[derive(Debug, Default)]
pub struct WhoPage {
    /// The screen that it covers.
    pub over: Option<Screen>,
    /// The watch, or the last one.
    pub watching: Option<Watching>,
    /// Sort key of the rows.
    pub order: WhoOrder,
    /// Filter of the rows.
    pub filter: Filter,
    /// Rows that are shown, by their index in the reading.
    pub rows: Vec<usize>,
    /// Index of the selected row.
    pub at: usize,
    /// The open files of a process, if they are shown.
    pub opened: Option<Opened>,
    selected: Option<WhoId>,
}

impl WhoPage {
    /// The row of a line.
    pub fn row(&self, at: usize) -> Option<&Row> {
        self.watching
            .as_ref()?
            .reading
            .rows
            .get(*self.rows.get(at)?)
    }

    /// The selected row.
    pub fn selected(&self) -> Option<&Row> {
        self.row(self.at)
    }

    /// The text of a line that filter and search match.
    pub fn words(&self, at: usize) -> Option<String> {
        self.row(at).map(words)
    }

    /// Selects a line.
    pub fn select(&mut self, at: usize) {
        self.at = at;
        self.selected = self.selected().map(who_id);
    }

    /// Filters and sorts the rows; the selection stays with its row.
    pub fn arrange(&mut self) {
        let Some(watching) = &self.watching else {
            self.rows.clear();
            return;
        };
        let all = &watching.reading.rows;
        let shown = |at: &usize| self.filter.is_none() || self.filter.fits(&words(&all[*at]));
        let mut rows: Vec<usize> = (0..all.len()).filter(shown).collect();
        let key = |at: &usize| {
            let row = &all[*at];
            match self.order {
                WhoOrder::Made | WhoOrder::Process => row.made,
                WhoOrder::Rate => watching.course(row).map_or(0, |course| course.rate as u64),
                WhoOrder::Left => row
                    .absent
                    .or(row.freed.map(|freed| row.made.saturating_sub(freed)))
                    .unwrap_or(row.made),
            }
        };
        rows.sort_by_cached_key(|at| Reverse(key(at)));
        if self.order == WhoOrder::Process {
            rows.sort_by_cached_key(|at| all[*at].process.name.clone());
        }
        let found = self
            .selected
            .as_ref()
            .and_then(|id| rows.iter().position(|at| who_id(&all[*at]) == *id));
        self.at = found.unwrap_or(self.at).min(rows.len().saturating_sub(1));
        self.rows = rows;
    }
}

/// The text that the filter matches.
fn words(row: &Row) -> String {
    let process = &row.process;
    let directory = row.directory.as_ref();
    let path = directory.map(|of| {
        of.path
            .as_ref()
            .map_or_else(|| printable(&of.name), printable)
    });
    format!(
        "{}[{}] {} {} {}",
        printable(&process.name),
        process.pid,
        printable(&process.command),
        process.group().unwrap_or_default(),
        path.unwrap_or_default(),
    )
}
