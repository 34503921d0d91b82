//! Messages in, effects out.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};

use super::browse::{BrowseEffect, BrowseMsg};
use super::hotspots::HotspotsMsg;
use super::names::{NamesEffect, NamesMsg};
use super::rung::RungMsg;
use super::settings::SettingsMsg;
use super::who::{WhoEffect, WhoMsg};
use crate::cache::census::Census;
use crate::cache::holders::Holders;
use crate::kernel::session::{self, Counters};
use crate::kernel::source::{Attributes, Cgroups, CgroupsError, Gap, Mount, Sample, SourceError};
use crate::kernel::target::LookError;
use crate::reclaim::ladder::Step;
use crate::reclaim::prune::{self, PrunePlan, Task};
use crate::ui::model::{Ask, Part, RungPlan};

/// An event. Times are since the start of the program.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse was moved or clicked.
    Mouse(MouseEvent),
    /// A text was pasted, and the terminal said that it was (bracketed paste).
    Pasted(String),
    /// A frame with the current model was drawn.
    Drawn,
    /// No more input arrived for a moment after the request.
    Idle {
        /// The number of [`crate::ui::model::Asking::waits`].
        asked: u64,
    },
    /// The terminal was released for a while.
    Hidden,
    /// The terminal has this many columns and rows.
    Size(u16, u16),
    /// A sample was taken.
    Sample {
        /// Time since the start of the program.
        at: Duration,
        /// The figures.
        sample: Box<Sample>,
    },
    /// Settings were saved in this file, or why they were not.
    Saved(Result<PathBuf, String>),
    /// A moment has passed while the user waits.
    Tick {
        /// Time since the start of the program.
        at: Duration,
    },
    /// The wall clock.
    Clock {
        /// Time since the start of the program.
        at: Duration,
        /// The local time of the day.
        clock: jiff::civil::Time,
    },
    /// The mounts were read.
    Mounts(Result<Vec<Mount>, SourceError>),
    /// The mounts of a process were read.
    MountsOf {
        /// Process id.
        pid: u32,
        /// Its name and its mounts.
        result: Result<(String, Vec<Mount>), SourceError>,
    },
    /// The lines of mountinfo that were not understood: before the mounts.
    MountsGap(Option<Gap>),
    /// What the shrinkers of superblocks could free, by superblock, or why that is not known.
    Freeable(HashMap<Arc<str>, Result<u64, String>>),
    /// The cgroups were read.
    Cgroups {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// The cgroups, or why there are none; None: the reading was ended.
        result: Result<Option<Cgroups>, CgroupsError>,
    },
    /// Effect of the program's start on the number of all dentries.
    Started {
        /// The increase.
        dentries: i64,
    },
    /// Shows the directory given on the command line.
    Open(PathBuf),
    /// Progress of a job.
    Progress {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// Counted or moved so far.
        so_far: Box<Counters>,
    },
    /// Progress of a census.
    Counting {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// What it found since the last such message.
        part: Box<Part>,
    },
    /// A census has ended.
    Counted {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// The figures, or why there are none.
        result: Result<Census, LookError>,
    },
    /// A dry run has ended; None if it was cancelled.
    Planned {
        /// The job's number.
        job: u64,
        /// A plan for each directory, or why there is none.
        result: Result<Option<Vec<PrunePlan>>, LookError>,
    },
    /// The scan for processes that hold what is below directories has ended.
    Held {
        /// The job's number.
        job: u64,
        /// The holders, or why they cannot be seen.
        result: std::io::Result<Holders>,
    },
    /// The count of the dentries below the directories of a prune has ended.
    Recounted {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// Dentries of the kind that was pruned; None: it was ended early.
        result: Result<Option<u64>, LookError>,
    },
    /// A prune begins, below the first directory or the next.
    PruneBegan {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// Wall-clock time of its beginning, as text.
        clock: String,
        /// Sample from right before it.
        sample: Box<Sample>,
    },
    /// A prune has ended, below one directory.
    Pruned {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// Its report.
        pruned: Box<prune::PruneReport>,
        /// It was the last directory.
        last: bool,
    },
    /// News of the count of all filesystems.
    Hotspots(HotspotsMsg),
    /// News of a trace.
    Who(WhoMsg),
    /// News of reading a directory.
    Browse(BrowseMsg),
    /// News of a directory's negative names.
    Names(NamesMsg),
    /// The ladder for the plan under way.
    Ladder(Vec<Step>),
    /// News of a wider rung of the ladder.
    Rung(RungMsg),
    /// News of the kernel's settings.
    Settings(SettingsMsg),
    /// The attributes of a cache were read.
    Attributes {
        /// The cache's name.
        cache: String,
        /// The attributes, or why there are none.
        result: Result<Attributes, SourceError>,
    },
}

/// A job outside of the model.
#[derive(Debug)]
pub enum Effect {
    /// Quit the program.
    Quit,
    /// Read the mounts.
    ReadMounts,
    /// Read the mounts of a process.
    ReadMountsOf {
        /// Process id.
        pid: u32,
    },
    /// Read what the shrinkers of superblocks could free.
    ReadFreeable,
    /// Read the cgroups.
    ReadCgroups {
        /// The job's number.
        job: u64,
    },
    /// Count what is cached below a directory.
    Census {
        /// The job's number.
        job: u64,
        /// The directory.
        path: PathBuf,
        /// Report the directories in it one by one.
        rows: bool,
        /// Look the path up if it cannot be reached by what is cached.
        lookup: bool,
    },
    /// Compute what a prune would do.
    Plan {
        /// The job's number.
        job: u64,
        /// The directories.
        paths: Vec<PathBuf>,
        /// The directories are an overlay's layers: missing ones are left out.
        layers: bool,
    },
    /// Scan for processes that hold what is below directories.
    Holders {
        /// The job's number.
        job: u64,
        /// The directories.
        below: Vec<PathBuf>,
    },
    /// Count again below the directories of the last prune.
    Recount {
        /// The job's number.
        job: u64,
        /// The directories.
        below: Vec<PathBuf>,
        /// Mode of the prune.
        mode: session::PruneMode,
    },
    /// Prune. Only [`crate::ui::model::InputMode::Confirm`] leads to it.
    Prune {
        /// The job's number.
        job: u64,
        /// The plans that were on the screen, carried out one after the other.
        tasks: Vec<Task>,
        /// The mode chosen.
        mode: session::PruneMode,
        /// Dirty files are written first.
        writeback: bool,
    },
    /// End a job early, if it has not ended.
    Cancel {
        /// The job's number.
        job: u64,
    },
    /// Find the directories that hold the most, over all filesystems.
    Hotspots {
        /// The job's number.
        job: u64,
    },
    /// Read a directory without a reader that counts.
    Browse(BrowseEffect),
    /// A job for the page of negative names.
    Names(NamesEffect),
    /// Read the attributes of a cache.
    ReadAttributes {
        /// Its name.
        cache: String,
    },
    /// Plan a wider rung of the ladder.
    PlanRung {
        /// The job's number.
        job: u64,
        /// The requested rung.
        ask: Ask,
    },
    /// Carry such a plan out. Only [`crate::ui::model::InputMode::ConfirmRung`] leads to it.
    Rung {
        /// The job's number.
        job: u64,
        /// The plan that was on the screen.
        plan: RungPlan,
    },
    /// Read the kernel's settings.
    ReadSettings,
    /// Change a setting. Only [`crate::ui::model::InputMode::Settings`] leads to it.
    Change {
        /// Index in [`crate::reclaim::tune::SETTINGS`].
        which: usize,
        /// The value that was on the screen.
        to: u64,
    },
    /// A job for a trace.
    Who(WhoEffect),
    /// Sample now.
    Refresh,
    /// Sample at this interval from now on.
    Interval(Duration),
    /// Save settings: keys of the configuration's file, and values.
    Save(Vec<(&'static str, String)>),
    /// Copy to the terminal's clipboard.
    Copy(String),
    /// Take the mouse, or release it.
    Mouse(bool),
    /// Restore the terminal and stop, until the shell continues the program.
    Suspend,
}
