//! The mouse: a click sorts, selects and opens; the wheel scrolls.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::{Effect, grid, show, slabs, tree, tree_order};
use crate::ui::model::{InputMode, Model};
use crate::ui::view::{self, GridHit, Hit};

/// Lines that a notch of the wheel scrolls.
const NOTCH: i64 = 3;

/// A click does not answer a box that asks for a key.
pub(super) fn event(model: &mut Model, event: MouseEvent) -> Vec<Effect> {
    if !matches!(
        model.mode,
        InputMode::Browse
            | InputMode::Detail
            | InputMode::Names
            | InputMode::Hotspots
            | InputMode::Who
            | InputMode::SortMenu { .. }
            | InputMode::Help { .. }
    ) {
        return Vec::new();
    }
    match event.kind {
        MouseEventKind::ScrollDown => super::moved(model, NOTCH),
        MouseEventKind::ScrollUp => super::moved(model, -NOTCH),
        MouseEventKind::Down(MouseButton::Left) => return click(model, event.column, event.row),
        _ => {}
    }
    Vec::new()
}

fn click(model: &mut Model, column: u16, row: u16) -> Vec<Effect> {
    // A notice covers the keys of the bottom line.
    let hit = view::hit(model, column, row);
    model.notice = None;
    match hit {
        Some(Hit::Key(key)) => return super::pressed(model, key),
        Some(Hit::Screen(screen)) => return show(model, screen),
        Some(Hit::Head(column)) => slabs::sort_or_reverse(model, column),
        Some(Hit::Row(row)) if row == model.slabs.at => return slabs::detail(model),
        Some(Hit::Row(row)) => slabs::select(model, row),
        Some(Hit::TreeHead(column)) => tree_order::sort_or_reverse(model, column),
        Some(Hit::Grid(GridHit::Head(column))) => grid::sort_or_reverse(model, column),
        Some(Hit::Grid(GridHit::Row(row))) => return grid::clicked(model, row),
        Some(Hit::TreeRow(row)) => return tree::clicked(model, row),
        None => {}
    }
    Vec::new()
}

/// Takes or releases the mouse. Without it the terminal's own selecting and copying works.
pub(super) fn toggle(model: &mut Model) -> Vec<Effect> {
    let Some(mouse) = &mut model.mouse else {
        model.notice = Some("this terminal has no mouse".into());
        return Vec::new();
    };
    *mouse ^= true;
    let (on, key) = (*mouse, model.keymap.key("mouse"));
    model.notice = Some(if on {
        format!("mouse captured: it sorts, selects and scrolls; {key} releases it")
    } else {
        format!("mouse released ({key} captures it)")
    });
    vec![Effect::Mouse(on)]
}
