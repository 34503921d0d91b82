//! The list of wider rungs, over a plan.

use super::Effect;
use crate::reclaim::ladder::Rung;
use crate::ui::model::Model;

/// Opens the list of wider rungs.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    match !model.beside().is_empty() {
        true => model.asking.wider = Some(0),
        false => model.notice = Some("there is no broader rung".into()),
    }
    Vec::new()
}

/// Moves to another line of the list.
pub(super) fn moved(model: &mut Model, steps: i64) {
    if let Some(at) = model.asking.wider {
        let at = super::stepped(at, steps, model.beside().len());
        model.asking.wider = Some(at);
    }
}

/// The selected rung.
pub(super) fn chosen(model: &Model) -> Option<Rung> {
    let step = model.beside().get(model.asking.wider?).copied()?;
    Some(step.rung)
}
