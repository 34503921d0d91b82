//! The order of the tree's rows.

use super::stepped;
use crate::ui::model::{InputMode, Model, TREE_SHAPES, TreeColumn};

fn sort(model: &mut Model, column: TreeColumn) {
    model.tree.order.sort = column;
    model.tree.order.reverse = false;
    model.arrange_tree();
    if matches!(model.mode, InputMode::SortMenu { .. }) {
        model.mode = InputMode::Browse;
    }
}

/// A click on a heading: sorts by it, and reverses the order if that is the sort key.
pub(super) fn sort_or_reverse(model: &mut Model, column: TreeColumn) {
    if model.tree.order.sort == column {
        reverse(model);
    } else {
        sort(model, column);
    }
}

pub(super) fn next(model: &mut Model) {
    sort(model, model.tree.order.sort.next());
}

pub(super) fn reverse(model: &mut Model) {
    model.tree.order.reverse ^= true;
    model.arrange_tree();
}

pub(super) fn menu(model: &mut Model) {
    let sort = model.tree.order.sort;
    let at = TREE_SHAPES.iter().position(|shape| shape.column == sort);
    model.mode = InputMode::SortMenu {
        at: at.unwrap_or(0),
    };
}

/// Up and down in the menu.
pub(super) fn moved(at: &mut usize, steps: i64) {
    *at = stepped(*at, steps, TREE_SHAPES.len());
}

pub(super) fn chosen(model: &mut Model) {
    if let InputMode::SortMenu { at } = model.mode
        && let Some(shape) = TREE_SHAPES.get(at)
    {
        sort(model, shape.column);
    }
}

/// A letter in the menu chooses its column.
pub(super) fn letter(model: &mut Model, letter: char) {
    if let Some(shape) = TREE_SHAPES.iter().find(|shape| shape.letter == letter) {
        sort(model, shape.column);
    }
}

/// Switches whether this directory's own names sort among the directories.
pub(super) fn directories_first(model: &mut Model) {
    let order = &mut model.tree.order;
    order.directories_first ^= true;
    let words = if order.directories_first {
        "directories first, then this directory's own names"
    } else {
        "this directory's own names are sorted among the directories"
    };
    model.notice = Some(words.into());
    model.arrange_tree();
}
