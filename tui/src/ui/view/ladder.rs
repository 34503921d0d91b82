//! The ladder in a plan: the other rungs, and the list to choose a wider one from.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::{cut, inside, popup};
use crate::base::text::printable;
use crate::reclaim::ladder::{Rung, Step};
use crate::ui::model::Model;

/// `narrow 1 negative, 2 dentries, 3 inodes, 4 pages: this directory alone`: keys of a plan that is
/// for a directory, but reaches wider.
pub(super) fn narrower(model: &Model, rung: Rung) -> Option<Line<'static>> {
    let below = |step: &&Step| step.rung.mode().is_some() && step.rung < rung;
    let steps = model.ladder.iter().filter(below);
    let steps = steps.filter(|step| step.why_not.is_none());
    let names: Vec<_> = steps
        .map(|step| format!("{} {}", step.rung as usize + 1, step.rung.label()))
        .collect();
    let words = format!("Narrower {}: this directory only", names.join(", "));
    (!names.is_empty()).then(|| Line::raw(words))
}

/// `wider  >: superblock, cgroup, cache, everybody`
pub(super) fn wider(model: &Model, rung: Rung) -> Option<Line<'static>> {
    let (mut names, mut label) = (Vec::new(), "Broader");
    for step in model.beside() {
        names.push(step.rung.label());
        if step.rung < rung {
            label = "Other";
        }
    }
    let words = format!("{label:<8} >: {}", names.join(", "));
    (!names.is_empty()).then(|| Line::styled(words, model.look.dim()))
}

/// ```text
///  ┌ Other rungs ─────────────────────────────────────┐
///  │ ▸ the whole filesystem: all unused dentries      │
///  │   n/a: cgroup v2 is not mounted             │
///  │   the whole system: dentries, inodes, page cache        │
///  │                                                  │
///  │ Enter makes its plan; nothing is reclaimed yet    │
///  └──────────────────────────────────────────────────┘
/// ```
pub(super) fn list(model: &Model, at: usize, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let width = usize::from(inside(area)).saturating_sub(2);
    let steps = model.beside().into_iter();
    let mut text: Vec<_> = steps
        .enumerate()
        .map(|(line, step)| {
            let chosen = line == at;
            let mark = if chosen { look.glyphs.chosen } else { " " };
            let (words, style) = match &step.why_not {
                Some(why) => {
                    let why = printable(why.lines().next().unwrap_or_default());
                    (format!("n/a: {why}"), look.dim())
                }
                None => (step.rung.reach().to_owned(), Style::new()),
            };
            let style = if chosen { look.strong() } else { style };
            Line::styled(format!("{mark} {}", cut(&words, width)), style)
        })
        .collect();
    text.push(Line::raw(""));
    text.push(Line::raw("Enter makes its plan; nothing is reclaimed yet"));
    popup(look, "Other rungs", text, frame, area);
}
