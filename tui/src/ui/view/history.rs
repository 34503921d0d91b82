//! The history screen: charts of memory and of dentries over the same time.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::chart::{self, Chart, Series, Stroke};
use super::{log, rule, slabs};
use crate::base::text::{count, duration, known, mebibytes};
use crate::kernel::source::{DentryState, Memory};
use crate::ui::model::{Model, Window};

/// ```text
///  ── SReclaimable 2,310.4 MiB, last 10 min ─────────────────────────────────
///  10 GiB ┤⠉⠉⠉⠉⠉⠉⠉⠉⢣1
///  ── dentries 1,103,018  off LRU 112,300  on LRU 990,718  negative 120,004 ────
///  41.2M ┤
///   1 pruned sessions/ 03:12:44
///  ── 1 prune, recorded in /root/.local/state/slabscope/audit.jsonl ─────────
///  2026-11-22T03:12:44Z  prune negative  40,099,870 of 40,100,212 dentries ...
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let log_height = log::height(model, area);
    let window = model.history_window();
    let width = area.width.into();
    let legend = chart::legend(&model.history.markers, window, model.look, width);
    let [
        memory_title,
        memory,
        dentry_title,
        dentries,
        markers,
        log_area,
    ] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(u16::from(!legend.is_empty())),
        Constraint::Length(log_height),
    ])
    .areas(area);
    frame.render_widget(Line::from(legend), markers);
    let (memory_then, dentries_then) = figures(model);
    let figure = |of: fn(Memory) -> Option<u64>| {
        let text = known(memory_then.and_then(of), mebibytes);
        Span::styled(text, model.look.strong())
    };
    let dotted = Stroke::Dotted.word();
    let title = Line::from(vec![
        Span::styled(" SReclaimable ", model.look.accent()),
        figure(|memory| memory.sreclaimable),
        Span::styled(format!("  SUnreclaim{dotted} "), model.look.warn()),
        figure(|memory| memory.sunreclaim),
        Span::raw(when(model, window)),
    ]);
    rule(model.look, title, frame, memory_title);
    slabs::memory_chart(model, window, frame, memory);
    rule(
        model.look,
        dentries_title(model, dentries_then, area.width),
        frame,
        dentry_title,
    );
    dentry_chart(model, frame, dentries);
    log::render(model, frame, log_area);
}

/// The figures at the cursor, at the end of what is shown, or now.
fn figures(model: &Model) -> (Option<Memory>, Option<DentryState>) {
    if let Some(moment) = model.charts.moment() {
        let point = model.history.at(moment);
        return point.map_or((None, None), |point| (point.memory, point.dentries));
    }
    let sample = model.shown.as_ref().map(|shown| &shown.sample);
    let memory = sample.and_then(|sample| sample.memory.as_ref().ok());
    let dentries = sample.and_then(|sample| sample.dentries.as_ref().ok());
    (memory.copied(), dentries.copied())
}

/// The window, and the moment that the figures are of.
fn when(model: &Model, window: Window) -> String {
    let ago = |at| duration(model.now.saturating_sub(at));
    let span = duration(window.span);
    match (window.cursor, model.charts.moment()) {
        (Some(at), _) => format!("  {} ago, of {span} ", ago(at)),
        (None, Some(end)) => format!(", {span} until {} ago ", ago(end)),
        (None, None) => format!(", last {span} "),
    }
}

fn dentries_title(model: &Model, state: Option<DentryState>, width: u16) -> Line<'static> {
    let look = model.look;
    let Some(state) = state else {
        return Line::raw(" dentries: /proc/sys/fs/dentry-state cannot be read ");
    };
    // In 80 columns there is no room for the lists' names.
    let names = match width {
        110.. => [
            "referenced (off the LRU)",
            "on the LRU (dashed)",
            "of those negative (dotted)",
        ],
        _ => ["off LRU", "on LRU", "negative"],
    };
    let figures = [
        ("dentries", state.total, look.accent()),
        (names[0], state.off_lru(), Style::new()),
        (names[1], state.lru, look.good()),
        (names[2], state.lru_negative, look.warn()),
    ];
    let span = |(name, figure, style)| {
        [
            Span::styled(format!(" {name} "), style),
            Span::styled(format!("{} ", known(figure, count)), look.strong()),
        ]
    };
    Line::from_iter(figures.into_iter().flat_map(span))
}

/// All dentries, those on the LRU, and the negative ones of those.
pub(super) fn dentry_chart(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let window = model.history_window();
    let values = |value| chart::values(&model.history, window, value);
    let total = values(|point| point.dentries?.total);
    let lru = values(|point| point.dentries?.lru);
    let negative = values(|point| point.dentries?.lru_negative);
    let series = [
        (&total, look.accent(), Stroke::Solid),
        (&lru, look.good(), Stroke::Dashed),
        (&negative, look.warn(), Stroke::Dotted),
    ]
    .map(|(values, style, stroke)| Series {
        values,
        style,
        stroke,
        filled: false,
    });
    let chart = Chart {
        markers: &model.history.markers,
        series: &series,
        window,
        times: chart::times(model, window),
        label: chart::count_label,
        look,
    };
    chart.render(area, frame.buffer_mut());
}
