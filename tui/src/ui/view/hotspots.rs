//! The page of hotspots.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};

use super::directory::row_line;
use super::fit::{beside_scrollbar, position, scrollbar};
use super::tree::failed;
use super::{cut, ends, first_row, rule, tail, trouble};
use crate::base::text::{bytes, count, count_in, duration, printable, short_signed, signed_bytes};
use crate::cache::hotspots::{Heat, Hotspot, Hotspots, HotspotsError};
use crate::ui::model::{Hunt, Model};

/// ```text
///  41,203,118 dentries on 3 filesystems                             counted 2 s ago
///  / ext4  /var xfs  /net nfs: not counted
///  ── 37 directories by own negatives ────────────────────────────────
///    NEGATIVE  CHANGE   FREEABLE NEG. SUBTREE DIRECTORY
///  40,100,212  +12.1k    7.2 GiB 40,120,004 /var/spool/app/sessions
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let [summary, filesystems, title, list] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    let page = &model.hotspots;
    if let Some(hunt) = &page.hunt {
        let text = under_way(model, hunt);
        frame.render_widget(Line::styled(text, look.accent()), summary);
    }
    match (&page.error, &page.found) {
        (Some(HotspotsError::Module(error)), _) => {
            let what = "What is cached of the filesystems cannot be counted";
            failed(model, what, error, frame, list);
        }
        (Some(HotspotsError::Mounts(error)), _) => {
            let text = vec![Line::raw(error.to_string()), Line::raw(error.remedy())];
            trouble(look, text, frame, list);
        }
        (None, None) => {}
        (None, Some((found, at))) => {
            if page.hunt.is_none() {
                let age = duration(model.now.saturating_sub(*at));
                frame.render_widget(all(model, found, &age), summary);
            }
            frame.render_widget(counted(model, found, area.width), filesystems);
            let (rows, by) = (page.rows().len(), page.heat.words());
            let text = match rows {
                1 => format!(" 1 directory by own {by} "),
                _ => format!(" {} directories by own {by} ", count(rows as u64)),
            };
            let words = Line::styled(text, look.strong());
            let taken = words.width();
            rule(look, words, frame, title);
            let position = position(page.at, rows, list.height.saturating_sub(1));
            ends(frame, title, taken, position.map(Line::raw));
            rows_of(model, found, frame, list);
        }
    }
}

fn under_way(model: &Model, hunt: &Hunt) -> String {
    let so_far = &hunt.so_far;
    let end = if hunt.stopping {
        "stopping"
    } else {
        "Esc stops"
    };
    if so_far.of == 0 {
        return format!(" counting; {end}");
    }
    format!(
        " counting {} ({} of {}): {} dentries so far, {}; {end}",
        printable(&so_far.point),
        so_far.at + 1,
        so_far.of,
        count(so_far.dentries),
        duration(model.now.saturating_sub(hunt.since)),
    )
}

fn all(model: &Model, found: &Hotspots, age: &str) -> Line<'static> {
    let part = if found.complete() { "" } else { "at least " };
    let filesystems = match found.filesystems.len() {
        1 => "1 filesystem".to_owned(),
        n => format!("{n} filesystems"),
    };
    Line::from(vec![
        Span::raw(format!(" {part}")),
        Span::styled(count(found.total()), model.look.strong()),
        Span::raw(format!(" dentries on {filesystems}")),
        Span::styled(format!("   counted {age} ago"), model.look.dim()),
    ])
}

/// The filesystems, first those that could not be counted.
fn counted(model: &Model, found: &Hotspots, width: u16) -> Line<'static> {
    let mut spans = Vec::new();
    let (well, ill): (Vec<_>, Vec<_>) = found.filesystems.iter().partition(|fs| fs.complete);
    for filesystem in ill {
        let mount = &filesystem.mount;
        let text = match filesystem.error() {
            None => format!(" {}: in part ", printable(&mount.point)),
            Some(error) => format!(" not counted: {error} "),
        };
        let text = cut(&text, usize::from(width) / 2);
        spans.push(Span::styled(text, model.look.warn()));
    }
    for filesystem in well {
        let mount = &filesystem.mount;
        let text = format!(" {} {} ", printable(&mount.point), printable(&*mount.fs));
        spans.push(Span::styled(text, model.look.dim()));
    }
    Line::from(spans)
}

fn rows_of(model: &Model, found: &Hotspots, frame: &mut Frame<'_>, area: Rect) {
    let area = beside_scrollbar(area);
    let page = &model.hotspots;
    let head = format!(
        " {:>11} {:>8} {:>10} {:>12} DIRECTORY",
        "NEGATIVE", "CHANGE", "FREEABLE", "NEG. SUBTREE"
    );
    let room = (usize::from(area.width) + "DIRECTORY".len()).saturating_sub(head.len());
    let mut lines = vec![Line::styled(head, model.look.dim())];
    let rows = page.rows();
    let height = usize::from(area.height.saturating_sub(1));
    let first = first_row(page.at, rows.len(), height);
    for (at, row) in rows.iter().enumerate().skip(first).take(height) {
        let back = match found.dentry_size {
            Some(_) => bytes(Heat::Freeable.of(&row.own, found.dentry_size)),
            None => "-".into(),
        };
        let text = format!(
            " {:>11} {:>8} {back:>10} {:>12} {}",
            count_in(row.own.negative, 11),
            change(model, found, row),
            count_in(row.below.negative, 11),
            path(row, room),
        );
        lines.push(row_line(
            model,
            text,
            at == page.at,
            row.hidden_below.is_some(),
            area,
        ));
    }
    frame.render_widget(Text::from(lines), area);
    scrollbar(model.look, frame.buffer_mut(), area, page.at, rows.len());
}

/// Change of the sort key since the count before.
fn change(model: &Model, found: &Hotspots, row: &Hotspot) -> String {
    let page = &model.hotspots;
    let Some(before) = &page.before else {
        return String::new();
    };
    let Some(had) = page.had(&row.path) else {
        return "new".into();
    };
    let has = page.heat.of(&row.own, found.dentry_size);
    let sized = found.dentry_size.is_some() && before.dentry_size.is_some();
    match page.heat {
        Heat::Freeable if sized => {
            let change = i128::from(has) - i128::from(had);
            signed_bytes(i64::try_from(change).unwrap_or(i64::MAX))
        }
        _ => short_signed(has as f64 - had as f64),
    }
}

fn path(row: &Hotspot, room: usize) -> String {
    let mark = if row.hidden_below.is_some() {
        " (hidden)"
    } else {
        ""
    };
    let path = printable(&row.path);
    tail(&path, room.saturating_sub(mark.len())) + mark
}
