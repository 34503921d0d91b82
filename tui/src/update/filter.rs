//! Typing the filter of the screen shown.

use crate::model::{Filter, Mode, Model, Screen};

pub(super) fn typed(model: &mut Model, c: char) {
    let text = format!("{}{c}", model.filter().text());
    set(model, Filter::new(text));
}

pub(super) fn erase(model: &mut Model) {
    let mut text = model.filter().text().to_owned();
    text.pop();
    set(model, Filter::new(text));
}

pub(super) fn clear(model: &mut Model) {
    set(model, Filter::default());
    model.mode = Mode::Browse;
}

/// The rows of the slab table are made anew with each message.
fn set(model: &mut Model, filter: Filter) {
    *model.filter_mut() = filter;
    if model.screen == Screen::Tree {
        model.arrange_tree();
    }
}
