//! The page of a directory's negative names: their shapes, and the names themselves.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::base::filter::Filter;
use crate::cache::negatives::export::Format;
use crate::cache::negatives::{Listing, Only};
use crate::kernel::session::Counters;
use crate::kernel::source::Mount;
use crate::kernel::target::LookError;
use crate::ui::screen::Page;

/// State of the listing.
#[derive(Debug)]
pub enum NamesState {
    /// The listing is under way.
    Listing {
        /// Number of the worker's job.
        job: u64,
        /// When it began.
        since: Duration,
        /// Names reported so far, and how many of them are negative.
        so_far: Box<Counters>,
        /// Its end was requested.
        stopping: bool,
    },
    /// It has ended.
    Listed {
        /// The names.
        listing: Arc<Listing>,
        /// Time since the start of the program.
        at: Duration,
    },
    /// The names could not be listed.
    Failed(LookError),
}

/// The list that has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// The shapes.
    #[default]
    Shapes,
    /// The names.
    Names,
}

/// The page.
#[derive(Debug)]
pub struct Names {
    /// The directory.
    pub path: PathBuf,
    /// The filesystem it is on.
    pub mount: Mount,
    /// Its path may be looked up: a census has shown it, or the user asked for it.
    pub lookup: bool,
    /// Negative names at any depth below it, by the census; 0 without one.
    pub below: u64,
    /// The page to return to.
    pub from: Option<Page>,
    /// State of the listing.
    pub state: NamesState,
    /// The list that has the keys.
    pub focus: Focus,
    /// The selected shape's row.
    pub shape: usize,
    /// The selected name's row.
    pub name: usize,
    /// Which names are shown.
    pub only: Only,
    /// The filter of these.
    pub filter: Filter,
    /// Numbers of the names that are shown. None: all.
    pub rows: Option<Vec<u32>>,
    /// Number of the worker's job that filters them.
    pub sifting: Option<u64>,
}

impl Names {
    /// A page whose names are being listed.
    pub fn new(path: PathBuf, mount: Mount, job: u64, since: Duration) -> Self {
        Self {
            path,
            mount,
            lookup: true,
            below: 0,
            from: None,
            state: NamesState::Listing {
                job,
                since,
                so_far: Box::default(),
                stopping: false,
            },
            focus: Focus::default(),
            shape: 0,
            name: 0,
            only: Only::default(),
            filter: Filter::default(),
            rows: None,
            sifting: None,
        }
    }

    /// The names, once they are listed.
    pub fn listing(&self) -> Option<&Arc<Listing>> {
        match &self.state {
            NamesState::Listed { listing, .. } => Some(listing),
            _ => None,
        }
    }

    /// Lines of the table of shapes: the last may be for names without a shape.
    pub fn shape_rows(&self) -> usize {
        self.listing().map_or(0, |listing| {
            let shapes = &listing.shapes;
            shapes.shapes.len() + usize::from(shapes.other > 0)
        })
    }

    /// Number of names that match, over all pages.
    pub fn name_rows(&self) -> usize {
        match (&self.rows, self.listing()) {
            (Some(rows), _) => rows.len(),
            (None, Some(listing)) => listing.names.len(),
            (None, None) => 0,
        }
    }

    /// The name in a row.
    pub fn name(&self, row: usize) -> Option<&[u8]> {
        let at = match &self.rows {
            Some(rows) => *rows.get(row)? as usize,
            None => row,
        };
        self.listing()?.names.get(at)
    }
}

/// The prompt for the file that names are exported to.
#[derive(Debug)]
pub struct Export {
    /// The path as it is typed.
    pub path: String,
    /// Format of the file.
    pub format: Format,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// The worker's number of the export, and names written so far.
    pub job: Option<(u64, u64)>,
}

impl Export {
    /// A prompt for the names of `dir`: a file in the program's working directory.
    pub fn new(dir: &Path) -> Self {
        let name = dir.file_name().unwrap_or(OsStr::new("root"));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let name: String = name.to_string_lossy().chars().take(60).collect();
        let name = name.replace(|c| !plain(c), "_");
        Self {
            path: format!("negatives-{name}.txt"),
            format: Format::default(),
            error: None,
            job: None,
        }
    }
}
