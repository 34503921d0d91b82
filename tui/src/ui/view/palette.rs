//! The list above the field of actions and places.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::fit::{cut, middle, padded};
use super::{first_row, inside, popup};
use crate::ui::model::Model;
use crate::ui::palette::{Choice, choices};

/// ```text
///  ┌ Go to, or do ──────────────────────────────────────────┐
///  │ ▸ sort-menu          sort by any column, growth too  S │
///  │   dentry             slab cache                        │
///  └────────────────────────────────────────────────────────┘
/// ```
pub(super) fn render(model: &Model, text: &str, at: usize, frame: &mut Frame<'_>, area: Rect) {
    let all = choices(model, text);
    let height = usize::from(area.height.saturating_sub(2)).min(16);
    let first = first_row(at, all.len(), height);
    let width = usize::from(inside(area));
    let rows = all.iter().enumerate().skip(first).take(height);
    let mut lines: Vec<_> = rows
        .map(|(line, choice)| row(model, choice, line == at, width))
        .collect();
    if lines.is_empty() {
        lines.push(Line::styled(
            cut("nothing has this name here", width),
            model.look.warn(),
        ));
    }
    let title = "Go to, or do: name, /path, PID, cgroup, cache";
    popup(model.look, &cut(title, width), lines, frame, area);
}

fn row(model: &Model, choice: &Choice, chosen: bool, width: usize) -> Line<'static> {
    let look = model.look;
    let mark = if chosen { look.glyphs.chosen } else { " " };
    // Of a short name the words are in a column of their own.
    let name = middle(&choice.text, 0, width.saturating_sub(4));
    let mut text = format!("{mark} {}", padded(&name, 20));
    let room = width.saturating_sub(Span::raw(&text).width() + choice.key.len() + 3);
    if room > 8 {
        text += &format!("  {}", cut(&choice.words, room));
    }
    let gap = width.saturating_sub(Span::raw(&text).width() + choice.key.len());
    let key = format!("{:gap$}{}", "", choice.key);
    let style = if chosen {
        look.strong()
    } else {
        Default::default()
    };
    Line::from(vec![
        Span::styled(text, style),
        Span::styled(key, look.accent()),
    ])
}
