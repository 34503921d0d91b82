//! The slab screen: its parts, and their places.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::chart::{self, Chart, Series, Stroke};
use super::fit::{LOW, beside_scrollbar, position, scrollbar};
use super::{Hit, cut, ends, figures, filling, rule, summary, table, trouble};
use crate::base::text::{duration, printable};
use crate::cache::verdict::{self, Rule};
use crate::kernel::source::{Class, SourceError};
use crate::ui::model::{Column, Model, Shown, Window};

/// Places of the parts of the screen.
struct Areas {
    figures: Rect,
    summary: Rect,
    filling: Rect,
    verdict: Rect,
    legend: Rect,
    chart: Rect,
    notes: Rect,
    title: Rect,
    table: Rect,
}

/// What the table lacks: lines that were not understood, and sizes.
fn notes(model: &Model) -> Vec<String> {
    let Some(shown) = &model.shown else {
        return Vec::new();
    };
    let sample = &shown.sample;
    let lines: usize = sample.gaps.iter().map(|gap| gap.lines).sum();
    let gap = sample.gaps.first().map(|gap| {
        let plural = if lines == 1 { "" } else { "s" };
        let file = gap.path.file_name().unwrap_or_default();
        format!(
            " {lines} line{plural} not understood; {} {}",
            printable(file),
            gap.first
        )
    });
    let no_size = sample.caches.is_ok() && sample.page_size.is_none();
    let no_size = no_size.then(|| " sizes unknown: the figures do not show the page size".into());
    gap.into_iter().chain(no_size).collect()
}

/// slabtop's summary is beside the other figures if there is room, else it replaces the chart.
fn areas(model: &Model, area: Rect) -> Areas {
    let shown = shows_summary(model);
    let fits_beside = area.width >= OTHERS + summary::WIDTH;
    let head = if shown && fits_beside {
        figures::HEIGHT + summary::REASON
    } else {
        figures::height(area)
    };
    let below = if shown && !fits_beside {
        let reason = u16::from(area.height >= LOW) * summary::REASON;
        summary::HEIGHT + reason
    } else {
        0
    };
    let chart = match below {
        1.. if !roomy(model) => 0,
        _ if area.height < LOW => 0,
        _ => (area.height / 4).min(14).saturating_sub(1),
    };
    let notes = u16::try_from(notes(model).len()).unwrap_or(0);
    // A low screen has no room to say that all is well.
    let worth = area.height >= 10 && !shown && verdict(model).is_some();
    let verdict = u16::from(area.height >= LOW || worth);
    let room = below == 0 || roomy(model);
    let filling = area.height >= LOW && area.width >= filling::LEAST && room;
    let [
        figures,
        below,
        filling,
        verdict,
        legend,
        chart,
        notes,
        title,
        table,
    ] = Layout::vertical([
        Constraint::Length(head),
        Constraint::Length(below),
        Constraint::Length(filling.into()),
        Constraint::Length(verdict),
        Constraint::Length(chart.min(1)),
        Constraint::Length(chart),
        Constraint::Length(notes),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    let beside = Rect {
        x: figures.x + OTHERS.min(figures.width),
        width: figures.width.saturating_sub(OTHERS),
        ..figures
    };
    Areas {
        figures,
        summary: if fits_beside { beside } else { below },
        filling,
        verdict,
        legend,
        chart,
        notes,
        title,
        table: beside_scrollbar(table),
    }
}

/// Columns that the figures of memory and dentries take.
const OTHERS: u16 = 88;

/// Whether there is room for everything.
fn roomy(model: &Model) -> bool {
    model.size.0 >= 120 && model.size.1 >= 30
}

/// Whether slabtop's summary is shown.
pub fn shows_summary(model: &Model) -> bool {
    model.slabs.summary.unwrap_or(roomy(model))
}

/// ```text
///  SReclaimable   9,412.3 MiB 14% ▲ 14.2 MiB/s dentries        41,203,118 ▲ 74.1k/s
///  SUnreclaim       612.1 MiB  0% =            held, off LRU      212,400 =
///  Slab          10,024.4 MiB 15% of 64.0 GiB  on LRU          40,990,718 ▲ 74.1k/s
///  inodes         1,203,119     ▲ 17/s           negative      40,120,004 97% ▲
///  dentry 76% ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│ext4_inode_cache 13%│+185 caches 11% ▒▒▒▒▒│
///  ! 7.2 GiB in 40.1M negative dentries, 97% of all   H: where
///  ── SReclaimable  SUnreclaim (dotted), 03:11:44 to 03:12:44  1 pruned sessions/ 03:12:44 ────
///  9.2 GiB ┤          ⣀⣀⡠⠤⠤⠒⠒1⠉
///        0 ┤⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
///  ── 187 caches by cache size ▼ ──────────────────────────────────────────────────
///   NAME                    SIZE SHARE     USE       OBJS OBJ SIZE Δ OBJ/s HISTORY
///  R dentry              7.5 GiB ██████▏   99% 41,203,119      192  +74.1k ▁▂▃▄▅▆▇█
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let areas = areas(model, area);
    let Some(shown) = &model.shown else {
        frame.render_widget(Line::raw(" reading /proc/slabinfo ..."), area);
        return;
    };
    figures::render(model, shown, frame, areas.figures);
    if shows_summary(model) {
        summary::render(model, shown, frame, areas.figures, areas.summary);
    }
    if areas.filling.height > 0 {
        frame.render_widget(
            filling::line(model, shown, areas.filling.width.into()),
            areas.filling,
        );
    }
    frame.render_widget(
        verdict_line(model, areas.verdict.width.into()),
        areas.verdict,
    );
    if areas.legend.height > 0 {
        let room = areas.legend.width.into();
        rule(
            model.look,
            legend(model, model.window(), areas.chart.height, room),
            frame,
            areas.legend,
        );
    }
    memory_chart(model, model.window(), frame, areas.chart);
    for (note, area) in notes(model).iter().zip(areas.notes.rows()) {
        let note = cut(note, area.width.into());
        frame.render_widget(Line::styled(note, model.look.warn()), area);
    }
    let words = title(model, shown);
    let taken = words.width();
    rule(model.look, words, frame, areas.title);
    let (len, at) = (model.slabs.rows.len(), model.slabs.at);
    let position = position(at, len, areas.table.height.saturating_sub(1));
    ends(frame, areas.title, taken, position.map(Line::raw));
    match &shown.sample.caches {
        Err(error) => source_trouble(
            model,
            "The slab caches cannot be shown",
            error,
            frame,
            areas.table,
        ),
        Ok(_) => {
            table::render(model, frame, areas.table);
            scrollbar(model.look, frame.buffer_mut(), areas.table, at, len);
        }
    }
}

/// The part of the table at a column and row of the terminal.
pub(super) fn hit(model: &Model, area: Rect, column: u16, row: u16) -> Option<Hit> {
    let table = areas(model, area).table;
    if !table.contains((column, row).into()) {
        return None;
    }
    table::hit(model, table, column, row)
}

/// Whether the kernel distinguishes reclaimable memory: before 2.6.19 it did not.
fn has_classes(model: &Model) -> bool {
    let memory = model
        .shown
        .as_ref()
        .and_then(|shown| shown.sample.memory.as_ref().ok());
    memory.is_none_or(|memory| memory.sreclaimable.is_some() || memory.sunreclaim.is_some())
}

/// SReclaimable and SUnreclaim over time; Slab where the kernel does not distinguish them.
pub(super) fn memory_chart(model: &Model, window: Window, frame: &mut Frame<'_>, area: Rect) {
    let values = |value| chart::values(&model.history, window, value);
    let reclaimable = values(|point| point.memory?.sreclaimable);
    let unreclaimable = values(|point| point.memory?.sunreclaim);
    let slab = match has_classes(model) {
        true => Vec::new(),
        false => values(|point| point.memory?.slab),
    };
    let lines = [
        (&reclaimable, model.look.accent(), Stroke::Solid),
        (&unreclaimable, model.look.warn(), Stroke::Dotted),
        (&slab, model.look.accent(), Stroke::Solid),
    ];
    let series = lines.map(|(values, style, stroke)| Series {
        values,
        style,
        stroke,
        filled: false,
    });
    of_bytes(model, &series, window).render(area, frame.buffer_mut());
}

/// SReclaimable alone over time.
pub(super) fn reclaimable_chart(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let window = model.window();
    let values = chart::values(&model.history, window, |point| point.memory?.sreclaimable);
    let series = filled(model, &values);
    of_bytes(model, &series, window).render(area, frame.buffer_mut());
}

fn of_bytes<'a>(model: &'a Model, series: &'a [Series<'a>], window: Window) -> Chart<'a> {
    Chart {
        markers: &model.history.markers,
        series,
        window,
        times: chart::times(model, window),
        label: chart::bytes_label,
        look: model.look,
    }
}

fn verdict(model: &Model) -> Option<(Rule, String)> {
    verdict::verdict(&model.shown.as_ref()?.sample)
}

/// What stands out most, and the key that leads on.
fn verdict_line(model: &Model, room: usize) -> Line<'static> {
    let look = model.look;
    let Some((rule, words)) = verdict(model) else {
        return Line::styled(" nothing stands out", look.dim());
    };
    let key = |name| model.keymap.key(name);
    let lead = match rule {
        Rule::Unreclaimable => format!("{}: which caches", key("class")),
        Rule::Negative => format!("{}: where", key("hotspots")),
        Rule::Idle => format!("{}: shrinks a cache", key("shrink")),
        Rule::Slab => format!("{}: a cache in detail", key("detail")),
    };
    let left = room.saturating_sub(lead.len() + 6);
    Line::from(vec![
        Span::styled(
            format!(" ! {}", cut(&words, left)),
            look.warn().patch(look.strong()),
        ),
        Span::styled(format!("   {lead}"), look.accent()),
    ])
}

/// The chart's lines, its time and its markers.
fn legend(model: &Model, window: Window, height: u16, room: usize) -> Line<'static> {
    let look = model.look;
    let names = match has_classes(model) {
        true => vec![
            Span::styled(" SReclaimable ", look.accent()),
            Span::styled(format!(" SUnreclaim{}", Stroke::Dotted.word()), look.warn()),
        ],
        false => vec![Span::styled(" Slab", look.accent())],
    };
    let span = Span::raw(chart::when(model, window, height));
    let mut legend = Line::from_iter(names.into_iter().chain([span]));
    let room = room.saturating_sub(legend.width() + RULE);
    legend.extend(chart::legend(&model.history.markers, window, look, room));
    legend
}

/// Columns of a rule beside its title.
const RULE: usize = 4;

/// One line, filled below.
pub(super) fn filled<'a>(model: &Model, values: &'a [chart::Value]) -> [Series<'a>; 2] {
    let series = [(model.look.dim(), true), (model.look.accent(), false)];
    series.map(|(style, filled)| Series {
        values,
        style,
        stroke: Stroke::Solid,
        filled,
    })
}

/// The file that cannot be read, why, and the remedy.
pub(super) fn source_trouble(
    model: &Model,
    what: &str,
    error: &SourceError,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let text = vec![
        Line::styled(what.to_owned(), model.look.strong()),
        Line::raw(error.short()),
        Line::raw(error.remedy()),
    ];
    trouble(model.look, text, frame, area);
}

fn title(model: &Model, shown: &Shown) -> Line<'static> {
    let look = model.look;
    let slabs = &model.slabs;
    let rows = slabs.rows.len();
    let order = look.glyphs.order[usize::from(slabs.reverse != (slabs.sort == Column::Name))];
    let kind = match slabs.class {
        None => "",
        Some(Class::Reclaimable) => "reclaimable ",
        Some(_) => "unreclaimable ",
    };
    let plural = if rows == 1 { "" } else { "s" };
    let mut text = match shown.sample.caches {
        Ok(_) => format!(
            " {rows} {kind}cache{plural} by {} {order} ",
            slabs.sort.words()
        ),
        Err(_) => " slab caches ".into(),
    };
    let filter = printable(slabs.filter.text());
    match slabs.filter.error() {
        _ if filter.is_empty() => {}
        None => text.push_str(&format!("matching \"{filter}\" ")),
        Some(_) => text.push_str(&format!("all, \"{filter}\" is not a regular expression ")),
    }
    let mut spans = vec![Span::styled(text, look.strong())];
    if let Some(mark) = &slabs.mark {
        let ago = duration(shown.at.saturating_sub(mark.at));
        spans.push(Span::styled(format!(" marked {ago} ago "), look.accent()));
    }
    if model.frozen.is_some() {
        let ago = model.now.saturating_sub(shown.at);
        let text = format!(" FROZEN {} ago ", duration(ago));
        spans.push(Span::styled(text, look.warn().patch(look.strong())));
    }
    Line::from(spans)
}
