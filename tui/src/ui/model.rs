//! Everything on the screen, as data. Only [`crate::ui::update`] changes it.

mod asking;
mod browse;
mod cgroups;
mod charts;
mod detail;
mod filesystems;
mod grid;
mod hotspots;
mod journal;
mod ledger;
mod names;
mod place;
mod prune;
mod refill;
mod rows;
mod rung;
mod slabs;
mod tree;
mod tree_columns;
mod tree_order;
mod who;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use asking::{Answer, Asking, InSight, Question};
pub use browse::{Browse, Listed};
pub use cgroups::{CGROUP_COLUMNS, CgroupRow, CgroupsPage, growth_text};
pub use charts::{Charts, Window};
pub use detail::Detail;
pub use filesystems::{FILESYSTEM_COLUMNS, Filesystem, FilesystemsPage};
pub use grid::{GridColumn, GridOrder, grid_fitting};
pub use hotspots::{HotspotsPage, Hunt};
pub use journal::Journal;
pub use ledger::{Ledger, difference, part_of, pending, reasons};
pub use names::{Export, Focus, Names, NamesState};
pub use place::{End, KEPT, Part, Place, State};
pub use prune::{Confirm, Figures, Held, Pruning, Turn, TurnEnd, bytes as prune_bytes};
pub use refill::Refill;
pub use rung::{Ask, ConfirmRung, Origin, RungLedger, RungPlan, RunningRung, Setting, Settings};
pub use slabs::Slabs;
pub use tree::{Left, Marked, Namespace, Total, Tree};
pub use tree_columns::{
    Sizes, TREE_NAME, TREE_SHAPES, TreeColumn, TreeLine, TreeShape, bar_width, tree_fitting,
};
pub use tree_order::Order;
pub use who::{
    ConfirmWho, Course, Opened, PAST, WATCH_LIMIT, WatchState, Watching, WhoId, WhoOrder, WhoPage,
    who_id,
};

use crate::base::filter::Filter;
use crate::cache::history::{History, Rates};
use crate::kernel::session::Counters;
use crate::kernel::source::{Cache, Mount, Sample};
use crate::reclaim::Progress;
use crate::reclaim::ladder::{Rung, Step};
pub use crate::ui::columns::{Column, Line, Row, Shape, fitting};
use crate::ui::config::Kept;
use crate::ui::keymap::Keymap;
use crate::ui::look::Look;
pub use crate::ui::screen::{Page, Screen};

/// The machine on the screen.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// The kernel's release.
    pub kernel: String,
    /// Bytes in a page of this machine, which the module counts. That of a capture is in its
    /// [`Sample`].
    pub page_size: u64,
}

impl Host {
    /// The word that confirms an action on the whole machine: its name up to the first dot, or
    /// `all` if that cannot be typed.
    pub fn word(&self) -> &str {
        let name = self.name.split('.').next().unwrap_or_default();
        match name.chars().all(|c| c.is_ascii_graphic()) && !name.is_empty() {
            true => name,
            false => "all",
        }
    }
}

/// Why no action is allowed: no prune, no shrink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inert {
    /// The figures are from files below this directory, not from this machine. Nothing queries the
    /// running kernel either.
    Captured(PathBuf),
    /// The user requested it: `--read-only`, or `read-only` in the configuration.
    ReadOnly,
}

/// The current purpose of the keys.
#[derive(Debug)]
pub enum InputMode {
    /// They move on the screen.
    Browse,
    /// They type the filter of the slab screen.
    Filter,
    /// They type a path, or a process, to go to.
    Jump {
        /// The text so far.
        text: String,
        /// The text is the program's proposal: the first key replaces it.
        offered: bool,
    },
    /// They type the name of what to go to, or to do.
    Palette {
        /// The text so far.
        text: String,
        /// The selected line of what matches it.
        at: usize,
    },
    /// They type a text to find in the list, or go from match to match.
    Search {
        /// The text so far: as in a filter.
        text: String,
        /// Index of the row that was selected before.
        from: usize,
        /// The text is typed; else it stands, and keys go from match to match.
        typing: bool,
    },
    /// They choose the sort key of the table.
    SortMenu {
        /// The line of the menu.
        at: usize,
    },
    /// They scroll the details of one cache.
    Detail,
    /// They move on the page of negative names.
    Names,
    /// They move on the page of hotspots.
    Hotspots,
    /// They move on the who screen.
    Who,
    /// A plan for a trace is shown: the only way to start one.
    ConfirmWho(Box<ConfirmWho>),
    /// They type the path of the file that names are exported to.
    Export(Box<Export>),
    /// They scroll the help, or close it.
    Help {
        /// Lines of it that are above the screen.
        scroll: u16,
        /// Only lines with this text are shown.
        text: String,
        /// The text is typed.
        typing: bool,
    },
    /// A dry run is under way, for a plan.
    Planning {
        /// Number of the worker's job.
        job: u64,
        /// The directories to plan for.
        paths: Vec<PathBuf>,
        /// The mode that the plan will have at first.
        mode: crate::kernel::session::PruneMode,
        /// Counted so far.
        so_far: Box<Counters>,
    },
    /// A plan is shown: the only way to a prune.
    Confirm(Box<Confirm>),
    /// A prune is under way.
    Pruning(Box<Pruning>),
    /// The ledger of the last prune is shown.
    Ledger,
    /// A plan for a wider rung of the ladder is being made.
    PlanningRung {
        /// Number of the worker's job.
        job: u64,
        /// The requested rung.
        ask: Ask,
        /// Where the plan was requested.
        from: Origin,
        /// Its progress.
        progress: Progress,
    },
    /// A plan for a wider rung is shown: the only way to carry it out.
    ConfirmRung(Box<ConfirmRung>),
    /// A wider rung is being carried out.
    RunningRung(Box<RunningRung>),
    /// The ledger of a wider rung is shown.
    RungLedger(Box<RungLedger>),
    /// The kernel's settings are shown: the only way to a change.
    Settings(Box<Settings>),
    /// Something under way would end: the program asks whether to quit.
    Leave,
    /// An action failed.
    Failed {
        /// The action.
        what: &'static str,
        /// Why, with the remedy.
        error: String,
    },
}

/// A sample with the rates that lead to it, shown as one.
#[derive(Clone, Debug)]
pub struct Shown {
    /// When it was taken, since the start of the program.
    pub at: Duration,
    /// The figures.
    pub sample: Sample,
    /// Change per second.
    pub rates: Rates,
}

/// The whole state of the program.
#[derive(Debug)]
pub struct Model {
    /// The machine.
    pub host: Host,
    /// The program's working directory, the base of relative paths; empty: it is not known.
    pub directory: PathBuf,
    /// Glyphs and colours for this terminal.
    pub look: Look,
    /// Keys and their actions by scope.
    pub keymap: Keymap,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The screen shown.
    pub screen: Screen,
    /// The purpose of the keys.
    pub mode: InputMode,
    /// The question on the screen, and how much of it was seen.
    pub asking: Asking,
    /// Time of the last message that had one, since the start.
    pub now: Duration,
    /// The wall clock at a time since the start, for charts; None: it is not known.
    pub clock: Option<(Duration, jiff::civil::Time)>,
    /// The sample that is shown. None until the first arrives.
    pub shown: Option<Arc<Shown>>,
    /// The newest sample, which is also the shown one unless the screen is frozen.
    pub latest: Option<Arc<Shown>>,
    /// The screen shows the sample of this time and no later one.
    pub frozen: Option<Duration>,
    /// Points for the charts.
    pub history: History,
    /// The part of it that the history screen shows.
    pub charts: Charts,
    /// The slab screen.
    pub slabs: Slabs,
    /// The tree screen.
    pub tree: Tree,
    /// The screen of filesystems.
    pub filesystems: FilesystemsPage,
    /// The screen of cgroups.
    pub cgroups: CgroupsPage,
    /// The page that covers the tree screen.
    pub page: Option<Page>,
    /// The negative names of a directory.
    pub names: Option<Names>,
    /// The who screen.
    pub who: WhoPage,
    /// Dentries that the program's own start made.
    pub started: Option<i64>,
    /// What the prunes of this session did, oldest first.
    pub ledgers: Vec<Ledger>,
    /// The one of them that was opened again; None: the last.
    pub reopened: Option<usize>,
    /// The directories that hold the most, over all filesystems.
    pub hotspots: HotspotsPage,
    /// The rungs of the ladder for the last plan.
    pub ladder: Vec<Step>,
    /// All actions of this session.
    pub journal: Journal,
    /// Directories of the tree that are marked for one plan.
    pub marks: BTreeMap<PathBuf, Marked>,
    /// Why no action is allowed; None: actions are allowed.
    pub inert: Option<Inert>,
    /// Time between two samples.
    pub interval: Duration,
    /// The program takes the mouse; None: this terminal has none.
    pub mouse: Option<bool>,
    /// Since when something is under way that the user waits for.
    pub waiting: Option<Duration>,
    /// The settings of the configuration's file, or from before they were saved.
    pub kept: Kept,
    /// A notice for the user about the last key.
    pub notice: Option<String>,
    /// Number of the worker's last job.
    pub last_job: u64,
}

impl Model {
    /// Nothing sampled yet, on the slab screen.
    pub fn new(host: Host, look: Look, size: (u16, u16)) -> Self {
        Self {
            host,
            directory: PathBuf::new(),
            look,
            keymap: Keymap::default(),
            size,
            screen: Screen::Slabs,
            mode: InputMode::Browse,
            asking: Asking::default(),
            now: Duration::ZERO,
            clock: None,
            shown: None,
            latest: None,
            frozen: None,
            history: History::default(),
            charts: Charts::default(),
            slabs: Slabs::default(),
            tree: Tree::default(),
            filesystems: FilesystemsPage::default(),
            cgroups: CgroupsPage::default(),
            page: None,
            names: None,
            who: WhoPage::default(),
            started: None,
            hotspots: HotspotsPage::default(),
            ledgers: Vec::new(),
            reopened: None,
            ladder: Vec::new(),
            journal: Journal::default(),
            marks: BTreeMap::new(),
            inert: None,
            interval: Duration::from_secs(1),
            mouse: None,
            waiting: None,
            kept: Kept {
                interval: Duration::from_secs(1),
                theme: look.theme(),
                columns: Vec::new(),
                sort: Column::Size,
                reverse: false,
                mouse: None,
            },
            notice: None,
            last_job: 0,
        }
    }

    /// Arranges the rows of the screens of filesystems and cgroups, whichever is shown.
    pub fn arrange_grid(&mut self) {
        match self.screen {
            Screen::Filesystems => self.arrange_filesystems(),
            Screen::Cgroups => self.cgroups.arrange(),
            Screen::Slabs | Screen::Tree | Screen::History => {}
        }
    }

    /// A number for another job of the worker.
    pub fn next_job(&mut self) -> u64 {
        self.last_job += 1;
        self.last_job
    }

    /// Arranges the rows of the slab table.
    pub fn arrange(&mut self) {
        self.slabs.arrange(self.shown.as_deref());
    }

    /// The cache of a row of the slab table, with all that its columns show.
    pub fn line(&self, row: usize) -> Option<Line<'_>> {
        let shown = self.shown.as_deref()?;
        let row = self.slabs.rows.get(row)?;
        Some(Line {
            cache: shown.sample.caches.as_ref().ok()?.get(row.index)?,
            row,
            elapsed: shown.rates.elapsed,
            page_size: shown.sample.page_size,
        })
    }

    /// The caches of the slab table, in its order.
    pub fn caches(&self) -> Vec<&Cache> {
        let rows = 0..self.slabs.rows.len();
        rows.filter_map(|row| Some(self.line(row)?.cache)).collect()
    }

    /// The selected cache.
    pub fn selected_cache(&self) -> Option<&Cache> {
        Some(self.line(self.slabs.at)?.cache)
    }

    /// The purpose of the keys once a box over the screen is closed.
    pub fn below(&self) -> InputMode {
        match (self.screen, self.page) {
            _ if self.who_is_shown() => InputMode::Who,
            (Screen::Slabs, _) if self.slabs.detail.is_some() => InputMode::Detail,
            (Screen::Tree, Some(Page::Names)) => InputMode::Names,
            (Screen::Tree, Some(Page::Hotspots)) => InputMode::Hotspots,
            _ => InputMode::Browse,
        }
    }

    /// The rung of the plan on the screen; for a plan below a directory, the widest of those.
    pub fn rung(&self) -> Option<Rung> {
        match &self.mode {
            InputMode::Confirm(_) => Some(Rung::Pages),
            InputMode::ConfirmRung(confirm) => Some(confirm.plan.ask.rung()),
            _ => None,
        }
    }

    /// The rungs other than prunes below a directory, as the plan on the screen lists them. The
    /// superblock is that of the directory, and the last rung removes names of it.
    pub fn beside(&self) -> Vec<&Step> {
        let directory = match &self.mode {
            InputMode::ConfirmRung(confirm) => confirm.directory().is_some(),
            _ => true,
        };
        let rung = self.rung();
        let beside = |step: &&Step| {
            step.rung.mode().is_none()
                && Some(step.rung) != rung
                && (directory || !matches!(step.rung, Rung::Superblock | Rung::Carousel))
        };
        self.ladder.iter().filter(beside).collect()
    }

    /// Whether the who screen covers the screen shown.
    pub fn who_is_shown(&self) -> bool {
        self.who.over == Some(self.screen)
    }

    /// Bytes of a dentry object, from the newest slabinfo.
    pub fn dentry_size(&self) -> Option<u64> {
        let cache = self.latest.as_ref()?.sample.cache("dentry")?;
        Some(cache.object_size)
    }

    /// Object sizes on the filesystem of `mount`, in bytes, from the newest slabinfo.
    pub fn sizes(&self, mount: &Mount) -> Sizes {
        let sample = self.latest.as_ref().map(|latest| &latest.sample);
        Sizes::of(sample, Some(mount), self.host.page_size)
    }

    /// Sorts the rows of the directory shown.
    pub fn arrange_tree(&mut self) {
        let Some(place) = self.tree.place() else {
            return;
        };
        let sizes = self.sizes(&place.mount);
        if let Some(place) = self.tree.stack.last_mut() {
            place.arrange(&self.tree.order, sizes);
        }
    }

    /// Arranges the rows of the screen of filesystems.
    pub fn arrange_filesystems(&mut self) {
        let sample = self.latest.as_ref().map(|latest| &latest.sample);
        self.filesystems
            .arrange(&self.tree, sample, self.host.page_size);
    }

    /// The settings that can be saved, as they are now.
    pub fn settings_now(&self) -> Kept {
        Kept {
            interval: self.interval,
            theme: self.look.theme(),
            columns: self.slabs.columns.clone(),
            sort: self.slabs.sort,
            reverse: self.slabs.reverse,
            mouse: self.mouse,
        }
    }

    /// Whether something is under way that the user waits for, on the screen shown.
    pub fn waits(&self) -> bool {
        let asked = match &self.mode {
            InputMode::Planning { .. }
            | InputMode::PlanningRung { .. }
            | InputMode::Pruning(_)
            | InputMode::RunningRung(_) => true,
            InputMode::Confirm(confirm) => matches!(confirm.held, Held::Looking(_)),
            InputMode::ConfirmRung(confirm) => confirm.replanning.is_some(),
            InputMode::Export(export) => export.job.is_some(),
            _ => false,
        };
        // A result in front of the tree is read, not waited for.
        let covered = matches!(
            self.mode,
            InputMode::Ledger | InputMode::RungLedger(_) | InputMode::Failed { .. }
        );
        let tree = self.screen == Screen::Tree && !covered;
        let place = self.tree.place().filter(|_| tree && self.page.is_none());
        let reads = |place: &Place| {
            let reading = matches!(place.browse, Some(Browse::Reading { .. }));
            reading || place.listed().is_some_and(|listed| listed.asking.is_some())
        };
        let page = |of| tree && self.page == Some(of);
        let names = self.names.as_ref().filter(|_| page(Page::Names));
        let lists = |names: &Names| matches!(names.state, NamesState::Listing { .. });
        let trace = self.who.watching.as_ref().filter(|_| self.who_is_shown());
        let arms = |of: &Watching| matches!(of.state, WatchState::Arming | WatchState::Stopping);
        let opened = self.who.opened.as_ref();
        let mounts = matches!(self.screen, Screen::Tree | Screen::Filesystems);
        asked
            || place.is_some_and(|place| place.job().is_some() || reads(place))
            || mounts && !self.tree.counting.is_empty()
            || page(Page::Hotspots) && self.hotspots.hunt.is_some()
            || names.is_some_and(lists)
            || trace.is_some_and(arms)
            || opened.is_some_and(|opened| opened.lines.is_none())
            || mounts && self.tree.mounts.is_none()
            || self.screen == Screen::Cgroups && self.cgroups.at.is_none()
    }

    /// How long the user has waited, once that is long enough to ask what is going on.
    pub fn waited(&self) -> Option<Duration> {
        const FELT: Duration = Duration::from_millis(300);
        let waited = self.now.saturating_sub(self.waiting?);
        (waited >= FELT).then_some(waited)
    }

    /// The marked directories without those below another of the same mount, which are a part of
    /// that: no prune leaves the mount it begins on.
    pub fn outermost_marks(&self) -> Vec<(&PathBuf, &Marked)> {
        let mut kept: Vec<(&PathBuf, &Marked)> = Vec::new();
        // In the order of paths, children are behind their parents.
        for (path, marked) in &self.marks {
            let covers = |(above, of): &(&PathBuf, &Marked)| {
                of.mount == marked.mount && path.starts_with(above)
            };
            if !kept.iter().any(covers) {
                kept.push((path, marked));
            }
        }
        kept
    }

    /// The wall clock at a time since the start, as text.
    pub fn wall(&self, at: Duration) -> Option<String> {
        let (then, clock) = self.clock?;
        let clock = match at.checked_sub(then) {
            Some(later) => clock.wrapping_add(later),
            None => clock.wrapping_sub(then - at),
        };
        Some(clock.strftime("%H:%M:%S").to_string())
    }

    /// The filesystem that a path is on, with its counts.
    pub fn filesystem_of(&self, path: &Path) -> Option<Filesystem> {
        let sample = self.latest.as_ref().map(|latest| &latest.sample);
        Filesystem::of(&self.tree, path, sample, self.host.page_size)
    }

    /// The filter of the screen shown.
    pub fn filter(&self) -> &Filter {
        match (self.screen, self.page, &self.names) {
            _ if self.who_is_shown() => &self.who.filter,
            (Screen::Tree, Some(Page::Names), Some(names)) => &names.filter,
            (Screen::Tree, ..) => &self.tree.order.filter,
            (Screen::Filesystems, ..) => &self.filesystems.order.filter,
            (Screen::Cgroups, ..) => &self.cgroups.order.filter,
            _ => &self.slabs.filter,
        }
    }

    /// The filter of the screen shown, for changes.
    pub fn filter_mut(&mut self) -> &mut Filter {
        let who = self.who_is_shown();
        match (self.screen, self.page, &mut self.names) {
            _ if who => &mut self.who.filter,
            (Screen::Tree, Some(Page::Names), Some(names)) => &mut names.filter,
            (Screen::Tree, ..) => &mut self.tree.order.filter,
            (Screen::Filesystems, ..) => &mut self.filesystems.order.filter,
            (Screen::Cgroups, ..) => &mut self.cgroups.order.filter,
            _ => &mut self.slabs.filter,
        }
    }

    /// The default window of the charts.
    pub fn window(&self) -> Window {
        let end = self.chart_end();
        Window {
            end,
            span: self.history.span(end),
            cursor: None,
        }
    }

    /// The ledger that is shown, or would be.
    pub fn ledger(&self) -> Option<&Ledger> {
        let again = self.reopened.and_then(|at| self.ledgers.get(at));
        again.or(self.ledgers.last())
    }

    /// The same, to change it.
    pub fn ledger_mut(&mut self) -> Option<&mut Ledger> {
        let last = self.ledgers.len().checked_sub(1)?;
        self.ledgers.get_mut(self.reopened.unwrap_or(last))
    }

    /// The window of the history screen.
    pub fn history_window(&self) -> Window {
        self.charts.window(self.window())
    }

    /// The time at the right edge of the charts.
    pub fn chart_end(&self) -> Duration {
        self.frozen.unwrap_or(self.now)
    }
}
