//! Everything on the screen, as data. Only [`crate::update`] changes it.

mod prune;
mod slabs;
mod tree;

use std::time::Duration;

pub use prune::{Confirm, Figures, Ledger, Pruning};
pub use slabs::{Column, Slabs};
pub use tree::{Place, State, Tree, TreeSort, comes_back, negatives_come_back};

use crate::history::{History, Rates};
use crate::prune::PruneError;
use crate::session::Counters;
use crate::source::{Cache, Sample};
use crate::view::look::Look;

/// The machine that is looked at.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// The kernel's release.
    pub kernel: String,
    /// Bytes in a page.
    pub page_size: u64,
}

/// Which screen is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// The slab caches.
    Slabs,
    /// The directory tree by what is cached of it.
    Tree,
    /// The charts.
    History,
}

/// What the keys do now.
#[derive(Debug)]
pub enum Mode {
    /// They move about on the screen.
    Browse,
    /// They are typed into the filter of the slab screen.
    Filter,
    /// They close the help.
    Help,
    /// A dry run is under way, for a plan.
    Planning {
        /// The worker's number of it.
        job: u64,
        /// Below which directory.
        path: std::path::PathBuf,
        /// Counted so far.
        so_far: Box<Counters>,
    },
    /// A plan is shown: the only way to a prune.
    Confirm(Box<Confirm>),
    /// A prune is under way.
    Pruning(Box<Pruning>),
    /// What the last prune did is shown.
    Ledger,
    /// What was asked for failed.
    Failed {
        /// What.
        what: &'static str,
        /// Why, with the remedy.
        error: PruneError,
    },
}

/// A sample with the rates that lead to it, shown as one.
#[derive(Clone, Debug)]
pub struct Shown {
    /// When it was taken, since the start.
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
    /// Glyphs and colours for this terminal.
    pub look: Look,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The screen shown.
    pub screen: Screen,
    /// What the keys do.
    pub mode: Mode,
    /// When the last message with a time came, since the start.
    pub now: Duration,
    /// The sample that is shown. None until the first arrives.
    pub shown: Option<Shown>,
    /// The newest sample, which is also the shown one unless the screen is frozen.
    pub latest: Option<Shown>,
    /// The screen shows the sample of this time and no later one.
    pub frozen: Option<Duration>,
    /// For the charts.
    pub history: History,
    /// The slab screen.
    pub slabs: Slabs,
    /// The tree screen.
    pub tree: Tree,
    /// What the prunes of this session did, oldest first.
    pub ledgers: Vec<Ledger>,
    /// A word to the person about the key pressed last.
    pub notice: Option<String>,
    /// Number of the worker's last job.
    pub last_job: u64,
}

impl Model {
    /// Nothing sampled yet, on the slab screen.
    pub fn new(host: Host, look: Look, size: (u16, u16)) -> Self {
        Self {
            host,
            look,
            size,
            screen: Screen::Slabs,
            mode: Mode::Browse,
            now: Duration::ZERO,
            shown: None,
            latest: None,
            frozen: None,
            history: History::default(),
            slabs: Slabs::default(),
            tree: Tree::default(),
            ledgers: Vec::new(),
            notice: None,
            last_job: 0,
        }
    }

    /// The caches of the shown sample that pass the filter, in the order of the table.
    pub fn caches(&self) -> Vec<&Cache> {
        match &self.shown {
            Some(shown) => self.slabs.rows(shown, self.host.page_size),
            None => Vec::new(),
        }
    }

    /// Bytes of a dentry object, from the newest slabinfo.
    pub fn dentry_size(&self) -> Option<u64> {
        let cache = self.latest.as_ref()?.sample.cache("dentry")?;
        Some(cache.object_size)
    }

    /// The time up to which charts are drawn.
    pub fn chart_end(&self) -> Duration {
        self.frozen.unwrap_or(self.now)
    }
}
