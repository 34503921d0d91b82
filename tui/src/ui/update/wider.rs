//! The list of wider rungs, over a plan.

use super::{Effect, rung};
use crate::ui::model::Model;

/// The wider rungs, to choose one of them.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    match !model.beside().is_empty() {
        true => model.asking.wider = Some(0),
        false => model.notice = Some("there is no broader rung".into()),
    }
    Vec::new()
}

/// Another line of their list.
pub(super) fn moved(model: &mut Model, steps: i64) {
    if let Some(at) = model.asking.wider {
        let at = super::stepped(at, steps, model.beside().len());
        model.asking.wider = Some(at);
    }
}

/// Has the plan of the chosen one made.
pub(super) fn choose(model: &mut Model) -> Vec<Effect> {
    let chosen = model.asking.wider.and_then(|at| {
        let step = model.beside().get(at).copied()?;
        Some(step.rung)
    });
    chosen.map_or(Vec::new(), |rung| rung::step(model, rung))
}
