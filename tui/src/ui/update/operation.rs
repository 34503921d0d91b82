//! The common part of prunes and other rungs: changing from one plan to another, and cancelling.

use std::path::PathBuf;

use super::{Effect, prune, rung, tree, wider};
use crate::reclaim::everybody::What;
use crate::reclaim::ladder::Rung;
use crate::ui::keymap::RungAction;
use crate::ui::model::{Ask, Held, InputMode, Model, Origin, Screen};

/// The action of a key on a plan for a rung.
pub(super) fn act(model: &mut Model, action: RungAction) -> Vec<Effect> {
    match action {
        RungAction::PlanRow => rung::plan_row(model),
        RungAction::Everybody => {
            let (what, sync) = (What::Slab, false);
            rung::plan(model, Ask::Everybody { what, sync }, Origin::Anywhere)
        }
        RungAction::Step(rung) => step(model, rung),
        RungAction::Run => rung::confirmed(model),
        RungAction::Option => rung::option(model),
        RungAction::Adjust(up) => rung::adjust(model, up),
        RungAction::Type => rung::type_amount(model),
        RungAction::Erase => {
            if let Some(text) = rung::typing(model) {
                text.pop();
            }
            Vec::new()
        }
        RungAction::Typed => rung::typed(model),
        RungAction::Untype => {
            if let InputMode::ConfirmRung(confirm) = &mut model.mode {
                (confirm.typing, confirm.word) = (None, None);
            }
            Vec::new()
        }
        RungAction::Wider => wider::open(model),
        RungAction::Widen => match wider::chosen(model) {
            Some(rung) => step(model, rung),
            None => Vec::new(),
        },
        RungAction::Unwiden => {
            model.asking.wider = None;
            Vec::new()
        }
    }
}

/// The directory that the plan on the screen is for, or was requested at.
fn place(model: &Model) -> Option<PathBuf> {
    match &model.mode {
        InputMode::Confirm(confirm) => {
            let task = confirm.tasks.first()?;
            Some(task.plan.target.path.clone())
        }
        InputMode::ConfirmRung(confirm) => confirm.directory().map(Into::into),
        _ => None,
    }
}

/// Requests the plan of another rung, for the same place.
pub(super) fn step(model: &mut Model, rung: Rung) -> Vec<Effect> {
    let found = model.ladder.iter().find(|step| step.rung == rung);
    if let Some(why) = found.and_then(|step| step.why_not.as_ref()) {
        let why = why.lines().next().unwrap_or_default();
        model.notice = Some(format!("n/a: {why}"));
        return Vec::new();
    }
    let place = place(model);
    let mut effects = leave_plan(model);
    let origin = place.clone().map_or(Origin::Anywhere, Origin::Directory);
    effects.extend(match (rung, place) {
        (Rung::Cgroup, _) => {
            model.notice = Some("select the cgroup, then p plans".into());
            super::show(model, Screen::Cgroups)
        }
        (Rung::Cache, _) => rung::plan(model, rung::of_cache("dentry"), origin),
        (Rung::Everybody, _) => {
            let (what, sync) = (What::Slab, false);
            rung::plan(model, Ask::Everybody { what, sync }, origin)
        }
        // The plan on the screen stays.
        (_, None) => {
            let notice = "this rung acts on a directory: select one in the tree, then p plans";
            model.notice = Some(notice.into());
            return Vec::new();
        }
        (Rung::Superblock, Some(point)) => {
            let inodes = false;
            rung::plan(model, Ask::Superblock { point, inodes }, origin)
        }
        (Rung::Carousel, Some(path)) => rung::plan(model, Ask::Carousel { path }, origin),
        (_, Some(path)) => prune::plan_for(model, path, rung),
    });
    effects
}

/// Ends what depends on the plan on the screen.
pub(super) fn leave_plan(model: &mut Model) -> Vec<Effect> {
    match &model.mode {
        InputMode::Confirm(confirm) => prune::stop_looking(confirm),
        InputMode::ConfirmRung(confirm) => {
            let job = confirm.replanning;
            job.map(|job| Effect::Cancel { job }).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Esc: ends what is under way, or cancels the plan.
pub(super) fn cancel(model: &mut Model) -> Vec<Effect> {
    if let Some(effects) = rung::cancel(model) {
        return effects;
    }
    match &mut model.mode {
        InputMode::Planning { job, .. } => {
            let job = *job;
            model.mode = model.below();
            vec![Effect::Cancel { job }]
        }
        // First ends the scan, keeping its result.
        InputMode::Confirm(confirm) if matches!(confirm.held, Held::Looking(_)) => {
            prune::stop_looking(confirm)
        }
        InputMode::Confirm(_) => {
            model.mode = model.below();
            model.notice = Some("cancelled: nothing was pruned".into());
            Vec::new()
        }
        InputMode::Pruning(pruning) => {
            pruning.stopping = true;
            vec![Effect::Cancel { job: pruning.job }]
        }
        _ if model.screen == Screen::Tree => tree::escape(model),
        _ => Vec::new(),
    }
}
