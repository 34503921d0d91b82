//! The keys and the mouse on the slab screen.

use super::{Effect, stepped};
use crate::kernel::source::{Attributes, Cache, Class, SourceError};
use crate::ui::columns::{SHAPES, fitting};
use crate::ui::model::{Column, Detail, InputMode, Model, Screen};

pub(super) fn sort(model: &mut Model, column: Column) {
    model.slabs.sort = column;
    model.slabs.reverse = false;
    if matches!(model.mode, InputMode::SortMenu { .. }) {
        model.mode = InputMode::Browse;
    }
}

/// A click on a heading: sorts by it, and reverses the order if that is the sort key.
pub(super) fn sort_or_reverse(model: &mut Model, column: Column) {
    if model.slabs.sort == column {
        model.slabs.reverse ^= true;
    } else {
        sort(model, column);
    }
}

pub(super) fn sort_menu(model: &mut Model) {
    let sort = model.slabs.sort;
    let at = Column::sortable().position(|shape| shape.column == sort);
    model.mode = InputMode::SortMenu {
        at: at.unwrap_or(0),
    };
}

pub(super) fn sort_chosen(model: &mut Model) {
    if let InputMode::SortMenu { at } = model.mode
        && let Some(shape) = Column::sortable().nth(at)
    {
        sort(model, shape.column);
    }
}

/// Shows the column of the menu's line, or hides it. The first choice begins with the columns that
/// are shown.
pub(super) fn toggle_column(model: &mut Model) {
    let InputMode::SortMenu { at } = model.mode else {
        return;
    };
    if model.screen != Screen::Slabs {
        model.notice = Some("only the slab table's columns can be chosen".into());
        return;
    }
    let Some(column) = Column::sortable().nth(at).map(|shape| shape.column) else {
        return;
    };
    if matches!(column, Column::Name | Column::Class) {
        model.notice = Some("name and class are always shown".into());
        return;
    }
    let shown = shown_columns(model);
    let slabs = &mut model.slabs;
    let all = SHAPES.iter().map(|shape| shape.column);
    let wanted = |of: &Column| (*of == column) != shown.contains(of);
    slabs.columns = all.filter(wanted).collect();
    model.notice = Some(match slabs.columns.contains(&column) {
        true => "shown, as far as there is room; :save keeps the columns".into(),
        false => "hidden, unless sorted by; :save keeps the columns".into(),
    });
}

/// The columns that were chosen, or else those that are shown.
fn shown_columns(model: &Model) -> Vec<Column> {
    let slabs = &model.slabs;
    if !slabs.columns.is_empty() {
        return slabs.columns.clone();
    }
    let shapes = fitting(model.size.0, slabs.sort, slabs.mark.is_some(), &[]);
    shapes.iter().map(|shape| shape.column).collect()
}

/// A letter in the menu chooses its column.
pub(super) fn sort_letter(model: &mut Model, letter: char) {
    if let Some(shape) = Column::sortable().find(|shape| shape.letter == letter) {
        sort(model, shape.column);
    }
}

pub(super) fn moved(model: &mut Model, steps: i64) {
    match &mut model.mode {
        InputMode::SortMenu { at } => *at = stepped(*at, steps, Column::sortable().count()),
        InputMode::Detail => {
            if let Some(detail) = &mut model.slabs.detail {
                detail.scroll = super::scrolled(detail.scroll, steps);
            }
        }
        _ => {
            let to = stepped(model.slabs.at, steps, model.slabs.rows.len());
            select(model, to);
        }
    }
}

pub(super) fn select(model: &mut Model, row: usize) {
    // The top is no particular cache: the greatest one stays selected.
    let selected = model.line(row).filter(|_| row > 0);
    model.slabs.selected = selected.map(|line| line.cache.id());
}

pub(super) fn class(model: &mut Model) {
    let (class, words) = match model.slabs.class {
        None => (Some(Class::Reclaimable), "only reclaimable caches"),
        Some(Class::Reclaimable) => (Some(Class::Unreclaimable), "only unreclaimable caches"),
        Some(_) => (None, "all caches"),
    };
    model.slabs.class = class;
    let key = model.keymap.key("class");
    model.notice = Some(format!("{words}; {key} shows the next"));
}

pub(super) fn mark(model: &mut Model) {
    model.slabs.mark = match model.slabs.mark {
        Some(_) => None,
        None => model.shown.clone(),
    };
    let [menu, mark] = ["sort-menu", "mark"].map(|name| model.keymap.key(name));
    model.notice = Some(match model.slabs.mark {
        Some(_) => format!(
            "marked: a column shows the change since now; {menu} m sorts by it; {mark} clears it"
        ),
        None => "mark cleared".into(),
    });
}

pub(super) fn detail(model: &mut Model) -> Vec<Effect> {
    let Some(cache) = model.selected_cache().map(Cache::id) else {
        return Vec::new();
    };
    let read = cache.name.clone();
    model.slabs.detail = Some(Detail::new(cache));
    model.mode = InputMode::Detail;
    vec![Effect::ReadAttributes { cache: read }]
}

pub(super) fn detail_close(model: &mut Model) {
    model.slabs.detail = None;
    model.mode = InputMode::Browse;
}

/// With each sample the attributes of the cache in the details are read again, one reading at a
/// time: counting takes the kernel long if there are many partial slabs.
pub(super) fn reread(model: &mut Model) -> Vec<Effect> {
    if model.frozen.is_some() || model.screen != Screen::Slabs {
        return Vec::new();
    }
    match &mut model.slabs.detail {
        Some(detail) if !detail.reading => {
            detail.reading = true;
            vec![Effect::ReadAttributes {
                cache: detail.cache.name.clone(),
            }]
        }
        _ => Vec::new(),
    }
}

pub(super) fn attributes(
    model: &mut Model,
    cache: &str,
    attributes: Result<Attributes, SourceError>,
) {
    if let Some(detail) = &mut model.slabs.detail
        && detail.cache.name == cache
    {
        detail.reading = false;
        detail.attributes = Some(attributes);
    }
}
