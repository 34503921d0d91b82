//! The worker does one job after the other: background jobs make way for requested ones.

use super::{BrowseEffect, Effect, NamesEffect, hotspots};
use crate::ui::model::Model;

/// Ends counts in the background before a requested job, if there is one. That of a refill repeats
/// itself soon; a search for hotspots keeps what it found.
pub(super) fn make_way(model: &mut Model, mut effects: Vec<Effect>) -> Vec<Effect> {
    let hunts = effects
        .iter()
        .any(|effect| matches!(effect, Effect::Hotspots { .. }));
    let waits = effects.iter().any(is_waited_for);
    if !hunts && !waits {
        return effects;
    }
    let refills = model.ledgers.iter().filter_map(|ledger| ledger.refill.job);
    let mut first: Vec<Effect> = refills.map(|job| Effect::Cancel { job }).collect();
    if waits && !hunts {
        first.extend(hotspots::stop(model));
    }
    first.append(&mut effects);
    first
}

/// Whether the user requested it and waits for it.
fn is_waited_for(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Census { .. }
            | Effect::Plan { .. }
            | Effect::PlanRung { .. }
            | Effect::Rung { .. }
            | Effect::Holders { .. }
            | Effect::Prune { .. }
            | Effect::Change { .. }
            | Effect::Browse(BrowseEffect::Read { .. } | BrowseEffect::Pages { .. })
            | Effect::Names(NamesEffect::List { .. } | NamesEffect::Export { .. })
    )
}
