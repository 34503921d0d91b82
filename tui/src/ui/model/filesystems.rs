//! The screen of filesystems: the contents of each superblock, however often it is mounted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::grid::{GridColumn, GridOrder};
use super::tree::{Total, Tree};
use super::tree_columns::Sizes;
use crate::base::text::{bytes, count_in, printable};
use crate::cache::census;
use crate::kernel::session::{Counters, plus};
use crate::kernel::source::mounts::by_path;
use crate::kernel::source::{Mount, Sample};

/// A superblock.
#[derive(Clone, Debug, Default)]
pub struct Filesystem {
    /// All mounts that the tree knows.
    all: Arc<[Mount]>,
    /// Indices of its mounts, the one of its root first, if there is one.
    mounts: Vec<usize>,
    /// Whether it is the kernel's own, and whether it is in memory: these sort last by name.
    pub kind: (bool, bool),
    /// Result of a census below those, if all of them were counted.
    pub counted: Option<Box<Counters>>,
    /// When the oldest of those censuses ended, since the start.
    pub counted_at: Duration,
    /// The census is only a part.
    pub partial: bool,
    /// It could not be counted.
    pub failed: bool,
    /// What its shrinker could free: dentries, inodes and what the filesystem adds to them, or why
    /// that is not known; None: it was not read yet.
    pub freeable: Option<Result<u64, String>>,
    /// Sizes of its objects, in bytes.
    pub sizes: Sizes,
    /// Bytes of the slab cache that inodes of all filesystems of the type come from.
    pub cache_bytes: Option<u64>,
}

impl Filesystem {
    /// The filesystem that a path is on, by the mounts and counts of the tree.
    pub fn of(tree: &Tree, path: &Path, sample: Option<&Sample>, page: u64) -> Option<Self> {
        let all = tree.shared_mounts();
        let on = &Mount::of(&all, path)?.superblock;
        let mounts = all.iter().enumerate();
        let mounts = mounts.filter(|(_, mount)| mount.superblock == *on);
        let mut row = Self {
            mounts: mounts.map(|(at, _)| at).collect(),
            all: Arc::clone(&all),
            ..Self::default()
        };
        fill(&mut row, tree);
        (row.sizes, row.cache_bytes) = of_type(sample, row.mount(), page);
        Some(row)
    }

    /// Its mounts, the one of its root first, if it has one.
    pub fn mounts(&self) -> impl ExactSizeIterator<Item = &Mount> + Clone {
        self.mounts.iter().map(|&at| &self.all[at])
    }

    /// The points of the mounts that together reach all that is mounted of it.
    pub fn reach(&self) -> Vec<PathBuf> {
        Mount::reaching_all(self.mounts())
    }

    /// The mount that represents it.
    pub fn mount(&self) -> &Mount {
        static NONE: std::sync::LazyLock<Mount> = std::sync::LazyLock::new(Mount::default);
        self.mounts().next().unwrap_or(&NONE)
    }

    /// Its type, device and mount points, for the filter.
    pub fn name(&self) -> String {
        let points: Vec<_> = self.mounts().map(|mount| printable(&mount.point)).collect();
        let mount = self.mount();
        let (fs, device) = (printable(&*mount.fs), printable(&*mount.device));
        format!("{fs} {device} {}", points.join(" "))
    }

    /// Bytes that a prune of all its unused dentries would free.
    pub fn freeable(&self) -> Option<u64> {
        let counted = self.counted.as_ref()?;
        Some(census::freeable(counted, self.sizes.dentry?))
    }
}

/// The state of the screen. The tree has the mounts and their counts.
#[derive(Debug, Default)]
pub struct FilesystemsPage {
    /// The superblocks shown, in order.
    pub rows: Vec<Filesystem>,
    /// What their shrinkers could free, by superblock, or why that is not known.
    pub freeable: HashMap<Arc<str>, Result<u64, String>>,
    /// The order and filter of those shown.
    pub order: GridOrder,
    /// The superblock of the selected one. None: the first.
    pub selected: Option<Arc<str>>,
}

impl FilesystemsPage {
    /// Arranges the rows.
    pub fn arrange(&mut self, tree: &Tree, sample: Option<&Sample>, page: u64) {
        let all = tree.shared_mounts();
        let mut rows: Vec<Filesystem> = Vec::with_capacity(all.len());
        let mut places: HashMap<&str, usize> = HashMap::with_capacity(all.len());
        for (number, mount) in all.iter().enumerate() {
            let at = *places.entry(&mount.superblock).or_insert_with(|| {
                rows.push(Filesystem {
                    all: Arc::clone(&all),
                    ..Filesystem::default()
                });
                rows.len() - 1
            });
            rows[at].mounts.push(number);
        }
        let mut types: HashMap<Arc<str>, OfType> = HashMap::new();
        for row in &mut rows {
            fill(row, tree);
            let mount = row.mount();
            // All of a type have one cache: it is looked up once, whatever the number of mounts.
            let of = match types.get(&mount.fs) {
                Some(of) => *of,
                None => *types
                    .entry(mount.fs.clone())
                    .or_insert(of_type(sample, mount, page)),
            };
            (row.sizes, row.cache_bytes) = of;
            row.freeable = self.freeable.get(&row.mount().superblock).cloned();
        }
        let order = &self.order;
        if !order.filter.is_none() {
            rows.retain(|row| order.filter.fits(&row.name()));
        }
        // Many rows are large: their indices are sorted, by keys that are computed once.
        let keys: Vec<_> = rows.iter().map(name_key).collect();
        let mut places: Vec<usize> = (0..rows.len()).collect();
        places.sort_by(|&a, &b| {
            order.compare(
                FILESYSTEM_COLUMNS,
                (&rows[a], &keys[a]),
                (&rows[b], &keys[b]),
            )
        });
        let mut rows: Vec<_> = rows.into_iter().map(Some).collect();
        self.rows = places
            .into_iter()
            .filter_map(|at| rows[at].take())
            .collect();
    }

    /// Index of the selected one; 0 if it is gone.
    pub fn index(&self) -> usize {
        let mut rows = self.rows.iter();
        rows.position(|row| Some(&row.mount().superblock) == self.selected.as_ref())
            .unwrap_or(0)
    }

    /// The selected one.
    pub fn selected(&self) -> Option<&Filesystem> {
        self.rows.get(self.index())
    }
}

fn freeable(row: &Filesystem) -> Option<u64> {
    row.freeable.as_ref()?.as_ref().ok().copied()
}

/// On disk first, in memory next, the kernel's own last.
fn name_key(row: &Filesystem) -> ((bool, bool), Vec<u8>) {
    (row.kind, by_path(&row.mount().point))
}

/// Sizes of objects, and bytes of the inodes' cache.
type OfType = (Sizes, Option<u64>);

fn of_type(sample: Option<&Sample>, mount: &Mount, page: u64) -> OfType {
    let cache = mount.inode_cache().and_then(|name| sample?.cache(name));
    let sizes = Sizes::of(sample, Some(mount), page);
    (sizes, cache.map(|cache| cache.size(page)))
}

fn fill(row: &mut Filesystem, tree: &Tree) {
    // The mount of the root reaches all; of two such mounts the shorter path is the better name.
    let all = Arc::clone(&row.all);
    let lengths = |mount: &Mount| (mount.root.as_os_str().len(), mount.point.as_os_str().len());
    row.mounts.sort_by_key(|&at| lengths(&all[at]));
    row.kind = (row.mount().is_internal(), row.mount().is_memory());
    if tree.totals.is_empty() {
        return;
    }
    let reach = row.reach();
    let totals = reach.iter().map(|point| tree.totals.get(point));
    let mut sum = Some(Counters::default());
    let mut oldest = Duration::MAX;
    for total in totals {
        match (total, sum.as_mut()) {
            (Some(Total::Counted { at, here, partial }), Some(all)) => {
                *all = plus(*all, here);
                oldest = oldest.min(*at);
                row.partial |= partial;
            }
            (Some(Total::Failed), _) => {
                row.failed = true;
                sum = None;
            }
            (None, _) => sum = None,
            (_, None) => {}
        }
    }
    row.counted = sum.filter(|_| !reach.is_empty()).map(Box::new);
    row.counted_at = oldest;
}

fn counted(row: &Filesystem, figure: fn(&Counters) -> u64) -> i128 {
    row.counted
        .as_ref()
        .map_or(-1, |counted| figure(counted).into())
}

fn counted_text(row: &Filesystem, width: usize, figure: fn(&Counters) -> u64) -> String {
    let least = if row.partial { ">" } else { "" };
    match &row.counted {
        Some(counted) => format!("{least}{}", count_in(figure(counted), width - 1)),
        None if row.failed => "-".into(),
        None => "-".into(),
    }
}

fn freeable_text(row: &Filesystem) -> String {
    match row.freeable() {
        _ if row.mount().is_memory() => "never".into(),
        Some(back) => bytes(back),
        None if row.failed => "-".into(),
        None => "-".into(),
    }
}

/// The columns from left to right.
#[rustfmt::skip]
pub const FILESYSTEM_COLUMNS: &[GridColumn<Filesystem>] = &[
    GridColumn { letter: 'd', name: "dentries", words: "dentries", head: "DENTRIES", width: 11, rank: 1,
        means: ["Names that the kernel has cached for the superblock, all its mounts included, by a census.",
            "? is not counted yet, - could not be, and > is a part of them."],
        figure: |row| counted(row, |of| of.total), text: |row| counted_text(row, 11, |of| of.total) },
    GridColumn { letter: 'n', name: "negative", words: "negative", head: "NEGATIVE", width: 11, rank: 4,
        means: ["Negative dentries among those: names cached as absent by failed lookups.",
            "The tree (Enter) shows which directories hold them."],
        figure: |row| counted(row, |of| of.negative), text: |row| counted_text(row, 11, |of| of.negative) },
    GridColumn { letter: 'i', name: "inodes", words: "inodes", head: "INODES", width: 9, rank: 2,
        means: ["Inodes of those names, each once, by the same census.",
            "Inodes without a name in the cache are not among them: SHRINKABLE counts these, too."],
        figure: |row| counted(row, |of| of.inodes), text: |row| counted_text(row, 9, |of| of.inodes) },
    GridColumn { letter: 'o', name: "inode_size", words: "size of an inode", head: "INODE SIZE", width: 10, rank: 3,
        means: ["Bytes of an inode in memory: of an object of the slab cache that the filesystem's inodes come from.",
            "- is a filesystem of which slabscope does not know the cache, or that slabinfo does not list."],
        figure: |row| row.sizes.inode.map_or(-1, i128::from),
        text: |row| row.sizes.inode.map_or("-".into(), |size| count_in(size, 7)) },
    GridColumn { letter: 'c', name: "cache", words: "size of the inode cache", head: "TYPE MEM", width: 8, rank: 5,
        means: ["Bytes of the slab cache that inodes of this type of filesystem come from.",
            "All filesystems of the type share it: slabinfo does not separate them."],
        figure: |row| row.cache_bytes.map_or(-1, i128::from),
        text: |row| row.cache_bytes.map_or("-".into(), bytes) },
    GridColumn { letter: 'f', name: "shrinkable", words: "what its shrinker could free", head: "SHRINKABLE", width: 10, rank: 6,
        means: ["Objects that the superblock's shrinker reports as freeable: dentries and inodes on its LRU lists.",
            "- is a kernel without CONFIG_SHRINKER_DEBUG, as stock Debian kernels are, or a debugfs that may not be read or has several of its name."],
        figure: |row| freeable(row).map_or(-1, i128::from),
        text: |row| freeable(row).map_or("-".into(), |freeable| count_in(freeable, 10)) },
    GridColumn { letter: 'b', name: "freeable", words: "freeable", head: "FREEABLE", width: 10, rank: 0,
        means: ["Bytes that a prune of all unused dentries would free, long names included.",
            "On tmpfs it is never: each dentry is its file's only name."],
        figure: |row| match (row.mount().is_memory(), row.freeable()) {
            (false, Some(back)) => back.into(),
            _ => -1,
        },
        text: freeable_text },
    GridColumn { letter: 'a', name: "name", words: "mount", head: "TYPE     DEVICE       MOUNTED AT", width: 36, rank: 0,
        means: ["Type, device, and where the superblock's root is mounted, or the widest part of it.",
            "+2 stands for two more mounts of the same superblock: what is cached of it is shared by all of them."],
        figure: |_| 0, text: |_| String::new() },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(point: &str, superblock: &str, root: &str) -> Mount {
        Mount {
            point: point.into(),
            fs: "ext4".into(),
            device: "/dev/vda".into(),
            superblock: superblock.into(),
            root: std::path::Path::new(root).into(),
            made_of: Default::default(),
        }
    }

    fn total(total: u64, partial: bool) -> Total {
        let here = Box::new(Counters {
            total,
            prunable: total,
            ..Counters::default()
        });
        let at = Duration::ZERO;
        Total::Counted { at, here, partial }
    }

    #[test]
    fn superblock_is_one_row_however_often_it_is_mounted() {
        let mounts = vec![
            mount("/srv/data", "8:1", "/data"),
            mount("/", "8:1", "/"),
            mount("/a", "8:2", "/@a"),
            mount("/b", "8:2", "/@b"),
        ];
        let mut tree = Tree {
            mounts: Some(Ok(mounts.into())),
            ..Tree::default()
        };
        tree.totals.insert("/".into(), total(10, false));
        tree.totals.insert("/a".into(), total(100, false));
        let mut page = FilesystemsPage::default();
        page.arrange(&tree, None, 4096);
        assert_eq!(page.rows.len(), 2);
        let points = |at: usize| -> Vec<_> {
            let mounts = page.rows[at].mounts();
            mounts
                .map(|mount| mount.point.display().to_string())
                .collect()
        };
        assert_eq!(points(0), ["/", "/srv/data"]);
        assert_eq!(page.rows[0].reach(), [PathBuf::from("/")]);
        let counted =
            |page: &FilesystemsPage, at: usize| page.rows[at].counted.as_ref().map(|c| c.total);
        assert_eq!(counted(&page, 0), Some(10));
        assert_eq!(counted(&page, 1), None, "/b is not counted");
        tree.totals.insert("/b".into(), total(1_000, true));
        page.order.sort_or_reverse(0);
        page.order.reverse = false;
        page.arrange(&tree, None, 4096);
        assert_eq!(counted(&page, 0), Some(1_100), "the greater is the first");
        assert!(page.rows[0].partial);
        page.order.filter = crate::base::filter::Filter::new("/srv");
        page.arrange(&tree, None, 4096);
        assert_eq!(page.rows.len(), 1);
        tree.totals.insert("/".into(), Total::Failed);
        page.arrange(&tree, None, 4096);
        assert!(page.rows[0].failed && page.rows[0].counted.is_none());
    }
}
