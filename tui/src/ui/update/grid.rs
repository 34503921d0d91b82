//! The keys on the screens of filesystems and cgroups, which are tables of columns as data.

use super::{Effect, stepped};
use crate::ui::keymap::Action;
use crate::ui::model::{
    CGROUP_COLUMNS, FILESYSTEM_COLUMNS, GridColumn, GridOrder, InputMode, Model, Screen,
};

/// The action of a key on these screens; None: it is the same everywhere.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Vec<Effect>> {
    // Boxes over the screen have keys of their own.
    if !matches!(model.mode, InputMode::Browse | InputMode::SortMenu { .. }) {
        return None;
    }
    let order = order(model)?;
    match action {
        Action::SortMenu => model.mode = InputMode::SortMenu { at: order.sort },
        Action::SortChosen => {
            if let InputMode::SortMenu { at } = model.mode {
                sort(model, at);
            }
        }
        Action::CycleSort => {
            let next = (order.sort + 1) % letters(model).len();
            sort(model, next);
        }
        Action::Reverse => {
            order.reverse ^= true;
            model.arrange_grid();
        }
        _ => return None,
    }
    Some(Vec::new())
}

/// Order and filter of the screen's rows; None: it is another kind of screen.
fn order(model: &mut Model) -> Option<&mut GridOrder> {
    match model.screen {
        Screen::Filesystems => Some(&mut model.filesystems.order),
        Screen::Cgroups => Some(&mut model.cgroups.order),
        _ => None,
    }
}

/// The letters of the screen's columns.
fn letters(model: &Model) -> Vec<char> {
    fn of<L>(columns: &[GridColumn<L>]) -> Vec<char> {
        columns.iter().map(|column| column.letter).collect()
    }
    match model.screen {
        Screen::Filesystems => of(FILESYSTEM_COLUMNS),
        _ => of(CGROUP_COLUMNS),
    }
}

fn sort(model: &mut Model, column: usize) {
    if let Some(order) = order(model) {
        order.sort = column;
        order.reverse = false;
    }
    if matches!(model.mode, InputMode::SortMenu { .. }) {
        model.mode = InputMode::Browse;
    }
    model.arrange_grid();
}

/// A click on a heading: sorts by it, and reverses the order if that is the sort key.
pub(super) fn sort_or_reverse(model: &mut Model, column: usize) {
    if let Some(order) = order(model) {
        order.sort_or_reverse(column);
    }
    model.arrange_grid();
}

/// A letter in the menu chooses its column.
pub(super) fn letter(model: &mut Model, letter: char) {
    let found = letters(model).into_iter().position(|of| of == letter);
    if let Some(column) = found {
        sort(model, column);
    }
}

pub(super) fn moved(model: &mut Model, steps: i64) {
    let columns = letters(model).len();
    if let InputMode::SortMenu { at } = &mut model.mode {
        *at = stepped(*at, steps, columns);
        return;
    }
    let (at, len) = match model.screen {
        Screen::Filesystems => (model.filesystems.index(), model.filesystems.rows.len()),
        _ => (model.cgroups.index(), model.cgroups.shown.len()),
    };
    select(model, stepped(at, steps, len));
}

fn select(model: &mut Model, at: usize) {
    match model.screen {
        Screen::Filesystems => {
            let row = model.filesystems.rows.get(at);
            model.filesystems.selected = row.map(|row| row.mount().superblock.clone());
        }
        _ => {
            let row = model.cgroups.row(at);
            model.cgroups.selected = row.map(|row| row.cgroup.path.clone());
        }
    }
}

/// A click selects a row, or opens it if it is selected.
pub(super) fn clicked(model: &mut Model, row: usize) -> Vec<Effect> {
    let at = match model.screen {
        Screen::Filesystems => model.filesystems.index(),
        _ => model.cgroups.index(),
    };
    if at == row {
        return super::act(model, Action::Enter);
    }
    select(model, row);
    Vec::new()
}
