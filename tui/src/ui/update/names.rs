//! The page of a directory's negative names.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Effect, stepped};
use crate::base::text::{count, printable};
use crate::cache::negatives::export::{ExportError, Exported, Format};
use crate::cache::negatives::{Listing, Only};
use crate::kernel::session::Counters;
use crate::kernel::source::Mount;
use crate::kernel::target::LookError;
use crate::ui::keymap::NamesAction;
use crate::ui::model::{Export, Focus, InputMode, Model, Names, NamesState, Page};

/// Jobs of the worker for the page.
#[derive(Debug)]
pub enum NamesEffect {
    /// List the negative names of a directory.
    List {
        /// The job's number.
        job: u64,
        /// The directory.
        path: PathBuf,
        /// Its path may be looked up.
        lookup: bool,
    },
    /// Filter the names to show.
    Sift {
        /// The job's number.
        job: u64,
        /// All names.
        listing: Arc<Listing>,
        /// The shape of the names.
        only: Only,
        /// The filter of the names.
        filter: crate::base::filter::Filter,
    },
    /// Write the negative names of a directory to a file.
    Export {
        /// The job's number.
        job: u64,
        /// The directory.
        path: PathBuf,
        /// Its path may be looked up.
        lookup: bool,
        /// The file.
        to: PathBuf,
        /// Format of the file.
        format: Format,
    },
}

/// The worker's answers.
#[derive(Debug)]
pub enum NamesMsg {
    /// A listing has ended.
    Listed {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// The names, or why there are none.
        result: Result<Listing, LookError>,
    },
    /// The names to show are filtered; None: it was ended.
    Sifted {
        /// The job's number.
        job: u64,
        /// Their numbers.
        rows: Option<Vec<u32>>,
    },
    /// An export has ended.
    Exported {
        /// The job's number.
        job: u64,
        /// The file, or why there is none.
        result: Result<Exported, ExportError>,
    },
}

pub(super) fn act(model: &mut Model, action: NamesAction) -> Vec<Effect> {
    match action {
        NamesAction::Open => return open(model),
        NamesAction::Again => return again(model),
        NamesAction::LookUp => {
            if let Some(names) = &mut model.names {
                names.lookup = true;
            }
            return again(model);
        }
        NamesAction::Back => return back(model),
        NamesAction::Choose => return choose(model),
        NamesAction::Focus => {
            if let Some(names) = &mut model.names {
                names.focus = match names.focus {
                    Focus::Shapes => Focus::Names,
                    Focus::Names => Focus::Shapes,
                };
            }
        }
        NamesAction::Export => export(model),
        NamesAction::Format => {
            if let InputMode::Export(export) = &mut model.mode {
                export.format = match export.format {
                    Format::Lines => Format::Raw,
                    Format::Raw => Format::Lines,
                };
            }
        }
        NamesAction::Erase => {
            if let InputMode::Export(export) = &mut model.mode
                && export.job.is_none()
            {
                export.path.pop();
            }
        }
        NamesAction::Write => return write(model),
        NamesAction::Cancel => return cancel(model),
    }
    Vec::new()
}

/// Opens the page for the selected row, or for the directory shown: the names directly in it.
fn open(model: &mut Model) -> Vec<Effect> {
    let Some(place) = model.tree.place() else {
        return Vec::new();
    };
    let row = place.rows().get(place.index());
    let row = row.filter(|row| !row.name.is_empty());
    let below = row.map_or(0, |row| row.below.negative);
    let (path, mount, lookup) = match row {
        Some(row) => {
            let path = place.path.join(&row.name);
            let mount = Mount::of(model.tree.mounts(), &path).unwrap_or(&place.mount);
            (path, mount.clone(), true)
        }
        None => (place.path.clone(), place.mount.clone(), place.lookup),
    };
    let effects = show(model, path, mount, lookup);
    if let Some(names) = &mut model.names {
        names.below = below;
    }
    effects
}

/// Lists the names of a directory, and shows them.
pub(super) fn show(model: &mut Model, path: PathBuf, mount: Mount, lookup: bool) -> Vec<Effect> {
    let mut effects = stop(model);
    let job = model.next_job();
    let mut names = Names::new(path.clone(), mount, job, model.now);
    names.lookup = lookup;
    if let Some(before) = &model.names
        && before.path == names.path
    {
        names.below = before.below;
    }
    names.from = match (model.page, &model.names) {
        (Some(Page::Names), Some(before)) => before.from,
        (page, _) => page,
    };
    // Drops the former listing first: it may be large.
    model.names = Some(names);
    model.page = Some(Page::Names);
    model.mode = InputMode::Names;
    effects.push(Effect::Names(NamesEffect::List { job, path, lookup }));
    effects
}

fn again(model: &mut Model) -> Vec<Effect> {
    match &model.names {
        Some(names) => {
            let (path, mount, lookup) = (names.path.clone(), names.mount.clone(), names.lookup);
            show(model, path, mount, lookup)
        }
        None => Vec::new(),
    }
}

/// Ends the jobs of the page that are under way.
fn stop(model: &mut Model) -> Vec<Effect> {
    let Some(names) = &mut model.names else {
        return Vec::new();
    };
    let listing = match &mut names.state {
        NamesState::Listing { job, stopping, .. } => {
            *stopping = true;
            Some(*job)
        }
        _ => None,
    };
    let jobs = [listing, names.sifting.take()].into_iter().flatten();
    jobs.map(|job| Effect::Cancel { job }).collect()
}

/// One step back: from a listing under way to its names so far, from some of the names to all, from
/// these to the shapes, from the page to the former view.
fn back(model: &mut Model) -> Vec<Effect> {
    let Some(names) = &mut model.names else {
        return Vec::new();
    };
    let is_stopping = match names.state {
        NamesState::Listing { stopping, .. } => Some(stopping),
        _ => None,
    };
    if is_stopping == Some(false) {
        return stop(model);
    }
    let some = names.only != Only::All || !names.filter.text().is_empty();
    if some || names.focus == Focus::Names {
        names.only = Only::All;
        names.filter = Default::default();
        names.focus = Focus::Shapes;
        return sift(model);
    }
    let effects = stop(model);
    model.page = model.names.take().and_then(|names| names.from);
    model.mode = model.below();
    effects
}

/// Shows the names of the selected shape alone.
fn choose(model: &mut Model) -> Vec<Effect> {
    let Some(names) = &mut model.names else {
        return Vec::new();
    };
    let Some(shapes) = names.listing().map(|listing| listing.shapes.shapes.len()) else {
        return Vec::new();
    };
    if names.focus == Focus::Names || names.shape_rows() == 0 {
        return Vec::new();
    }
    names.only = match names.shape {
        shape if shape < shapes => Only::Shape(shape),
        _ => Only::Others,
    };
    names.focus = Focus::Names;
    sift(model)
}

/// Filters the names to show.
pub(super) fn sift(model: &mut Model) -> Vec<Effect> {
    let job = model.last_job + 1;
    let Some(names) = &mut model.names else {
        return Vec::new();
    };
    let mut effects = Vec::new();
    effects.extend(names.sifting.take().map(|job| Effect::Cancel { job }));
    names.name = 0;
    names.rows = None;
    let Some(listing) = names.listing().cloned() else {
        return effects;
    };
    if names.only == Only::All && names.filter.is_none() {
        return effects;
    }
    model.last_job = job;
    names.sifting = Some(job);
    // Until they are filtered, none is shown rather than the wrong ones.
    names.rows = Some(Vec::new());
    effects.push(Effect::Names(NamesEffect::Sift {
        job,
        listing,
        only: names.only,
        filter: names.filter.clone(),
    }));
    effects
}

pub(super) fn moved(model: &mut Model, steps: i64) {
    if let Some(names) = &mut model.names {
        match names.focus {
            Focus::Shapes => names.shape = stepped(names.shape, steps, names.shape_rows()),
            Focus::Names => names.name = stepped(names.name, steps, names.name_rows()),
        }
    }
}

pub(super) fn progress(model: &mut Model, job: u64, counters: Box<Counters>) {
    if let InputMode::Export(export) = &mut model.mode
        && let Some((of, written)) = &mut export.job
        && *of == job
    {
        *written = counters.negative;
    } else if let Some(names) = &mut model.names
        && let NamesState::Listing {
            job: of, so_far, ..
        } = &mut names.state
        && *of == job
    {
        *so_far = counters;
    }
}

pub(super) fn happened(model: &mut Model, msg: NamesMsg) -> Vec<Effect> {
    match msg {
        NamesMsg::Listed { job, at, result } => {
            model.now = model.now.max(at);
            if let Some(names) = &mut model.names
                && matches!(names.state, NamesState::Listing { job: of, .. } if of == job)
            {
                names.state = match result {
                    Ok(listing) => NamesState::Listed {
                        listing: Arc::new(listing),
                        at,
                    },
                    Err(error) => NamesState::Failed(error),
                };
                return sift(model);
            }
        }
        NamesMsg::Sifted { job, rows } => {
            if let Some(names) = &mut model.names
                && names.sifting == Some(job)
            {
                names.sifting = None;
                names.rows = Some(rows.unwrap_or_default());
            }
        }
        NamesMsg::Exported { job, result } => exported(model, job, result),
    }
    Vec::new()
}

/// Opens the prompt for the file.
fn export(model: &mut Model) {
    match &model.names {
        Some(names) if names.listing().is_some_and(|listing| listing.count > 0) => {
            model.mode = InputMode::Export(Box::new(Export::new(&names.path)));
        }
        _ => model.notice = Some("there are no names to export".into()),
    }
}

fn write(model: &mut Model) -> Vec<Effect> {
    let job = model.last_job + 1;
    let (InputMode::Export(export), Some(names)) = (&mut model.mode, &model.names) else {
        return Vec::new();
    };
    if export.job.is_some() {
        return Vec::new();
    }
    if export.path.is_empty() {
        export.error = Some("the file needs a name".into());
        return Vec::new();
    }
    export.error = None;
    export.job = Some((job, 0));
    model.last_job = job;
    vec![Effect::Names(NamesEffect::Export {
        job,
        path: names.path.clone(),
        lookup: names.lookup,
        to: PathBuf::from(&export.path),
        format: export.format,
    })]
}

/// Ends an export under way; without one, closes the prompt.
fn cancel(model: &mut Model) -> Vec<Effect> {
    if let InputMode::Export(export) = &model.mode
        && let Some((job, _)) = export.job
    {
        return vec![Effect::Cancel { job }];
    }
    model.mode = model.below();
    Vec::new()
}

fn exported(model: &mut Model, job: u64, result: Result<Exported, ExportError>) {
    let InputMode::Export(export) = &mut model.mode else {
        return;
    };
    if export.job.is_none_or(|(of, _)| of != job) {
        return;
    }
    export.job = None;
    match result {
        Ok(exported) => {
            let (names, path) = (count(exported.names), printable(&exported.path));
            model.notice = Some(format!("{names} names are in {path}"));
            model.mode = model.below();
        }
        Err(error @ ExportError::Ended) => {
            model.notice = Some(format!("the export {error}"));
            model.mode = model.below();
        }
        Err(error) => export.error = Some(error.to_string()),
    }
}
