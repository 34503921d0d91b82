//! A table of which the columns are data, for screens that need no more than that: what a column
//! is called, how wide it is, what is sorted by, what it says and what it means.

use std::cmp::Ordering;

use crate::base::filter::Filter;

/// A column of a table of `L`. The last one of a table is the name, which takes what room is left.
#[derive(Debug)]
pub struct GridColumn<L> {
    /// Chosen by it in the menu.
    pub letter: char,
    /// On the command line.
    pub name: &'static str,
    /// In words, for the table's title and the menu.
    pub words: &'static str,
    /// Above the column.
    pub head: &'static str,
    /// Columns of the terminal.
    pub width: usize,
    /// The higher, the earlier it goes where there is no room.
    pub rank: u8,
    /// What it means, in two sentences.
    pub means: [&'static str; 2],
    /// What it is sorted by, from the greatest.
    pub figure: fn(&L) -> i128,
    /// What it says.
    pub text: fn(&L) -> String,
}

/// Which rows are shown, and in which order.
#[derive(Clone, Debug, Default)]
pub struct GridOrder {
    /// The column they are sorted by: its place in the table.
    pub sort: usize,
    /// Against the column's natural order.
    pub reverse: bool,
    /// Only names like this.
    pub filter: Filter,
}

impl GridOrder {
    /// Figures from the greatest, names from A, what is alike by name; or the other way round.
    pub fn compare<L, N: Ord>(
        &self,
        columns: &[GridColumn<L>],
        (a, a_name): (&L, N),
        (b, b_name): (&L, N),
    ) -> Ordering {
        let figures = match columns.get(self.sort) {
            Some(column) => (column.figure)(b).cmp(&(column.figure)(a)),
            None => Ordering::Equal,
        };
        let order = figures.then_with(|| a_name.cmp(&b_name));
        if self.reverse { order.reverse() } else { order }
    }

    /// Sorts by a column; by the one that is sorted by already, the other way round.
    pub fn sort_or_reverse(&mut self, column: usize) {
        let same = self.sort == column;
        self.reverse = same && !self.reverse;
        self.sort = column;
    }
}

/// The columns in front of the name that `width` has room for when the name has `name`: the one
/// that is sorted by, then the others by rank.
pub fn grid_fitting<L>(
    columns: &[GridColumn<L>],
    width: usize,
    sort: usize,
    name: usize,
) -> Vec<usize> {
    let last = columns.len().saturating_sub(1);
    let mut by_rank: Vec<usize> = (0..last).collect();
    by_rank.sort_by_key(|&at| (at != sort, columns[at].rank));
    let mut room = width.saturating_sub(name + 2);
    by_rank.retain(|&at| {
        let takes = columns[at].width + 1;
        let fits = takes <= room || at == sort;
        if fits {
            room = room.saturating_sub(takes);
        }
        fits
    });
    by_rank.sort_unstable();
    by_rank
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::model::{CGROUP_COLUMNS, FILESYSTEM_COLUMNS};

    fn check<L>(columns: &[GridColumn<L>]) {
        for (at, column) in columns.iter().enumerate() {
            assert!(column.head.len() <= column.width, "{}", column.words);
            assert!(
                column.means.iter().all(|text| text.ends_with('.')),
                "{}: each of `means` ends with a full stop",
                column.words
            );
            let others = columns[..at].iter();
            let same =
                |other: &GridColumn<L>| other.letter == column.letter || other.name == column.name;
            assert!(
                !others.clone().any(same),
                "{}: another column has the letter {} or the name {}",
                column.words,
                column.letter,
                column.name
            );
        }
        for width in 40..=240 {
            for sort in 0..columns.len() {
                let shown = grid_fitting(columns, width, sort, 24);
                let all: usize = shown.iter().map(|&at| columns[at].width + 1).sum();
                assert!(all + 10 <= width, "{width} {sort}");
                assert!(shown.contains(&sort) || sort == columns.len() - 1);
            }
        }
        assert_eq!(grid_fitting(columns, 240, 0, 24).len(), columns.len() - 1);
    }

    #[test]
    fn each_column_has_its_letter_and_a_table_is_never_wider_than_the_terminal() {
        check(CGROUP_COLUMNS);
        check(FILESYSTEM_COLUMNS);
    }
}
