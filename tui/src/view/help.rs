//! The help screen, made from the key map.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};

use crate::keymap::{BINDINGS, Scope};
use crate::model::{Model, Screen};

/// Words that the screens use.
const WORDS: [&str; 7] = [
    "negative  a name known to be absent: a failed lookup, remembered",
    "in use    referenced by anything but its own children and slabscope",
    "unused    the rest, negatives included: what a prune may take",
    "on LRU    the kernel's own list, kept lazily: neither of the two above",
    "R, U      the cache's pages count as SReclaimable, as SUnreclaim",
    "(mount)   something is mounted there; (+mount) somewhere below",
    "IDLE      bytes of a cache's slabs that no object occupies",
];

/// The keys of the screen below on the left, of all screens on the right, the words under both.
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let here: &[Scope] = match model.screen {
        Screen::Slabs => &[Scope::Slabs],
        Screen::Tree => &[Scope::Tree, Scope::Plan],
        Screen::History => &[Scope::History],
    };
    let here = keys(model, here);
    let everywhere = keys(model, &[Scope::Lists, Scope::Everywhere]);
    let height = here.len().max(everywhere.len());
    let [top, bottom] = Layout::vertical([
        Constraint::Length(u16::try_from(height).unwrap_or(u16::MAX)),
        Constraint::Fill(1),
    ])
    .areas(area);
    let [left, right] =
        Layout::horizontal([Constraint::Length(45), Constraint::Fill(1)]).areas(top);
    let mut words = vec![Line::styled(" Words", model.look.strong())];
    words.extend(WORDS.map(|word| Line::raw(format!("   {word}"))));
    frame.render_widget(Text::from(here), left);
    frame.render_widget(Text::from(everywhere), right);
    frame.render_widget(Text::from(words), bottom);
}

fn keys(model: &Model, scopes: &[Scope]) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for &scope in scopes {
        let title = format!(" {}", scope.words());
        lines.push(Line::styled(title, model.look.strong()));
        let shown = |b: &&crate::keymap::Binding| b.scope == scope && !b.help.is_empty();
        lines.extend(BINDINGS.iter().filter(shown).map(|binding| {
            Line::from(vec![
                Span::styled(format!(" {:>5} ", binding.label), model.look.accent()),
                Span::raw(binding.help),
            ])
        }));
    }
    lines
}
