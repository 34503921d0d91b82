//! The head of the slab screen: exact figures, so that they can be compared.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};

use super::fit::{LOW, cut, wrapped};
use super::{rate_bytes, trend};
use crate::base::text::{
    bytes, count, count_in, known, mebibytes_in, percent, percent_text, short,
};
use crate::cache::history::Rates;
use crate::kernel::source::{DentryState, Memory, SourceError};
use crate::ui::look::Look;
use crate::ui::model::Model;
use crate::ui::model::Shown;

/// Lines of the figures.
pub(super) const HEIGHT: u16 = 4;

/// Columns for memory: the dentries stand right of it.
const MEMORY: u16 = 44;

/// Columns below which there is room for one side alone.
const WIDE: u16 = 70;

/// Lines of the figures on a screen.
pub(super) fn height(screen: Rect) -> u16 {
    match (screen.height < LOW, screen.width < WIDE) {
        (false, _) => HEIGHT,
        (true, true) => 3,
        (true, false) => 2,
    }
}

/// Memory and inodes on the left, dentries on the right. If there is no room for all of it, what
/// matters most: the freeable memory, and the caches that hold it.
pub(super) fn render(model: &Model, shown: &Shown, frame: &mut Frame<'_>, area: Rect) {
    let [mut left, mut right] = sides(model, shown, area);
    let keep = |side: &mut Vec<Line<'static>>, most: &[usize]| {
        let mut lines = 0..side.len();
        side.retain(|_| lines.next().is_some_and(|line| most.contains(&line)));
    };
    if area.width < WIDE {
        keep(&mut left, if area.height < HEIGHT { &[0] } else { &[0, 2] });
        keep(&mut right, &[0, 3]);
        for line in &mut right {
            line.spans.insert(0, Span::raw(" "));
        }
        left.append(&mut right);
        frame.render_widget(Text::from(left), area);
        return;
    }
    if area.height < HEIGHT {
        keep(&mut left, &[0, 2]);
        keep(&mut right, &[0, 3]);
    }
    let [left_area, right_area] =
        Layout::horizontal([Constraint::Length(MEMORY), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Text::from(left), left_area);
    frame.render_widget(Text::from(right), right_area);
}

/// Both sides in full.
fn sides(model: &Model, shown: &Shown, area: Rect) -> [Vec<Line<'static>>; 2] {
    let (look, rates) = (model.look, &shown.rates);
    let mut left = match &shown.sample.memory {
        Err(error) => failed(look, error, MEMORY.min(area.width)),
        Ok(figures) => memory(look, figures, rates),
    };
    if let Ok(inodes) = &shown.sample.inodes {
        left.resize(usize::from(HEIGHT) - 1, Line::default());
        let rate = trend(look, rates.inodes, short);
        left.push(left_line(
            look,
            "inodes",
            known(inodes.total, count),
            None,
            rate,
        ));
    }
    let width = area.width.saturating_sub(MEMORY);
    let right = match &shown.sample.dentries {
        Err(error) => failed(look, error, width),
        Ok(state) => dentries(look, state, rates, width),
    };
    [left, right]
}

fn left_line(
    look: Look,
    name: &str,
    figure: String,
    share: Option<u64>,
    beside: String,
) -> Line<'static> {
    let share = share.map_or(String::new(), percent_text);
    // A column is left between it and the dentries.
    let room = usize::from(MEMORY) - 1 - 26;
    Line::from(vec![
        Span::raw(format!(" {name:<13}")),
        Span::styled(format!("{figure:>12}"), look.strong()),
        Span::raw(cut(&format!(" {share:>3} {beside}"), room)),
    ])
}

fn memory(look: Look, memory: &Memory, rates: &Rates) -> Vec<Line<'static>> {
    let line = |name, figure: Option<u64>, beside| {
        let share = figure.zip(memory.total);
        let share = share.and_then(|(part, whole)| percent(part, whole));
        left_line(
            look,
            name,
            known(figure, |n| mebibytes_in(n, 12)),
            share,
            beside,
        )
    };
    let total = memory.total.map(|total| format!("of {}", bytes(total)));
    let rate = |rate| trend(look, rate, rate_bytes);
    vec![
        line(
            "SReclaimable",
            memory.sreclaimable,
            rate(rates.sreclaimable),
        ),
        line("SUnreclaim", memory.sunreclaim, rate(rates.sunreclaim)),
        line("Slab", memory.slab, total.unwrap_or_default()),
    ]
}

/// The labels say membership of the LRU, which is not use.
fn dentries(look: Look, state: &DentryState, rates: &Rates, width: u16) -> Vec<Line<'static>> {
    let line = |name: &str, figure: Option<u64>, style: Style, beside: String| {
        Line::from(vec![
            Span::raw(format!("{name:<14} ")),
            Span::styled(
                format!("{:>11} ", known(figure, |n| count_in(n, 11))),
                look.strong().patch(style),
            ),
            Span::raw(beside),
        ])
    };
    let rate = |rate| trend(look, rate, short);
    let plain = Style::new();
    let share = state.lru_negative.zip(state.total);
    let share = share.and_then(|(part, whole)| percent(part, whole));
    let percent = share.map_or(String::new(), |share| percent_text(share) + " ");
    // If there is no room for the rate, its sign is shown.
    let negative = rate(rates.lru_negative);
    let sign = negative.split(' ').next().unwrap_or_default();
    let texts = match state.lru_negative {
        Some(_) => [format!("{percent}{negative}"), format!("{percent}{sign}")],
        None => ["not reported by this kernel", "unknown"].map(str::to_owned),
    };
    let [all, least] = texts;
    let fits = all.chars().count() + 27 <= usize::from(width);
    let beside = if fits { all } else { least };
    let warn = if share >= Some(50) {
        look.warn()
    } else {
        plain
    };
    vec![
        line("dentries", state.total, plain, rate(rates.dentries)),
        line("off LRU", state.off_lru(), plain, rate(rates.off_lru)),
        line("on LRU", state.lru, plain, rate(rates.lru)),
        line("  negative", state.lru_negative, warn, beside),
    ]
}

/// Within its column: the figures beside it are from another file.
fn failed(look: Look, error: &SourceError, width: u16) -> Vec<Line<'static>> {
    let width = usize::from(width).saturating_sub(2);
    let texts = [error.short(), error.remedy().to_owned()];
    let lines = texts.iter().flat_map(|text| wrapped(text, width));
    let line = |text: String| Line::styled(format!(" {}", cut(&text, width)), look.warn());
    lines.take(usize::from(HEIGHT) - 1).map(line).collect()
}
