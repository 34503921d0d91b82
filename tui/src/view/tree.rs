//! The tree screen: the list of mounts, or a directory by what is cached below it.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};

use super::{cut, first_row, rule, tail, trouble};
use crate::census::{Census, Row};
use crate::model::{Model, Place, State, comes_back};
use crate::prune::PruneError;
use crate::session::{Counters, SessionError, how_to_get_the_module};
use crate::source::Mount;
use crate::text::{bytes, count, count_in, duration, percent, printable};

/// Whichever of the two it is.
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    match model.tree.place() {
        Some(place) => directory(model, place, frame, area),
        None => mounts(model, frame, area),
    }
}

/// ```text
///  ── 3 filesystems ── Enter counts what is cached, looking nothing up ──────────
///  TYPE      DEVICE                MOUNTED AT
///  ext4      /dev/vda1             /
/// ```
fn mounts(model: &Model, frame: &mut Frame<'_>, area: Rect) {
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

fn row_line(model: &Model, text: String, selected: bool, dim: bool, area: Rect) -> Line<'static> {
    if selected {
        let width = usize::from(area.width);
        Line::styled(format!("{text:<width$}"), model.look.selected())
    } else if dim {
        Line::styled(text, model.look.dim())
    } else {
        Line::raw(text)
    }
}

/// ```text
///  /var/spool/app                                  ext4 on /dev/vda1   counted 0.4 s ago
///  below: 40,311,020 dentries  40,120,004 negative (99 %)  7.3 GiB comes back
///  ── 3 directories by comes back ──────────────────────────────────────────────
///    NEGATIVE       IN USE     UNUSED   INODES    PAGES COMES BACK NAME
///  40,100,212 ████       4          9       13  1.2 MiB    7.2 GiB sessions/
/// ```
fn directory(model: &Model, place: &Place, frame: &mut Frame<'_>, area: Rect) {
    let [path, summary, title, list] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    path_line(model, place, frame, path);
    match &place.state {
        State::Uncounted => {}
        State::Failed(error) => failed(model, error, frame, list),
        State::Counting { so_far, .. } => {
            let text = format!(
                " counting ... {} dentries so far, Esc stops",
                count(so_far.total)
            );
            frame.render_widget(Line::styled(text, model.look.accent()), summary);
        }
        State::Counted { census, .. } if census.here.total == 0 && !census.partial => {
            frame.render_widget(
                Line::raw(" nothing is cached below this directory"),
                summary,
            );
        }
        State::Counted { census, .. } => {
            frame.render_widget(below_here(model, census), summary);
            rule(model.look, rows_title(model, place, census), frame, title);
            rows(model, place, census, frame, list);
        }
    }
}

fn path_line(model: &Model, place: &Place, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let age = match &place.state {
        State::Counted { at, .. } => {
            format!("   counted {} ago", duration(model.now.saturating_sub(*at)))
        }
        _ => String::new(),
    };
    let mount = format!("{}{age} ", filesystem(&place.mount));
    let room = usize::from(area.width).saturating_sub(mount.chars().count() + 3);
    let path = printable(&place.path);
    let path = tail(&path, room);
    let [left, right] = Layout::horizontal([
        Constraint::Fill(1),
        Constraint::Length(mount.chars().count() as u16),
    ])
    .areas(area);
    frame.render_widget(Line::styled(format!(" {path}"), look.strong()), left);
    frame.render_widget(Line::styled(mount, look.dim()), right);
}

/// `ext4 on /dev/vda1`.
pub(super) fn filesystem(mount: &Mount) -> String {
    format!(
        "{} on {}",
        printable(&mount.fs),
        cut(&printable(&mount.device), 24)
    )
}

fn below_here(model: &Model, census: &Census) -> Line<'static> {
    let look = model.look;
    let here = &census.here;
    let share = percent(here.negative, here.total).unwrap_or(0);
    let back = would_come_back(model, here);
    Line::from(vec![
        Span::raw(if census.partial {
            " counted in part: at least "
        } else {
            " below: "
        }),
        Span::styled(count(here.total), look.strong()),
        Span::raw(" dentries  "),
        Span::styled(
            count(here.negative),
            if share >= 50 {
                look.warn()
            } else {
                look.strong()
            },
        ),
        Span::raw(format!(" negative ({share} %)  ")),
        Span::styled(back, look.strong()),
        Span::raw(" comes back"),
    ])
}

fn would_come_back(model: &Model, counters: &Counters) -> String {
    // Without slabinfo the size of a dentry is not known.
    let size = model.dentry_size();
    size.map_or("?".into(), |size| bytes(comes_back(counters, size)))
}

fn rows_title(model: &Model, place: &Place, census: &Census) -> Line<'static> {
    let look = model.look;
    if place.mount.is_memory() {
        let fs = printable(&place.mount.fs);
        let text = format!(" nothing to prune: {fs} pins every dentry while its file exists ");
        return Line::styled(text, look.warn());
    }
    let directories = census
        .rows
        .iter()
        .filter(|row| !row.name.is_empty())
        .count();
    let plural = if directories == 1 {
        "directory"
    } else {
        "directories"
    };
    let sort = model.tree.sort.words();
    let text = format!(" {directories} {plural} with cached names, by {sort} ");
    Line::styled(text, look.strong())
}

fn rows(model: &Model, place: &Place, census: &Census, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let bar_width = if area.width >= 120 { 20 } else { 4 };
    let head = format!(
        " {:>10} {:bar_width$} {:>7} {:>10} {:>8} {:>8} {:>10} NAME",
        "NEGATIVE", "", "IN USE", "UNUSED", "INODES", "PAGES", "COMES BACK",
    );
    let name_width = (usize::from(area.width) + "NAME".len()).saturating_sub(head.len());
    let mut lines = vec![Line::styled(head, look.dim())];
    let greatest = census
        .rows
        .iter()
        .map(|row| row.below.negative)
        .max()
        .unwrap_or(0);
    let selected = place.index();
    let height = usize::from(area.height.saturating_sub(1));
    let first = first_row(selected, census.rows.len(), height);
    for (at, row) in census.rows.iter().enumerate().skip(first).take(height) {
        let of = &row.below;
        let text = format!(
            " {:>10} {} {:>7} {:>10} {:>8} {:>8} {:>10} {}",
            count_in(of.negative, 10),
            bar(model, of.negative, greatest, bar_width),
            count_in(of.in_use, 7),
            count_in(of.prunable.saturating_add(of.pinned), 10),
            count_in(of.inodes, 8),
            bytes(of.pages.saturating_mul(model.host.page_size)),
            would_come_back(model, of),
            cut(&name(model, place, row), name_width),
        );
        lines.push(row_line(
            model,
            text,
            at == selected,
            row.name.is_empty(),
            area,
        ));
    }
    frame.render_widget(Text::from(lines), area);
}

fn name(model: &Model, place: &Place, row: &Row) -> String {
    if row.name.is_empty() {
        return "(here)".into();
    }
    let mut text = format!("{}/", printable(&row.name));
    if model.tree.is_mount(&place.path.join(&row.name)) {
        text.push_str(" (mount)");
    } else if row.below.mountpoints > 0 {
        text.push_str(" (+mount)");
    }
    if row.partial {
        text.push_str(" (in part)");
    }
    text
}

/// A bar of the part that `value` is of the greatest.
fn bar(model: &Model, value: u64, greatest: u64, width: usize) -> String {
    let steps = model.look.glyphs.bar.len();
    let part = value as f64 / greatest.max(1) as f64;
    let filled = (part * (width * steps) as f64).ceil() as usize;
    let [.., full] = model.look.glyphs.bar;
    let mut text = full.repeat(filled / steps);
    if !filled.is_multiple_of(steps) {
        text.push_str(model.look.glyphs.bar[filled % steps - 1]);
    }
    format!("{text:<width$}")
}

/// Why there are no figures, and what to do. None are made up.
fn failed(model: &Model, error: &PruneError, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let line = |text: &str| Line::raw(text.to_owned());
    let mut text = vec![
        Line::styled(
            "What is cached below this directory cannot be counted",
            look.strong(),
        ),
        Line::raw(printable(error.to_string())),
    ];
    if matches!(error, PruneError::Session(SessionError::NoModule(_))) {
        text.extend([
            line(""),
            line(
                "Which names are cached only the kernel knows, and it tells nobody else: \
                 listing the directory would fill the very cache that is to be counted.",
            ),
            line(""),
        ]);
        let [slabs, history] = ["slabs", "history"].map(|name| model.keymap.key(name));
        let how = how_to_get_the_module(&model.host.kernel);
        text.extend(how.iter().map(|text| line(text)));
        text.extend([
            line(""),
            line(&format!(
                "The slab screen ({slabs}) and the history ({history}) work without the module."
            )),
        ]);
    } else {
        let [again, up] = ["recount", "walk-out"].map(|name| model.keymap.key(name));
        text.extend([
            line(""),
            line(&format!("{again} counts again, {up} goes up.")),
        ]);
    }
    trouble(look, text, frame, area);
}
