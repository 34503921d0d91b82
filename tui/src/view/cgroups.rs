//! The screen of cgroups.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Text};

use super::grid::{Grid, Row, areas};
use super::{cut, rule, trouble};
use crate::model::{CGROUP_COLUMNS, CgroupRow, Model, growth_text};
use crate::source::{CgroupsError, MemoryStat};
use crate::text::{bytes, counted, duration, percent, printable};

/// Columns of the terminal for a row's name.
const NAME: usize = 34;

pub(super) fn grid(model: &Model) -> Grid<'_, CgroupRow> {
    let page = &model.cgroups;
    Grid {
        columns: CGROUP_COLUMNS,
        order: &page.order,
        len: page.shown.len(),
        at: page.index(),
        name: NAME,
    }
}

/// ```text
///  ── 214 cgroups, by reclaimable slab ▼ ────────────────────────── read 0.4 s ago
///   SLAB RECL  GROWTH/S  CURRENT    LIMIT  USED  PRESS CGROUP
///     9.1 GiB +14.0 MiB                                - /
///     7.0 GiB +14.0 MiB  9.7 GiB  10 GiB   97%   3.1%  - app.slice  slab fills it
///  ! ...
///  ── /app.slice/web.service ────────────────────────────────────────────────────
///  97 % of memory.max (10 GiB): slab fills it, 7.0 GiB reclaimable: p plans to reclaim
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let page = &model.cgroups;
    if let Some(error) = &page.error {
        return failed(model, error, frame, area);
    }
    if page.at.is_none() {
        return frame.render_widget(Line::raw(" reading the cgroups ..."), area);
    }
    let [title, table, about] = areas(area);
    let grid = grid(model);
    let what = counted(page.rows.len() as u64, "cgroup");
    let words = grid.title(model, &what);
    let room = usize::from(title.width).saturating_sub(words.width() + 4);
    rule(model.look, words, frame, title);
    age(model, room, frame, title);
    let flat = !page.order.filter.is_none();
    let row = |at: usize| {
        let row = page.row(at)?;
        let filled = row.cgroup.is_filled_by_slab();
        Some(Row {
            line: row,
            sign: if filled { "!" } else { " " },
            name: name(model, row, flat),
            words: if filled { "  slab fills it" } else { "" },
            dim: row.cgroup.stat.is_none(),
            alarm: filled,
        })
    };
    grid.render(model, row, frame, table);
    if page.shown.is_empty() {
        let line = Line::raw("   no cgroup has such a name; Esc ends the filter");
        let below = Rect {
            y: table.y + 1,
            height: table.height.saturating_sub(1).min(1),
            ..table
        };
        frame.render_widget(line, below);
    }
    if let Some(row) = page.selected() {
        selected(model, row, frame, about);
    }
}

fn failed(model: &Model, error: &CgroupsError, frame: &mut Frame<'_>, area: Rect) {
    let text = vec![
        Line::styled("The cgroups cannot be shown", model.look.strong()),
        Line::raw(error.to_string()),
        Line::raw(error.remedy()),
    ];
    trouble(model.look, text, frame, area);
}

/// When they were read, and how long that took if it is felt.
fn age(model: &Model, room: usize, frame: &mut Frame<'_>, area: Rect) {
    const FELT: std::time::Duration = std::time::Duration::from_millis(100);
    let page = &model.cgroups;
    let Some(at) = page.at else {
        return;
    };
    let ago = duration(model.now.saturating_sub(at));
    let text = match page.took {
        took if took >= FELT => format!(" read {ago} ago, in {} ms ", took.as_millis()),
        _ => format!(" read {ago} ago "),
    };
    if text.len() <= room {
        let width = text.len() as u16;
        let area = Rect {
            x: area.right() - width - 2,
            width,
            ..area
        };
        frame.render_widget(Line::styled(text, model.look.dim()), area);
    }
}

/// Indented below its parent, or the whole path in a flat list.
fn name(model: &Model, row: &CgroupRow, flat: bool) -> String {
    let cgroup = &row.cgroup;
    if flat {
        return printable(cgroup.full());
    }
    let sign = match (row.has_children, model.cgroups.is_open(cgroup)) {
        (false, _) => " ",
        (true, true) => "-",
        (true, false) => "+",
    };
    let indent = "  ".repeat(cgroup.depth);
    format!("{indent}{sign} {}", printable(cgroup.name()))
}

/// All figures of one, and what they come to.
fn selected(model: &Model, row: &CgroupRow, frame: &mut Frame<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let [title, text] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let path = super::tail(&printable(row.cgroup.full()), usize::from(area.width) - 6);
    rule(model.look, Line::raw(format!(" {path} ")), frame, title);
    let Some(stat) = &row.cgroup.stat else {
        if row.cgroup.denied {
            let line = " its files may not be read: who it was delegated to keeps them; root may";
            return frame.render_widget(Line::raw(line), text);
        }
        let lines = [
            " the memory controller is not enabled for it: its memory counts as that of the",
            " next cgroup above which has it (cgroup.subtree_control)",
        ];
        return frame.render_widget(Text::from_iter(lines), text);
    };
    let pressure = row.cgroup.pressure;
    let figures = format!(
        " slab {} reclaimable ({}/s), {} not; files {}, programs {}{}",
        bytes(stat.slab_reclaimable),
        match growth_text(row.growth) {
            unknown if unknown.is_empty() => "?".into(),
            growth => growth,
        },
        bytes(stat.slab_unreclaimable),
        bytes(stat.file),
        bytes(stat.anon),
        pressure.map_or(String::new(), |waits| format!("; waits {waits:.1} %")),
    );
    let width = usize::from(area.width).saturating_sub(1);
    let filled = row.cgroup.is_filled_by_slab();
    let style = if filled {
        model.look.alarm()
    } else {
        ratatui::style::Style::new()
    };
    let [limit, advice] = limit(row, stat);
    let lines = vec![
        Line::raw(cut(&figures, width)),
        Line::styled(cut(&limit, width), style),
        Line::styled(cut(&advice, width), style),
    ];
    frame.render_widget(Text::from(lines), text);
}

/// How near it is to its limit, and what of that slab is.
fn limit(row: &CgroupRow, stat: &MemoryStat) -> [String; 2] {
    let cgroup = &row.cgroup;
    let (Some(current), limit) = (cgroup.current, cgroup.limit()) else {
        return [
            " the root: all memory of the machine, without a limit".into(),
            String::new(),
        ];
    };
    let slab = stat
        .slab_reclaimable
        .saturating_add(stat.slab_unreclaimable);
    let part = percent(slab, current).unwrap_or(0);
    let Some((limit, file)) = limit else {
        return [
            format!(
                " {} in use without a limit of its own, {part} % of it slab",
                bytes(current)
            ),
            String::new(),
        ];
    };
    let first = format!(
        " {} of {file}, {}: {part} % of it slab, {} left",
        bytes(current),
        bytes(limit),
        bytes(limit.saturating_sub(current)),
    );
    let second = match () {
        () if !cgroup.is_filled_by_slab() => String::new(),
        () if stat.slab_reclaimable > stat.slab_unreclaimable => {
            " near its limit because of slab: most of it is reclaimable".into()
        }
        () => " near its limit because of slab that cannot be reclaimed: only its owners free it"
            .into(),
    };
    [first, second]
}
