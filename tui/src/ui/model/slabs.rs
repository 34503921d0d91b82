//! The slab screen's state, and the rows of its table: filtered, sorted and joined once for each
//! sample and each key, never while drawing.

use std::cmp::Ordering;
use std::sync::Arc;

use super::detail::Detail;
use crate::base::filter::Filter;
use crate::cache::history::changes;
use crate::kernel::source::{CacheId, Class};
use crate::ui::columns::{Column, Line, Row};
use crate::ui::model::Shown;

/// The slab screen's state.
#[derive(Debug)]
pub struct Slabs {
    /// Sort key.
    pub sort: Column,
    /// The column's natural order is reversed.
    pub reverse: bool,
    /// Filter of the names.
    pub filter: Filter,
    /// Filter of the class.
    pub class: Option<Class>,
    /// The requested columns; empty: as many as there is room for.
    pub columns: Vec<Column>,
    /// The selected cache. None: the first.
    pub selected: Option<CacheId>,
    /// The sample that the figures are compared with.
    pub mark: Option<Arc<Shown>>,
    /// slabtop's summary is shown; None: if there is room.
    pub summary: Option<bool>,
    /// The cache whose details are shown.
    pub detail: Option<Detail>,
    /// The rows of the table, in order.
    pub rows: Vec<Row>,
    /// Index of the selected one.
    pub at: usize,
}

impl Default for Slabs {
    fn default() -> Self {
        Self {
            sort: Column::Size,
            reverse: false,
            filter: Filter::default(),
            class: None,
            columns: Vec::new(),
            selected: None,
            mark: None,
            summary: None,
            detail: None,
            rows: Vec::new(),
            at: 0,
        }
    }
}

impl Slabs {
    /// Arranges the rows, and finds the selected cache among them; the first if it is gone.
    pub fn arrange(&mut self, shown: Option<&Shown>) {
        self.rows.clear();
        self.at = 0;
        let Some(shown) = shown else {
            return;
        };
        let caches = shown.sample.caches.as_deref().unwrap_or_default();
        let marked = self
            .mark
            .as_deref()
            .and_then(|mark| mark.sample.caches.as_deref().ok());
        let since_mark = marked.map(|mark| changes(caches, mark));
        let merged = &shown.sample.merged;
        for (index, cache) in caches.iter().enumerate() {
            let of_class = self.class.is_none_or(|class| class == cache.class);
            if of_class && merged.matches(&cache.name, &self.filter) {
                self.rows.push(Row {
                    index,
                    change: shown
                        .rates
                        .caches
                        .get(index)
                        .and_then(|since| since.change()),
                    since_mark: since_mark.as_ref().map(|changes| changes[index]),
                    merged: merged.others(&cache.name).count(),
                });
            }
        }
        self.sort(shown);
        if let Some(selected) = &self.selected {
            let mut rows = self.rows.iter();
            let found = rows.position(|row| caches[row.index].is(selected));
            self.at = found.unwrap_or(0);
        }
    }

    /// Sorts from the greatest figure, which is computed once for each row; equal ones from A.
    fn sort(&mut self, shown: &Shown) {
        let caches = shown.sample.caches.as_deref().unwrap_or_default();
        let shape = self.sort.shape();
        let reverse = self.reverse;
        let figure = |row: &Row| {
            (shape.figure)(&Line {
                cache: &caches[row.index],
                row,
                elapsed: shown.rates.elapsed,
                page_size: shown.sample.page_size,
            })
        };
        let mut rows: Vec<_> = self.rows.drain(..).map(|row| (figure(&row), row)).collect();
        rows.sort_unstable_by(|(figure_a, a), (figure_b, b)| {
            let names = || caches[a.index].name.cmp(&caches[b.index].name);
            let order: Ordering = figure_b.cmp(figure_a).then_with(names);
            let order = order.then(a.index.cmp(&b.index));
            if reverse { order.reverse() } else { order }
        });
        self.rows.extend(rows.into_iter().map(|(_, row)| row));
    }
}
