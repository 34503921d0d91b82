//! The list of mounts.

use std::collections::HashSet;
use std::path::Path;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Text};

use super::directory::row_line;
use super::fit::{beside_scrollbar, padded, position, scrollbar};
use super::{Hit, cut, ends, first_row, middle, rule, trouble};
use crate::base::text::{bytes, count_in, counted, printable};
use crate::cache::census::freeable;
use crate::kernel::source::Mount;
use crate::ui::model::{Model, Total};

/// Columns of the terminal for type, device and the three figures.
const TYPE: usize = 8;
const DEVICE: usize = 14;
const FIGURES: [usize; 3] = [11, 10, 10];

/// Title and list.
fn areas(area: Rect) -> [Rect; 2] {
    let [title, list] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    [title, beside_scrollbar(list)]
}

/// The index of the first row shown, and how many there is room for.
fn in_sight(model: &Model, list: Rect) -> (usize, usize) {
    let height = usize::from(list.height.saturating_sub(1));
    let len = model.tree.mounts().len();
    (first_row(model.tree.mount_index(), len, height), height)
}

/// Columns for the point where something is mounted.
fn point_width(area: Rect) -> usize {
    let others = TYPE + DEVICE + FIGURES.iter().sum::<usize>() + 6;
    usize::from(area.width).saturating_sub(others).clamp(10, 60)
}

/// ```text
///  ── 3 mounts: Enter opens; nothing is looked up ─────────────────────────
///  TYPE     DEVICE         MOUNTED AT               DENTRIES   NEGATIVE   FREEABLE
///  ext4     /dev/vda1      /                       1,204,118    900,004    219 MiB
///  tmpfs    tmpfs          /run            in memory: nothing to prune
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let [title, list] = areas(area);
    let mounts = match &model.tree.mounts {
        None => {
            frame.render_widget(Line::raw(" reading /proc/self/mountinfo ..."), area);
            return;
        }
        Some(Err(error)) => {
            let text = vec![
                Line::styled("The mounts cannot be shown", look.strong()),
                Line::raw(error.to_string()),
                Line::raw(error.remedy()),
            ];
            trouble(look, text, frame, area);
            return;
        }
        Some(Ok(mounts)) => mounts,
    };
    let words = Line::styled(head(model), look.strong());
    let taken = words.width();
    rule(look, words, frame, title);
    let rows = list.height.saturating_sub(1);
    let position = position(model.tree.mount_index(), mounts.len(), rows);
    ends(frame, title, taken, position.map(Line::raw));
    let width = point_width(list);
    let [dentries, negative, back] = FIGURES;
    let head = format!(
        " {:<TYPE$} {:<DEVICE$} {:<width$} {:>dentries$} {:>negative$} {:>back$}",
        "TYPE", "DEVICE", "MOUNTED AT", "DENTRIES", "NEGATIVE", "FREEABLE"
    );
    let mut lines = vec![Line::styled(head, look.dim())];
    let selected = model.tree.mount_index();
    let (first, height) = in_sight(model, list);
    let counting: HashSet<&Path> = model.tree.counting.iter().map(|(_, at)| &**at).collect();
    for (at, mount) in mounts.iter().enumerate().skip(first).take(height) {
        let text = format!(
            " {:<TYPE$} {:<DEVICE$} {} {}",
            cut(&printable(&*mount.fs), TYPE),
            middle(&printable(&*mount.device), 0, DEVICE),
            padded(&point(mount, width), width),
            figures(model, mount, counting.contains(&*mount.point)),
        );
        let dim = mount.is_internal();
        lines.push(row_line(model, text, at == selected, dim, list));
    }
    frame.render_widget(Text::from(lines), list);
    scrollbar(look, frame.buffer_mut(), list, selected, mounts.len());
}

/// The mount point, and a note if its directory is gone.
fn point(mount: &Mount, width: usize) -> String {
    let note = if mount.is_removed() { " (removed)" } else { "" };
    middle(
        &printable(&mount.point),
        0,
        width.saturating_sub(note.len()),
    ) + note
}

/// What is at a row of the terminal.
pub(super) fn hit(model: &Model, area: Rect, row: u16) -> Option<Hit> {
    let [_, list] = areas(area);
    let below = usize::from(row.checked_sub(list.y + 1)?);
    let (first, height) = in_sight(model, list);
    let at = first + below;
    (below < height && at < model.tree.mounts().len()).then_some(Hit::TreeRow(at))
}

fn head(model: &Model) -> String {
    let tree = &model.tree;
    let left = tree.counting.len();
    if let Some((_, point)) = tree.counting.front() {
        let point = printable(point);
        return format!(" counting {point}, {left} to go: Esc stops it ");
    }
    let number = counted(tree.mounts().len() as u64, "mount");
    match &tree.namespace {
        Some(of) => {
            let name = printable(&of.name);
            let key = model.keymap.key("walk-out");
            format!(" {number} of process {}, {name}: {key} leaves ", of.pid)
        }
        None => match &tree.gap {
            Some(gap) => format!(
                " {number}; {} not understood: {} ",
                counted(gap.lines as u64, "line"),
                gap.first
            ),
            None => format!(" {number}: Enter opens; nothing is looked up "),
        },
    }
}

/// Counts of a mount, if it was counted.
fn figures(model: &Model, mount: &Mount, waits: bool) -> String {
    let [dentries, negative, back] = FIGURES;
    match model.tree.totals.get(&mount.point) {
        _ if waits => format!("{:>dentries$}", "..."),
        Some(Total::Failed) => "cannot be counted: Enter says why".into(),
        Some(Total::Counted { here, partial, .. }) => {
            let size = model.dentry_size();
            let freeable = match size {
                _ if mount.is_memory() => "never".into(),
                Some(size) => bytes(freeable(here, size)),
                None => "-".into(),
            };
            let least = if *partial { ">" } else { "" };
            let total = format!("{least}{}", count_in(here.total, dentries - 1));
            format!(
                "{total:>dentries$} {:>negative$} {freeable:>back$}",
                count_in(here.negative, negative)
            )
        }
        None if mount.is_memory() => "in memory: nothing to prune".into(),
        None => String::new(),
    }
}
