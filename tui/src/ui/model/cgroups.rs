//! The screen of cgroups: their tree by the use of their memory.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Filter;
use super::grid::{GridColumn, GridOrder};
use crate::base::text::{bytes, count, known, printable, signed_bytes};
use crate::kernel::source::{Cgroup, CgroupMemory, Cgroups, CgroupsError, Version};

/// A cgroup with the figures of two readings.
#[derive(Clone, Debug)]
pub struct CgroupRow {
    /// Its figures.
    pub cgroup: Cgroup,
    /// Change of its reclaimable slab in bytes per second; None: it is new.
    pub growth: Option<f64>,
    /// It has cgroups below it.
    pub has_children: bool,
    /// Cgroups below it that are near their limits because of slab.
    pub filled_below: usize,
}

/// The state of the screen. Cgroups are read only while it is shown.
#[derive(Debug, Default)]
pub struct CgroupsPage {
    /// Mount point of the hierarchy with the memory controller.
    pub mount: PathBuf,
    /// Its version.
    pub version: Version,
    /// Cgroups that the bounds left unread.
    pub not_read: u64,
    /// The command that has memory counted by cgroup; None: it is counted.
    pub enable: Option<String>,
    /// All cgroups of the last reading, parents before their children.
    pub rows: Vec<CgroupRow>,
    /// The shown ones, by their index in `rows`.
    pub shown: Vec<usize>,
    /// When they were read, since the start; None: never.
    pub at: Option<Duration>,
    /// How long that took.
    pub took: Duration,
    /// Why the last reading failed.
    pub error: Option<CgroupsError>,
    /// The worker's number of the reading under way.
    pub reading: Option<u64>,
    /// The order and filter of those shown.
    pub order: GridOrder,
    /// Cgroups that the user opened below `OPEN`, or closed above it.
    pub toggled: BTreeSet<PathBuf>,
    /// The selected one. None: the first.
    pub selected: Option<PathBuf>,
}

/// Cgroups of at most this depth are open until they are closed: on most machines that shows the
/// services.
const OPEN: usize = 2;

/// Reading the cgroups takes at most one part of the time in this many.
const PART: u32 = 10;

impl CgroupsPage {
    /// Stores a reading.
    pub fn take(&mut self, at: Duration, read: Cgroups) {
        let elapsed = self
            .at
            .map(|before| at.saturating_sub(before).as_secs_f64());
        let known = |row: &CgroupRow| {
            let stat = row.cgroup.stat.as_ref()?;
            Some((row.cgroup.id, (stat.slab_reclaimable?, row.growth)))
        };
        let before: HashMap<u64, _> = self.rows.iter().filter_map(known).collect();
        let row = |cgroup: Cgroup| CgroupRow {
            growth: growth(&cgroup, &before, elapsed),
            has_children: false,
            filled_below: 0,
            cgroup,
        };
        self.rows = read.all.into_iter().map(row).collect();
        // Children come behind their parents.
        for at in (0..self.rows.len()).rev() {
            let row = &self.rows[at];
            let filled = row.filled_below + usize::from(row.cgroup.is_filled_by_slab());
            if let Some(parent) = row.cgroup.parent {
                self.rows[parent].has_children = true;
                self.rows[parent].filled_below += filled;
            }
        }
        if self.at.is_none() && read.version == Version::V1 {
            // v1 reports little of slabs, but all kernel memory.
            self.order.sort = KERNEL;
        }
        self.mount = read.mount;
        self.version = read.version;
        self.not_read = read.not_read;
        self.enable = read.enable;
        self.took = read.took;
        self.at = Some(at);
        self.error = None;
        self.arrange();
    }

    /// Whether the next reading is due.
    pub fn is_due(&self, now: Duration) -> bool {
        let soon = |at: Duration| now.saturating_sub(at) < self.took * (PART - 1);
        self.reading.is_none() && !self.at.is_some_and(soon)
    }

    /// Sorts those that are shown: as a tree, or flat if the filter hides some names.
    pub fn arrange(&mut self) {
        let (rows, order) = (&self.rows, &self.order);
        let compare = |&a: &usize, &b: &usize| {
            let key = |at: usize| (&rows[at], &rows[at].cgroup.path);
            order.compare(CGROUP_COLUMNS, key(a), key(b))
        };
        let mut shown = Vec::with_capacity(rows.len());
        if order.filter.is_none() {
            let mut below: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
            let mut waiting = Vec::new();
            for (at, row) in rows.iter().enumerate() {
                match row.cgroup.parent {
                    Some(parent) => below[parent].push(at),
                    None => waiting.push(at),
                }
            }
            while let Some(at) = waiting.pop() {
                shown.push(at);
                if self.is_open(&rows[at].cgroup) {
                    below[at].sort_unstable_by(compare);
                    waiting.extend(below[at].iter().rev());
                }
            }
        } else {
            let fits = |&at: &usize| order.filter.fits(&printable(rows[at].cgroup.full()));
            shown.extend((0..rows.len()).filter(fits));
            shown.sort_unstable_by(compare);
        }
        self.shown = shown;
    }

    /// Number of cgroups that are near their limits because of slab.
    pub fn filled(&self) -> usize {
        let filled = |row: &&CgroupRow| row.cgroup.is_filled_by_slab();
        self.rows.iter().filter(filled).count()
    }

    /// Number of a row's hidden descendants that are near their limits because of slab.
    pub fn filled_unseen(&self, row: &CgroupRow) -> usize {
        match self.is_open(&row.cgroup) || !self.order.filter.is_none() {
            true => 0,
            false => row.filled_below,
        }
    }

    /// Whether its children are shown.
    pub fn is_open(&self, cgroup: &Cgroup) -> bool {
        (cgroup.depth < OPEN) != self.toggled.contains(&cgroup.path)
    }

    /// Opens or closes it.
    pub fn toggle(&mut self, path: &Path) {
        if !self.toggled.remove(path) {
            self.toggled.insert(path.to_owned());
        }
        self.arrange();
    }

    /// Selects one, and opens all above it.
    pub fn reveal(&mut self, path: &Path) {
        for above in path.ancestors().skip(1) {
            if above.components().count() < OPEN {
                self.toggled.remove(above);
            } else {
                self.toggled.insert(above.to_owned());
            }
        }
        self.order.filter = Filter::default();
        self.selected = Some(path.to_owned());
        self.arrange();
    }

    /// A row that is shown.
    pub fn row(&self, at: usize) -> Option<&CgroupRow> {
        self.rows.get(*self.shown.get(at)?)
    }

    /// Index of the selected one among those shown; 0 if it is gone.
    pub fn index(&self) -> usize {
        let Some(path) = &self.selected else {
            return 0;
        };
        let mut shown = self.shown.iter();
        shown
            .position(|&at| self.rows[at].cgroup.path == *path)
            .unwrap_or(0)
    }

    /// The selected one.
    pub fn selected(&self) -> Option<&CgroupRow> {
        self.row(self.index())
    }
}

fn growth(
    cgroup: &Cgroup,
    before: &HashMap<u64, (u64, Option<f64>)>,
    elapsed: Option<f64>,
) -> Option<f64> {
    /// Over less time than this, in seconds, a change is noise: the former figure is kept.
    const SHORTEST: f64 = 0.1;
    let now = cgroup.stat.as_ref()?.slab_reclaimable?;
    let &(then, growth) = before.get(&cgroup.id)?;
    match elapsed? {
        elapsed if elapsed < SHORTEST => growth,
        elapsed => Some((now as f64 - then as f64) / elapsed),
    }
}

fn of(row: &CgroupRow, figure: fn(&CgroupMemory) -> Option<u64>) -> Option<u64> {
    figure(row.cgroup.stat.as_ref()?)
}

fn order(figure: Option<u64>) -> i128 {
    figure.map_or(-1, i128::from)
}

/// Bytes per second with their sign.
pub fn growth_text(growth: Option<f64>) -> String {
    match growth {
        Some(growth) => signed_bytes(growth.round() as i64),
        None => "-".into(),
    }
}

/// Index of the column of kernel memory.
const KERNEL: usize = 3;

/// The columns from left to right.
#[rustfmt::skip]
pub const CGROUP_COLUMNS: &[GridColumn<CgroupRow>] = &[
    GridColumn { letter: 'k', name: "slab_reclaimable", words: "reclaimable slab", head: "SLAB RECL", width: 9, rank: 0,
        means: ["Bytes of slabs charged to the cgroup that memory pressure can empty: dentries, inodes (slab_reclaimable).",
            "The cgroup that looks a name up first is charged for it, even if others use it later; each figure includes all cgroups below."],
        figure: |row| order(of(row, |stat| stat.slab_reclaimable)),
        text: |row| known(of(row, |stat| stat.slab_reclaimable), bytes) },
    GridColumn { letter: 'g', name: "growth", words: "growth", head: "GROWTH/S", width: 9, rank: 1,
        means: ["Bytes that its reclaimable slab grew or fell per second, between the last two readings.",
            "- for a cgroup that did not exist at the last reading."],
        figure: |row| row.growth.map_or(i128::MIN, |growth| growth as i128),
        text: |row| growth_text(row.growth) },
    GridColumn { letter: 'u', name: "slab_unreclaimable", words: "unreclaimable slab", head: "SLAB UNR", width: 8, rank: 8,
        means: ["Bytes of slabs that only their owners can free: open files, sockets, processes (slab_unreclaimable).",
            "No rung of the ladder takes any of it."],
        figure: |row| order(of(row, |stat| stat.slab_unreclaimable)),
        text: |row| known(of(row, |stat| stat.slab_unreclaimable), bytes) },
    GridColumn { letter: 'e', name: "kernel", words: "kernel memory", head: "KERNEL", width: 8, rank: 6,
        means: ["Bytes of memory of the kernel itself: slab, percpu and vmalloc (eBPF maps), stacks, page tables (kernel, Linux 5.18; v1: memory.kmem.usage_in_bytes).",
            "The part beyond the slab columns is not slab; the line below the table names it."],
        figure: |row| order(of(row, |stat| stat.kernel)),
        text: |row| known(of(row, |stat| stat.kernel), bytes) },
    GridColumn { letter: 'f', name: "file", words: "page cache", head: "FILE", width: 8, rank: 9,
        means: ["Bytes of page cache, tmpfs and shared memory.",
            "Reclaiming a cgroup takes clean page cache as well as slab: the kernel chooses."],
        figure: |row| order(of(row, |stat| stat.file)), text: |row| known(of(row, |stat| stat.file), bytes) },
    GridColumn { letter: 'a', name: "anon", words: "anonymous memory", head: "ANON", width: 8, rank: 10,
        means: ["Bytes that programs allocated for themselves.",
            "Only swap could take them, and slabscope asks for none (swappiness=0)."],
        figure: |row| order(of(row, |stat| stat.anon)), text: |row| known(of(row, |stat| stat.anon), bytes) },
    GridColumn { letter: 'c', name: "current", words: "all memory", head: "CURRENT", width: 8, rank: 2,
        means: ["Bytes that count against the limit, slab among them (memory.current).",
            "The root of v2 has no such figure."],
        figure: |row| order(row.cgroup.current), text: |row| known(row.cgroup.current, bytes) },
    GridColumn { letter: 'l', name: "limit", words: "limit", head: "LIMIT", width: 8, rank: 3,
        means: ["The lower of memory.max and memory.high of the cgroup itself; those above it have limits of their own.",
            "At memory.high its tasks are slowed down, at memory.max the kernel kills one if reclaim does not help."],
        figure: |row| row.cgroup.limit().map_or(-1, |(limit, _)| limit.into()),
        text: limit_text },
    GridColumn { letter: 'd', name: "used", words: "part of the limit", head: "USED", width: 5, rank: 4,
        means: ["CURRENT in percent of LIMIT. The bar in front: slab, other memory, what is left of the limit.",
            "From 90 % on with more slab than anything else the row is marked: slab fills it."],
        figure: |row| order(row.cgroup.used()),
        text: |row| known(row.cgroup.used(), crate::base::text::percent_text) },
    GridColumn { letter: 'p', name: "pressure", words: "pressure", head: "PRESS", width: 6, rank: 5,
        means: ["Percent of the last ten seconds in which some task waited for memory (memory.pressure, some avg10).",
            "Above 0 reclaim already costs the cgroup time."],
        figure: |row| row.cgroup.pressure.map_or(-1, |percent| (percent * 100.0) as i128),
        text: |row| row.cgroup.pressure.map_or("-".into(), |percent| format!("{percent:.1}%")) },
    GridColumn { letter: 'y', name: "dying", words: "dying cgroups", head: "DYING", width: 7, rank: 7,
        means: ["Cgroups below it that were removed and still have memory charged, mostly dentries, inodes and page cache (cgroup.stat: nr_dying_descendants).",
            "They go when the objects charged to them are freed: prune those, or reclaim the cgroup above."],
        figure: |row| order(row.cgroup.dying), text: |row| known(row.cgroup.dying, count) },
    GridColumn { letter: 'n', name: "name", words: "name", head: "CGROUP", width: 24, rank: 0,
        means: ["The cgroup; + in front of one that is closed, - of one that is open.",
            "! in front of a row marks one that is near its limit because of slab, or is closed above such a one."],
        figure: |_| 0, text: |row| printable(row.cgroup.full()) },
];

fn limit_text(row: &CgroupRow) -> String {
    match (row.cgroup.limit(), row.cgroup.current) {
        (Some((limit, _)), _) => bytes(limit),
        (None, Some(_)) => "none".into(),
        (None, None) => "-".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgroup(path: &str, id: u64, parent: Option<usize>, slab: u64) -> Cgroup {
        Cgroup {
            path: path.into(),
            id,
            parent,
            depth: Path::new(path).components().count(),
            stat: Some(CgroupMemory {
                slab_reclaimable: Some(slab),
                ..CgroupMemory::default()
            }),
            ..Cgroup::default()
        }
    }

    fn read(slabs: [u64; 5]) -> Cgroups {
        let all = vec![
            cgroup("", 1, None, slabs[0]),
            cgroup("a", 2, Some(0), slabs[1]),
            cgroup("a/x", 3, Some(1), slabs[2]),
            cgroup("a/x/deep", 4, Some(2), slabs[3]),
            cgroup("b", 5, Some(0), slabs[4]),
        ];
        Cgroups {
            all,
            ..Cgroups::default()
        }
    }

    fn paths(page: &CgroupsPage) -> Vec<&str> {
        let rows = page.shown.iter();
        rows.filter_map(|&at| page.rows[at].cgroup.path.to_str())
            .collect()
    }

    #[test]
    fn siblings_are_sorted_below_their_parents() {
        let mut page = CgroupsPage::default();
        page.take(Duration::from_secs(1), read([100, 10, 5, 5, 90]));
        assert_eq!(paths(&page), ["", "b", "a", "a/x"], "deep is closed");
        page.toggle(Path::new("a/x"));
        assert_eq!(paths(&page), ["", "b", "a", "a/x", "a/x/deep"]);
        page.toggle(Path::new("a"));
        assert_eq!(paths(&page), ["", "b", "a"]);
        page.order.sort_or_reverse(0);
        page.arrange();
        assert_eq!(paths(&page), ["", "a", "b"], "reversed");
        page.order.filter = crate::base::filter::Filter::new("x");
        page.arrange();
        assert_eq!(
            paths(&page),
            ["a/x/deep", "a/x"],
            "flat, and reversed still"
        );
    }

    #[test]
    fn v1_is_sorted_by_kernel_memory() {
        assert_eq!(CGROUP_COLUMNS[KERNEL].name, "kernel");
        let mut page = CgroupsPage::default();
        let v1 = |version| Cgroups {
            version,
            ..read([1; 5])
        };
        page.take(Duration::ZERO, v1(Version::V1));
        assert_eq!(page.order.sort, KERNEL);
        page.order.sort = 0;
        page.take(Duration::ZERO, v1(Version::V1));
        assert_eq!(page.order.sort, 0, "what was chosen stays");
    }

    #[test]
    fn cgroup_is_revealed_at_any_depth() {
        let mut page = CgroupsPage::default();
        let mut all = read([1; 5]);
        all.all.push(cgroup("a/x/deep/er", 6, Some(3), 1));
        page.take(Duration::ZERO, all);
        page.toggle(Path::new("a"));
        for path in ["a/x/deep", "a/x/deep/er"] {
            page.reveal(Path::new(path));
            assert_eq!(page.selected().unwrap().cgroup.path, Path::new(path));
        }
    }

    #[test]
    fn growth_is_that_of_the_same_cgroup() {
        let mut page = CgroupsPage::default();
        page.take(Duration::from_secs(1), read([100, 10, 5, 5, 90]));
        let mut next = read([300, 10, 1, 5, 90]);
        next.all[4].id = 6;
        page.take(Duration::from_secs(3), next);
        let growth: Vec<_> = page.rows.iter().map(|row| row.growth).collect();
        assert_eq!(growth[..3], [Some(100.0), Some(0.0), Some(-2.0)]);
        assert_eq!(growth[4], None, "it was made anew");
    }

    #[test]
    fn slow_readings_are_less_frequent() {
        let mut page = CgroupsPage::default();
        let second = Duration::from_secs(1);
        assert!(page.is_due(Duration::ZERO));
        let took = Duration::from_millis(500);
        page.take(
            second,
            Cgroups {
                took,
                ..read([0; 5])
            },
        );
        assert!(!page.is_due(2 * second) && page.is_due(6 * second));
        page.reading = Some(7);
        assert!(!page.is_due(60 * second));
    }
}
