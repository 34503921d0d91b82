//! From the key to what shrinking a cache freed. An effect that shrinks comes out of
//! [`confirmed`] alone.

use std::time::Duration;

use super::{Done, Effect};
use crate::base::text::printable;
use crate::cache::history::Marker;
use crate::kernel::source::{Cache, CacheId};
use crate::reclaim::shrink::{Plan, ShrinkError};
use crate::ui::model::{ConfirmShrink, Figures, Mode, Model, Shrunk};

/// Looks what shrinking the selected cache would reach.
pub(super) fn plan(model: &mut Model) -> Vec<Effect> {
    let from_ledger = matches!(model.mode, Mode::Ledger);
    let selected = match &model.slabs.detail {
        _ if from_ledger => Some("dentry".into()),
        Some(detail) => Some(detail.cache.clone()),
        None => model.selected_cache().map(Cache::id),
    };
    let Some(CacheId { name: cache, nth }) = selected else {
        return Vec::new();
    };
    if nth > 0 {
        model.notice = Some("sysfs only shrinks the oldest cache of this name".into());
        return Vec::new();
    }
    model.last_job += 1;
    let job = model.last_job;
    model.mode = Mode::PlanningShrink {
        job,
        cache: cache.clone(),
        from_ledger,
    };
    vec![Effect::PlanShrink { job, cache }]
}

/// The same of the dentries' cache, whatever is selected.
pub(super) fn plan_dentries(model: &mut Model) -> Vec<Effect> {
    model.last_job += 1;
    let (job, cache) = (model.last_job, "dentry".to_owned());
    model.mode = Mode::PlanningShrink {
        job,
        cache: cache.clone(),
        from_ledger: false,
    };
    vec![Effect::PlanShrink { job, cache }]
}

pub(super) fn planned(model: &mut Model, job: u64, result: Result<Plan, ShrinkError>) {
    let from_ledger = match model.mode {
        Mode::PlanningShrink {
            job: of,
            from_ledger,
            ..
        } if of == job => from_ledger,
        _ => return,
    };
    model.mode = match result {
        Ok(plan) => Mode::ConfirmShrink(Box::new(ConfirmShrink {
            job,
            plan,
            from_ledger,
        })),
        Err(error) => failed("The cache cannot be shrunk", &error),
    };
}

/// What is shown where the plan was.
pub(super) fn back(model: &Model, from_ledger: bool) -> Mode {
    match from_ledger {
        true => Mode::Ledger,
        false => model.below(),
    }
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
                from_ledger: confirm.from_ledger,
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
    let recorded = match &done.result {
        Err(ShrinkError::Unrecorded(error)) => Err(error.to_string()),
        _ => done.recorded.map_err(|error| error.to_string()),
    };
    super::prune::record(model, done.record, recorded);
    let after = Figures::of(&done.sample, None);
    let effects = super::take(model, at, *done.sample);
    let from_ledger = match model.mode {
        Mode::Shrinking {
            job: of,
            from_ledger,
            ..
        } if of == job => from_ledger,
        _ => return effects,
    };
    model.mode = match done.result {
        Ok(outcome) => {
            let label = format!("shrank {} {}", printable(&done.plan.cache.name), done.clock);
            let at = done.began;
            model.history.markers.push(Marker { at, label });
            if let Some(ledger) = model.ledgers.last_mut().filter(|_| from_ledger) {
                ledger.shrunk = Some((outcome.freed().unwrap_or(0), after));
                model.mode = Mode::Ledger;
                return effects;
            }
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
