//! The table of a directory. Only the rows in sight are made into text.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::directory::row_line;
use super::fit::bar;
use super::grid::behind_bar;
use super::{Hit, first_row, middle};
use crate::base::text::printable;
use crate::cache::census::DirectoryCount;
use crate::ui::model::{Model, Place, TreeColumn, TreeShape, bar_width, tree_fitting};

fn shapes(model: &Model, place: &Place, width: u16) -> Vec<&'static TreeShape> {
    tree_fitting(width, model.tree.order.sort, place.before.is_some())
}

/// The index of the first row shown, and how many there is room for.
fn in_sight(place: &Place, area: Rect) -> (usize, usize) {
    let height = usize::from(area.height.saturating_sub(1));
    (first_row(place.index(), place.rows().len(), height), height)
}

pub(super) fn render(model: &Model, place: &Place, frame: &mut Frame<'_>, area: Rect) {
    let shapes = shapes(model, place, area.width);
    let (selected, (first, height)) = (place.index(), in_sight(place, area));
    let (bar_width, percent) = bar_width(area.width);
    let mut lines = vec![head(model, &shapes, bar_width + percent)];
    let sizes = model.sizes(&place.mount);
    for (at, row) in place.rows().iter().enumerate().skip(first).take(height) {
        let line = place.line(row, sizes);
        let value = model.tree.order.bar(&line);
        let marked = !row.name.is_empty() && model.marks.contains_key(&place.path.join(&row.name));
        let sign = if marked { "*" } else { " " };
        let bar: String = bar(model.look, value, place.whole, bar_width).collect();
        let share = share(value, place.whole);
        let mut text = format!("{share:>percent$}");
        for shape in &shapes {
            text.push_str(&format!(" {:>1$}", (shape.text)(&line), shape.width));
        }
        text.push(' ');
        let taken = 1 + bar_width + Span::raw(&text).width();
        let room = usize::from(area.width).saturating_sub(taken);
        let name = name(model, place, row);
        // Cut in the middle it would look like another name.
        let name = match row.name.is_empty() && room < name.len() {
            true => ".".to_owned(),
            false => middle(&name, 0, room),
        };
        text.push_str(&name);
        let dim = row.name.is_empty() || place.is_counting(row);
        let row = row_line(model, text, at == selected, dim, area);
        lines.push(behind_bar(sign, bar, row));
    }
    if place.rows().is_empty() {
        lines.push(Line::raw(format!(
            "   no directory matches \"{}\"; Esc clears the filter",
            printable(model.tree.order.filter.text())
        )));
    }
    frame.render_widget(Text::from(lines), area);
}

/// What is at a column and row of the terminal, which is within `area`.
pub(super) fn hit(model: &Model, place: &Place, area: Rect, column: u16, row: u16) -> Option<Hit> {
    let below = usize::from(row - area.y);
    if below > 0 {
        let (first, _) = in_sight(place, area);
        let row = first + below - 1;
        return (row < place.rows().len()).then_some(Hit::TreeRow(row));
    }
    let column = usize::from(column - area.x);
    let (bar, percent) = bar_width(area.width);
    let mut right = 1 + bar + percent;
    for shape in shapes(model, place, area.width) {
        right += shape.width + 1;
        if column < right {
            return Some(Hit::TreeHead(shape.column));
        }
    }
    Some(Hit::TreeHead(TreeColumn::Name))
}

fn head(model: &Model, shapes: &[&TreeShape], bar: usize) -> Line<'static> {
    let look = model.look;
    let style = |column| match column {
        column if column == model.tree.order.sort => look.accent().patch(look.strong()),
        _ => look.dim(),
    };
    let text = format!(" {:>bar$}", "SHARE");
    let mut head = vec![Span::styled(text, look.dim())];
    for shape in shapes {
        let text = format!(" {:>1$}", shape.head, shape.width);
        head.push(Span::styled(text, style(shape.column)));
    }
    head.push(Span::styled(" NAME", style(TreeColumn::Name)));
    Line::from(head)
}

fn name(model: &Model, place: &Place, row: &DirectoryCount) -> String {
    if row.name.is_empty() {
        let text = match place.more {
            0 => ". (this directory)",
            _ => ". (and others)",
        };
        return text.into();
    }
    let mut text = format!("{}/", printable(&row.name));
    if model.tree.is_mount(&place.path.join(&row.name)) {
        text.push_str(" (mount)");
    } else if row.below.mountpoints > 0 {
        text.push_str(" (+mount)");
    }
    if place.is_counting(row) {
        text.push_str(" ...");
    } else if row.partial {
        text.push_str(" (in part)");
    } else if row.changed {
        text.push_str(" (changed)");
    }
    text
}

/// The part of a row in all that its directory has, in percent: only all is 100. Empty: there is
/// nothing.
fn share(value: u128, whole: u128) -> String {
    let part = (value.saturating_mul(100) + whole / 2).checked_div(whole);
    let all = if value < whole { 99 } else { 100 };
    part.map_or(String::new(), |percent| format!("{}%", percent.min(all)))
}
