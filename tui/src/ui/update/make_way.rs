//! The worker does one job after the other: what nobody waits for makes way for what is asked for.

use super::{BrowseEffect, Effect, NamesEffect, hotspots};
use crate::ui::model::Model;

/// Has counts in the background ended before what was asked for, if something was. That of a
/// refill is made again soon by itself; a search for hotspots keeps what it found.
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

/// Whether a person waits for it who asked for it.
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
