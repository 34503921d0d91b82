//! From the key to what shrinking a cache freed. An effect that shrinks comes out of
//! [`confirmed`] alone.

use std::time::Duration;

use super::{Done, Effect};
use crate::history::Marker;
use crate::model::{ConfirmShrink, Mode, Model, Shrunk};
use crate::shrink::{Plan, ShrinkError};
use crate::text::printable;

/// Looks what shrinking the selected cache would reach.
pub(super) fn plan(model: &mut Model) -> Vec<Effect> {
    let selected = match &model.slabs.detail {
        Some(detail) => Some(detail.cache.clone()),
        None => model.selected_cache().map(|cache| cache.name.clone()),
    };
    let Some(cache) = selected else {
        return Vec::new();
    };
    model.last_job += 1;
    let job = model.last_job;
    model.mode = Mode::PlanningShrink {
        job,
        cache: cache.clone(),
    };
    vec![Effect::PlanShrink { job, cache }]
}

pub(super) fn planned(model: &mut Model, job: u64, result: Result<Plan, ShrinkError>) {
    if !matches!(model.mode, Mode::PlanningShrink { job: of, .. } if of == job) {
        return;
    }
    model.mode = match result {
        Ok(plan) => Mode::ConfirmShrink(Box::new(ConfirmShrink { plan, urged: false })),
        Err(error) => failed("The cache cannot be shrunk", &error),
    };
}

fn failed(what: &'static str, error: &ShrinkError) -> Mode {
    let error = format!("{error}\n{}", error.remedy());
    Mode::Failed { what, error }
}

/// `y`: the plan on the screen, and nothing else, is carried out.
pub(super) fn confirmed(model: &mut Model) -> Vec<Effect> {
    match std::mem::replace(&mut model.mode, Mode::Browse) {
        Mode::ConfirmShrink(confirm) => {
            model.last_job += 1;
            let job = model.last_job;
            // The drop is to be seen.
            model.frozen = None;
            let plan = confirm.plan;
            model.mode = Mode::Shrinking {
                job,
                cache: plan.cache.name.clone(),
            };
            vec![Effect::Shrink { job, plan }]
        }
        other => {
            model.mode = other;
            Vec::new()
        }
    }
}

pub(super) fn ended(model: &mut Model, job: u64, at: Duration, done: Done) -> Vec<Effect> {
    model.journal.push(done.record, done.recorded);
    let effects = super::take(model, at, *done.sample);
    if !matches!(model.mode, Mode::Shrinking { job: of, .. } if of == job) {
        return effects;
    }
    model.mode = match done.result {
        Ok(outcome) => {
            let label = format!("shrank {} {}", printable(&done.plan.cache.name), done.clock);
            let at = done.began;
            model.history.markers.push(Marker { at, label });
            Mode::Shrunk(Box::new(Shrunk {
                plan: done.plan,
                at,
                clock: done.clock,
                outcome,
            }))
        }
        Err(error) => failed("The cache was not shrunk", &error),
    };
    effects
}
