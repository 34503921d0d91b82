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

/// How far the names are listed.
#[derive(Debug)]
pub enum NamesState {
    /// The listing is under way.
    Listing {
        /// The worker's number of it.
        job: u64,
        /// When it began.
        since: Duration,
        /// Names told so far, and how many of them are negative.
        so_far: Box<Counters>,
        /// It was told to end.
        stopping: bool,
    },
    /// It has ended.
    Listed {
        /// The names.
        listing: Arc<Listing>,
        /// When.
        at: Duration,
    },
    /// There are none to show.
    Failed(LookError),
}

/// Which of the two lists the keys move in.
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
    /// Its path may be looked up: a census has shown it, or the person asked for it.
    pub lookup: bool,
    /// Names cached as absent at any depth below it, as the census told; 0 where none did.
    pub below: u64,
    /// The page that one came from.
    pub from: Option<Page>,
    /// How far it is listed.
    pub state: NamesState,
    /// Where the keys move.
    pub focus: Focus,
    /// The selected shape's row.
    pub shape: usize,
    /// The selected name's row.
    pub name: usize,
    /// Which names are shown.
    pub only: Only,
    /// Which of these.
    pub filter: Filter,
    /// The numbers of the names that are shown. None: all.
    pub rows: Option<Vec<u32>>,
    /// The worker's number of looking for them.
    pub sifting: Option<u64>,
}

impl Names {
    /// Being listed.
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

    /// Lines of the table of shapes: the last may be for the names of none.
    pub fn shape_rows(&self) -> usize {
        self.listing().map_or(0, |listing| {
            let shapes = &listing.shapes;
            shapes.shapes.len() + usize::from(shapes.other > 0)
        })
    }

    /// Names that are shown, over all pages.
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
    /// How the names are written.
    pub format: Format,
    /// Why the last try failed.
    pub error: Option<String>,
    /// The worker's number of the export, and names written so far.
    pub job: Option<(u64, u64)>,
}

impl Export {
    /// For the names of a directory: a file in the program's own directory.
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
