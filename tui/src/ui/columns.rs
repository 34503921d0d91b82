//! The columns of the slab table, as data: name, width, sort key and text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::base::text::{bytes, count_in, known, short_signed, signed_bytes};
use crate::cache::history::{Change, Since};
use crate::kernel::source::Cache;

/// A row of the table: a cache, and its changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Index of its cache in the sample.
    pub index: usize,
    /// Change since the last refresh.
    pub change: Option<Change>,
    /// Since the mark; None: there is no mark.
    pub since_mark: Option<Since>,
    /// Number of other names that are merged into it.
    pub merged: usize,
}

/// A row with all that its columns show.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its cache.
    pub cache: &'a Cache,
    /// Its changes.
    pub row: &'a Row,
    /// The time of [`Row::change`].
    pub elapsed: Duration,
    /// Bytes in a page; None: it is not known.
    pub page_size: Option<u64>,
}

impl Line<'_> {
    /// Bytes of all its slabs.
    pub fn size(&self) -> Option<u64> {
        Some(self.cache.size(self.page_size?))
    }

    /// Bytes of the slabs that no object occupies.
    pub fn idle(&self) -> Option<u64> {
        self.cache.idle(self.page_size?)
    }

    /// Change since the mark, if it is known.
    pub fn marked(&self) -> Option<Change> {
        self.row.since_mark?.change()
    }

    /// Change of the bytes of its slabs since the mark.
    pub fn marked_bytes(&self) -> Option<i64> {
        Some(self.marked()?.bytes(self.page_size?))
    }

    /// Change of its objects per second.
    pub fn growth(&self) -> Option<f64> {
        let seconds = self.elapsed.as_secs_f64();
        let change = self.row.change.filter(|_| seconds > 0.0)?;
        Some(change.objects as f64 / seconds)
    }
}

/// A column of the slab table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Objects there is room for.
    Objects,
    /// Objects allocated.
    Active,
    /// Part of the objects that is allocated.
    Use,
    /// Bytes of an object.
    ObjectSize,
    /// Objects in a slab.
    ObjectsPerSlab,
    /// Pages in a slab.
    PagesPerSlab,
    /// Slabs with an object allocated.
    ActiveSlabs,
    /// Slabs.
    Slabs,
    /// Bytes of all slabs.
    Size,
    /// The part of it in the bytes of all caches, as a bar.
    Share,
    /// Bytes of the slabs that no object occupies.
    Idle,
    /// Change of the objects since the last refresh.
    Change,
    /// Change of the objects since the mark.
    SinceMark,
    /// Change of the bytes of slabs since the mark.
    BytesSinceMark,
    /// Change of the objects per second.
    Growth,
    /// Objects over time, as a small chart.
    History,
    /// Reclaimable or not.
    Class,
    /// Name, from A.
    Name,
}

/// Properties of a column.
#[derive(Debug)]
pub struct Shape {
    /// The column that it describes.
    pub column: Column,
    /// The letter that chooses it: slabtop's, or in the menu one of ours.
    pub letter: char,
    /// Its name in the configuration and on the command line.
    pub name: &'static str,
    /// Its name in the table's title and the menu.
    pub words: &'static str,
    /// Heading above the column.
    pub head: &'static str,
    /// Width in columns of the terminal.
    pub width: usize,
    /// Columns of a higher rank are dropped first if there is no room.
    pub rank: u8,
    /// Sort key, from the greatest.
    pub figure: fn(&Line<'_>) -> i128,
    /// Text of its cell.
    pub text: fn(&Line<'_>) -> String,
}

fn none(_: &Line<'_>) -> String {
    String::new()
}

/// Sorts unknown figures behind all known ones.
fn or_last(figure: Option<u64>) -> i128 {
    figure.map_or(-1, i128::from)
}

/// A change since the mark; a cache that did not exist at the mark has none.
fn since(line: &Line<'_>, text: fn(&Line<'_>) -> Option<String>) -> String {
    match line.row.since_mark {
        Some(Since::New) => "new".into(),
        _ => known(text(line), |text| text),
    }
}

use Column as C;

/// The columns from left to right.
#[rustfmt::skip]
pub const SHAPES: &[Shape] = &[
    Shape { column: C::Class, letter: 't', name: "class", words: "class", head: "", width: 1, rank: 0,
        figure: |l| match l.cache.class.letter() { "R" => 2, "U" => 1, _ => 0 }, text: none },
    Shape { column: C::Name, letter: 'n', name: "name", words: "name", head: "NAME", width: NAME, rank: 0,
        figure: |_| 0, text: none },
    Shape { column: C::Size, letter: 'c', name: "size", words: "cache size", head: "SIZE", width: 8, rank: 1,
        // In pages, which are known where their size is not.
        figure: |l| l.cache.size(1).into(), text: |l| known(l.size(), bytes) },
    Shape { column: C::Share, letter: ' ', name: "share", words: "share of all caches", head: "SHARE", width: 8, rank: 3,
        figure: |_| 0, text: none },
    Shape { column: C::Use, letter: 'u', name: "use", words: "use", head: "USE", width: 4, rank: 4,
        figure: |l| or_last(l.cache.used()), text: |l| known(l.cache.used(), |p| format!("{p}%")) },
    Shape { column: C::Objects, letter: 'o', name: "objects", words: "objects", head: "OBJS", width: 10, rank: 5,
        figure: |l| l.cache.objects.into(), text: |l| count_in(l.cache.objects, 10) },
    Shape { column: C::Active, letter: 'a', name: "active", words: "active objects", head: "ACTIVE", width: 10, rank: 8,
        figure: |l| or_last(l.cache.active), text: |l| known(l.cache.active, |n| count_in(n, 10)) },
    Shape { column: C::ObjectSize, letter: 's', name: "object-size", words: "object size", head: "OBJ SIZE", width: 8, rank: 7,
        figure: |l| l.cache.object_size.into(), text: |l| count_in(l.cache.object_size, 5) },
    Shape { column: C::ObjectsPerSlab, letter: 'b', name: "objects-per-slab", words: "objects per slab", head: "OBJ/SLAB", width: 8, rank: 13,
        figure: |l| l.cache.objects_per_slab.into(), text: |l| count_in(l.cache.objects_per_slab, 8) },
    Shape { column: C::PagesPerSlab, letter: 'p', name: "pages-per-slab", words: "pages per slab", head: "PG/SLAB", width: 7, rank: 12,
        figure: |l| l.cache.pages_per_slab.into(), text: |l| count_in(l.cache.pages_per_slab, 7) },
    Shape { column: C::ActiveSlabs, letter: 'v', name: "active-slabs", words: "active slabs", head: "ACT SLABS", width: 9, rank: 14,
        figure: |l| or_last(l.cache.active_slabs), text: |l| known(l.cache.active_slabs, |n| count_in(n, 9)) },
    Shape { column: C::Slabs, letter: 'l', name: "slabs", words: "slabs", head: "SLABS", width: 6, rank: 9,
        figure: |l| l.cache.slabs.into(), text: |l| count_in(l.cache.slabs, 6) },
    Shape { column: C::Idle, letter: 'i', name: "idle", words: "idle bytes", head: "IDLE", width: 8, rank: 10,
        figure: |l| or_last(l.idle()), text: |l| known(l.idle(), bytes) },
    Shape { column: C::Change, letter: 'd', name: "change", words: "change since the last refresh", head: "CHANGE", width: 8, rank: 11,
        figure: |l| l.row.change.map_or(0, |c| c.objects).into(),
        text: |l| l.row.change.map_or(String::new(), |c| short_signed(c.objects as f64)) },
    Shape { column: C::SinceMark, letter: 'm', name: "since-mark", words: "change since the mark", head: "Δ MARK", width: 8, rank: 20,
        figure: |l| l.marked().map_or(0, |c| c.objects).into(),
        text: |l| since(l, |l| l.marked().map(|c| short_signed(c.objects as f64))) },
    Shape { column: C::BytesSinceMark, letter: 'x', name: "bytes-since-mark", words: "bytes since the mark", head: "Δ BYTES", width: 9, rank: 21,
        figure: |l| l.marked().map_or(0, |c| c.pages).into(),
        text: |l| since(l, |l| l.marked_bytes().map(signed_bytes)) },
    Shape { column: C::Growth, letter: 'g', name: "growth", words: "growth", head: "Δ OBJ/s", width: 7, rank: 2,
        figure: |l| (l.growth().unwrap_or(0.0) * 1000.0) as i128,
        text: |l| l.growth().map_or(String::new(), short_signed) },
    Shape { column: C::History, letter: ' ', name: "history", words: "history", head: "HISTORY", width: 8, rank: 6,
        figure: |_| 0, text: none },
];

/// Least width of the name.
pub const NAME: usize = 17;

impl Column {
    /// Its properties.
    pub fn shape(self) -> &'static Shape {
        let mut shapes = SHAPES.iter();
        let found = shapes.find(|shape| shape.column == self);
        // A test makes sure that each has a shape.
        found.unwrap_or(&SHAPES[0])
    }

    /// Its name as text.
    pub fn words(self) -> &'static str {
        self.shape().words
    }

    /// The columns that a table can be sorted by, for the menu.
    pub fn sortable() -> impl Iterator<Item = &'static Shape> {
        SHAPES.iter().filter(|shape| shape.letter != ' ')
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shape().name)
    }
}

impl FromStr for Column {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = SHAPES.iter().find(|shape| shape.name == text);
        found.map(|shape| shape.column).ok_or_else(|| {
            let names: Vec<_> = SHAPES.iter().map(|shape| shape.name).collect();
            format!(
                "no column is named {text:?}; there are {}",
                names.join(", ")
            )
        })
    }
}

/// The columns behind class and name that `width` has room for: the sort key and those of a
/// mark, then the others by rank. `wanted`, unless it is empty, replaces them.
pub fn fitting(width: u16, sort: Column, marked: bool, wanted: &[Column]) -> Vec<&'static Shape> {
    let of_mark = |column| matches!(column, C::SinceMark | C::BytesSinceMark);
    let rank = |shape: &Shape| match shape.column {
        column if column == sort => 0,
        C::SinceMark if marked => 0,
        C::BytesSinceMark if marked => 8,
        _ => shape.rank,
    };
    let mut candidates: Vec<&Shape> = if wanted.is_empty() {
        SHAPES.iter().collect()
    } else {
        let wanted = wanted.iter().map(|column| column.shape());
        let mut shapes: Vec<_> = wanted.collect();
        for needed in [sort, C::SinceMark] {
            let missing = shapes.iter().all(|shape| shape.column != needed);
            if missing && (needed == sort || marked) {
                shapes.push(needed.shape());
            }
        }
        shapes
    };
    candidates.retain(|shape| {
        let fixed = matches!(shape.column, C::Class | C::Name);
        !fixed && (marked || !of_mark(shape.column) || shape.column == sort)
    });
    let mut by_rank = candidates.clone();
    if wanted.is_empty() {
        by_rank.sort_by_key(|shape| rank(shape));
    }
    let mut room = usize::from(width).saturating_sub(3 + NAME);
    by_rank.retain(|shape| {
        let fits = shape.width < room || shape.column == sort;
        if fits {
            room = room.saturating_sub(shape.width + 1);
        }
        fits
    });
    candidates.retain(|shape| by_rank.iter().any(|kept| kept.column == shape.column));
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Column; 18] = [
        C::Objects,
        C::Active,
        C::Use,
        C::ObjectSize,
        C::ObjectsPerSlab,
        C::PagesPerSlab,
        C::ActiveSlabs,
        C::Slabs,
        C::Size,
        C::Share,
        C::Idle,
        C::Change,
        C::SinceMark,
        C::BytesSinceMark,
        C::Growth,
        C::History,
        C::Class,
        C::Name,
    ];

    #[test]
    fn each_column_has_one_shape_one_letter_and_one_name() {
        assert_eq!(SHAPES.len(), ALL.len());
        for column in ALL {
            let shape = column.shape();
            assert_eq!(shape.column, column);
            assert_eq!(shape.name.parse(), Ok(column));
            assert_eq!(column.to_string(), shape.name);
            assert!(shape.head.chars().count() <= shape.width, "{}", shape.name);
            // A bar and a chart are nothing to sort by.
            let letter = shape.letter != ' ';
            let same =
                |other: &&Shape| letter && other.letter == shape.letter || other.name == shape.name;
            assert_eq!(SHAPES.iter().filter(same).count(), 1, "{}", shape.name);
        }
        let error = "colour".parse::<Column>().unwrap_err();
        assert!(error.contains("objects-per-slab"), "{error}");
    }

    #[test]
    fn figure_of_any_magnitude_fits_its_column() {
        let all = crate::base::text::magnitudes();
        for n in all.clone() {
            for active in [None, Some(0), Some(n / 2), Some(n)] {
                let cache = Cache {
                    active,
                    objects: n,
                    object_size: n,
                    objects_per_slab: n,
                    pages_per_slab: n,
                    active_slabs: active,
                    slabs: n,
                    ..Default::default()
                };
                let by = n.min(i64::MAX as u64) as i64;
                for (objects, pages) in [(by, by), (-by, -by)] {
                    let change = Change { objects, pages };
                    let row = Row {
                        index: 0,
                        change: Some(change),
                        since_mark: Some(Since::Change(change)),
                        merged: 0,
                    };
                    for page_size in [None, Some(4096), Some(1 << 16)] {
                        let line = Line {
                            cache: &cache,
                            row: &row,
                            elapsed: std::time::Duration::from_millis(100),
                            page_size,
                        };
                        for shape in SHAPES {
                            let text = (shape.text)(&line);
                            assert!(text.len() <= shape.width, "{}: {text:?}", shape.name);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn table_is_never_wider_than_the_terminal() {
        for width in 80..=300 {
            for sort in ALL {
                for marked in [false, true] {
                    let shapes = fitting(width, sort, marked, &[]);
                    let all: usize = shapes.iter().map(|shape| shape.width + 1).sum();
                    assert!(all + 3 + NAME <= usize::from(width), "{width} {sort}");
                }
            }
        }
    }

    #[test]
    fn sort_key_and_mark_are_visible_in_80_columns() {
        let columns = |sort, marked, wanted: &[Column]| -> Vec<Column> {
            let shapes = fitting(80, sort, marked, wanted);
            shapes.iter().map(|shape| shape.column).collect()
        };
        assert!(columns(C::Idle, false, &[]).contains(&C::Idle));
        assert!(columns(C::Size, true, &[]).contains(&C::SinceMark));
        assert!(!columns(C::Size, false, &[]).contains(&C::SinceMark));
        let wanted = [C::Slabs, C::Objects];
        assert_eq!(columns(C::Slabs, false, &wanted), wanted);
        assert_eq!(
            columns(C::Use, true, &wanted),
            [C::Slabs, C::Objects, C::Use, C::SinceMark]
        );
        assert_eq!(fitting(300, C::Size, false, &[]).len(), ALL.len() - 4);
    }
}
