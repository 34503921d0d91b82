//! Typing the filter of the screen shown.

use super::{Effect, grid, names};
use crate::model::{Filter, Model, Page, Screen};

pub(super) fn typed(model: &mut Model, c: char) -> Vec<Effect> {
    let text = format!("{}{c}", model.filter().text());
    set(model, Filter::new(text))
}

pub(super) fn erase(model: &mut Model) -> Vec<Effect> {
    let mut text = model.filter().text().to_owned();
    text.pop();
    set(model, Filter::new(text))
}

pub(super) fn clear(model: &mut Model) -> Vec<Effect> {
    model.mode = model.below();
    set(model, Filter::default())
}

/// The rows of the slab table are made anew with each message.
fn set(model: &mut Model, filter: Filter) -> Vec<Effect> {
    *model.filter_mut() = filter;
    if model.who_is_shown() {
        model.who.arrange();
        return Vec::new();
    }
    match (model.screen, model.page) {
        (Screen::Tree, Some(Page::Names)) => return names::sift(model),
        (Screen::Tree, _) => model.arrange_tree(),
        _ => grid::arrange(model),
    }
    Vec::new()
}
