//! Order and filter of a directory's rows.

use std::ffi::{OsStr, OsString};

use super::tree_columns::{TreeColumn, TreeLine};
use crate::base::filter::Filter;
use crate::base::text::printable;

/// Order and filter of rows.
#[derive(Debug, Default)]
pub struct Order {
    /// Sort key.
    pub sort: TreeColumn,
    /// The column's natural order is reversed.
    pub reverse: bool,
    /// The row of what is in none of the directories is last.
    pub directories_first: bool,
    /// Filter of the names.
    pub filter: Filter,
}

impl Order {
    /// The figure of a row's bar, as a part of that of all rows: the sort key, or dentries if sorted
    /// by name.
    pub fn bar(&self, line: &TreeLine<'_>) -> u128 {
        let column = match self.sort {
            TreeColumn::Name => TreeColumn::Dentries,
            column => column,
        };
        (column.shape().figure)(line).unsigned_abs()
    }

    /// The sort key of a row; hidden rows are last.
    pub(super) fn key(&self, line: &TreeLine<'_>) -> impl Ord + use<> {
        let name = &line.row.name;
        let figure = (self.sort.shape().figure)(line);
        let figure = if self.reverse { figure } else { -figure };
        let last = self.directories_first && name.is_empty();
        let backwards = self.reverse && self.sort == TreeColumn::Name;
        (
            !self.shows(name),
            last,
            figure,
            Backwards(name.clone(), backwards),
        )
    }

    /// Whether the row of this name is shown.
    pub(super) fn shows(&self, name: &OsStr) -> bool {
        self.filter.is_none() || !name.is_empty() && self.filter.fits(&printable(name))
    }
}

/// A name that sorts from A, or backwards.
#[derive(PartialEq, Eq)]
struct Backwards(OsString, bool);

impl PartialOrd for Backwards {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Backwards {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let order = self.0.cmp(&other.0);
        if self.1 { order.reverse() } else { order }
    }
}
