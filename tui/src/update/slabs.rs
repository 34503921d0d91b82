//! The keys of the slab screen.

use super::stepped;
use crate::model::{Column, Model};

pub(super) fn sort(model: &mut Model, column: Column) {
    model.slabs.sort = column;
    model.slabs.reverse = false;
}

pub(super) fn moved(model: &mut Model, steps: i64) {
    let rows = model.caches();
    let index = stepped(model.slabs.index(&rows), steps, rows.len());
    // The top is no certain cache: whichever comes to be the greatest stays selected.
    let selected = rows.get(index).filter(|_| index > 0);
    model.slabs.selected = selected.map(|cache| cache.name.clone());
}

pub(super) fn typed(model: &mut Model, c: char) {
    model.slabs.filter.push(c);
}

pub(super) fn erase(model: &mut Model) {
    model.slabs.filter.pop();
}

pub(super) fn clear(model: &mut Model) {
    model.slabs.filter.clear();
    model.mode = crate::model::Mode::Browse;
}
