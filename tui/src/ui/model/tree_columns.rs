//! The columns of the tree's table, as data: name, width, sort key, text and meaning.

use crate::base::text::{bytes, count_in, short_signed};
use crate::cache::census::DirectoryCount;
use crate::cache::census::freeable;
use crate::kernel::source::{Mount, Sample};

/// A column of the tree's table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TreeColumn {
    /// Dentries below.
    Dentries,
    /// Change of the dentries since the census before.
    Change,
    /// Names known to be absent.
    Negative,
    /// Dentries in use.
    InUse,
    /// Dentries not in use.
    Unused,
    /// Inodes.
    Inodes,
    /// Bytes of those inodes.
    InodeBytes,
    /// Bytes of page cache.
    Pages,
    /// Bytes that a prune would free.
    #[default]
    Freeable,
    /// Name, from A.
    Name,
}

/// A row with all that its columns show.
#[derive(Clone, Copy, Debug)]
pub struct TreeLine<'a> {
    /// The row.
    pub row: &'a DirectoryCount,
    /// Dentries below at the census before, if there was one.
    pub before: Option<u64>,
    /// Bytes of objects and pages.
    pub sizes: Sizes,
}

/// Sizes in bytes of what the module counts. None: slabinfo does not report it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// A dentry.
    pub dentry: Option<u64>,
    /// An inode of the filesystem.
    pub inode: Option<u64>,
    /// A page.
    pub page: u64,
}

impl Sizes {
    /// The sizes on the filesystem of `mount`, by the sample's slabinfo, with pages of `page`
    /// bytes.
    pub fn of(sample: Option<&Sample>, mount: Option<&Mount>, page: u64) -> Self {
        let size = |cache: &str| Some(sample?.cache(cache)?.object_size);
        Self {
            dentry: size("dentry"),
            inode: mount.and_then(Mount::inode_cache).and_then(size),
            page,
        }
    }
}

impl TreeLine<'_> {
    fn unused(&self) -> u64 {
        let below = &self.row.below;
        below.prunable.saturating_add(below.pinned)
    }

    fn pages(&self) -> u64 {
        self.row.below.pages.saturating_mul(self.sizes.page)
    }

    fn inode_bytes(&self) -> Option<u64> {
        let size = self.sizes.inode?;
        Some(self.row.below.inodes.saturating_mul(size))
    }

    fn change(&self) -> Option<i64> {
        let now = i64::try_from(self.row.below.total).ok()?;
        now.checked_sub_unsigned(self.before?)
    }
}

/// Properties of a column.
#[derive(Debug)]
pub struct TreeShape {
    /// The column that it describes.
    pub column: TreeColumn,
    /// The letter that chooses it in the menu.
    pub letter: char,
    /// Its name in the table's title and the menu.
    pub words: &'static str,
    /// Heading above the column.
    pub head: &'static str,
    /// Width in columns of the terminal.
    pub width: usize,
    /// Columns of a higher rank are dropped first if there is no room.
    pub rank: u8,
    /// Its meaning, in two sentences, a line each.
    pub means: [&'static str; 2],
    /// Sort key, from the greatest.
    pub figure: fn(&TreeLine<'_>) -> i128,
    /// Text of its cell.
    pub text: fn(&TreeLine<'_>) -> String,
}

fn known(bytes: Option<u64>) -> String {
    bytes.map_or("-".into(), crate::base::text::bytes)
}

use TreeColumn as C;

/// The columns from left to right, between the bar and the name.
#[rustfmt::skip]
pub const TREE_SHAPES: [TreeShape; 10] = [
    TreeShape { column: C::Dentries, letter: 'd', words: "dentries", head: "DENTRIES", width: 11, rank: 7,
        means: ["Names that the kernel has cached below the row, of any kind.",
            "Each is an object of the slab cache dentry; in use and unused add up to them."],
        figure: |l| l.row.below.total.into(), text: |l| count_in(l.row.below.total, 11) },
    TreeShape { column: C::Change, letter: 'c', words: "change", head: "CHANGE", width: 7, rank: 0,
        means: ["Change in dentries since the directory was last counted.",
            "It appears with the second count: growth means that programs look names up here."],
        figure: |l| l.change().unwrap_or(0).into(),
        text: |l| l.change().map_or("new".into(), |change| short_signed(change as f64)) },
    TreeShape { column: C::Negative, letter: 'n', words: "negative", head: "NEGATIVE", width: 10, rank: 2,
        means: ["Names cached as absent: failed lookups, remembered so that the next one fails fast.",
            "They hold no file and no inode, and programs that probe random names make millions."],
        figure: |l| l.row.below.negative.into(), text: |l| count_in(l.row.below.negative, 10) },
    TreeShape { column: C::InUse, letter: 'i', words: "in use", head: "IN USE", width: 7, rank: 3,
        means: ["Dentries that something refers to: an open file, a current directory, a mount.",
            "A prune keeps them."],
        figure: |l| l.row.below.in_use.into(), text: |l| count_in(l.row.below.in_use, 7) },
    TreeShape { column: C::Unused, letter: 'u', words: "unused", head: "UNUSED", width: 10, rank: 4,
        means: ["Dentries referenced by nothing but their own children, negatives included.",
            "A prune evicts them, except parents of entries in use."],
        figure: |l| l.unused().into(), text: |l| count_in(l.unused(), 10) },
    TreeShape { column: C::Inodes, letter: 'o', words: "inodes", head: "INODES", width: 8, rank: 5,
        means: ["Inodes of the names below; one with several names counts once.",
            "A dentry holds its inode; once it is evicted, the kernel may evict the inode later."],
        figure: |l| l.row.below.inodes.into(), text: |l| count_in(l.row.below.inodes, 8) },
    TreeShape { column: C::InodeBytes, letter: 'm', words: "memory of inodes", head: "INODE MEM", width: 9, rank: 8,
        means: ["Bytes of the inode objects of those inodes, by the filesystem's cache in slabinfo.",
            "At most this much is freed, and only if inodes are evicted too: a prune of dentries frees none of it."],
        figure: |l| l.inode_bytes().unwrap_or(0).into(), text: |l| known(l.inode_bytes()) },
    TreeShape { column: C::Pages, letter: 'p', words: "page cache", head: "PAGES", width: 8, rank: 6,
        means: ["Bytes of page cache of the regular files below.",
            "They are not slab memory, and stay when dentries are evicted."],
        figure: |l| l.pages().into(), text: |l| bytes(l.pages()) },
    TreeShape { column: C::Freeable, letter: 'b', words: "freeable", head: "FREEABLE", width: 10, rank: 1,
        means: ["Bytes that a prune of all unused dentries would free, long names included.",
            "Slabs are freed as a whole: what is left in partly used ones is freed later, or not at all."],
        figure: |l| freeable(&l.row.below, l.sizes.dentry.unwrap_or(1)).into(),
        text: |l| known(l.sizes.dentry.map(|size| freeable(&l.row.below, size))) },
    TreeShape { column: C::Name, letter: 'a', words: "name", head: "NAME", width: TREE_NAME, rank: 0,
        means: ["Directories with names cached below; . is this directory itself.",
            "(mount): something is mounted there, and walking in shows it; (+mount): further below."],
        figure: |_| 0, text: |_| String::new() },
];

/// Least width of the name.
pub const TREE_NAME: usize = 15;

impl TreeColumn {
    /// Its properties.
    pub fn shape(self) -> &'static TreeShape {
        let mut shapes = TREE_SHAPES.iter();
        let found = shapes.find(|shape| shape.column == self);
        // A test makes sure that each has a shape.
        found.unwrap_or(&TREE_SHAPES[0])
    }

    /// Its name as text.
    pub fn words(self) -> &'static str {
        self.shape().words
    }

    /// The column to its right.
    pub fn next(self) -> Self {
        let at = TREE_SHAPES.iter().position(|shape| shape.column == self);
        TREE_SHAPES[at.map_or(0, |at| (at + 1) % TREE_SHAPES.len())].column
    }
}

/// Width of the bar, and of its percent: a small terminal has the percent alone.
pub fn bar_width(width: u16) -> (usize, usize) {
    const PERCENT: usize = 5;
    match width {
        120.. => (20, PERCENT),
        70.. => (8, PERCENT),
        _ => (0, PERCENT),
    }
}

/// The columns between bar and name that `width` has room for: the sort key, then the others by
/// rank. The change only if there is one to show.
pub fn tree_fitting(width: u16, sort: TreeColumn, changed: bool) -> Vec<&'static TreeShape> {
    let shown = |shape: &&TreeShape| match shape.column {
        C::Name => false,
        C::Change => changed || sort == C::Change,
        _ => true,
    };
    let mut by_rank: Vec<&TreeShape> = TREE_SHAPES.iter().filter(shown).collect();
    by_rank.sort_by_key(|shape| (shape.column != sort, shape.rank));
    let (bar, percent) = bar_width(width);
    let mut room = usize::from(width).saturating_sub(2 + bar + percent + TREE_NAME);
    by_rank.retain(|shape| {
        let fits = shape.width < room || shape.column == sort;
        if fits {
            room = room.saturating_sub(shape.width + 1);
        }
        fits
    });
    let kept = |shape: &&TreeShape| by_rank.iter().any(|kept| kept.column == shape.column);
    TREE_SHAPES.iter().filter(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_has_a_letter_and_is_reached_by_next() {
        let mut column = TreeColumn::default();
        for _ in 0..TREE_SHAPES.len() {
            let shape = column.shape();
            assert_eq!(shape.column, column);
            assert!(shape.head.len() <= shape.width, "{}", shape.words);
            assert!(shape.means.iter().all(|text| text.ends_with('.')));
            let same = TREE_SHAPES.iter().filter(|s| s.letter == shape.letter);
            assert_eq!(same.count(), 1, "{}", shape.letter);
            column = column.next();
        }
        assert_eq!(column, TreeColumn::default(), "all of them were seen");
    }

    #[test]
    fn table_is_never_wider_than_the_terminal_and_shows_its_sort_key() {
        for width in 80..=300 {
            for shape in &TREE_SHAPES {
                for changed in [false, true] {
                    let shapes = tree_fitting(width, shape.column, changed);
                    let all: usize = shapes.iter().map(|shape| shape.width + 1).sum();
                    let (bar, percent) = bar_width(width);
                    let all = all + 2 + bar + percent + TREE_NAME;
                    assert!(all <= usize::from(width), "{width} {}", shape.words);
                    let sorted_by = shapes.iter().any(|s| s.column == shape.column);
                    assert!(sorted_by || shape.column == C::Name);
                    let change = shapes.iter().any(|s| s.column == C::Change);
                    assert_eq!(change, changed || shape.column == C::Change);
                }
            }
        }
        assert_eq!(
            tree_fitting(200, C::Name, true).len(),
            TREE_SHAPES.len() - 1
        );
    }
}
