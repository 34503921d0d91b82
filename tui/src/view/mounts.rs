//! The list of mounts.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Text};

use super::tree::row_line;
use super::{cut, first_row, rule, trouble};
use crate::model::Model;
use crate::text::printable;

/// ```text
///  ── 3 filesystems ── Enter counts what is cached, looking nothing up ──────────
///  TYPE      DEVICE                MOUNTED AT
///  ext4      /dev/vda1             /
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let [title, list] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let mounts = match &model.tree.mounts {
        None => {
            frame.render_widget(Line::raw(" reading /proc/self/mountinfo ..."), area);
            return;
        }
        Some(Err(error)) => {
            let text = vec![
                Line::styled("The mounts cannot be shown", look.strong()),
                Line::raw(printable(error.to_string())),
                Line::raw(error.remedy()),
            ];
            trouble(look, text, frame, area);
            return;
        }
        Some(Ok(mounts)) => mounts,
    };
    let text = format!(
        " {} filesystems: Enter counts what is cached, looking nothing up ",
        mounts.len()
    );
    rule(look, Line::styled(text, look.strong()), frame, title);
    let head = format!(" {:<10} {:<22} MOUNTED AT", "TYPE", "DEVICE");
    let mut lines = vec![Line::styled(head, look.dim())];
    let selected = model.tree.mount_index();
    let height = usize::from(list.height.saturating_sub(1));
    let first = first_row(selected, mounts.len(), height);
    for (at, mount) in mounts.iter().enumerate().skip(first).take(height) {
        let text = format!(
            " {:<10} {:<22} {}{}",
            cut(&printable(&mount.fs), 10),
            cut(&printable(&mount.device), 22),
            printable(&mount.point),
            if mount.is_memory() {
                "   in memory: never prunable"
            } else {
                ""
            },
        );
        lines.push(row_line(
            model,
            text,
            at == selected,
            mount.is_internal(),
            list,
        ));
    }
    frame.render_widget(Text::from(lines), list);
}
