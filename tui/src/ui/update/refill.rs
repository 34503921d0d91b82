//! After a prune: its directories are counted again, for as long as that is of use.

use std::path::PathBuf;
use std::time::Duration;

use super::Effect;
use crate::kernel::target::LookError;
use crate::ui::model::{InputMode, Model, Turn};

/// Counts below the directories of the last prune, if a count is due.
pub(super) fn due(model: &mut Model) -> Vec<Effect> {
    // Not between a plan and its prune: the user would have to wait.
    if matches!(
        model.mode,
        InputMode::Planning { .. } | InputMode::Confirm(_) | InputMode::Pruning(_)
    ) {
        return Vec::new();
    }
    let (now, job) = (model.now, model.last_job + 1);
    let Some(ledger) = model.ledgers.last_mut() else {
        return Vec::new();
    };
    if !ledger.refill.is_due(now) {
        return Vec::new();
    }
    ledger.refill.job = Some(job);
    model.last_job = job;
    let ran = ledger.parts.iter().filter(|part| part.outcome().is_some());
    let below: Vec<PathBuf> = ran.map(|part: &Turn| part.path.clone()).collect();
    let mode = ledger.mode;
    vec![Effect::Recount { job, below, mode }]
}

pub(super) fn counted(
    model: &mut Model,
    job: u64,
    at: Duration,
    result: Result<Option<u64>, LookError>,
) {
    let ledgers = model.ledgers.iter_mut();
    let mut refills = ledgers.map(|ledger| &mut ledger.refill);
    let Some(refill) = refills.find(|refill| refill.job == Some(job)) else {
        return;
    };
    refill.job = None;
    match result {
        Ok(Some(there)) => refill.counted(at, there),
        // It was ended for another job, and is repeated soon.
        Ok(None) => {}
        Err(error) => refill.failed = Some(error.to_string()),
    }
}
