//! The list of wider rungs, over a plan.

use super::Effect;
use crate::reclaim::ladder::Rung;
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

/// The chosen one.
pub(super) fn chosen(model: &Model) -> Option<Rung> {
    let step = model.beside().get(model.asking.wider?).copied()?;
    Some(step.rung)
}
