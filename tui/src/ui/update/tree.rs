//! Walking the tree.

use std::path::PathBuf;
use std::time::Duration;

use super::{Effect, browse, counting, jump, mounts, stepped, tree_order};
use crate::cache::census::Census;
use crate::kernel::source::Mount;
use crate::kernel::target::LookError;
use crate::ui::keymap::Action;
use crate::ui::model::{InputMode, Model, Part, Place, State};

/// A part of a census that the screen waits for.
pub(super) fn part(model: &mut Model, job: u64, at: Duration, part: Part) {
    model.now = model.now.max(at);
    if let Some(place) = waiting(model, job) {
        place.take(part);
        if let State::Counting { heard, .. } = &mut place.state {
            *heard = at;
        }
        model.arrange_tree();
    }
}

/// The result for a directory that was left meanwhile is dropped.
pub(super) fn counted(
    model: &mut Model,
    job: u64,
    at: Duration,
    result: Result<Census, LookError>,
) -> Vec<Effect> {
    model.now = model.now.max(at);
    let Some(place) = waiting(model, job) else {
        mounts::counted(model, job, result.ok());
        return Vec::new();
    };
    let refreshed = place.refreshing.is_some();
    if let Err(error) = &result
        && !refreshed
        && let Some(effects) = jump::refused(model, error)
    {
        return effects;
    }
    let Some(place) = waiting(model, job) else {
        return Vec::new();
    };
    match result {
        Ok(census) if refreshed => place.refresh(&census),
        Ok(census) => {
            place.lookup = true;
            place.finish(census, at);
            model.tree.left = None;
        }
        Err(error) if refreshed => {
            place.refreshing = None;
            model.notice = Some(error.to_string());
        }
        Err(error) => place.fail(error, at),
    }
    mounts::walked(model);
    model.arrange_tree();
    browse::instead(model)
}

/// The directory that waits for a census.
fn waiting(model: &mut Model, job: u64) -> Option<&mut Place> {
    let mut places = model.tree.stack.iter_mut();
    places.find(|place| place.job() == Some(job))
}

pub(super) fn moved(model: &mut Model, steps: i64) {
    if let InputMode::SortMenu { at } = &mut model.mode {
        tree_order::moved(at, steps);
        return;
    }
    match model.tree.stack.last_mut() {
        Some(place) => {
            let index = stepped(place.index(), steps, place.len());
            place.selected = place.name_at(index).cloned();
        }
        None => {
            let mounts = model.tree.mounts();
            let index = stepped(model.tree.mount_index(), steps, mounts.len());
            model.tree.mount = mounts.get(index).map(|mount| mount.point.clone());
        }
    }
}

/// A click selects a row, or enters it if it is selected.
pub(super) fn clicked(model: &mut Model, row: usize) -> Vec<Effect> {
    let at = match model.tree.place() {
        Some(place) => place.index(),
        None => model.tree.mount_index(),
    };
    if at == row {
        return super::act(model, Action::Enter);
    }
    moved(model, row as i64 - at as i64);
    Vec::new()
}

pub(super) fn enter(model: &mut Model) -> Vec<Effect> {
    let next = match model.tree.place() {
        None => {
            let mount = model.tree.mounts().get(model.tree.mount_index());
            mount.map(|mount| known(mount.point.clone(), mount))
        }
        Some(place) if place.listed().is_some() => browse::selected(model),
        Some(place) => match place.rows().get(place.index()) {
            Some(row) if row.name.is_empty() => {
                model.notice = Some("this row is the directory itself".into());
                None
            }
            Some(row) => {
                let path = place.path.join(&row.name);
                // A path leads to the mount on it.
                let mount = Mount::of(model.tree.mounts(), &path).unwrap_or(&place.mount);
                Some(known(path, mount))
            }
            None => None,
        },
    };
    let Some(place) = next else {
        return Vec::new();
    };
    if model.tree.stack.is_empty() {
        model.tree.mount = Some(place.path.clone());
    }
    let mut effects = counting::stop(model);
    model.tree.stack.push(place);
    spare(&mut model.tree.stack);
    effects.extend(counting::recount(model));
    effects
}

/// A directory that a census, or mountinfo, has shown.
fn known(path: PathBuf, mount: &Mount) -> Place {
    let mut place = Place::new(path, mount.clone());
    place.lookup = true;
    place
}

/// Drops long lists of directories far above: they are counted again on the way up.
fn spare(stack: &mut [Place]) {
    const LONG: usize = 1_000;
    const NEAR: usize = 2;
    let far = stack.len().saturating_sub(NEAR);
    for place in stack[..far].iter_mut() {
        if place.census.rows.len() > LONG {
            place.forget();
            place.before = None;
        }
    }
}

/// Up one directory. Its counts stay, with their age, until it is counted again.
pub(super) fn up(model: &mut Model) -> Vec<Effect> {
    let mut effects = counting::stop(model);
    let Some(left) = model.tree.stack.pop() else {
        return mounts::leave(model);
    };
    match model.tree.stack.last_mut() {
        None => effects.push(mounts::read(model)),
        Some(place) => {
            place.selected = left.path.file_name().map(Into::into);
            if matches!(place.state, State::Uncounted) {
                effects.extend(counting::recount(model));
            } else {
                model.arrange_tree();
            }
        }
    }
    effects
}

/// Esc: ends a census under way, or else clears the filter.
pub(super) fn escape(model: &mut Model) -> Vec<Effect> {
    let effects = counting::stop(model);
    if effects.is_empty() && !model.tree.order.filter.text().is_empty() {
        return super::filter::clear(model);
    }
    effects
}
