//! After a prune: what it took is counted again, for as long as that tells something.

use std::path::PathBuf;
use std::time::Duration;

use super::Effect;
use crate::kernel::target::LookError;
use crate::ui::model::{InputMode, Model, Turn};

/// Counts below the directories of the last prune, if it is time.
pub(super) fn due(model: &mut Model) -> Vec<Effect> {
    // Not between a plan and its prune: that would make a person wait for it.
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
        // It was ended for something else, and is counted again soon.
        Ok(None) => {}
        Err(error) => refill.failed = Some(error.to_string()),
    }
}
