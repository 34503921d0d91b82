//! The head of the slab screen: exact figures, for they are compared.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};

use super::{rate_bytes, trend};
use crate::history::Rates;
use crate::model::Model;
use crate::model::Shown;
use crate::source::{DentryState, Memory, SourceError};
use crate::text::{bytes, count, mebibytes, percent, printable, short};
use crate::view::look::Look;

/// Memory on the left, dentries on the right.
pub(super) fn render(model: &Model, shown: &Shown, frame: &mut Frame<'_>, area: Rect) {
    let (look, rates) = (model.look, &shown.rates);
    let [left, right] =
        Layout::horizontal([Constraint::Length(43), Constraint::Fill(1)]).areas(area);
    let lines = match &shown.sample.memory {
        Err(error) => failed(look, error),
        Ok(figures) => memory(look, figures, rates),
    };
    frame.render_widget(Text::from(lines), left);
    let lines = match &shown.sample.dentries {
        Err(error) => failed(look, error),
        Ok(state) => dentries(look, state, rates, right.width),
    };
    frame.render_widget(Text::from(lines), right);
}

fn memory(look: Look, memory: &Memory, rates: &Rates) -> Vec<Line<'static>> {
    let line = |name: &str, figure: u64, beside: String| {
        Line::from(vec![
            Span::raw(format!(" {name:<13}")),
            Span::styled(format!("{:>12} ", mebibytes(figure)), look.strong()),
            Span::raw(beside),
        ])
    };
    let rate = |rate| trend(look, rate, rate_bytes);
    let share = percent(memory.slab, memory.total).unwrap_or(0);
    let share = format!("{share} % of {}", bytes(memory.total));
    vec![
        line(
            "SReclaimable",
            memory.sreclaimable,
            rate(rates.sreclaimable),
        ),
        line("SUnreclaim", memory.sunreclaim, rate(rates.sunreclaim)),
        line("Slab", memory.slab, share),
    ]
}

/// Named as what they are: membership of the LRU, which is not use.
fn dentries(look: Look, state: &DentryState, rates: &Rates, width: u16) -> Vec<Line<'static>> {
    let line = |name: &str, figure: u64, style: Style, beside: String| {
        Line::from(vec![
            Span::raw(format!("{name:<15} ")),
            Span::styled(
                format!("{:>11} ", count(figure)),
                look.strong().patch(style),
            ),
            Span::raw(beside),
        ])
    };
    let rate = |rate| trend(look, rate, short);
    let plain = Style::new();
    let share = percent(state.lru_negative, state.total).unwrap_or(0);
    // Where there is no room for the rate its sign has to do.
    let negative = rate(rates.lru_negative);
    let all = format!("{share} % {negative}");
    let beside = if all.chars().count() + 28 <= usize::from(width) {
        all
    } else {
        format!(
            "{share} % {}",
            negative.split(' ').next().unwrap_or_default()
        )
    };
    let warn = if share >= 50 { look.warn() } else { plain };
    vec![
        line("dentries", state.total, plain, rate(rates.dentries)),
        line("on LRU (unused)", state.lru, plain, rate(rates.lru)),
        line("negative on LRU", state.lru_negative, warn, beside),
    ]
}

fn failed(look: Look, error: &SourceError) -> Vec<Line<'static>> {
    let line = |text: String| Line::styled(format!(" {text}"), look.warn());
    vec![
        line(printable(error.to_string())),
        line(error.remedy().into()),
    ]
}
