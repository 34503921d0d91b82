//! The pane below the table of a directory: the selected row, and what its prune would bring.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use super::{cut, rule};
use crate::base::text::{bytes, count, known, printable, share};
use crate::cache::census::{DirectoryCount, freeable, freeable_negatives};
use crate::ui::model::{Model, Names, Place};

/// Rows of the pane.
pub(super) const PANE: u16 = 3;

/// ```text
///  ── 1/: a prune would free ──────────────────────────────────────────────────────
///  1 negative 183 MiB  2 unused 183 MiB  3 inodes max 183 MiB  4 pages 36.0 KiB
///  n lists its 1,000,000 negative names by shape
/// ```
pub(super) fn render(model: &Model, place: &Place, frame: &mut Frame<'_>, area: Rect) {
    let Some(row) = place.row().filter(|_| area.height > 0) else {
        return;
    };
    let [title, prune, shapes] = Layout::vertical([Constraint::Length(1); 3]).areas(area);
    let name = match row.name.is_empty() {
        true => " . (this directory)".to_owned(),
        false => format!(" {}/", printable(&row.name)),
    };
    let width = usize::from(area.width).saturating_sub(1);
    let words = ": a prune would free ";
    let name = cut(&name, width.saturating_sub(words.len() + 4));
    rule(model.look, Line::raw(name + words), frame, title);
    let lines = [
        (brings(model, place, row), prune),
        (kinds(model, place, row), shapes),
    ];
    for (text, area) in lines {
        frame.render_widget(Line::raw(cut(&text, width)), area);
    }
}

/// Bytes that a prune of the row would free, by mode.
fn brings(model: &Model, place: &Place, row: &DirectoryCount) -> String {
    if place.mount.is_memory() {
        return " nothing: each dentry is its file's only name".into();
    }
    let (below, sizes) = (&row.below, model.sizes(&place.mount));
    let negative = sizes.dentry.map(|size| freeable_negatives(below, size));
    let unused = sizes.dentry.map(|size| freeable(below, size));
    // Which of its inodes would go, a dry run shows alone.
    let inodes = unused
        .zip(sizes.inode)
        .map(|(unused, size)| unused.saturating_add(below.inodes.saturating_mul(size)));
    let pages = below.pages.saturating_mul(sizes.page);
    format!(
        " 1 negative {}  2 unused {}  3 inodes max {}  4 pages {}",
        known(negative, bytes),
        known(unused, bytes),
        known(inodes, bytes),
        bytes(pages)
    )
}

/// The most common shapes of the row's negative names, once they are listed.
fn kinds(model: &Model, place: &Place, row: &DirectoryCount) -> String {
    let path = place.path.join(&row.name);
    let names = model.names.as_ref().filter(|names| names.path == path);
    let Some(listing) = names.and_then(Names::listing) else {
        let key = model.keymap.key("names");
        return match row.own.negative {
            0 if row.below.negative == 0 => " no negative dentry below".into(),
            0 => format!(
                " {} negative dentries deeper below, none directly in it",
                count(row.below.negative)
            ),
            n => format!(" {key} lists its {} negative names by shape", count(n)),
        };
    };
    let shapes = listing.shapes.shapes.iter().take(3);
    let shapes = shapes.map(|shape| format!("{} {shape}", share(shape.count, listing.count)));
    format!(" {}", shapes.collect::<Vec<_>>().join("   "))
}
