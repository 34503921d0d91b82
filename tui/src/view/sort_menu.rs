//! The menu of columns to sort by.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{first_row, popup};
use crate::model::{Column, Model};

/// A letter and a column a line; slabtop's letters work without the menu, too.
pub(super) fn render(model: &Model, at: usize, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let order = look.glyphs.order[usize::from(model.slabs.reverse)];
    let lines = Column::sortable().enumerate().map(|(line, shape)| {
        let now = if shape.column == model.slabs.sort {
            order
        } else {
            " "
        };
        let text = format!(" {now} {}  {:<30}", shape.letter, shape.words);
        if line == at {
            Line::styled(text, look.selected())
        } else {
            Line::raw(text)
        }
    });
    // Without the border and the line below.
    let height = usize::from(area.height.saturating_sub(3)).max(1);
    let first = first_row(at, Column::sortable().count(), height);
    let mut lines: Vec<_> = lines.skip(first).take(height).collect();
    let [down, up, reverse] = ["down", "up", "reverse"].map(|name| model.keymap.key(name));
    lines.push(Line::styled(
        format!("a letter, or {down} {up} and Enter; {reverse} reverses"),
        look.dim(),
    ));
    popup(look, "Sort by", lines, frame, area);
}
