//! The menu of columns to sort by.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{cut, first_row, popup};
use crate::ui::model::{
    CGROUP_COLUMNS, Column, FILESYSTEM_COLUMNS, GridColumn, GridOrder, Model, Screen, TREE_SHAPES,
};

/// Whether it is the sort key, its letter, its name, and whether it was chosen; and whether the order
/// is reversed.
type Columns = (Vec<(bool, char, &'static str, bool)>, bool);

fn grid<L>(columns: &[GridColumn<L>], order: &GridOrder) -> Columns {
    let columns = columns.iter().enumerate();
    let columns = columns.map(|(at, of)| (at == order.sort, of.letter, of.words, false));
    (columns.collect(), order.reverse)
}

/// A line for each letter and column; on the slab screen slabtop's letters work without the menu,
/// too.
pub(super) fn render(model: &Model, at: usize, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let (columns, reverse): Columns = match model.screen {
        Screen::Tree => {
            let order = &model.tree.order;
            let columns = TREE_SHAPES.iter();
            let columns = columns.map(|s| (s.column == order.sort, s.letter, s.words, false));
            (columns.collect(), order.reverse)
        }
        Screen::Filesystems => grid(FILESYSTEM_COLUMNS, &model.filesystems.order),
        Screen::Cgroups => grid(CGROUP_COLUMNS, &model.cgroups.order),
        _ => {
            let sort = model.slabs.sort;
            let chosen = &model.slabs.columns;
            let columns = Column::sortable().map(|s| {
                let chosen = chosen.contains(&s.column);
                (s.column == sort, s.letter, s.words, chosen)
            });
            (columns.collect(), model.slabs.reverse)
        }
    };
    // Excluding borders, letters and blanks.
    let room = usize::from(area.width.saturating_sub(13)).min(30);
    let order = look.glyphs.order[usize::from(reverse)];
    let lines = columns
        .iter()
        .enumerate()
        .map(|(line, (sorts, letter, words, chosen))| {
            let now = if *sorts { order } else { " " };
            let chosen = if *chosen { "+" } else { " " };
            let text = format!(" {now} {letter} {chosen}{:<room$}", cut(words, room));
            if line == at {
                Line::styled(text, look.selected())
            } else {
                Line::raw(text)
            }
        });
    // Excluding the border and the line below.
    let height = usize::from(area.height.saturating_sub(3)).max(1);
    let first = first_row(at, columns.len(), height);
    let mut lines: Vec<_> = lines.skip(first).take(height).collect();
    let [down, up, reverse] = ["down", "up", "reverse"].map(|name| model.keymap.key(name));
    let keys = format!("a letter, or {down} {up} and Enter; {reverse} reverses");
    lines.push(Line::styled(
        cut(&keys, area.width.saturating_sub(6).into()),
        look.dim(),
    ));
    popup(look, "Sort by", lines, frame, area);
}
