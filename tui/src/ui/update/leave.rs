//! Leaving a view, and the program at the top.

use super::Effect;
use super::{hotspots, names, who};
use crate::ui::keymap::{HotspotsAction, NamesAction, WhoAction};
use crate::ui::model::{InputMode, Model, Watching};

/// `q`: back from what covers a screen; from a screen itself it ends the program, with a question
/// first if something under way would end.
pub(super) fn quit(model: &mut Model) -> Vec<Effect> {
    match model.mode {
        InputMode::Who => return who::act(model, WhoAction::Back),
        InputMode::Hotspots => return hotspots::act(model, HotspotsAction::Back),
        InputMode::Names => return names::act(model, NamesAction::Back),
        _ => {}
    }
    if model.who.watching.as_ref().is_some_and(Watching::is_on) {
        model.mode = InputMode::Leave;
        return Vec::new();
    }
    vec![Effect::Quit]
}
