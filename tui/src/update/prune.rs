//! From the key to the ledger. An effect that prunes comes out of [`confirmed`] alone.

use std::path::PathBuf;
use std::time::Duration;

use super::{Effect, tree};
use crate::history::Marker;
use crate::model::{Confirm, Figures, Ledger, Mode, Model, Pruning, Screen};
use crate::prune::{Outcome, Plan, PruneError};
use crate::session;
use crate::source::{Mount, Sample};
use crate::text::{count, printable};

/// Plans for the selected row.
pub(super) fn plan_row(model: &mut Model) -> Vec<Effect> {
    let Some(place) = model.tree.place() else {
        return Vec::new();
    };
    let path = match place.rows().get(place.index()) {
        Some(row) if !row.name.is_empty() => place.path.join(&row.name),
        // Alone, what is directly here is all there is below.
        Some(_) if place.rows().len() == 1 || place.mount.is_memory() => place.path.clone(),
        Some(_) => {
            let key = model.keymap.key("prune-here");
            model.notice = Some(format!(
                "a prune takes all below a directory: choose a row, or {key} for all shown here"
            ));
            return Vec::new();
        }
        None => return Vec::new(),
    };
    plan(model, path)
}

/// Plans for the directory shown.
pub(super) fn plan_here(model: &mut Model) -> Vec<Effect> {
    match model.tree.place() {
        Some(place) => plan(model, place.path.clone()),
        None => Vec::new(),
    }
}

fn plan(model: &mut Model, path: PathBuf) -> Vec<Effect> {
    if let Some(mount) = mount_of(model, &path).filter(Mount::is_memory) {
        model.notice = Some(format!(
            "nothing to prune: {} pins every dentry for as long as its file exists",
            mount.fs
        ));
        return Vec::new();
    }
    let mut effects = tree::stop(model);
    model.last_job += 1;
    let job = model.last_job;
    model.mode = Mode::Planning {
        job,
        path: path.clone(),
        so_far: Box::default(),
    };
    effects.push(Effect::Plan { job, path });
    effects
}

fn mount_of(model: &Model, path: &std::path::Path) -> Option<Mount> {
    Mount::of(model.tree.mounts(), path)
        .or(model.tree.place().map(|place| &place.mount))
        .cloned()
}

pub(super) fn planned(model: &mut Model, job: u64, result: Result<Option<Plan>, PruneError>) {
    if !matches!(model.mode, Mode::Planning { job: of, .. } if of == job) {
        return;
    }
    model.mode = match result {
        Ok(None) => Mode::Browse,
        Ok(Some(plan)) => match mount_of(model, &plan.target.path) {
            Some(mount) => Mode::Confirm(Box::new(Confirm {
                plan,
                mount,
                mode: session::Mode::Negative,
                urged: false,
            })),
            None => Mode::Browse,
        },
        Err(error) => Mode::Failed {
            what: "There is no plan",
            error: error.to_string(),
        },
    };
}

pub(super) fn choose(model: &mut Model, mode: session::Mode) {
    if let Mode::Confirm(confirm) = &mut model.mode {
        confirm.mode = mode;
        confirm.urged = false;
    }
}

pub(super) fn urge(model: &mut Model) {
    match &mut model.mode {
        Mode::Confirm(confirm) => confirm.urged = true,
        Mode::ConfirmShrink(confirm) => confirm.urged = true,
        _ => {}
    }
}

/// `y`: the plan on the screen, and nothing else, is carried out.
pub(super) fn confirmed(model: &mut Model) -> Vec<Effect> {
    let confirm = match std::mem::replace(&mut model.mode, Mode::Browse) {
        Mode::Confirm(confirm) => *confirm,
        other => {
            model.mode = other;
            return Vec::new();
        }
    };
    if confirm.plan.predicted(confirm.mode) == 0 {
        model.notice = Some("nothing would go: nothing was done".into());
        return Vec::new();
    }
    model.last_job += 1;
    let (job, mode) = (model.last_job, confirm.mode);
    // The drop is to be seen.
    model.frozen = None;
    let size = model.dentry_size();
    model.mode = Mode::Pruning(Box::new(Pruning {
        job,
        path: confirm.plan.target.path.clone(),
        mode,
        predicted: confirm.plan.predicted(mode),
        predicted_bytes: size.map(|size| confirm.bytes(mode, size)),
        since: model.now,
        clock: String::new(),
        before: None,
        so_far: Box::default(),
        stopping: false,
    }));
    let plan = confirm.plan;
    vec![Effect::Prune { job, plan, mode }]
}

pub(super) fn began(
    model: &mut Model,
    job: u64,
    at: Duration,
    clock: String,
    sample: Sample,
) -> Vec<Effect> {
    if let Mode::Pruning(pruning) = &mut model.mode
        && pruning.job == job
    {
        pruning.since = at;
        pruning.clock.clone_from(&clock);
        pruning.before = Some(Figures::of(&sample));
        let name = pruning.path.file_name().map(printable).unwrap_or_default();
        let label = format!("pruned {name}/ {clock}");
        model.history.markers.push(Marker { at, label });
    }
    super::take(model, at, sample)
}

pub(super) fn ended(
    model: &mut Model,
    job: u64,
    at: Duration,
    result: Result<Outcome, PruneError>,
    sample: Sample,
) -> Vec<Effect> {
    let after = Figures::of(&sample);
    let mut effects = super::take(model, at, sample);
    let pruning = match std::mem::replace(&mut model.mode, Mode::Browse) {
        Mode::Pruning(pruning) if pruning.job == job => *pruning,
        other => {
            model.mode = other;
            return effects;
        }
    };
    match result {
        Ok(outcome) => {
            model.ledgers.push(Ledger {
                pruning,
                outcome,
                after,
            });
            model.mode = Mode::Ledger;
        }
        Err(error) => {
            let moved = pruning.so_far.moved;
            if moved == 0 {
                model
                    .history
                    .markers
                    .retain(|marker| marker.at != pruning.since);
            } else {
                let moved = count(moved);
                model.notice = Some(format!("{moved} dentries were pruned before it failed"));
            }
            model.mode = Mode::Failed {
                what: "The prune did not run to its end",
                error: error.to_string(),
            };
        }
    }
    effects.extend(tree::stale(model));
    effects
}

/// Esc: ends what is under way, or says no to the plan.
pub(super) fn cancel(model: &mut Model) -> Vec<Effect> {
    match &mut model.mode {
        Mode::Planning { job, .. } => {
            let job = *job;
            model.mode = Mode::Browse;
            vec![Effect::Cancel { job }]
        }
        Mode::Confirm(_) => {
            model.mode = Mode::Browse;
            model.notice = Some("cancelled: nothing was pruned".into());
            Vec::new()
        }
        Mode::PlanningShrink { .. } => {
            model.mode = model.below();
            Vec::new()
        }
        Mode::Shrinking { .. } => {
            model.notice = Some("the kernel cannot be stopped here; it does not take long".into());
            Vec::new()
        }
        Mode::ConfirmShrink(_) => {
            model.mode = model.below();
            model.notice = Some("cancelled: nothing was shrunk".into());
            Vec::new()
        }
        Mode::Pruning(pruning) => {
            pruning.stopping = true;
            vec![Effect::Cancel { job: pruning.job }]
        }
        _ if model.screen == Screen::Tree => tree::escape(model),
        _ => Vec::new(),
    }
}
