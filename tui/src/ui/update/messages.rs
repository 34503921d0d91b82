//! What comes in and what goes out: messages and effects.

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

/// What happened. Times are since the start of the program.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse was moved or clicked.
    Mouse(MouseEvent),
    /// A text was pasted, and the terminal said that it was (bracketed paste).
    Pasted(String),
    /// A frame was drawn of what is in the model.
    Drawn,
    /// Nothing more was typed for a moment, after that was asked for.
    Idle {
        /// With the number of [`crate::ui::model::Asking::waits`].
        asked: u64,
    },
    /// The screen was given back for a while.
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
        /// They, or why there are none; None: it was ended.
        result: Result<Option<Cgroups>, CgroupsError>,
    },
    /// What the start of the program did to the number of all dentries.
    Started {
        /// So many more.
        dentries: i64,
    },
    /// The directory given on the command line is to be shown.
    Open(PathBuf),
    /// A job has come so far.
    Progress {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// Counted or moved so far.
        so_far: Box<Counters>,
    },
    /// A census has come so far.
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
        /// What a prune would do below each directory, or why that is not known.
        result: Result<Option<Vec<PrunePlan>>, LookError>,
    },
    /// Who holds what is below directories was looked for.
    Held {
        /// The job's number.
        job: u64,
        /// Who does, or why that cannot be seen.
        result: std::io::Result<Holders>,
    },
    /// What is cached below the directories of a prune was counted again.
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
        /// Taken right before.
        sample: Box<Sample>,
    },
    /// A prune has ended, below one directory.
    Pruned {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// What became of it.
        pruned: Box<prune::PruneReport>,
        /// No other directory follows.
        last: bool,
    },
    /// All filesystems are being counted, or were.
    Hotspots(HotspotsMsg),
    /// Something about who fills a cache.
    Who(WhoMsg),
    /// Something became of reading a directory.
    Browse(BrowseMsg),
    /// Something became of a directory's negative names.
    Names(NamesMsg),
    /// The ladder for the plan that is being made.
    Ladder(Vec<Step>),
    /// Something became of a wider rung of the ladder.
    Rung(RungMsg),
    /// Something became of the kernel's settings.
    Settings(SettingsMsg),
    /// The attributes of a cache were read.
    Attributes {
        /// The cache's name.
        cache: String,
        /// They, or why there are none.
        result: Result<Attributes, SourceError>,
    },
}

/// What is to be done outside of the model.
#[derive(Debug)]
pub enum Effect {
    /// Leave.
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
        /// Tell the directories in it one by one.
        rows: bool,
        /// Look the path up if it cannot be reached by what is cached.
        lookup: bool,
    },
    /// Find out what a prune would do.
    Plan {
        /// The job's number.
        job: u64,
        /// The directories.
        paths: Vec<PathBuf>,
        /// Of an overlay's layers: those that are not there are left out.
        layers: bool,
    },
    /// Find out who holds what is below directories.
    Holders {
        /// The job's number.
        job: u64,
        /// The directories.
        below: Vec<PathBuf>,
    },
    /// Count again what was pruned.
    Recount {
        /// The job's number.
        job: u64,
        /// Below which directories.
        below: Vec<PathBuf>,
        /// What was pruned.
        mode: session::PruneMode,
    },
    /// Prune. Comes out of [`crate::ui::model::InputMode::Confirm`] alone.
    Prune {
        /// The job's number.
        job: u64,
        /// The plans that were on the screen, to be carried out one after the other.
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
    /// Read a directory where there is no module.
    Browse(BrowseEffect),
    /// Do something for the page of negative names.
    Names(NamesEffect),
    /// Read the attributes of a cache.
    ReadAttributes {
        /// Its name.
        cache: String,
    },
    /// Find out what a wider rung of the ladder would reach.
    PlanRung {
        /// The job's number.
        job: u64,
        /// The requested rung.
        ask: Ask,
    },
    /// Carry such a plan out. Comes out of [`crate::ui::model::InputMode::ConfirmRung`] alone.
    Rung {
        /// The job's number.
        job: u64,
        /// The plan that was on the screen.
        plan: RungPlan,
    },
    /// Read the kernel's settings.
    ReadSettings,
    /// Change one. Comes out of [`crate::ui::model::InputMode::Settings`] alone.
    Change {
        /// Which of [`crate::reclaim::tune::SETTINGS`].
        which: usize,
        /// The value that was on the screen.
        to: u64,
    },
    /// Something to be done about who fills a cache.
    Who(WhoEffect),
    /// Sample now.
    Refresh,
    /// Sample so often from now on.
    Interval(Duration),
    /// Take the mouse, or give it back.
    Mouse(bool),
    /// Give the terminal back and stop, until the shell continues the program.
    Suspend,
}
