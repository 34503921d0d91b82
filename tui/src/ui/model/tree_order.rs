//! Which rows of a directory are shown, and in which order.

use std::ffi::{OsStr, OsString};

use super::tree_columns::{TreeColumn, TreeLine};
use crate::base::filter::Filter;
use crate::base::text::printable;

/// Which rows are shown, and in which order.
#[derive(Debug, Default)]
pub struct Order {
    /// Sort key.
    pub sort: TreeColumn,
    /// Against the column's natural order.
    pub reverse: bool,
    /// What is in none of the directories comes last.
    pub directories_first: bool,
    /// Only names like this.
    pub filter: Filter,
}

impl Order {
    /// What the bar of a row shows: its part of the greatest in what is sorted by, by name in
    /// dentries.
    pub fn bar(&self, line: &TreeLine<'_>) -> u128 {
        let column = match self.sort {
            TreeColumn::Name => TreeColumn::Dentries,
            column => column,
        };
        (column.shape().figure)(line).unsigned_abs()
    }

    /// By what rows are put in order, those that are not shown last.
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

/// A name that may be compared from its end of the alphabet.
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
