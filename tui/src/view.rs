//! The model, drawn. Layout only: nothing is kept and nothing is changed.

pub mod chart;
mod figures;
mod help;
mod history;
mod ledger;
pub mod look;
mod plan;
mod slabs;
mod tree;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use crate::keymap;
use crate::model::{Mode, Model, Screen};
use crate::text::printable;
use look::Look;

/// ```text
///  slabscope  web-07  7.3.4                          1 Slabs  2 Tree  3 History
///  the screen, or what is shown in its place
///  Enter in  Bksp up  p prune row                                 ? help  q quit
/// ```
pub fn render(model: &Model, frame: &mut Frame<'_>) {
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    header(model, frame, head);
    match (&model.mode, model.screen) {
        (Mode::Help, _) => help::render(model, frame, body),
        (Mode::Ledger, _) => ledger::render(model, frame, body),
        (_, Screen::Slabs) => slabs::render(model, frame, body),
        (_, Screen::Tree) => tree::render(model, frame, body),
        (_, Screen::History) => history::render(model, frame, body),
    }
    match &model.mode {
        Mode::Planning { path, so_far, .. } => plan::planning(model, path, so_far, frame, body),
        Mode::Confirm(confirm) => plan::confirm(model, confirm, frame, body),
        Mode::Pruning(pruning) => plan::pruning(model, pruning, frame, body),
        Mode::Failed { what, error } => {
            let text = vec![Line::raw(printable(error.to_string()))];
            popup(model.look, what, text, frame, body);
        }
        _ => {}
    }
    hints(model, frame, foot);
}

fn header(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let mut tabs = Vec::new();
    if model.frozen.is_some() {
        tabs.push(Span::styled(" FROZEN ", look.warn().patch(look.selected())));
        tabs.push(Span::raw("  "));
    }
    for (text, screen) in [
        (" 1 Slabs ", Screen::Slabs),
        (" 2 Tree ", Screen::Tree),
        (" 3 History ", Screen::History),
    ] {
        let chosen = screen == model.screen;
        tabs.push(Span::styled(
            text,
            if chosen {
                look.selected()
            } else {
                Style::new()
            },
        ));
    }
    let tabs = Line::from(tabs);
    let [left, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(tabs.width() as u16)])
            .areas(area);
    let host = format!(
        "  {}  {}",
        printable(&model.host.name),
        printable(&model.host.kernel)
    );
    let title = Line::from(vec![
        Span::styled(" slabscope", look.strong()),
        Span::styled(host, look.dim()),
    ]);
    frame.render_widget(title, left);
    frame.render_widget(tabs, right);
}

/// What the keys do now, as many as fit; in front of them a word about the key pressed last.
fn hints(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    if let Some(notice) = &model.notice {
        let line = Line::styled(format!(" {notice}"), look.warn());
        frame.render_widget(line, area);
        return;
    }
    if matches!(model.mode, Mode::Filter) {
        let text = format!(" /{}", printable(&model.slabs.filter));
        let at = area.x + Span::raw(&text).width() as u16;
        frame.render_widget(Line::raw(text), area);
        frame.set_cursor_position((at.min(area.right().saturating_sub(1)), area.y));
        return;
    }
    // Help and quit are the last to go when there is no room.
    let (all, last): (Vec<_>, Vec<_>) =
        keymap::hints(model).partition(|binding| !matches!(binding.hint, "help" | "quit"));
    let width = |b: &keymap::Binding| {
        let key = if several(b) {
            0
        } else {
            Span::raw(b.label).width() + 1
        };
        key + b.hint.len() + 2
    };
    let mut room =
        usize::from(area.width).saturating_sub(1 + last.iter().map(|b| width(b)).sum::<usize>());
    let mut spans = vec![Span::raw(" ")];
    let fitting = all.into_iter().take_while(|b| {
        let fits = width(b) <= room;
        room = room.saturating_sub(width(b));
        fits
    });
    for binding in fitting.collect::<Vec<_>>().into_iter().chain(last) {
        let (keys, word) = match binding.hint.rsplit_once(' ') {
            Some(split) if several(binding) => split,
            _ => (binding.label, binding.hint),
        };
        spans.push(Span::styled(keys, look.accent()));
        spans.push(Span::raw(format!(" {word}")));
        spans.push(Span::raw("  "));
    }
    frame.render_widget(Line::from(spans), area);
}

/// A hint that begins with its key names several keys.
fn several(binding: &keymap::Binding) -> bool {
    let rest = binding.hint.strip_prefix(binding.label);
    rest.is_some_and(|rest| rest.starts_with(' '))
}

/// A title in a line across.
fn rule(look: Look, title: Line<'_>, frame: &mut Frame<'_>, area: Rect) {
    let line = look.glyphs.rule.repeat(area.width.into());
    frame.render_widget(Line::styled(line, look.dim()), area);
    let at = Rect {
        x: area.x.saturating_add(2).min(area.right()),
        width: area.width.saturating_sub(2).min(title.width() as u16),
        ..area
    };
    frame.render_widget(Clear, at);
    frame.render_widget(title, at);
}

/// A box over the middle of the screen, as high as its text.
fn popup(look: Look, title: &str, text: Vec<Line<'_>>, frame: &mut Frame<'_>, area: Rect) {
    let width = area.width.saturating_sub(2).min(96);
    let paragraph = Paragraph::new(text).wrap(Wrap { trim: false });
    let inside = width.saturating_sub(4);
    let lines: usize = paragraph_height(&paragraph, inside);
    let height = u16::try_from(lines + 2)
        .unwrap_or(u16::MAX)
        .min(area.height);
    let area = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let block = Block::bordered()
        .border_set(look.glyphs.border)
        .title(Line::styled(format!(" {title} "), look.strong()))
        .padding(ratatui::widgets::Padding::horizontal(1));
    frame.render_widget(Clear, area);
    frame.render_widget(paragraph.block(block), area);
}

/// Lines that `paragraph` takes, counted by laying it out: no line of ours is long.
fn paragraph_height(paragraph: &Paragraph<'_>, width: u16) -> usize {
    paragraph.line_count(width)
}

/// What is wrong, where a table would have been.
fn trouble(look: Look, text: Vec<Line<'_>>, frame: &mut Frame<'_>, area: Rect) {
    let area = area.inner(ratatui::layout::Margin::new(2, 1));
    frame.render_widget(
        Paragraph::new(text)
            .wrap(Wrap { trim: false })
            .style(look.warn()),
        area,
    );
}

/// The first of `len` rows to show in `height`, so that the selected one is in sight: in the
/// middle but near the ends.
fn first_row(selected: usize, len: usize, height: usize) -> usize {
    let last = len.saturating_sub(height);
    selected.saturating_sub(height / 2).min(last)
}

/// A change per second with its sign: more, less, the same, not known.
fn trend(look: Look, rate: Option<f64>, text: fn(f64) -> String) -> String {
    let [up, down, same] = look.glyphs.trend;
    match rate {
        None => String::new(),
        Some(rate) if rate.abs() < 0.5 => same.into(),
        Some(rate) => {
            let sign = if rate > 0.0 { up } else { down };
            format!("{sign} {}/s", text(rate.abs()))
        }
    }
}

/// Bytes of a rate.
fn rate_bytes(rate: f64) -> String {
    crate::text::bytes(rate as u64)
}

/// Text cut to `width` columns, with a mark where it was cut.
fn cut(text: &str, width: usize) -> String {
    if Span::raw(text).width() <= width {
        return text.into();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if Span::raw(&kept).width() + 1 > width {
            kept.pop();
            break;
        }
    }
    kept.push('~');
    kept
}

/// Text cut to `width` columns at its beginning: the end of a path tells more.
fn tail(text: &str, width: usize) -> String {
    if Span::raw(text).width() <= width {
        return text.into();
    }
    let mut chars = text.chars();
    while chars.next().is_some() {
        if Span::raw(chars.as_str()).width() < width {
            break;
        }
    }
    format!("~{}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_either_end_and_by_columns() {
        assert_eq!(cut("kmalloc-512", 11), "kmalloc-512");
        assert_eq!(cut("kmalloc-512", 8), "kmalloc~");
        assert_eq!(cut("\u{65e5}\u{672c}\u{8a9e}", 5), "\u{65e5}\u{672c}~");
        assert_eq!(tail("/var/spool/app", 14), "/var/spool/app");
        assert_eq!(tail("/var/spool/app", 8), "~ool/app");
        assert_eq!(tail("\u{65e5}\u{672c}\u{8a9e}", 4), "~\u{8a9e}");
        assert_eq!(tail("long", 0), "~");
    }

    #[test]
    fn the_selected_row_is_always_in_sight() {
        for len in 0..40 {
            for height in 1..20 {
                for selected in 0..len {
                    let first = first_row(selected, len, height);
                    assert!(first <= selected && selected < first + height);
                    assert!(first == 0 || first + height <= len, "no room is left empty");
                }
            }
        }
    }
}
