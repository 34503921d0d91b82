//! Typing the filter of the screen shown.

use super::{Effect, names};
use crate::base::filter::Filter;
use crate::ui::model::{InputMode, Model, Page, Screen};

/// Opens the field: of the help, if that is shown.
pub(super) fn begin(model: &mut Model) {
    match &mut model.mode {
        InputMode::Help { typing, .. } => *typing = true,
        mode => *mode = InputMode::Filter,
    }
}

/// Ends the typing in the help, which stays; returns whether it was typed in.
pub(super) fn ends(model: &mut Model) -> bool {
    match &mut model.mode {
        InputMode::Help { typing, .. } => std::mem::take(typing),
        _ => false,
    }
}

/// The text that is typed in the help.
pub(super) fn of_help(model: &mut Model) -> Option<&mut String> {
    match &mut model.mode {
        InputMode::Help {
            text,
            scroll,
            typing: true,
        } => {
            *scroll = 0;
            Some(text)
        }
        _ => None,
    }
}

pub(super) fn erase(model: &mut Model) -> Vec<Effect> {
    if let Some(text) = of_help(model) {
        text.pop();
        return Vec::new();
    }
    let mut text = model.filter().text().to_owned();
    text.pop();
    set(model, text)
}

pub(super) fn clear(model: &mut Model) -> Vec<Effect> {
    if let Some(text) = of_help(model) {
        text.clear();
        ends(model);
        return Vec::new();
    }
    model.mode = model.below();
    set(model, String::new())
}

/// The rows of the slab table are arranged with each message.
pub(super) fn set(model: &mut Model, text: String) -> Vec<Effect> {
    *model.filter_mut() = Filter::new(text);
    if model.who_is_shown() {
        model.who.arrange();
        return Vec::new();
    }
    match (model.screen, model.page) {
        (Screen::Tree, Some(Page::Names)) => return names::sift(model),
        (Screen::Tree, _) => model.arrange_tree(),
        _ => model.arrange_grid(),
    }
    Vec::new()
}
