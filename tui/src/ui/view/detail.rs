//! Details of one cache: its purpose, its use, its history, and the kernel's attributes.

mod text;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::chart::{self, Chart};
use super::fit::LOW;
use super::{rule, slabs, trend};
use crate::base::text::{bytes, count, known, percent, printable, short, short_signed};
use crate::kernel::source::{Attributes, Cache, CacheId, Class};
use crate::ui::model::{Detail, Line as Row, Model, Window};

/// Columns for the attributes.
const ATTRIBUTES: u16 = 80;

/// ```text
///  R dentry   reclaimable: its pages are SReclaimable
///  objects  1,089,000 of 1,089,018, 99 %   ▲ 1.0k/s   since the mark +12.1k
///  slabs    51,858 (203 MiB) of 21 objects, 1 page; 12 partial, 92 % full
///  idle     3.2 MiB, 1 %: 3.4 KiB of free objects, 3.2 MiB at slabs' ends
///  object   192 B for 192 B asked for (+0 B to align to 8); 64 B left per slab
///  ── objects ─────────────────────────── bytes ──────────────────────────────────
///  1.1M ┤                                203 MiB ┤
///  ── what it is ──────────────────────────────────────────────────────────────────
///  what it is for, what makes it grow, whether it can be pruned; attributes
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(detail) = &model.slabs.detail else {
        return;
    };
    let figures = figures(model, detail);
    // On a low screen, words are worth more than charts.
    let charts = u16::from(area.height >= LOW);
    let chart_height = charts * (area.height / 5).clamp(3, 14);
    let [head, titles, charts, title, rest] = Layout::vertical([
        Constraint::Length(figures.len() as u16),
        Constraint::Length(charts),
        Constraint::Length(chart_height),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(figures), head);
    over_time(model, detail, frame, titles, charts);
    let wide = area.width >= 140;
    let width = if wide {
        rest.width.saturating_sub(ATTRIBUTES)
    } else {
        rest.width
    };
    let (words, values) = (
        text::words(model, detail, width),
        text::attributes(model, detail),
    );
    if wide {
        let [left, right] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(ATTRIBUTES)]).areas(rest);
        rule(
            model.look,
            Line::styled(" what it is ", model.look.strong()),
            frame,
            title,
        );
        let paragraph = Paragraph::new(words).wrap(Wrap { trim: false });
        frame.render_widget(paragraph, left);
        scrolled(values, detail.scroll, frame, right);
    } else {
        rule(
            model.look,
            Line::styled(" what it is; j k scroll ", model.look.strong()),
            frame,
            title,
        );
        scrolled([words, values].concat(), detail.scroll, frame, rest);
    }
}

/// Scrolls as far as requested, but never past the end of the text.
fn scrolled(lines: Vec<Line<'_>>, scroll: u16, frame: &mut Frame<'_>, area: Rect) {
    let paragraph = Paragraph::new(lines).wrap(Wrap { trim: false });
    let all = u16::try_from(paragraph.line_count(area.width)).unwrap_or(u16::MAX);
    let scroll = scroll.min(all.saturating_sub(area.height));
    frame.render_widget(paragraph.scroll((scroll, 0)), area);
}

/// The row of the cache, even if the filter hides it.
fn with_row<T>(model: &Model, id: &CacheId, then: impl FnOnce(&Row<'_>) -> T) -> Option<T> {
    let rows = 0..model.slabs.rows.len();
    let line = rows
        .filter_map(|row| model.line(row))
        .find(|line| line.cache.is(id))?;
    Some(then(&line))
}

fn figures(model: &Model, detail: &Detail) -> Vec<Line<'static>> {
    let look = model.look;
    let name = printable(&detail.cache.name);
    let Some(shown) = &model.shown else {
        return vec![Line::raw(format!(" {name}"))];
    };
    let Some(cache) = shown.sample.cache_of(&detail.cache) else {
        let text = format!(" {name}: slabinfo no longer lists this cache");
        return vec![Line::styled(text, look.warn())];
    };
    let class = match cache.class {
        Class::Reclaimable => "reclaimable: its pages count as SReclaimable",
        Class::Unreclaimable => "unreclaimable: its pages count as SUnreclaim",
        Class::Unknown => "class unknown: /sys/kernel/slab reports it",
    };
    let mut lines = vec![Line::from(vec![
        Span::styled(format!(" {} {name}", cache.class.letter()), look.strong()),
        Span::raw(format!("   {class}")),
    ])];
    let merged: Vec<_> = shown
        .sample
        .merged
        .others(&cache.name)
        .map(printable)
        .collect();
    if !merged.is_empty() {
        let text = format!(" merged with it: {}", merged.join(", "));
        lines.push(Line::raw(super::cut(&text, usize::from(model.size.0))));
    }
    let growth = with_row(model, &detail.cache, |line| {
        let mark = line.marked().map_or(String::new(), |change| {
            format!("  since mark {}", short_signed(change.objects as f64))
        });
        format!("  {}{mark}", trend(look, line.growth(), short))
    });
    let line = |name: &str, text: String| {
        let name = Span::styled(format!(" {name:<8} "), look.dim());
        Line::from(vec![name, Span::raw(text)])
    };
    let page_size = shown.sample.page_size;
    lines.extend([
        line(
            "objects",
            format!(
                "{} of {}, {} %{}",
                known(cache.active, count),
                count(cache.objects),
                known(cache.used(), |used| used.to_string()),
                growth.unwrap_or_default()
            ),
        ),
        line("slabs", slabs_of(cache, detail.known(), page_size)),
        line("idle", idle(cache, page_size)),
        line("object", object(cache, detail.known(), page_size)),
    ]);
    lines
}

/// Number and size of the slabs, and how many are partial.
fn slabs_of(cache: &Cache, attributes: Option<&Attributes>, page_size: Option<u64>) -> String {
    let number = |name| attributes.and_then(|attributes| attributes.number(name));
    let partial = match (number("partial"), number("objects_partial")) {
        (Some(partial), Some(objects)) => {
            let room = partial.saturating_mul(cache.objects_per_slab);
            let full =
                percent(objects, room).map_or(String::new(), |full| format!(", {full} % full"));
            format!("; {} partial{full}", count(partial))
        }
        _ => String::new(),
    };
    let plural = if cache.pages_per_slab == 1 { "" } else { "s" };
    format!(
        "{} ({}) of {} objects, {} page{plural}{partial}",
        count(cache.slabs),
        known(page_size.map(|page| cache.size(page)), bytes),
        cache.objects_per_slab,
        cache.pages_per_slab
    )
}

/// Fragmentation: bytes that no object occupies, and where they are.
fn idle(cache: &Cache, page_size: Option<u64>) -> String {
    let (idle, size) = match page_size.map(|page| (cache.idle(page), cache.size(page))) {
        None => return "-: the figures do not show the page size".into(),
        Some((None, _)) => {
            return "-: the kernel printed more active objects than there are".into();
        }
        Some((Some(idle), size)) => (idle, size),
    };
    let share = percent(idle, size).unwrap_or(0);
    let free = cache.objects.saturating_sub(cache.active.unwrap_or(0));
    let free = free.saturating_mul(cache.object_size);
    let ends = idle.saturating_sub(free);
    let [idle, free, ends] = [idle, free, ends].map(bytes);
    format!("{idle}, {share} %: {free} of free objects, {ends} at slabs' ends")
}

/// What an object takes beyond the requested size: alignment, and the end of its slab.
fn object(cache: &Cache, attributes: Option<&Attributes>, page_size: Option<u64>) -> String {
    let slab = page_size.map(|page| cache.pages_per_slab.saturating_mul(page));
    let objects = cache.objects_per_slab.saturating_mul(cache.object_size);
    let end = slab.map(|slab| slab.saturating_sub(objects));
    let asked = attributes.and_then(|attributes| attributes.number("object_size"));
    let align = attributes.and_then(|attributes| attributes.number("align"));
    let debugging = attributes.map(Attributes::debugging).unwrap_or_default();
    let asked = match (asked, align) {
        (Some(asked), Some(align)) => {
            let more = cache.object_size.saturating_sub(asked);
            let why = match debugging.is_empty() {
                true => format!("to align to {align}"),
                false => "for SLUB debugging".into(),
            };
            format!(" for {asked} B asked for (+{more} B {why})")
        }
        _ => String::new(),
    };
    format!(
        "{} B{asked}; {} left per slab",
        count(cache.object_size),
        known(end, |end| format!("{} B", count(end)))
    )
}

/// Objects on the left, bytes on the right.
fn over_time(model: &Model, detail: &Detail, frame: &mut Frame<'_>, titles: Rect, area: Rect) {
    let window = model.window();
    let since = crate::base::text::duration(window.span);
    let slab_bytes = model.shown.as_ref().and_then(|shown| {
        let cache = shown.sample.cache_of(&detail.cache)?;
        Some(cache.pages_per_slab.saturating_mul(shown.sample.page_size?))
    });
    let halves = |area| Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(area);
    let ([left_title, right_title], [left, right]): ([Rect; 2], [Rect; 2]) =
        (halves(titles), halves(area));
    let title = |text: String| Line::styled(text, model.look.strong());
    rule(
        model.look,
        title(format!(" objects, last {since} ")),
        frame,
        left_title,
    );
    rule(model.look, title(" bytes ".into()), frame, right_title);
    for (bytes, area) in [(false, left), (true, right)] {
        let values = values(model, detail, window, |was| match bytes {
            false => was.active,
            true => Some(was.slabs.saturating_mul(slab_bytes?)),
        });
        let chart = Chart {
            markers: &model.history.markers,
            series: &slabs::filled(model, &values),
            window,
            times: chart::times(model, window),
            label: if bytes {
                chart::bytes_label
            } else {
                chart::count_label
            },
            look: model.look,
        };
        chart.render(area, frame.buffer_mut());
    }
}

/// Only changes are kept: the last value holds until the end.
fn values(
    model: &Model,
    detail: &Detail,
    window: Window,
    value: impl Fn(&crate::cache::history::Was) -> Option<u64>,
) -> Vec<chart::Value> {
    let (begin, end) = (window.begin(), window.end);
    let mut values: Vec<chart::Value> = Vec::new();
    let CacheId { name, nth } = &detail.cache;
    for was in model.history.caches.of(0, name, *nth) {
        if was.at() > end {
            break;
        }
        if was.at() <= begin {
            values.clear();
        }
        values.push((was.at().max(begin), value(was)));
    }
    if let Some(&(_, last)) = values.last() {
        values.push((end, last));
    }
    values
}
