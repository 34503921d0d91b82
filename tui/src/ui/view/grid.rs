//! A table whose columns are data: figures on the left, the name on the right. Only the rows in
//! sight are made into text.

use std::borrow::Cow;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};

use super::directory::row_line;
use super::{first_row, middle};
use crate::ui::model::{GridColumn, GridOrder, Model, grid_fitting};

/// Title, table, and details of the selected row, if there is room for their `about` lines.
pub(super) fn areas(area: Rect, about: u16) -> [Rect; 3] {
    let about = if area.height >= super::fit::LOW {
        about
    } else {
        0
    };
    let [title, table, about] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(about),
    ])
    .areas(area);
    [title, super::fit::beside_scrollbar(table), about]
}

/// A table to draw.
pub(super) struct Grid<'a, L> {
    pub(super) columns: &'a [GridColumn<L>],
    pub(super) order: &'a GridOrder,
    /// Number of rows.
    pub(super) len: usize,
    /// Index of the selected row.
    pub(super) at: usize,
    /// Least width of the name.
    pub(super) name: usize,
    /// Rows of the terminal for the details of the selected one.
    pub(super) about: u16,
    /// Head and width of the bar in front; None: there is none.
    pub(super) bar: Option<(&'static str, usize)>,
}

/// A row in sight.
pub(super) struct Row<'a, L> {
    pub(super) line: &'a L,
    /// One column, in front of the others.
    pub(super) sign: &'static str,
    /// The bar behind it.
    pub(super) bar: String,
    /// Text of the last column.
    pub(super) name: String,
    /// Columns of it that stay if it has to be cut.
    pub(super) keep: usize,
    /// Text behind the name, if there is room for both.
    pub(super) words: Cow<'static, str>,
    pub(super) dim: bool,
    pub(super) alarm: bool,
}

impl<L> Grid<'_, L> {
    fn shown(&self, area: Rect) -> Vec<usize> {
        let width = usize::from(area.width).saturating_sub(self.bar_width());
        grid_fitting(self.columns, width, self.order.sort, self.name)
    }

    /// Columns of the bar, and the blank in front of it.
    fn bar_width(&self) -> usize {
        self.bar.map_or(0, |(_, width)| width + 1)
    }

    /// The rows in sight and their number, in a table of this area.
    pub(super) fn position(&self, table: Rect) -> Option<Line<'static>> {
        let text = super::fit::position(self.at, self.len, table.height.saturating_sub(1));
        text.map(Line::raw)
    }

    /// The index of the first row shown, and how many there is room for.
    fn in_sight(&self, area: Rect) -> (usize, usize) {
        let height = usize::from(area.height.saturating_sub(1));
        (first_row(self.at, self.len, height), height)
    }

    /// The headings, and the rows in sight, which `row` makes.
    pub(super) fn render<'r>(
        &self,
        model: &Model,
        row: impl Fn(usize) -> Option<Row<'r, L>>,
        frame: &mut Frame<'_>,
        area: Rect,
    ) where
        L: 'r,
    {
        let shown = self.shown(area);
        let mut lines = vec![self.head(model, &shown)];
        let (first, height) = self.in_sight(area);
        for at in first..self.len.min(first + height) {
            let Some(row) = row(at) else {
                break;
            };
            let mut text = String::new();
            let area_width = usize::from(area.width).saturating_sub(1 + self.bar_width());
            for &column in &shown {
                let column = &self.columns[column];
                text.push_str(&format!(" {:>1$}", (column.text)(row.line), column.width));
            }
            text.push(' ');
            let room = area_width.saturating_sub(Span::raw(&text).width());
            text.push_str(&middle(&row.name, row.keep, room));
            let room = area_width.saturating_sub(Span::raw(&text).width());
            if row.words.len() <= room {
                text.push_str(&row.words);
            }
            let line = row_line(model, text, at == self.at, row.dim, area);
            let line = match row.alarm && at != self.at {
                true => line.style(model.look.alarm()),
                false => line,
            };
            lines.push(behind_bar(row.sign, bar_of(self.bar, row.bar), line));
        }
        frame.render_widget(Text::from(lines), area);
        super::fit::scrollbar(model.look, frame.buffer_mut(), area, self.at, self.len);
    }

    fn head(&self, model: &Model, shown: &[usize]) -> Line<'static> {
        let look = model.look;
        let last = self.columns.len().saturating_sub(1);
        let mut spans = vec![Span::raw(" ")];
        if let Some((head, width)) = self.bar {
            spans.push(Span::styled(format!(" {head:<width$}"), look.dim()));
        }
        for &at in shown.iter().chain([&last]) {
            let column = &self.columns[at];
            let width = if at == last { 0 } else { column.width };
            let text = format!(" {:>width$}", column.head);
            let style = match at == self.order.sort {
                true => look.strong(),
                false => look.dim(),
            };
            spans.push(Span::styled(text, style));
        }
        Line::from(spans)
    }

    /// The table's title: the number of rows, and the sort key.
    pub(super) fn title(&self, model: &Model, what: &str) -> Line<'static> {
        let look = model.look;
        let order = look.glyphs.order[usize::from(self.order.reverse)];
        let words = self.columns.get(self.order.sort);
        let words = words.map_or("", |column| column.words);
        let mut spans = vec![Span::styled(
            format!(" {what}, by {words} {order} "),
            look.strong(),
        )];
        if !self.order.filter.is_none() {
            let text = crate::base::text::printable(self.order.filter.text());
            spans.push(Span::styled(format!("/{text} "), look.warn()));
        }
        Line::from(spans)
    }

    /// What is at a column and row of the terminal, on a screen in this area: a heading, or a row.
    pub(super) fn hit(&self, area: Rect, column: u16, row: u16) -> Option<GridHit> {
        let [_, area, _] = areas(area, self.about);
        if !area.contains((column, row).into()) {
            return None;
        }
        let below = usize::from(row - area.y);
        if below > 0 {
            let (first, _) = self.in_sight(area);
            let row = first + below - 1;
            return (row < self.len).then_some(GridHit::Row(row));
        }
        let column = usize::from(column - area.x);
        let mut right = 1 + self.bar_width();
        for at in self.shown(area) {
            right += self.columns[at].width + 1;
            if column < right {
                return Some(GridHit::Head(at));
            }
        }
        Some(GridHit::Head(self.columns.len().saturating_sub(1)))
    }
}

/// The text of a bar in its columns.
fn bar_of(bar: Option<(&str, usize)>, text: String) -> String {
    bar.map_or(String::new(), |(_, width)| format!(" {text:<width$}"))
}

/// A row behind its sign and its bar, which is not reversed with it: a full one would look empty.
pub(super) fn behind_bar(sign: &'static str, bar: String, row: Line<'static>) -> Line<'static> {
    let mut spans = vec![Span::styled(sign, row.style), Span::raw(bar)];
    let rest = row.spans.into_iter();
    spans.extend(rest.map(|span| span.patch_style(row.style)));
    Line::from(spans)
}

/// What is under the mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GridHit {
    /// The heading of a column, by its place.
    Head(usize),
    /// A row.
    Row(usize),
}

/// The meaning of each column, for the help.
pub(super) fn meanings<L>(columns: &[GridColumn<L>], width: u16) -> Vec<Line<'static>> {
    const HEAD: usize = 14;
    let room = usize::from(width).saturating_sub(HEAD).min(100);
    let of_column = |column: &GridColumn<L>| {
        let head = column
            .head
            .split("  ")
            .next()
            .unwrap_or_default()
            .to_owned();
        let text = super::fit::wrapped(&column.means.join(" "), room);
        let lines = text.into_iter().enumerate();
        let head = move |at| if at == 0 { head.clone() } else { String::new() };
        lines
            .map(move |(at, line)| Line::raw(format!("   {:<10} {line}", head(at))))
            .collect::<Vec<_>>()
    };
    columns.iter().flat_map(of_column).collect()
}
