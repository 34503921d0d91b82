//! The slab table. Only the rows in sight are made into text.

use std::time::Duration;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pen::Pen;
use super::{Hit, first_row, middle};
use crate::base::text::printable;
use crate::ui::look::Look;
use crate::ui::model::{Column, Line as Cache, Model, Shape, fitting};

/// Columns for the class in front.
const CLASS: usize = 2;

/// The widest a name gets: figures far from their name are hard to read.
const WIDEST: usize = 32;

/// Columns for the name, with these columns behind it.
fn name_width(shapes: &[&Shape], width: u16) -> usize {
    let behind: usize = shapes.iter().map(|shape| shape.width + 1).sum();
    usize::from(width)
        .saturating_sub(CLASS + 1 + behind)
        .clamp(1, WIDEST)
}

fn shapes(model: &Model, width: u16) -> Vec<&'static Shape> {
    let slabs = &model.slabs;
    fitting(width, slabs.sort, slabs.mark.is_some(), &slabs.columns)
}

/// The index of the first row shown, and how many there is room for.
fn in_sight(model: &Model, area: Rect) -> (usize, usize) {
    let height = usize::from(area.height.saturating_sub(1));
    (
        first_row(model.slabs.at, model.slabs.rows.len(), height),
        height,
    )
}

pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let shapes = shapes(model, area.width);
    let name = name_width(&shapes, area.width);
    frame.render_widget(head(model, &shapes, name), area);
    let (first, height) = in_sight(model, area);
    let all = all_pages(model);
    for (at, area) in (first..).zip(area.rows().skip(1).take(height)) {
        let Some(line) = model.line(at) else {
            break;
        };
        let buffer = frame.buffer_mut();
        let bar = row(model, &line, &shapes, (name, all), area, buffer);
        if at == model.slabs.at {
            select(model.look, area, bar, buffer);
        }
    }
    if model.slabs.rows.is_empty()
        && let Some(area) = area.rows().nth(1)
    {
        frame.render_widget(none(model), area);
    }
}

/// Reverses a row but for its bar: a full one would look empty.
pub(super) fn select(look: Look, area: Rect, bar: Rect, buffer: &mut Buffer) {
    let right = Rect {
        x: bar.right(),
        width: area.right().saturating_sub(bar.right()),
        ..area
    };
    let left = Rect {
        width: bar.x.saturating_sub(area.x),
        ..area
    };
    for part in [left, right] {
        buffer.set_style(part, look.selected());
    }
}

/// Pages of all caches, whatever is filtered out.
fn all_pages(model: &Model) -> u64 {
    let shown = model.shown.as_ref();
    let caches = shown.and_then(|shown| shown.sample.caches.as_deref().ok());
    let pages = caches.unwrap_or_default().iter().map(|cache| cache.size(1));
    pages.fold(0, u64::saturating_add)
}

/// Why there is no row, and the keys that help.
fn none(model: &Model) -> Line<'static> {
    let key = model.keymap.key("class");
    Line::raw(match (model.slabs.filter.text(), model.slabs.class) {
        ("", _) => format!("   no cache is of this class; {key} shows the others"),
        (text, None) => format!(
            "   no cache matches \"{}\"; Esc clears the filter",
            printable(text)
        ),
        (text, _) => format!(
            "   no cache of this class matches \"{}\"; Esc clears the filter, {key} the class",
            printable(text)
        ),
    })
}

/// What is at a column and row of the terminal, which is within `area`.
pub(super) fn hit(model: &Model, area: Rect, column: u16, row: u16) -> Option<Hit> {
    let below = usize::from(row - area.y);
    if below > 0 {
        let (first, _) = in_sight(model, area);
        let row = first + below - 1;
        return (row < model.slabs.rows.len()).then_some(Hit::Row(row));
    }
    let column = usize::from(column - area.x);
    let mut right = CLASS;
    if column < right {
        return Some(Hit::Head(Column::Class));
    }
    let shapes = shapes(model, area.width);
    right += 1 + name_width(&shapes, area.width);
    if column < right {
        return Some(Hit::Head(Column::Name));
    }
    for shape in shapes {
        right += shape.width + 1;
        if column < right {
            return match shape.column {
                Column::History => None,
                Column::Share => Some(Hit::Head(Column::Size)),
                column => Some(Hit::Head(column)),
            };
        }
    }
    None
}

fn head(model: &Model, shapes: &[&Shape], name: usize) -> Line<'static> {
    let (look, sort) = (model.look, model.slabs.sort);
    let style = |column: Column| match column {
        column if column == sort => look.accent().patch(look.strong()),
        _ => look.dim(),
    };
    let mut head = vec![
        Span::raw(" ".repeat(CLASS)),
        Span::styled(format!(" {:<name$}", "NAME"), style(Column::Name)),
    ];
    for shape in shapes {
        let width = shape.width;
        let text = match shape.column {
            // What is drawn from the left has its head there.
            Column::Share | Column::History => format!(" {:<width$}", shape.head),
            _ => format!(" {:>width$}", look.head(shape.head)),
        };
        head.push(Span::styled(text, style(shape.column)));
    }
    Line::from(head)
}

/// Writes a row; returns the place of its bar.
fn row(
    model: &Model,
    line: &Cache<'_>,
    shapes: &[&Shape],
    (name, all): (usize, u64),
    area: Rect,
    buffer: &mut Buffer,
) -> Rect {
    let mut bar = Rect { width: 0, ..area };
    let mut pen = Pen::new(buffer, area);
    pen.right(CLASS, line.cache.class.letter());
    pen.skip(1);
    let full = printable(&line.cache.name);
    let named = named(&full, line.row.merged, name);
    pen.write(&named);
    pen.skip(name.saturating_sub(Span::raw(&named).width()));
    for shape in shapes {
        pen.skip(1);
        let room = pen.room();
        match shape.column {
            Column::History => history(model, line, shape.width)
                .into_iter()
                .for_each(|glyph| pen.glyph(glyph)),
            Column::Share => {
                let left = usize::from(area.width).saturating_sub(room);
                bar.x = area.x + u16::try_from(left).unwrap_or(area.width);
                bar.width = shape.width as u16;
                let (pages, width) = (line.cache.size(1), shape.width);
                super::fit::bar(model.look, pages.into(), all.into(), width)
                    .for_each(|glyph| pen.glyph(glyph));
            }
            _ => pen.right(shape.width, &(shape.text)(line)),
        }
    }
    bar
}

/// A name, and how many others are merged with it, if there is room: the name has precedence.
fn named(name: &str, merged: usize, room: usize) -> String {
    let marks = match merged {
        0 => return middle(name, 0, room),
        n => [format!(" (+{n})"), format!(" +{n}"), "+".into()],
    };
    let width = Span::raw(name).width();
    let mark = marks.iter().find(|mark| width + mark.len() <= room);
    middle(name, 0, room) + mark.map_or("", String::as_str)
}

/// The objects over the time of the chart above, each row on a scale of its own. A scale covers at
/// least a twentieth of the figure: what hardly changes has to look flat.
fn history(model: &Model, line: &Cache<'_>, width: usize) -> Vec<&'static str> {
    let window = model.window();
    let (begin, end) = (window.begin(), window.end);
    spark(
        model.look.glyphs.spark,
        &sampled(model, line, begin, end, width),
    )
}

fn sampled(
    model: &Model,
    line: &Cache<'_>,
    begin: Duration,
    end: Duration,
    width: usize,
) -> Vec<Option<u64>> {
    let of = (line.row.index, line.cache.name.as_str(), line.cache.nth);
    model.history.caches.sampled(of, begin, end, width)
}

fn spark(glyphs: [&'static str; 8], values: &[Option<u64>]) -> Vec<&'static str> {
    let known = || values.iter().flatten().copied();
    let (least, most) = (known().min().unwrap_or(0), known().max().unwrap_or(0));
    let range = (most - least).max(most / 20).max(8);
    // What hardly changes is drawn in the middle of its scale.
    let bottom = (least + (most - least) / 2)
        .saturating_sub(range / 2)
        .min(least);
    let glyph = |value: &Option<u64>| match value {
        None => " ",
        Some(value) => {
            let step = u128::from(value - bottom) * 7 / u128::from(range);
            glyphs[usize::try_from(step).unwrap_or(7).min(7)]
        }
    };
    values.iter().map(glyph).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_has_precedence_over_the_mark_of_merged_caches() {
        assert_eq!(named("buffer_head", 1, 18), "buffer_head (+1)");
        assert_eq!(named("lsm_inode_cache", 2, 18), "lsm_inode_cache +2");
        assert_eq!(named("kernfs_node_cache", 12, 18), "kernfs_node_cache+");
        assert_eq!(named("trace_event_fields", 1, 18), "trace_event_fields");
        assert_eq!(
            named("ext4_allocation_context", 1, 18),
            "ext4_…tion_context"
        );
        assert_eq!(named("dentry", 0, 18), "dentry");
    }

    #[test]
    fn history_of_a_row_shows_real_changes() {
        const GLYPHS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];
        let spark = |values: &[u64]| {
            let values: Vec<_> = values.iter().copied().map(Some).collect();
            spark(GLYPHS, &values).concat()
        };
        assert_eq!(spark(&[0, 0, 0]), "000");
        assert_eq!(spark(&[1_000_000, 1_000_000]), "33");
        assert_eq!(spark(&[1_000_000, 1_000_010]), "33", "noise");
        assert_eq!(spark(&[0, 1_000, 2_000, 7_000]), "0127");
        assert_eq!(spark(&[7_000, 0]), "70");
        assert_eq!(spark(&[u64::MAX, 0]), "70");
        assert_eq!(super::spark(GLYPHS, &[None, Some(5)]).concat(), " 3");
    }
}
