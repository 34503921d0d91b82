//! What the table can be sorted by: the columns of the slab screen that one sample fills.

use std::cmp::Ordering;
use std::time::Duration;

use crate::model::{Column, Line, Row, Shape};
use crate::source::Cache;

/// A column to sort by.
#[derive(Clone, Copy, Debug)]
pub struct Sort(Column);

fn shapes() -> impl Iterator<Item = &'static Shape> {
    use Column::{BytesSinceMark, Change, Growth, SinceMark};
    let needs_two =
        |shape: &&Shape| matches!(shape.column, Change | Growth | SinceMark | BytesSinceMark);
    Column::sortable().filter(move |shape| !needs_two(shape))
}

/// The names with their letters.
fn names() -> String {
    let names = shapes().map(|shape| format!("{} {}", shape.letter, shape.name));
    names.collect::<Vec<_>>().join(", ")
}

/// For the help.
pub fn help() -> String {
    format!(
        "Sort by a column, its letter (slabtop's) or its name: {}",
        names()
    )
}

impl std::str::FromStr for Sort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let of_text = |shape: &&Shape| {
            let mut letter = [0; 4];
            shape.name == text || shape.letter.encode_utf8(&mut letter) == text
        };
        let found = shapes().find(of_text).map(|shape| Self(shape.column));
        found.ok_or_else(|| format!("there are {}", names()))
    }
}

impl Sort {
    /// Figures from the greatest, names from A; what is alike in the order of the names.
    pub fn compare(self, a: &Cache, b: &Cache, page_size: u64) -> Ordering {
        let row = Row {
            index: 0,
            change: None,
            since_mark: None,
            merged: 0,
        };
        let figure = |cache| {
            (self.0.shape().figure)(&Line {
                cache,
                row: &row,
                elapsed: Duration::ZERO,
                page_size,
            })
        };
        figure(b).cmp(&figure(a)).then_with(|| a.name.cmp(&b.name))
    }
}
