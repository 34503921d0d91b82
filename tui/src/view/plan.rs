//! The boxes on the way to a prune: dry run, plan, progress.

use std::path::Path;
use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::tree::filesystem;
use super::{popup, tail};
use crate::model::{Confirm, Model, Pruning};
use crate::session::{Counters, Mode};
use crate::text::{bytes, count, duration, percent, printable, short};

/// The dry run.
pub(super) fn planning(
    model: &Model,
    path: &Path,
    so_far: &Counters,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let text = vec![
        Line::raw(format!("{} dentries looked at so far", count(so_far.total))),
        Line::raw("A dry run: nothing is pruned. Esc stops it."),
    ];
    let title = format!("Planning for {}", tail(&printable(path), room(area)));
    popup(model.look, &title, text, frame, area);
}

/// ```text
///  ┌ Prune below /var/spool/app/sessions ───────────────────────────────────┐
///  │ ext4 on /dev/vda1                                                      │
///  │ ▸ 1 negative dentries    40,100,212   7.2 GiB                          │
///  │   2 unused dentries      40,100,221   7.2 GiB                          │
///  │ stays  4 in use, 3 unused above something that stays                   │
///  │ costs  the next lookup of each such name asks the filesystem again     │
///  │ reach  below this directory only                                       │
///  │ type y to prune                                             Esc cancel │
///  └────────────────────────────────────────────────────────────────────────┘
/// ```
pub(super) fn confirm(model: &Model, confirm: &Confirm, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let found = &confirm.plan.found;
    let choice = |mode: Mode, text: &str| {
        let size = model.dentry_size();
        let size = size.map_or("?".into(), |size| bytes(confirm.bytes(mode, size)));
        let chosen = mode == confirm.mode;
        let mark = if chosen { look.glyphs.chosen } else { " " };
        let figure = count(confirm.plan.predicted(mode));
        let text = format!("{mark} {text:<20} {figure:>14}   {size:>9}");
        Line::styled(text, if chosen { look.strong() } else { Style::new() })
    };
    let kept = count(found.in_use);
    let pinned = match found.pinned {
        0 => String::new(),
        n => format!(", {} unused above something that stays", count(n)),
    };
    let mounts = match found.mountpoints {
        0 => String::new(),
        n => format!(", {} mountpoints", count(n)),
    };
    let costs = match confirm.mode {
        Mode::Dentries => "costs  the next use of each such file asks the filesystem again",
        Mode::Negative => "costs  the next lookup of each such name asks the filesystem again",
    };
    let mut text = vec![
        Line::styled(filesystem(&confirm.mount), look.dim()),
        Line::raw(""),
        choice(Mode::Negative, "1 negative dentries"),
        choice(Mode::Dentries, "2 unused dentries"),
        Line::raw(""),
        Line::raw(format!(
            "stays  {kept} in use{pinned}{mounts}; all files and their data"
        )),
        Line::raw(costs),
        Line::raw("reach  below this directory only, on this filesystem only"),
        Line::raw(""),
    ];
    let nothing = confirm.plan.predicted(confirm.mode) == 0;
    let urge = if nothing {
        Line::styled(
            "nothing would go: there is nothing to prune this way",
            look.warn(),
        )
    } else if confirm.urged {
        let style = look.warn().patch(look.selected());
        Line::styled("nothing is pruned before you type y    Esc cancels", style)
    } else {
        Line::from(vec![
            Span::styled("type y to prune", look.strong().patch(look.warn())),
            Span::raw("    Enter does nothing    Esc cancels"),
        ])
    };
    text.push(urge);
    let path = printable(&confirm.plan.target.path);
    let title = format!("Prune below {}", tail(&path, room(area)));
    if !title.ends_with(&path) {
        // Nobody agrees to what they cannot read in full.
        text.insert(0, Line::raw(path));
    }
    popup(look, &title, text, frame, area);
}

/// How far a prune has come.
pub(super) fn pruning(model: &Model, pruning: &Pruning, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let predicted = pruning.predicted;
    let moved = pruning.so_far.moved;
    let share = percent(moved, predicted).unwrap_or(0);
    let elapsed = model.now.saturating_sub(pruning.since);
    let rate = if elapsed > Duration::ZERO {
        format!("   {}/s", short(moved as f64 / elapsed.as_secs_f64()))
    } else {
        String::new()
    };
    let width = usize::from(area.width.saturating_sub(10).min(60));
    let filled = (width as u64).saturating_mul(share.min(100)) / 100;
    let [.., full] = look.glyphs.bar;
    let text = vec![
        Line::raw(format!(
            "{} of {} dentries, {share} %{rate}",
            count(moved),
            count(predicted)
        )),
        Line::styled(full.repeat(filled as usize), look.accent()),
        Line::raw(if pruning.stopping {
            "stopping at the end of the batch ...".into()
        } else {
            format!(
                "{}   Esc stops it; what is pruned stays pruned",
                duration(elapsed)
            )
        }),
    ];
    let title = format!(
        "Pruning {} below {}",
        what(pruning.mode),
        tail(&printable(&pruning.path), room(area))
    );
    popup(look, &title, text, frame, area);
}

/// Columns for a path in the title of a box.
fn room(area: Rect) -> usize {
    usize::from(area.width.min(96)).saturating_sub(40)
}

/// What a mode prunes.
pub(super) fn what(mode: Mode) -> &'static str {
    match mode {
        Mode::Negative => "negative dentries",
        Mode::Dentries => "unused dentries",
    }
}
