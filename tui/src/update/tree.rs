//! Walking the tree.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Effect, stepped};
use crate::census::{Census, Row};
use crate::keymap::Action;
use crate::model::{Model, Place, Screen, State};
use crate::prune::PruneError;
use crate::session::Counters;
use crate::source::{Mount, SourceError};

pub(super) fn mounts(model: &mut Model, mounts: Result<Vec<Mount>, SourceError>) -> Vec<Effect> {
    model.tree.mounts = Some(mounts);
    match model.tree.opening.take() {
        Some(path) => open(model, path),
        None => Vec::new(),
    }
}

/// Shows a directory as if walked into from its mount down.
pub(super) fn open(model: &mut Model, path: PathBuf) -> Vec<Effect> {
    model.screen = Screen::Tree;
    if let Some(why) = super::off(model, Action::Recount) {
        model.notice = Some(why);
        return vec![Effect::ReadMounts];
    }
    if model.tree.mounts.is_none() {
        model.tree.opening = Some(path);
        return vec![Effect::ReadMounts];
    }
    let Some(mount) = Mount::of(model.tree.mounts(), &path).cloned() else {
        return Vec::new();
    };
    let mut above: Vec<&Path> = path
        .ancestors()
        .take_while(|above| above.starts_with(&mount.point))
        .collect();
    above.reverse();
    model.tree.mount = Some(mount.point.clone());
    model.tree.stack = above
        .into_iter()
        .map(|path| Place::new(path.into(), mount.clone()))
        .collect();
    recount(model)
}

pub(super) fn progress(model: &mut Model, job: u64, counters: Box<Counters>) {
    for place in &mut model.tree.stack {
        match &mut place.state {
            State::Counting {
                job: of, so_far, ..
            } if *of == job => {
                *so_far = counters;
                return;
            }
            _ => {}
        }
    }
}

/// The figures of a directory that was left meanwhile are of no use.
pub(super) fn counted(
    model: &mut Model,
    job: u64,
    at: Duration,
    result: Result<Census, PruneError>,
) {
    model.now = model.now.max(at);
    let dentry_size = model.dentry_size();
    let counting =
        |place: &&mut Place| matches!(place.state, State::Counting { job: of, .. } if of == job);
    let Some(place) = model.tree.stack.iter_mut().find(counting) else {
        return;
    };
    place.state = match result {
        Ok(mut census) => {
            census.rows.push(here(&census));
            State::Counted {
                census: Box::new(census),
                at,
            }
        }
        Err(error) => State::Failed(error),
    };
    model.tree.sort_rows(dentry_size);
}

/// What is directly in the directory: all that its rows do not count, among it the directories
/// that the rows stand for.
fn here(census: &Census) -> Row {
    let mut here = census.here;
    for row in &census.rows {
        for (left, below) in [
            (&mut here.total, row.below.total),
            (&mut here.negative, row.below.negative),
            (&mut here.in_use, row.below.in_use),
            (&mut here.prunable, row.below.prunable),
            (&mut here.pinned, row.below.pinned),
            (&mut here.inodes, row.below.inodes),
            (&mut here.pages, row.below.pages),
            (&mut here.mountpoints, row.below.mountpoints),
            (&mut here.external_bytes, row.below.external_bytes),
        ] {
            // The walk does not stop the machine: a row may count what was not yet there before.
            *left = left.saturating_sub(below);
        }
    }
    Row {
        name: OsString::new(),
        own: here,
        below: here,
        in_use: false,
        partial: census.partial,
    }
}

pub(super) fn cycle_sort(model: &mut Model) {
    model.tree.sort = model.tree.sort.next();
    model.tree.sort_rows(model.dentry_size());
}

pub(super) fn moved(model: &mut Model, steps: i64) {
    match model.tree.stack.last_mut() {
        Some(place) => {
            let index = stepped(place.index(), steps, place.rows().len());
            place.selected = place.rows().get(index).map(|row| row.name.clone());
        }
        None => {
            let mounts = model.tree.mounts();
            let index = stepped(model.tree.mount_index(), steps, mounts.len());
            model.tree.mount = mounts.get(index).map(|mount| mount.point.clone());
        }
    }
}

pub(super) fn enter(model: &mut Model) -> Vec<Effect> {
    let next = match model.tree.place() {
        None => {
            let mount = model.tree.mounts().get(model.tree.mount_index());
            mount.map(|mount| Place::new(mount.point.clone(), mount.clone()))
        }
        Some(place) => match place.rows().get(place.index()) {
            Some(row) if row.name.is_empty() => {
                model.notice = Some("these are directly in this directory".into());
                None
            }
            Some(row) => {
                let path = place.path.join(&row.name);
                // What is mounted there is what a path leads to.
                let mount = Mount::of(model.tree.mounts(), &path).unwrap_or(&place.mount);
                Some(Place::new(path, mount.clone()))
            }
            None => None,
        },
    };
    match next {
        Some(place) => {
            if model.tree.stack.is_empty() {
                model.tree.mount = Some(place.path.clone());
            }
            model.tree.stack.push(place);
            recount(model)
        }
        None => Vec::new(),
    }
}

/// Up one directory. What was counted there stays, with its age, until it is counted again.
pub(super) fn up(model: &mut Model) -> Vec<Effect> {
    let mut effects = stop(model);
    let Some(left) = model.tree.stack.pop() else {
        return effects;
    };
    match model.tree.stack.last_mut() {
        None => effects.push(Effect::ReadMounts),
        Some(place) => {
            place.selected = left.path.file_name().map(Into::into);
            if matches!(place.state, State::Uncounted) {
                effects.extend(recount(model));
            } else {
                model.tree.sort_rows(model.dentry_size());
            }
        }
    }
    effects
}

/// Counts the directory shown.
pub(super) fn recount(model: &mut Model) -> Vec<Effect> {
    let mut effects = stop(model);
    let (job, since) = (model.last_job + 1, model.now);
    match model.tree.stack.last_mut() {
        None => effects.push(Effect::ReadMounts),
        Some(place) => {
            model.last_job = job;
            place.state = State::Counting {
                job,
                since,
                so_far: Box::default(),
            };
            let path = place.path.clone();
            effects.push(Effect::Census { job, path });
        }
    }
    effects
}

/// Ends a census of the directory shown that is under way.
pub(super) fn stop(model: &Model) -> Vec<Effect> {
    match model.tree.place() {
        Some(Place {
            state: State::Counting { job, .. },
            ..
        }) => vec![Effect::Cancel { job: *job }],
        _ => Vec::new(),
    }
}

/// After a prune: what was counted is no more so, here and in all directories above.
pub(super) fn stale(model: &mut Model) -> Vec<Effect> {
    for place in &mut model.tree.stack {
        place.state = State::Uncounted;
    }
    if model.tree.stack.is_empty() {
        return Vec::new();
    }
    recount(model)
}
