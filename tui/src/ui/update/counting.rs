//! Counting the directory shown: again, or its end.

use super::{Effect, mounts};
use crate::kernel::target::LookError;
use crate::ui::model::{Model, Place, State};

/// Counts the directory shown.
pub(super) fn recount(model: &mut Model) -> Vec<Effect> {
    let mut effects = stop(model);
    let (job, since) = (model.last_job + 1, model.now);
    match model.tree.stack.last_mut() {
        None => effects.push(mounts::read(model)),
        Some(place) => {
            model.last_job = job;
            place.begin(job, since);
            effects.push(Effect::Census {
                job,
                path: place.path.clone(),
                rows: true,
                lookup: place.lookup,
            });
        }
    }
    effects
}

/// Counts only the selected row again.
pub(super) fn recount_row(model: &mut Model) -> Vec<Effect> {
    let job = model.last_job + 1;
    let Some(place) = model.tree.stack.last_mut() else {
        return mounts::count_selected(model);
    };
    let name = match place.row() {
        Some(row) if !row.name.is_empty() && place.job().is_none() => row.name.clone(),
        Some(_) if place.job().is_none() => return recount(model),
        _ => return Vec::new(),
    };
    model.last_job = job;
    let path = place.path.join(&name);
    place.refreshing = Some((job, name));
    vec![Effect::Census {
        job,
        path,
        rows: false,
        lookup: true,
    }]
}

/// Counts the directory shown even if its path has to be looked up.
pub(super) fn look_up(model: &mut Model) -> Vec<Effect> {
    for place in &mut model.tree.stack {
        place.lookup = true;
    }
    match model.tree.place().map(|place| &place.state) {
        Some(State::Failed(LookError::NotCached { .. })) => recount(model),
        Some(_) => {
            model.notice = Some("nothing to look up: this directory is open already".into());
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// Ends a census of the directory shown.
pub(super) fn stop(model: &mut Model) -> Vec<Effect> {
    match model.tree.stack.last_mut().map(|place| &mut place.state) {
        Some(State::Counting { job, stopping, .. }) => {
            *stopping = true;
            vec![Effect::Cancel { job: *job }]
        }
        Some(_) => {
            let job = model.tree.stack.last_mut().and_then(Place::give_up);
            job.map(|job| Effect::Cancel { job }).into_iter().collect()
        }
        None => mounts::stop(model),
    }
}

/// After a prune: the counts are stale, here and in all directories above.
pub(super) fn stale(model: &mut Model) -> Vec<Effect> {
    for place in &mut model.tree.stack {
        place.forget();
    }
    if model.tree.stack.is_empty() {
        return Vec::new();
    }
    recount(model)
}
