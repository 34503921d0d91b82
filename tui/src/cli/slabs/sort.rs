//! Sort keys of the table: the columns of the slab screen that need no mark.

use crate::ui::model::{Column, Line, Shape};

/// A column to sort by.
#[derive(Clone, Copy, Debug)]
pub struct Sort(Column);

fn shapes() -> impl Iterator<Item = &'static Shape> {
    use Column::{BytesSinceMark, Change, SinceMark};
    let of_screen = |shape: &&Shape| matches!(shape.column, Change | SinceMark | BytesSinceMark);
    Column::sortable().filter(move |shape| !of_screen(shape))
}

/// The names with their letters.
fn names() -> String {
    let names = shapes().map(|shape| format!("{} {}", shape.letter, shape.name));
    names.collect::<Vec<_>>().join(", ")
}

/// The sort keys, for the help.
pub fn help() -> String {
    format!(
        "Sort by a column, its letter (slabtop's) or its name, by growth with --watch: {}",
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
    /// Whether it compares two samples.
    pub fn needs_watch(self) -> bool {
        self.0 == Column::Growth
    }

    /// The figure that rows are sorted by, from the greatest.
    pub fn figure(self) -> fn(&Line<'_>) -> i128 {
        self.0.shape().figure
    }
}
