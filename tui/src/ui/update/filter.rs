//! Typing the filter of the screen shown.

use super::{Effect, names};
use crate::base::filter::Filter;
use crate::ui::model::{Model, Page, Screen};

pub(super) fn erase(model: &mut Model) -> Vec<Effect> {
    let mut text = model.filter().text().to_owned();
    text.pop();
    set(model, text)
}

pub(super) fn clear(model: &mut Model) -> Vec<Effect> {
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
