//! The slab screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};

use super::chart::{self, Chart, Series};
use super::{figures, first_row, rule, trouble};
use crate::history::Rates;
use crate::model::{Column, Model, Shown};
use crate::source::{Cache, SourceError};
use crate::text::{bytes, count_in, percent, printable, short};

/// ```text
///  SReclaimable  9,412.3 MiB ▲ 14.2 MiB/s    dentries         41,203,118 ▲ 74.1k/s
///  SUnreclaim      612.1 MiB =               on LRU (unused)  40,990,718 ▲ 74.1k/s
///  Slab         10,024.4 MiB 15 % of 64 GiB  negative on LRU  40,120,004 97 %
///  9.2 GiB ┤          ⣀⣀⡠⠤⠤⠒⠒⠉⠉
///        0 ┤⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
///  ── 187 caches by cache size ▼ ──────────────────────────────────────────────────
///          OBJS     ACTIVE  USE OBJ B    SLABS     SIZE     Δ/s NAME
///  R 41,203,119 41,203,118  99%   192  1962053  7.5 GiB  +74.1k dentry
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let chart_height = (area.height / 4).min(14).saturating_sub(1);
    let [figures_area, chart_area, title_area, table_area] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(chart_height),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    let Some(shown) = &model.shown else {
        frame.render_widget(Line::raw(" reading /proc/slabinfo ..."), area);
        return;
    };
    figures::render(model, shown, frame, figures_area);
    memory_chart(model, frame, chart_area);
    let rows = model.caches();
    rule(
        model.look,
        title(model, shown, rows.len()),
        frame,
        title_area,
    );
    match &shown.sample.caches {
        Err(error) => source_trouble(
            model,
            "The slab caches cannot be shown",
            error,
            frame,
            table_area,
        ),
        Ok(_) => table(model, &shown.rates, &rows, frame, table_area),
    }
}

/// SReclaimable over time.
pub(super) fn memory_chart(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let end = model.chart_end();
    let series =
        [(model.look.dim(), true), (model.look.accent(), false)].map(|(style, filled)| Series {
            value: &|point| point.memory.map(|memory| memory.sreclaimable),
            style,
            filled,
        });
    let chart = Chart {
        history: &model.history,
        series: &series,
        end,
        span: chart::span(&model.history, end),
        label: chart::bytes_label,
        look: model.look,
    };
    chart.render(area, frame.buffer_mut());
}

fn source_trouble(
    model: &Model,
    what: &str,
    error: &SourceError,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let text = vec![
        Line::styled(what.to_owned(), model.look.strong()),
        Line::raw(printable(error.to_string())),
        Line::raw(error.remedy()),
    ];
    trouble(model.look, text, frame, area);
}

fn title(model: &Model, shown: &Shown, rows: usize) -> Line<'static> {
    let look = model.look;
    let slabs = &model.slabs;
    let order = look.glyphs.order[usize::from(slabs.reverse != (slabs.sort == Column::Name))];
    let mut text = match shown.sample.caches {
        Ok(_) => format!(" {rows} caches by {} {order} ", slabs.sort.words()),
        Err(_) => " slab caches ".into(),
    };
    if !slabs.filter.is_empty() {
        text = format!("{text}matching \"{}\" ", printable(&slabs.filter));
    }
    let mut spans = vec![Span::styled(text, look.strong())];
    if model.frozen.is_some() {
        let ago = model.now.saturating_sub(shown.at);
        let text = format!(" FROZEN {} ago ", crate::text::duration(ago));
        spans.push(Span::styled(text, look.warn().patch(look.strong())));
    }
    Line::from(spans)
}

/// A column of the table.
struct Shape {
    sort: Option<Column>,
    head: &'static str,
    width: usize,
    /// Left out in a narrow terminal, unless it is sorted by.
    wide: bool,
    value: fn(&Cache, u64) -> String,
}

#[rustfmt::skip]
const SHAPES: &[Shape] = &[
    Shape { sort: Some(Column::Objects), head: "OBJS", width: 10, wide: false, value: |c, _| count_in(c.objects, 10) },
    Shape { sort: Some(Column::Active), head: "ACTIVE", width: 10, wide: false, value: |c, _| count_in(c.active, 10) },
    Shape { sort: Some(Column::Use), head: "USE", width: 4, wide: false, value: |c, _| percent(c.active, c.objects).map_or("-".into(), |p| format!("{p}%")) },
    Shape { sort: Some(Column::ObjectSize), head: "OBJ B", width: 5, wide: false, value: |c, _| count_in(c.object_size, 5) },
    Shape { sort: Some(Column::ObjectsPerSlab), head: "OBJ/SLAB", width: 8, wide: true, value: |c, _| count_in(c.objects_per_slab, 8) },
    Shape { sort: Some(Column::PagesPerSlab), head: "PG/SLAB", width: 7, wide: true, value: |c, _| count_in(c.pages_per_slab, 7) },
    Shape { sort: Some(Column::ActiveSlabs), head: "ACT SLABS", width: 9, wide: true, value: |c, _| count_in(c.active_slabs, 9) },
    Shape { sort: Some(Column::Slabs), head: "SLABS", width: 8, wide: false, value: |c, _| count_in(c.slabs, 8) },
    Shape { sort: Some(Column::Size), head: "SIZE", width: 8, wide: false, value: |c, page| bytes(c.size(page)) },
    Shape { sort: None, head: "IDLE", width: 8, wide: true, value: |c, page| bytes(c.idle(page)) },
];

/// The columns that there is room for, and the one that is sorted by.
fn shapes(sort: Column, width: u16) -> impl Iterator<Item = &'static Shape> {
    let roomy = width >= 120;
    let fits = move |shape: &&Shape| roomy || !shape.wide || shape.sort == Some(sort);
    SHAPES.iter().filter(fits)
}

fn table(model: &Model, rates: &Rates, rows: &[&Cache], frame: &mut Frame<'_>, area: Rect) {
    let selected = model.slabs.index(rows);
    let height = usize::from(area.height.saturating_sub(1));
    let first = first_row(selected, rows.len(), height);
    let mut lines = vec![head(model, area.width)];
    for (at, cache) in rows.iter().enumerate().skip(first).take(height) {
        let text = row(model, rates, cache, area.width);
        lines.push(if at == selected {
            let width = usize::from(area.width);
            Line::styled(format!("{text:<width$}"), model.look.selected())
        } else {
            Line::raw(text)
        });
    }
    if rows.is_empty() {
        let text = "   no cache's name holds the filter's text; Esc ends it";
        lines.push(Line::raw(text));
    }
    frame.render_widget(Text::from(lines), area);
}

fn head(model: &Model, width: u16) -> Line<'static> {
    let (look, sort) = (model.look, model.slabs.sort);
    let style = |column: Option<Column>| match column {
        Some(column) if column == sort => look.accent().patch(look.strong()),
        _ => look.dim(),
    };
    let mut head = vec![Span::raw("  ")];
    for shape in shapes(sort, width) {
        let text = format!(" {:>1$}", shape.head, shape.width);
        head.push(Span::styled(text, style(shape.sort)));
    }
    let change = format!(" {:>7} ", look.glyphs.change);
    head.push(Span::styled(change, look.dim()));
    head.push(Span::styled("NAME", style(Some(Column::Name))));
    Line::from(head)
}

fn row(model: &Model, rates: &Rates, cache: &Cache, width: u16) -> String {
    let mut text = format!(" {}", cache.class.letter());
    for shape in shapes(model.slabs.sort, width) {
        let value = (shape.value)(cache, model.host.page_size);
        text.push_str(&format!(" {value:>0$}", shape.width));
    }
    let change = match rates.caches.get(&cache.name) {
        None => String::new(),
        Some(rate) if rate.abs() < 0.5 => "0".into(),
        Some(rate) => format!("{}{}", if *rate > 0.0 { "+" } else { "" }, short(*rate)),
    };
    text.push_str(&format!(" {change:>7} {}", printable(&cache.name)));
    text
}
