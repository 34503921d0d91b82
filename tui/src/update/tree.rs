//! Walking the tree.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Effect, stepped, tree_order};
use crate::census::Census;
use crate::keymap::Action;
use crate::model::{Mode, Model, Part, Place, Screen, State};
use crate::prune::PruneError;
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

/// A part of a census that is still waited for.
pub(super) fn counting(model: &mut Model, job: u64, at: Duration, part: Part) {
    model.now = model.now.max(at);
    if let Some(place) = waiting(model, job) {
        place.take(part);
        if let State::Counting { heard, .. } = &mut place.state {
            *heard = at;
        }
        model.arrange_tree();
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
    let Some(place) = waiting(model, job) else {
        return;
    };
    match result {
        Ok(census) => place.finish(census, at),
        Err(error) => place.fail(error, at),
    }
    model.arrange_tree();
}

/// The directory that waits for a census.
fn waiting(model: &mut Model, job: u64) -> Option<&mut Place> {
    let mut places = model.tree.stack.iter_mut();
    places.find(|place| place.job() == Some(job))
}

pub(super) fn moved(model: &mut Model, steps: i64) {
    if let Mode::SortMenu { at } = &mut model.mode {
        tree_order::moved(at, steps);
        return;
    }
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

/// A click selects a row, and walks into the one that is selected.
pub(super) fn clicked(model: &mut Model, row: usize) -> Vec<Effect> {
    match model.tree.stack.last_mut() {
        Some(place) if place.index() == row => return enter(model),
        Some(place) => place.selected = place.rows().get(row).map(|row| row.name.clone()),
        None => {}
    }
    Vec::new()
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
                model.arrange_tree();
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
            place.begin(job, since);
            let path = place.path.clone();
            effects.push(Effect::Census { job, path });
        }
    }
    effects
}

/// Ends a census of the directory shown that is under way.
pub(super) fn stop(model: &mut Model) -> Vec<Effect> {
    match model.tree.stack.last_mut().map(|place| &mut place.state) {
        Some(State::Counting { job, stopping, .. }) => {
            *stopping = true;
            vec![Effect::Cancel { job: *job }]
        }
        _ => Vec::new(),
    }
}

/// Esc: ends a census under way, or else the filter.
pub(super) fn escape(model: &mut Model) -> Vec<Effect> {
    let effects = stop(model);
    if effects.is_empty() && !model.tree.order.filter.text().is_empty() {
        super::filter::clear(model);
    }
    effects
}

/// After a prune: what was counted is no more so, here and in all directories above.
pub(super) fn stale(model: &mut Model) -> Vec<Effect> {
    for place in &mut model.tree.stack {
        place.forget();
    }
    if model.tree.stack.is_empty() {
        return Vec::new();
    }
    recount(model)
}
