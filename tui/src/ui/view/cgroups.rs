//! The screen of cgroups.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Text};

use super::grid::{Grid, Row, areas};
use super::{cut, ends, rule, trouble};
use crate::base::text::{bytes, count, counted, duration, percent, printable};
use crate::kernel::source::{Cgroup, CgroupMemory, CgroupsError, Version};
use crate::ui::look::Look;
use crate::ui::model::{CGROUP_COLUMNS, CgroupRow, CgroupsPage, Model, growth_text};

/// Columns of the terminal for a row's name.
const NAME: usize = 34;

/// Columns of the bar of use against limit, on a terminal that has room for it.
const BAR: usize = 8;

/// Columns of an indent that stay if the name is cut.
const INDENT: usize = 12;

/// Rows of the terminal for the selected one.
const ABOUT: u16 = 5;

pub(super) fn grid(model: &Model) -> Grid<'_, CgroupRow> {
    let page = &model.cgroups;
    Grid {
        columns: CGROUP_COLUMNS,
        order: &page.order,
        len: page.shown.len(),
        at: page.index(),
        name: NAME,
        about: ABOUT,
        bar: (model.size.0 >= 80).then_some(("OF LIMIT", BAR)),
    }
}

/// ```text
///  ── 214 cgroups, by reclaimable slab ▼ ────────────────────────── read 0.4 s ago
///   OF LIMIT SLAB RECL  GROWTH/S  CURRENT  USED CGROUP
///              9.1 GiB +14.0 MiB        -     - - /
/// ! ██████▒▒   7.0 GiB +14.0 MiB  9.7 GiB   97% - app.slice  slab fills it
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
    let [title, table, about] = areas(area, ABOUT);
    let grid = grid(model);
    let what = heading(page);
    let words = grid.title(model, &what);
    let taken = words.width();
    rule(model.look, words, frame, title);
    let parts = [grid.position(table), age(model)];
    ends(frame, title, taken, parts.into_iter().flatten());
    let flat = !page.order.filter.is_none();
    let row = |at: usize| {
        let row = page.row(at)?;
        let filled = row.cgroup.is_filled_by_slab();
        let unseen = page.filled_unseen(row);
        Some(Row {
            line: row,
            sign: if filled || unseen > 0 { "!" } else { " " },
            bar: bar(model.look, &row.cgroup),
            name: name(model, row, flat),
            keep: if flat {
                0
            } else {
                (2 * row.cgroup.depth + 2).min(INDENT)
            },
            words: match (filled, unseen) {
                _ if row.cgroup.unread.is_some() => "  not read".into(),
                _ if row.cgroup.stat.is_none() => "  not enabled".into(),
                (true, _) => "  slab fills it".into(),
                (false, 0) => "".into(),
                (false, unseen) => format!("  ! {unseen} below").into(),
            },
            dim: row.cgroup.stat.is_none(),
            alarm: filled,
        })
    };
    grid.render(model, row, frame, table);
    if page.shown.is_empty() {
        let line = Line::raw(format!(
            "   no cgroup matches \"{}\"; Esc clears the filter",
            printable(page.order.filter.text())
        ));
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

/// Number of cgroups, and how many of them need attention.
fn heading(page: &CgroupsPage) -> String {
    let mut text = counted(page.rows.len() as u64, "cgroup");
    if page.version == Version::V1 {
        text.push_str(" of v1");
    }
    match page.filled() {
        0 => {}
        filled => text.push_str(&format!(", {filled} filled by slab (!)")),
    }
    if page.not_read > 0 {
        text.push_str(&format!(", {} more not read", count(page.not_read)));
    }
    text
}

/// The age of the reading, and how long it took if that is noticeable.
fn age(model: &Model) -> Option<Line<'static>> {
    const FELT: std::time::Duration = std::time::Duration::from_millis(100);
    let page = &model.cgroups;
    let ago = duration(model.now.saturating_sub(page.at?));
    let text = match page.took {
        took if took >= FELT => format!(" read {ago} ago, in {} ", duration(took)),
        _ => format!(" read {ago} ago "),
    };
    Some(Line::styled(text, model.look.dim()))
}

/// How much of its limit is slab, how much other memory, and what is left; empty: it has no limit.
fn bar(look: Look, cgroup: &Cgroup) -> String {
    let (Some(current), Some((limit, _))) = (cgroup.current, cgroup.limit()) else {
        return String::new();
    };
    let stat = cgroup.stat.as_ref();
    let slab = stat.and_then(|stat| stat.slab.or(stat.kernel)).unwrap_or(0);
    let cells = |part: u64| {
        let cells = u128::from(part) * BAR as u128;
        let cells = cells.div_ceil(u128::from(limit.max(1)));
        usize::try_from(cells).unwrap_or(BAR).min(BAR)
    };
    let used = cells(current);
    let slab = cells(slab).min(used);
    let [.., full] = look.glyphs.bar;
    [
        full.repeat(slab),
        look.glyphs.shade.repeat(used - slab),
        look.glyphs.track.repeat(BAR - used),
    ]
    .concat()
}

/// The name, indented below its parent, or the whole path in a flat list.
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

/// All figures of the selected one, and a conclusion.
fn selected(model: &Model, row: &CgroupRow, frame: &mut Frame<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let [title, text] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let path = super::tail(&printable(row.cgroup.full()), usize::from(area.width) - 6);
    rule(model.look, Line::raw(format!(" {path} ")), frame, title);
    let width = usize::from(area.width).saturating_sub(1);
    let Some(stat) = &row.cgroup.stat else {
        let lines = without(row, model.cgroups.enable.as_deref(), width);
        return frame.render_widget(Text::from_iter(lines), text);
    };
    let known = |figure: Option<u64>| figure.map_or("-".into(), bytes);
    let figures = format!(
        " slab R {} ({}/s), U {}; file {}; anon {}{}",
        known(stat.slab_reclaimable),
        match row.growth {
            None => "-".into(),
            growth => growth_text(growth),
        },
        known(stat.slab_unreclaimable),
        known(stat.file),
        known(stat.anon),
        row.cgroup
            .pressure
            .map_or(String::new(), |waits| format!("; PSI {waits:.1} %")),
    );
    let style = match row.cgroup.is_filled_by_slab() {
        true => model.look.alarm(),
        false => ratatui::style::Style::new(),
    };
    let [limit, advice] = limit(row, stat);
    let advice = match (&row.cgroup.unread, row.cgroup.dying) {
        (Some(error), _) => format!(" {error}"),
        (None, Some(dying)) if dying > 0 && advice.is_empty() => format!(
            " {} dying below: removed, still charged for what they cached; prune that, or p",
            count(dying)
        ),
        _ => advice,
    };
    let lines = vec![
        Line::raw(cut(&figures, width)),
        Line::raw(cut(&kernel(stat), width)),
        Line::styled(cut(&limit, width), style),
        Line::styled(cut(&advice, width), style),
    ];
    frame.render_widget(Text::from(lines), text);
}

/// Why a cgroup has no figures.
fn without(row: &CgroupRow, enable: Option<&str>, width: usize) -> Vec<String> {
    match &row.cgroup.unread {
        Some(error) => vec![
            cut(&format!(" {error}"), width),
            format!(
                " its figures are unknown; those above include it: {}",
                error.remedy()
            ),
        ],
        None => vec![
            " the memory controller is not enabled for it: its memory counts as that of the".into(),
            match enable {
                Some(enable) => cut(&format!(" root; to have it counted: {enable}"), width),
                None => " next cgroup above which has it (cgroup.subtree_control)".into(),
            },
        ],
    }
}

/// The parts of the kernel's own memory.
fn kernel(stat: &CgroupMemory) -> String {
    let sized = |name: &str, size| format!("{name} {}", bytes(size));
    let caches = stat.caches.iter().take(4);
    let caches: Vec<String> = caches
        .map(|(name, size)| sized(&printable(name), *size))
        .collect();
    let mut parts: Vec<String> = stat
        .slab
        .map(|slab| sized("slab", slab))
        .into_iter()
        .collect();
    if !caches.is_empty() {
        parts = vec![format!("{} ({})", parts.concat(), caches.join(", "))];
    }
    parts.extend(stat.parts.iter().map(|(name, size)| sized(name, *size)));
    match (stat.kernel, parts.is_empty()) {
        (Some(kernel), _) => format!(" kernel {}: {}", bytes(kernel), parts.join(", ")),
        (None, true) => String::new(),
        (None, false) => format!(" kernel: {}", parts.join(", ")),
    }
}

/// How near it is to its limit, and the part of that which is slab.
fn limit(row: &CgroupRow, stat: &CgroupMemory) -> [String; 2] {
    let cgroup = &row.cgroup;
    let (Some(current), limit) = (cgroup.current, cgroup.limit()) else {
        return [
            " the root: the whole system, without a limit; slab as in /proc/meminfo".into(),
            String::new(),
        ];
    };
    let slab = stat
        .slab
        .or(stat.kernel)
        .and_then(|slab| percent(slab, current));
    let part = match (slab, stat.slab) {
        (None, _) => "an unknown part".into(),
        (Some(part), Some(_)) => format!("{part} % of it slab"),
        (Some(part), None) => format!("{part} % of it kernel memory"),
    };
    let Some((limit, file)) = limit else {
        return [
            format!(
                " {} in use without a limit of its own, {part}",
                bytes(current)
            ),
            String::new(),
        ];
    };
    let first = format!(
        " {} of {file}, {}: {part}, {} left",
        bytes(current),
        bytes(limit),
        bytes(limit.saturating_sub(current)),
    );
    let second = match () {
        () if !cgroup.is_filled_by_slab() => String::new(),
        () if stat.slab_reclaimable > stat.slab_unreclaimable => {
            " near its limit because of slab: most of it is reclaimable".into()
        }
        () if stat.slab_unreclaimable.is_none() => " near its limit because of slab".into(),
        () => " near its limit because of slab that cannot be reclaimed: only its owners free it"
            .into(),
    };
    [first, second]
}
