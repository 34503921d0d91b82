//! The list of mounts: our own, or those of a process; and their counts.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use super::Effect;
use crate::cache::census::Census;
use crate::kernel::source::{Mount, SourceError};
use crate::ui::model::{Model, State, Total};

/// Reads the shown list again.
pub(super) fn read(model: &Model) -> Effect {
    match &model.tree.namespace {
        Some(of) => Effect::ReadMountsOf { pid: of.pid },
        None => Effect::ReadMounts,
    }
}

/// Stores our own mounts.
pub(super) fn ours(model: &mut Model, mounts: Result<Vec<Mount>, SourceError>) {
    model.tree.mounts = Some(mounts.map(Into::into));
    model.tree.namespace = None;
}

/// Up from the list of a process: to our own.
pub(super) fn leave(model: &mut Model) -> Vec<Effect> {
    if model.tree.namespace.take().is_none() {
        return Vec::new();
    }
    model.tree.mount = None;
    vec![Effect::ReadMounts]
}

/// Counts the selected mount.
pub(super) fn count_selected(model: &mut Model) -> Vec<Effect> {
    let mount = model.tree.mounts().get(model.tree.mount_index());
    let points = mount.map(|mount| mount.point.clone());
    count(model, points.into_iter().collect())
}

/// Counts all mounts that are worth it: the kernel's own filesystems hold few dentries, and none in
/// memory can be pruned.
pub(super) fn count_all(model: &mut Model) -> Vec<Effect> {
    let worth = |mount: &&Mount| !mount.is_internal() && !mount.is_memory();
    let mounts = model.tree.mounts().iter().filter(worth);
    let points: Vec<_> = mounts.map(|mount| mount.point.clone()).collect();
    if points.is_empty() {
        let key = model.keymap.key("recount-row");
        model.notice = Some(format!(
            "no filesystem is on a disk or network: {key} counts the selected one"
        ));
    }
    count(model, points)
}

pub(super) fn count(model: &mut Model, points: Vec<PathBuf>) -> Vec<Effect> {
    let mut effects = Vec::new();
    let counting = model.tree.counting.iter();
    let mut known: HashSet<PathBuf> = counting.map(|(_, point)| point.clone()).collect();
    for path in points {
        if !known.insert(path.clone()) {
            continue;
        }
        let job = model.next_job();
        model.tree.counting.push_back((job, path.clone()));
        effects.push(Effect::Census {
            job,
            path,
            rows: false,
            lookup: true,
        });
    }
    effects
}

/// Stores the count of one mount.
pub(super) fn counted(model: &mut Model, job: u64, census: Option<Census>) {
    let tree = &mut model.tree;
    let Some(at) = tree.counting.iter().position(|(of, _)| *of == job) else {
        return;
    };
    if let Some((_, point)) = tree.counting.remove(at) {
        tree.totals.insert(point, total(census.as_ref(), model.now));
    }
}

/// The count of a mount's directory is also that of the mount.
pub(super) fn walked(model: &mut Model) {
    let Some(place) = model.tree.place() else {
        return;
    };
    if let State::Counted { at, .. } = place.state
        && place.path == place.mount.point
    {
        let total = total(Some(&place.census), at);
        model.tree.totals.insert(place.path.clone(), total);
    }
}

fn total(census: Option<&Census>, at: Duration) -> Total {
    match census {
        Some(census) => Total::Counted {
            at,
            here: Box::new(census.here),
            partial: census.partial,
        },
        None => Total::Failed,
    }
}

/// Ends the counting of mounts: the results of the one under way are kept.
pub(super) fn stop(model: &mut Model) -> Vec<Effect> {
    let jobs = model.tree.counting.iter();
    let effects = jobs.map(|&(job, _)| Effect::Cancel { job }).collect();
    model.tree.counting.truncate(1);
    effects
}
