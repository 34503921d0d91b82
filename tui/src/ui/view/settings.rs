//! The kernel's settings: their values and meaning, and the effect of a change.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::asked::{Asked, Prompt, Words};
use super::fit::wrapped;
use super::inside;
use crate::reclaim::tune::{SETTINGS, Setting};
use crate::ui::model::{Model, Settings};

/// ```text
///  ┌ Kernel settings (system-wide) ─────────────────────────────────┐
///  │ ▸ vm.vfs_cache_pressure   100 → 200                                    │
///  │   how eagerly dentries and inodes are reclaimed beside page cache      │
///  │   less keeps them longer ...                                           │
///  │   as  slabscope tune vm.vfs_cache_pressure 200                         │
///  │   fs.dentry-negative   0                                               │
///  │ type y to change it    Enter does nothing    Esc leaves                │
///  └────────────────────────────────────────────────────────────────────────┘
/// ```
pub(super) fn asked(model: &Model, settings: &Settings, area: Rect) -> Asked {
    let mut text = Vec::new();
    for (at, of) in SETTINGS.iter().enumerate() {
        if at > 0 {
            text.push(Line::raw(""));
        }
        text.extend(setting(
            model,
            settings,
            (at, of),
            usize::from(inside(area)),
        ));
    }
    Asked {
        title: "Kernel settings (system-wide)".into(),
        text,
        prompt: prompt(model, settings),
    }
}

fn setting(
    model: &Model,
    settings: &Settings,
    (at, of): (usize, &Setting),
    width: usize,
) -> Vec<Line<'static>> {
    let look = model.look;
    let chosen = at == settings.at;
    let mark = if chosen { look.glyphs.chosen } else { " " };
    let style = if chosen { look.strong() } else { Style::new() };
    let name = format!("{mark} {}   ", of.name);
    let value = match settings.now.get(at).map(|now| &now.value) {
        None => return vec![Line::styled(format!("{name}reading ..."), style)],
        Some(Err(error)) => {
            let error = format!("  {error}");
            return vec![Line::styled(name, style), Line::styled(error, look.warn())];
        }
        Some(Ok(value)) => *value,
    };
    let proposed = settings.proposed.filter(|_| chosen);
    let would = proposed.map_or(String::new(), |to| format!(" {} {to}", look.glyphs.arrow));
    let former = model.former(settings, at).filter(|&former| former != value);
    let was = former.map_or(String::new(), |was| format!("   was {was}: b proposes it"));
    let mut lines = vec![Line::from(vec![
        Span::styled(format!("{name}{value}{would}"), style),
        Span::styled(was, look.warn()),
    ])];
    let indented = |text: &str| {
        let lines = wrapped(text, width.saturating_sub(2)).into_iter();
        lines
            .map(|line| Line::raw(format!("  {line}")))
            .collect::<Vec<_>>()
    };
    lines.extend(indented(of.meaning));
    lines.extend(indented(of.change));
    if let Some(to) = proposed {
        let command = format!("  CLI  slabscope tune {} {to}", of.name);
        lines.push(Line::styled(command, look.dim()));
    }
    lines
}

fn prompt(model: &Model, settings: &Settings) -> Prompt {
    let look = model.look;
    if model.inert.is_some() {
        return Prompt::Says(vec!["Esc leaves".into()], Style::new());
    }
    if settings.proposed.is_none() {
        let words = [
            "+ and - propose another value; nothing is changed by that",
            "+ and - propose another value",
        ];
        return Prompt::Says(words.map(str::to_owned).into(), Style::new());
    }
    Prompt::Asks(Words {
        go: "type y to change it system-wide".into(),
        not: "nothing is changed before you type y",
        enter: true,
        leave: "Esc leaves",
        style: look.alarm(),
    })
}
