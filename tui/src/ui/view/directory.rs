//! The common part of the tree screen's tables.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::base::text::{count, short_signed};
use crate::kernel::source::dentry_state::Cost;
use crate::ui::model::Model;

/// A row of a table, selected or not.
pub(super) fn row_line(
    model: &Model,
    text: String,
    selected: bool,
    dim: bool,
    area: Rect,
) -> Line<'static> {
    if selected {
        let width = usize::from(area.width);
        Line::styled(format!("{text:<width$}"), model.look.selected())
    } else if dim {
        Line::styled(text, model.look.dim())
    } else {
        Line::raw(text)
    }
}

/// The cost in dentries of looking, on the right of the title, if there is room.
pub(super) fn cost(
    model: &Model,
    cost: Option<Cost>,
    room: usize,
    frame: &mut Frame<'_>,
    title: Rect,
) {
    let Some(cost) = cost else {
        return;
    };
    let made = count(u64::try_from(cost.opening).unwrap_or(0));
    let others = short_signed(cost.meanwhile as f64);
    let texts = [
        format!(" walk added {made} dentries; everything else meanwhile: {others} "),
        format!(" walk added {made} dentries "),
        format!(" +{made} dentries "),
    ];
    let Some(text) = texts.into_iter().find(|text| text.len() <= room) else {
        return;
    };
    let look = model.look;
    let style = if cost.opening > 0 {
        look.warn()
    } else {
        look.dim()
    };
    let at = Rect {
        x: title.right().saturating_sub(text.len() as u16 + 2),
        width: text.len() as u16,
        ..title
    };
    frame.render_widget(Line::styled(text, style), at);
}
