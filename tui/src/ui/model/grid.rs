//! A table whose columns are data, for the screens that need no more: name, width, sort key, text
//! and meaning of each column.

use std::cmp::Ordering;

use crate::base::filter::Filter;

/// A column of a table of `L`. The last one of a table is the name, which takes the remaining room.
#[derive(Debug)]
pub struct GridColumn<L> {
    /// The letter that chooses it in the menu.
    pub letter: char,
    /// Its name on the command line.
    pub name: &'static str,
    /// Its name in the table's title and the menu.
    pub words: &'static str,
    /// Heading above the column.
    pub head: &'static str,
    /// Width in columns of the terminal.
    pub width: usize,
    /// Columns of a higher rank are dropped first if there is no room.
    pub rank: u8,
    /// Its meaning, in two sentences.
    pub means: [&'static str; 2],
    /// Sort key, from the greatest.
    pub figure: fn(&L) -> i128,
    /// Text of its cell.
    pub text: fn(&L) -> String,
}

/// Order and filter of the rows.
#[derive(Clone, Debug, Default)]
pub struct GridOrder {
    /// Index of the sort column.
    pub sort: usize,
    /// The column's natural order is reversed.
    pub reverse: bool,
    /// Filter of the names.
    pub filter: Filter,
}

impl GridOrder {
    /// Figures from the greatest, names from A, equal ones by name; or the other way round.
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

    /// Sorts by a column; reverses the order if that is the sort column already.
    pub fn sort_or_reverse(&mut self, column: usize) {
        let same = self.sort == column;
        self.reverse = same && !self.reverse;
        self.sort = column;
    }
}

/// The columns in front of the name that `width` has room for if the name has `name`: the sort
/// column, then the others by rank.
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
