//! Conditions for the answer to a question on the screen: a frame with all of it, and no pending
//! input from before.

use super::Effect;
use crate::ui::keymap::{Action, RungAction, SettingsAction, WhoAction};
use crate::ui::model::{Answer, Model, Question};
use crate::ui::view::in_sight;

/// After every change: a new question has to be shown anew.
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

/// Why the answer to a question does not count yet.
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

/// A key other than the answers was pressed.
pub(super) fn urge(model: &mut Model) -> Vec<Effect> {
    model.asking.urged |= model.asking.wider.is_none();
    Vec::new()
}

/// Scrolls the question; returns whether there is one.
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
