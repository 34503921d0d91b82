//! The directories, over all filesystems, that directly hold the most negative dentries, and the
//! most freeable bytes.
//!
//! One census for each filesystem reports every directory's own counts, however deep it is, in one
//! walk: descending into the heaviest children by a census each would walk what is below them again
//! with every step. Of the directories that it reports, only the greatest are kept.

use std::cmp::Reverse;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::base::text::printable;
use crate::cache::census::{DirectoryCount, Seen, freeable, stream};
use crate::kernel::reader;
use crate::kernel::session::{Counters, SessionError, minus, plus};
use crate::kernel::source::{Kernel, Mount, Source, SourceError};
use crate::kernel::target::{LookError, Target};

/// Directories that are kept of each order.
const KEPT: usize = 500;

/// List directories one by one down to this depth: what is deeper counts below the deepest of them. As deep
/// as the module can stand.
const DEPTH: u32 = 256;

/// A directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hotspot {
    /// Its path, by the mount that it was counted by.
    pub path: PathBuf,
    /// Counts of its own children.
    pub own: Counters,
    /// Counts of everything below it.
    pub below: Counters,
    /// Something else is mounted over it, or above it, so that the path does not lead to it: the
    /// nearest directory above that can be reached. What is pruned below that one takes in this one.
    pub hidden_below: Option<PathBuf>,
}

/// What the directories are sorted by: what is directly in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Heat {
    /// Negative dentries.
    #[default]
    Negative,
    /// Bytes that can be freed.
    #[value(alias = "comes-back")]
    Freeable,
}

impl Heat {
    /// Words for the title.
    pub fn words(self) -> &'static str {
        match self {
            Self::Negative => "negatives",
            Self::Freeable => "freeable bytes",
        }
    }

    /// The figure of these counters, given the bytes of a dentry object. Without, in dentries.
    pub fn of(self, own: &Counters, dentry_size: Option<u64>) -> u64 {
        match self {
            Self::Negative => own.negative,
            Self::Freeable => freeable(own, dentry_size.unwrap_or(1)),
        }
    }
}

/// A filesystem that was counted, or could not be.
#[derive(Debug)]
pub struct Counted {
    /// Its mount.
    pub mount: Mount,
    /// All that is cached of it, or why that is not known.
    pub result: Result<Counters, LookError>,
    /// All of it was counted.
    pub complete: bool,
}

impl Counted {
    /// Why it was not counted, with its mount point, ready for the terminal; None: it was counted.
    pub fn error(&self) -> Option<String> {
        Some(match self.result.as_ref().err()? {
            // The module knows no path.
            LookError::Session(error) => format!("{}: {error}", printable(&self.mount.point)),
            error => error.to_string(),
        })
    }
}

/// The hotspots of all filesystems.
#[derive(Debug)]
pub struct Hotspots {
    /// The directories, in the order asked for; of each order the first `KEPT` are among them.
    pub rows: Vec<Hotspot>,
    /// The filesystems.
    pub filesystems: Vec<Counted>,
    /// Bytes of a dentry, from slabinfo.
    pub dentry_size: Option<u64>,
    /// It was ended before all filesystems were counted.
    pub ended: bool,
    /// How long it took.
    pub took: Duration,
    /// The reader that counted: it decides what of the counters is known.
    pub reader: reader::Kind,
}

impl Hotspots {
    /// The hotspots of these filesystems.
    pub fn new(
        rows: Vec<Hotspot>,
        filesystems: Vec<Counted>,
        dentry_size: Option<u64>,
        took: Duration,
    ) -> Self {
        let mut hotspots = Self {
            rows,
            filesystems,
            dentry_size,
            ended: false,
            reader: reader::Kind::default(),
            took,
        };
        hotspots.sort(Heat::default());
        hotspots
    }

    /// Whether everything was counted.
    pub fn complete(&self) -> bool {
        let mut filesystems = self.filesystems.iter();
        !self.ended && filesystems.all(|filesystem| filesystem.complete)
    }

    /// Dentries on all filesystems.
    pub fn total(&self) -> u64 {
        let counted = self
            .filesystems
            .iter()
            .filter_map(|fs| fs.result.as_ref().ok());
        counted.map(|counters| counters.total).sum()
    }

    /// Puts the directories in an order.
    pub fn sort(&mut self, by: Heat) {
        let size = self.dentry_size;
        let key = |row: &Hotspot| (Reverse(by.of(&row.own, size)), row.path.clone());
        self.rows.sort_by_cached_key(key);
    }

    /// How many of the directories, from the first, are above zero in the order they are in.
    pub fn above_zero(&self, by: Heat) -> usize {
        let size = self.dentry_size;
        self.rows.partition_point(|row| by.of(&row.own, size) > 0)
    }
}

/// Why nothing is known of any filesystem.
#[derive(Debug, thiserror::Error)]
pub enum HotspotsError {
    /// The mounts could not be read.
    #[error(transparent)]
    Mounts(#[from] SourceError),
    /// There is no module to count what is cached of them.
    #[error(transparent)]
    Module(#[from] LookError),
}

impl From<SessionError> for HotspotsError {
    fn from(error: SessionError) -> Self {
        Self::Module(error.into())
    }
}

/// Progress of the counting.
#[derive(Clone, Debug, Default)]
pub struct SoFar {
    /// The number of the filesystem that is counted, from 0.
    pub at: usize,
    /// Number of filesystems to count.
    pub of: usize,
    /// Its mount point.
    pub point: PathBuf,
    /// Dentries counted, on all filesystems.
    pub dentries: u64,
}

/// Counts each filesystem once. `lookup`: also those on a network, by asking it; otherwise they are
/// counted only if what is cached leads there. `progress` may end it: then the rest is not counted.
pub fn hotspots(
    kernel: &mut Kernel,
    lookup: bool,
    progress: &mut dyn FnMut(&SoFar) -> ControlFlow<()>,
) -> Result<Hotspots, HotspotsError> {
    // Without a reader there is no use in trying one by one.
    let reader = reader::works()?;
    let start = Instant::now();
    let mounts = kernel.mounts()?;
    let sample = kernel.sample();
    let dentry_size = sample.cache("dentry").map(|cache| cache.object_size);
    let worth = Mount::worth_counting(&mounts);
    let mut greatest = Greatest::new(dentry_size);
    let mut filesystems = Vec::new();
    let mut ended = false;
    let mut so_far = SoFar {
        of: worth.len(),
        ..SoFar::default()
    };
    for (at, mount) in worth.into_iter().enumerate() {
        so_far.at = at;
        so_far.point.clone_from(&mount.point);
        ended |= progress(&so_far).is_break();
        if ended {
            break;
        }
        let before = so_far.dentries;
        let opened = open(&mount, lookup, &mut || progress(&so_far));
        let counted = opened.and_then(|target| {
            count(&target, &mounts, &mount, &mut greatest, &mut |counters| {
                so_far.dentries = before.saturating_add(counters.total);
                let flow = progress(&so_far);
                ended |= flow.is_break();
                flow
            })
        });
        if let Ok((counters, _)) = &counted {
            so_far.dentries = before.saturating_add(counters.total);
        }
        filesystems.push(Counted {
            complete: counted.as_ref().is_ok_and(|(_, complete)| *complete),
            result: counted.map(|(counters, _)| counters),
            mount,
        });
    }
    let took = start.elapsed();
    let found = Hotspots::new(greatest.done(), filesystems, dentry_size, took);
    Ok(Hotspots {
        ended,
        reader,
        ..found
    })
}

/// Opens the mount point of a filesystem: by what is cached alone, if otherwise a server might be
/// asked.
fn open(
    mount: &Mount,
    lookup: bool,
    flow: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Target, LookError> {
    Target::open_if(&mount.point, lookup || !mount.is_remote(), flow)
}

/// Counts one filesystem; returns its counters, and whether they are complete.
fn count(
    target: &Target,
    mounts: &[Mount],
    mount: &Mount,
    greatest: &mut Greatest,
    progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
) -> Result<(Counters, bool), LookError> {
    let mut walk = Walk::new(mounts, mount, greatest);
    let census = stream(target.dir.as_fd(), DEPTH, &mut |seen| {
        match seen {
            Seen::Entered(_) => {}
            Seen::Row(row) => walk.row(&row),
            Seen::SoFar(so_far) => return progress(&so_far),
        }
        ControlFlow::Continue(())
    })?;
    walk.root(&census.here);
    Ok((census.here, !census.partial))
}

/// The directories of one filesystem as its census reports them.
struct Walk<'a> {
    mounts: &'a [Mount],
    mount: &'a Mount,
    greatest: &'a mut Greatest,
    /// Counts of all that is below the directories right below the root.
    in_rows: Counters,
}

impl<'a> Walk<'a> {
    fn new(mounts: &'a [Mount], mount: &'a Mount, greatest: &'a mut Greatest) -> Self {
        Self {
            mounts,
            mount,
            greatest,
            in_rows: Counters::default(),
        }
    }

    /// A directory is counted.
    fn row(&mut self, row: &DirectoryCount) {
        let name = Path::new(&row.name);
        if name.components().nth(1).is_none() {
            self.in_rows = plus(self.in_rows, &row.below);
        }
        if self.greatest.wants(&row.own) {
            self.keep(self.mount.point.join(name), row.own, row.below);
        }
    }

    /// All is counted: what is below no directory is in the root itself, which has no row.
    fn root(&mut self, here: &Counters) {
        let own = minus(*here, &self.in_rows);
        if self.greatest.wants(&own) {
            self.keep(self.mount.point.clone(), own, *here);
        }
    }

    fn keep(&mut self, path: PathBuf, own: Counters, below: Counters) {
        let is_hidden = |path: &Path| {
            let on = Mount::of(self.mounts, path);
            on.is_some_and(|on| on.point != self.mount.point)
        };
        let mut above = path.ancestors().skip_while(|path| is_hidden(path));
        let nearest = above.next().filter(|above| *above != path);
        self.greatest.keep(Hotspot {
            hidden_below: nearest.map(Path::to_owned),
            path,
            own,
            below,
        });
    }
}

/// The greatest of the reported directories, in each order.
struct Greatest {
    dentry_size: Option<u64>,
    rows: Vec<Hotspot>,
    /// For each order, the figure that a directory has to exceed to be among them.
    above: [u64; 2],
}

const ORDERS: [Heat; 2] = [Heat::Negative, Heat::Freeable];

impl Greatest {
    fn new(dentry_size: Option<u64>) -> Self {
        Self {
            dentry_size,
            rows: Vec::new(),
            above: [0; 2],
        }
    }

    fn wants(&self, own: &Counters) -> bool {
        let mut orders = ORDERS.iter().zip(self.above);
        orders.any(|(heat, above)| heat.of(own, self.dentry_size) > above)
    }

    fn keep(&mut self, row: Hotspot) {
        self.rows.push(row);
        if self.rows.len() >= 8 * KEPT {
            self.trim();
        }
    }

    /// Drops those that are among the greatest in neither order.
    fn trim(&mut self) {
        let size = self.dentry_size;
        let mut wanted = vec![false; self.rows.len()];
        for (heat, above) in ORDERS.into_iter().zip(&mut self.above) {
            let value = |at: &usize| heat.of(&self.rows[*at].own, size);
            let mut order: Vec<usize> = (0..self.rows.len()).collect();
            order.sort_by_key(|at| (Reverse(value(at)), &self.rows[*at].path));
            for at in order.iter().take(KEPT) {
                wanted[*at] = true;
            }
            if let Some(last) = order.get(KEPT - 1) {
                // An equal one may still sort before it by its path.
                *above = value(last).saturating_sub(1);
            }
        }
        let mut wanted = wanted.into_iter();
        self.rows.retain(|_| wanted.next().unwrap_or(false));
    }

    fn done(mut self) -> Vec<Hotspot> {
        self.trim();
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hotspot(path: String, negative: u64, prunable: u64) -> Hotspot {
        let own = Counters {
            negative,
            prunable,
            ..Counters::default()
        };
        Hotspot {
            path: path.into(),
            own,
            below: own,
            hidden_below: None,
        }
    }

    #[test]
    fn greatest_of_both_orders_are_kept_however_many_are_counted() {
        let mut greatest = Greatest::new(Some(192));
        for n in 0..20_000_u64 {
            let row = hotspot(format!("/{n:05}"), n % 10_007, 20_000 - n);
            if greatest.wants(&row.own) {
                greatest.keep(row);
            }
            assert!(greatest.rows.len() < 8 * KEPT);
        }
        let rows = greatest.done();
        let mut hotspots = Hotspots::new(rows, Vec::new(), Some(192), Duration::ZERO);
        let first = &hotspots.rows[0];
        assert_eq!(
            (first.own.negative, first.path.to_str()),
            (10_006, Some("/10006"))
        );
        assert!(
            hotspots.rows[..KEPT]
                .iter()
                .all(|row| row.own.negative > 9_700)
        );
        hotspots.sort(Heat::Freeable);
        let paths = hotspots.rows[..KEPT].iter().map(|row| row.path.to_str());
        let expected: Vec<_> = (0..KEPT).map(|n| format!("/{n:05}")).collect();
        assert!(paths.eq(expected.iter().map(|path| Some(path.as_str()))));
    }

    #[test]
    fn root_counts_what_no_row_has_and_a_mount_hides_what_it_covers() {
        let counters = |negative| Counters {
            total: negative,
            negative,
            ..Counters::default()
        };
        let mount = |point: &str| Mount {
            point: point.into(),
            ..Mount::default()
        };
        let mounts = [mount("/mnt"), mount("/mnt/a/over")];
        let mut greatest = Greatest::new(None);
        let mut walk = Walk::new(&mounts, &mounts[0], &mut greatest);
        for (name, own, below) in [
            ("a/over/x", 50, 50),
            ("a/b", 7, 7),
            ("a", 3, 60),
            ("b", 0, 0),
        ] {
            walk.row(&DirectoryCount {
                name: name.into(),
                own: counters(own),
                below: counters(below),
                in_use: false,
                partial: false,
                changed: false,
            });
        }
        walk.root(&counters(65));
        let found = Hotspots::new(greatest.done(), Vec::new(), None, Duration::ZERO);
        let row = |row: &Hotspot| {
            let path = row.path.to_str().unwrap().to_owned();
            let above = row.hidden_below.as_deref().and_then(Path::to_str);
            (
                path,
                row.own.negative,
                row.below.negative,
                above.map(str::to_owned),
            )
        };
        let rows: Vec<_> = found.rows.iter().map(row).collect();
        let expected = [
            ("/mnt/a/over/x", 50, 50, Some("/mnt/a")),
            ("/mnt/a/b", 7, 7, None),
            ("/mnt", 5, 65, None),
            ("/mnt/a", 3, 60, None),
        ];
        assert_eq!(
            rows,
            expected.map(|(path, own, below, above): (&str, _, _, Option<&str>)| {
                (path.to_owned(), own, below, above.map(str::to_owned))
            })
        );
    }

    #[test]
    fn directory_without_dentries_is_no_hotspot() {
        let mut greatest = Greatest::new(None);
        assert!(!greatest.wants(&Counters::default()));
        greatest.keep(hotspot("/a".into(), 0, 3));
        let mut hotspots = Hotspots::new(greatest.done(), Vec::new(), None, Duration::ZERO);
        assert_eq!(hotspots.above_zero(Heat::Negative), 0);
        hotspots.sort(Heat::Freeable);
        assert_eq!(hotspots.above_zero(Heat::Freeable), 1);
    }
}
