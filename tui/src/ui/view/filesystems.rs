//! The screen of filesystems.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Text};

use super::grid::{Grid, Row, areas};
use super::{cut, ends, middle, rule, trouble};
use crate::base::text::{count, counted, printable};
use crate::ui::model::{FILESYSTEM_COLUMNS, Filesystem, Inert, Model};

/// Columns of the terminal for a row's name, and of its parts.
const NAME: usize = 36;
/// Rows of the terminal for the selected one.
const ABOUT: u16 = 4;
const TYPE: usize = 8;
const DEVICE: usize = 12;

pub(super) fn grid(model: &Model) -> Grid<'_, Filesystem> {
    let page = &model.filesystems;
    Grid {
        columns: FILESYSTEM_COLUMNS,
        order: &page.order,
        len: page.rows.len(),
        at: page.index(),
        name: NAME,
        about: ABOUT,
        bar: None,
    }
}

/// ```text
///  ── 5 superblocks, by dentries ▼ ───────────────────────────────────────────────
///      DENTRIES    INODES INODE SIZE FREEABLE TYPE     DEVICE       MOUNTED AT
///     1,204,118   120,455   1,128    219 MiB ext4     /dev/vda1    /  +2
///             ?         ?     760      never tmpfs    tmpfs        /run
///  ── ext4 on /dev/vda1, superblock 254:1 ────────────────────────────────────────
///  mounted at /  /srv (its data)  /var/lib/docker (its docker)
///  counted: of the dentries 933 are in use, 900,004 negative; r counts again
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let [title, table, about] = areas(area, ABOUT);
    match &model.tree.mounts {
        None => {
            let line = Line::raw(" reading /proc/self/mountinfo ...");
            return frame.render_widget(line, area);
        }
        Some(Err(error)) => {
            let text = vec![
                Line::styled("The filesystems cannot be shown", model.look.strong()),
                Line::raw(error.to_string()),
                Line::raw(error.remedy()),
            ];
            return trouble(model.look, text, frame, area);
        }
        Some(Ok(_)) => {}
    }
    let grid = grid(model);
    let words = head(model, &grid);
    let taken = words.width();
    rule(model.look, words, frame, title);
    ends(frame, title, taken, grid.position(table));
    let row = |at: usize| {
        let row = model.filesystems.rows.get(at)?;
        Some(Row {
            line: row,
            sign: " ",
            bar: String::new(),
            name: name(row),
            keep: TYPE + DEVICE + 2,
            words: "".into(),
            dim: row.mount().is_internal(),
            alarm: false,
        })
    };
    grid.render(model, row, frame, table);
    if let Some(row) = model.filesystems.selected() {
        selected(model, row, frame, about);
    }
}

fn head(model: &Model, grid: &Grid<'_, Filesystem>) -> Line<'static> {
    if let Some((_, point)) = model.tree.counting.front() {
        let left = model.tree.counting.len();
        let point = printable(point);
        let text = format!(" counting {point}, {left} to go: Esc stops it ");
        return Line::styled(text, model.look.accent());
    }
    let what = counted(grid.len as u64, "superblock");
    let of = model.tree.namespace.as_ref();
    let of = of.map_or(String::new(), |of| {
        format!(" of process {}, {}", of.pid, printable(&of.name))
    });
    grid.title(model, &format!("{what}{of}"))
}

fn name(row: &Filesystem) -> String {
    let mount = row.mount();
    let more = match row.mounts().len() {
        0 | 1 => String::new(),
        n => format!("  +{}", n - 1),
    };
    format!(
        "{:<TYPE$} {:<DEVICE$} {}{more}",
        cut(&printable(&*mount.fs), TYPE),
        middle(&printable(&*mount.device), 0, DEVICE),
        printable(&mount.point),
    )
}

/// All known facts about the selected one, in words.
fn selected(model: &Model, row: &Filesystem, frame: &mut Frame<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let [title, text] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let mount = row.mount();
    let words = format!(
        " {} on {}, superblock {} ",
        printable(&*mount.fs),
        printable(&*mount.device),
        printable(&*mount.superblock)
    );
    rule(model.look, Line::raw(words), frame, title);
    let points = row.mounts().map(|mount| {
        let point = printable(&mount.point);
        match mount.root.to_str() {
            Some("/") => point,
            _ => format!("{point} (its {})", printable(&*mount.root)),
        }
    });
    let points: Vec<_> = points.collect();
    let width = usize::from(area.width).saturating_sub(1);
    let lines = [
        format!(" mounted at {}", points.join("  ")),
        format!(" {}", census(model, row)),
        format!(" {}", shrinker(row)),
    ];
    let lines = lines.map(|line| Line::raw(cut(&line, width)));
    frame.render_widget(Text::from(lines.to_vec()), text);
}

/// The result of a census, or the key that starts one.
fn census(model: &Model, row: &Filesystem) -> String {
    let [one, all] = ["recount-row", "count-all"].map(|name| model.keymap.key(name));
    match &row.counted {
        Some(of) => {
            let part = if row.partial { " in part" } else { "" };
            format!(
                "counted{part}: of the dentries {} are in use, {} negative; {one} counts again",
                count(of.in_use),
                count(of.negative),
            )
        }
        None if row.failed => "could not be counted: Enter opens it and says why".into(),
        None if matches!(model.inert, Some(Inert::Captured(_))) => {
            "dentries and inodes are not in a capture: the module counts them on the machine itself"
                .into()
        }
        None => format!(
            "dentries and inodes are not known: {one} counts them, {all} all on disk or network"
        ),
    }
}

fn shrinker(row: &Filesystem) -> String {
    match &row.freeable {
        _ if row.mount().is_memory() => {
            "nothing can be pruned: each dentry is its file's only name".into()
        }
        Some(Ok(freeable)) => format!("its shrinker could free {}", counted(*freeable, "object")),
        Some(Err(why)) => format!("what its shrinker could free is not known: {why}"),
        None => "what its shrinker could free was not read yet".into(),
    }
}
