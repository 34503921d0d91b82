//! What a question on the screen needs before it may be answered: a frame with all of it, and
//! nothing left of what was typed before that.

use super::Effect;
use crate::ui::keymap::{Action, RungAction, SettingsAction, WhoAction};
use crate::ui::model::{Answer, Model, Question};
use crate::ui::view::in_sight;

/// After every change: another question is another one to be shown.
pub(super) fn follow(model: &mut Model) {
    let question = Question::of(model);
    model.asking.follow(question);
}

/// A frame was drawn.
pub(super) fn drawn(model: &mut Model) {
    if Question::of(model).is_some()
        && let Some(sight) = in_sight(model)
    {
        model.asking.drawn(sight);
    }
}

/// Why what answers a question does not yet.
pub(super) fn unheard(model: &Model, action: Action) -> Option<&'static str> {
    let answers = matches!(
        action,
        Action::Prune
            | Action::Leave
            | Action::Settings(SettingsAction::Change)
            | Action::Who(WhoAction::Start)
            | Action::Rung(RungAction::Run)
    );
    if !answers {
        return None;
    }
    match model.asking.answer(in_sight(model)) {
        Answer::Hidden => Some("the terminal is too small for the plan"),
        Answer::Early => Some("ignored, as it was typed before the plan was shown: press it again"),
        Answer::Unread => Some("the plan has more lines: PgDn shows them, then y"),
        Answer::Heard => None,
    }
}

/// Another key than those that answer.
pub(super) fn urge(model: &mut Model) -> Vec<Effect> {
    model.asking.urged |= model.asking.wider.is_none();
    Vec::new()
}

/// Scrolls the question; whether there is one.
pub(super) fn scroll(model: &mut Model, lines: i64) -> bool {
    match (Question::of(model), in_sight(model)) {
        (Some(_), Some(sight)) => model.asking.scroll(lines, sight),
        (Some(_), None) => {}
        (None, _) => return false,
    }
    true
}

/// The same by pages; the last line stays in sight.
pub(super) fn page(model: &mut Model, pages: i64) -> bool {
    let lines = in_sight(model).map_or(1, |sight| (sight.end - sight.first).max(2) - 1);
    scroll(
        model,
        pages.saturating_mul(i64::try_from(lines).unwrap_or(1)),
    )
}
