//! The common part of the tree screen's tables.

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

/// The cost in dentries of looking.
pub(super) fn cost(model: &Model, cost: Option<Cost>) -> Option<Line<'static>> {
    let cost = cost?;
    let made = count(u64::try_from(cost.opening).unwrap_or(0));
    let look = model.look;
    let style = if cost.opening > 0 {
        look.warn()
    } else {
        look.dim()
    };
    let text = match model.size.0 {
        120.. => {
            let others = short_signed(cost.meanwhile as f64);
            format!(" walk added {made} dentries; everything else meanwhile: {others} ")
        }
        _ => format!(" walk added {made} dentries "),
    };
    Some(Line::styled(text, style))
}
