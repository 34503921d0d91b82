//! A directory by readdir alone, without a reader that counts.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::Effect;
use crate::kernel::page_cache::Unknown;
use crate::kernel::readdir::{Entries, Kind};
use crate::kernel::session::SessionError;
use crate::kernel::target::LookError;
use crate::ui::model::{Browse, Listed, Model, Place, State};

/// Jobs of the worker for it.
#[derive(Debug)]
pub enum BrowseEffect {
    /// Read the names in a directory.
    Read {
        /// The job's number.
        job: u64,
        /// The directory.
        path: PathBuf,
        /// Look the path up if it cannot be reached by what is cached.
        lookup: bool,
    },
    /// Find out how much of some regular files in a directory is in memory.
    Pages {
        /// The job's number.
        job: u64,
        /// The directory.
        path: PathBuf,
        /// The files.
        names: Vec<OsString>,
    },
}

/// Bytes of page cache of files, or why they are not known.
pub type Pages = Vec<(OsString, Result<u64, Unknown>)>;

/// The worker's answers.
#[derive(Debug)]
pub enum BrowseMsg {
    /// The names were read.
    Read {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// The names, or why there are none.
        result: Result<Entries, LookError>,
    },
    /// The page cache of the files was read.
    Pages {
        /// The job's number.
        job: u64,
        /// The bytes of each file, or the error.
        result: Result<Pages, LookError>,
    },
}

pub(super) fn happened(model: &mut Model, msg: BrowseMsg) -> Vec<Effect> {
    let effects = match msg {
        BrowseMsg::Read { job, at, result } => read(model, job, at, result),
        BrowseMsg::Pages { job, result } => {
            pages(model, job, result);
            Vec::new()
        }
    };
    model.arrange_tree();
    effects
}

/// If the census failed for want of a reader, the names are read instead.
pub(super) fn instead(model: &mut Model) -> Vec<Effect> {
    let job = model.last_job + 1;
    let Some(place) = model.tree.stack.last_mut() else {
        return Vec::new();
    };
    let missing = matches!(
        place.state,
        State::Failed(LookError::Session(
            SessionError::NoModule(_)
                | SessionError::Permission(_)
                | SessionError::Version { .. }
                | SessionError::Bpf(_)
                | SessionError::NoReader { .. }
                | SessionError::NoCounts
        ))
    );
    if !missing {
        return Vec::new();
    }
    model.last_job = job;
    place.browse = Some(Browse::Reading { job });
    vec![Effect::Browse(BrowseEffect::Read {
        job,
        path: place.path.clone(),
        lookup: place.lookup,
    })]
}

fn read(
    model: &mut Model,
    job: u64,
    at: Duration,
    result: Result<Entries, LookError>,
) -> Vec<Effect> {
    model.now = model.now.max(at);
    let waits =
        |place: &Place| matches!(place.browse, Some(Browse::Reading { job: of }) if of == job);
    if let Err(error) = &result
        && model.tree.place().is_some_and(waits)
        && let Some(effects) = super::jump::refused(model, error)
    {
        return effects;
    }
    let mut places = model.tree.stack.iter_mut();
    if let Some(place) = places.find(|place| waits(place)) {
        if result.is_ok() {
            model.tree.left = None;
        }
        place.lookup |= result.is_ok();
        place.browse = Some(match result {
            Ok(found) => Browse::Read(Listed::new(found, at)),
            Err(error) => Browse::Failed(error),
        });
    }
    Vec::new()
}

/// Requests the page cache of the files shown.
pub(super) fn ask(model: &mut Model) -> Vec<Effect> {
    let job = model.last_job + 1;
    let listed = model.tree.stack.last_mut().and_then(|place| {
        let path = place.path.clone();
        Some((path, place.listed_mut()?))
    });
    let Some((path, listed)) = listed else {
        model.notice = Some("column PAGES shows it, for all that is cached below".into());
        return Vec::new();
    };
    let names = listed.files();
    if names.is_empty() {
        let words = "no regular file here is cached; nothing is looked up";
        model.notice = Some(words.into());
        return Vec::new();
    }
    listed.asking = Some(job);
    model.last_job = job;
    vec![Effect::Browse(BrowseEffect::Pages { job, path, names })]
}

fn pages(model: &mut Model, job: u64, result: Result<Pages, LookError>) {
    let mut listed = model.tree.stack.iter_mut().filter_map(Place::listed_mut);
    let Some(listed) = listed.find(|listed| listed.asking == Some(job)) else {
        return;
    };
    match result {
        Ok(pages) => listed.answer(pages),
        Err(error) => {
            listed.asking = None;
            model.notice = Some(error.to_string());
        }
    }
}

/// The directory under the cursor, to enter. One that is not cached is not looked up.
pub(super) fn selected(model: &mut Model) -> Option<Place> {
    let place = model.tree.place()?;
    let entry = place.listed()?.entries().get(place.index())?;
    if entry.kind != Kind::Directory {
        model.notice = Some("not a directory".into());
        return None;
    }
    let path = place.path.join(&entry.name);
    let mount =
        crate::kernel::source::Mount::of(model.tree.mounts(), &path).unwrap_or(&place.mount);
    let mut next = Place::new(path, mount.clone());
    next.lookup = entry.cached;
    Some(next)
}
