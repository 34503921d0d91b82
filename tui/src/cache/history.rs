//! Figures over time: points for the charts and rates between two samples.

mod caches;
mod points;

use std::collections::HashMap;
use std::time::Duration;

pub use caches::{Caches, Was};
use points::Points;

use crate::kernel::source::{Cache, DentryState, Memory, Sample};

/// The figures that are charted, at one moment since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Time since the start of the program.
    pub at: Duration,
    /// Memory in bytes; a figure that could not be read is left out.
    pub memory: Option<Memory>,
    /// Dentries, in counts.
    pub dentries: Option<DentryState>,
}

/// A prune, to be marked in the charts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// When the prune began, since the start of the program.
    pub at: Duration,
    /// What was pruned and when, as text.
    pub label: String,
}

/// The points kept, oldest first, and the prunes among them.
#[derive(Clone, Debug, Default)]
pub struct History {
    points: Points,
    /// The prunes.
    pub markers: Vec<Marker>,
    /// Each cache for itself.
    pub caches: Caches,
}

impl History {
    /// Keeps what is charted of a sample. Samples of two threads may cross: the older is dropped.
    pub fn push(&mut self, at: Duration, sample: &Sample) {
        if self.points.last().is_some_and(|last| at <= last.at) {
            return;
        }
        self.points.push(Point {
            at,
            memory: sample.memory.as_ref().ok().copied(),
            dentries: sample.dentries.as_ref().ok().copied(),
        });
        if let Ok(caches) = &sample.caches {
            self.caches.push(at, caches);
        }
    }

    /// The points from the last one before `from`, so that a line reaches the edge of a chart, up
    /// to `to`.
    pub fn between(&self, from: Duration, to: Duration) -> impl Iterator<Item = &Point> {
        self.points.between(from, to)
    }

    /// The last point at or before a moment.
    pub fn at(&self, moment: Duration) -> Option<&Point> {
        self.points.between(moment, moment).last()
    }

    /// The time that a chart shows up to `end`: what there is, at least a minute and at most ten.
    pub fn span(&self, end: Duration) -> Duration {
        let age = end.saturating_sub(self.begin().unwrap_or(end));
        age.clamp(Duration::from_secs(60), Duration::from_secs(600))
    }

    /// When the oldest point was taken.
    pub fn begin(&self) -> Option<Duration> {
        self.points.first().map(|point| point.at)
    }
}

/// Change per second between two samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rates {
    /// Bytes of SReclaimable.
    pub sreclaimable: Option<f64>,
    /// Bytes of SUnreclaim.
    pub sunreclaim: Option<f64>,
    /// All dentries.
    pub dentries: Option<f64>,
    /// Dentries off the LRU.
    pub off_lru: Option<f64>,
    /// Dentries on the LRU.
    pub lru: Option<f64>,
    /// Negative ones of those.
    pub lru_negative: Option<f64>,
    /// All inodes.
    pub inodes: Option<f64>,
    /// The time between the samples.
    pub elapsed: Duration,
    /// Change of each cache, in the order of the newer sample.
    pub caches: Vec<Since>,
}

/// Change of a cache between two samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Objects allocated.
    pub objects: i64,
    /// Pages of slabs.
    pub pages: i64,
}

impl Change {
    /// Bytes of slabs.
    pub fn bytes(&self, page_size: u64) -> i64 {
        let page_size = i64::try_from(page_size).unwrap_or(i64::MAX);
        self.pages.saturating_mul(page_size)
    }
}

/// What an earlier sample says of a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Since {
    /// It was not there.
    New,
    /// It changed by this much.
    Change(Change),
    /// A figure is not known, or one of several caches of this name has gone, and which one is
    /// unknown.
    #[default]
    Unknown,
}

impl Since {
    /// The change, where it is known.
    pub fn change(self) -> Option<Change> {
        match self {
            Self::Change(change) => Some(change),
            Self::New | Self::Unknown => None,
        }
    }

    fn between(now: &Cache, last: &Cache) -> Self {
        let change = || {
            (now.twins >= last.twins).then_some(Change {
                objects: difference(now.active?, last.active?),
                pages: difference(now.size(1), last.size(1)),
            })
        };
        change().map_or(Self::Unknown, Self::Change)
    }
}

/// The change of each of the caches `now` since the sample that had the caches `last`.
pub fn changes(now: &[Cache], last: &[Cache]) -> Vec<Since> {
    // The kernel keeps the order of its caches: most are found where they were.
    let mut elsewhere: Option<HashMap<(&str, u32), &Cache>> = None;
    let at = |(index, cache): (usize, &Cache)| {
        let there = last.get(index);
        let there = there.filter(|was| was.nth == cache.nth && was.name == cache.name);
        let was = there.or_else(|| {
            let all = || last.iter().map(|was| ((was.name.as_str(), was.nth), was));
            let elsewhere = elsewhere.get_or_insert_with(|| all().collect());
            elsewhere.get(&(cache.name.as_str(), cache.nth)).copied()
        });
        was.map_or(Since::New, |was| Since::between(cache, was))
    };
    now.iter().enumerate().map(at).collect()
}

fn difference(now: u64, last: u64) -> i64 {
    let bound = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    if now >= last {
        bound(now - last)
    } else {
        -bound(last - now)
    }
}

impl Rates {
    /// Computes the rates from the earlier sample and the time between the two.
    pub fn new(now: &Sample, last: &Sample, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64();
        let rate =
            |now: Option<u64>, last: Option<u64>| Some((now? as f64 - last? as f64) / seconds);
        let memory = |value: fn(&Memory) -> Option<u64>| {
            let (now, last) = (now.memory.as_ref().ok()?, last.memory.as_ref().ok()?);
            rate(value(now), value(last))
        };
        let dentries = |value: fn(&DentryState) -> Option<u64>| {
            let (now, last) = (now.dentries.as_ref().ok()?, last.dentries.as_ref().ok()?);
            rate(value(now), value(last))
        };
        let caches = match (&now.caches, &last.caches) {
            (Ok(now), Ok(last)) => changes(now, last),
            _ => Vec::new(),
        };
        Self {
            sreclaimable: memory(|m| m.sreclaimable),
            sunreclaim: memory(|m| m.sunreclaim),
            dentries: dentries(|d| d.total),
            off_lru: dentries(DentryState::off_lru),
            lru: dentries(|d| d.lru),
            lru_negative: dentries(|d| d.lru_negative),
            inodes: match (&now.inodes, &last.inodes) {
                (Ok(now), Ok(last)) => rate(now.total, last.total),
                _ => None,
            },
            elapsed,
            caches,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_compared_wherever_they_are() {
        let cache = |name: &str, active, slabs| Cache {
            name: name.into(),
            active: Some(active),
            slabs,
            pages_per_slab: 1,
            ..Cache::default()
        };
        let last = [cache("a", 10, 1), cache("b", u64::MAX, 0), cache("c", 0, 0)];
        let now = [cache("new", 1, 1), cache("b", 0, 0), cache("a", 7, 2)];
        let changes = changes(&now, &last);
        assert_eq!(changes[0], Since::New);
        let b = changes[1].change().unwrap();
        assert_eq!(b.objects, -i64::MAX, "does not overflow");
        let a = changes[2].change().unwrap();
        assert_eq!((a.objects, a.bytes(4096)), (-3, 4096));
    }

    /// Two network cards of one driver, as slabinfo has their caches: new ones are in front.
    #[test]
    fn caches_of_one_name_are_compared_each_with_its_own_past() {
        let parse = |lines: &[(&str, u64)]| {
            let line = |(name, n): &(&str, u64)| {
                format!("{name} {n} {n} 736 44 8 : tunables 0 0 0 : slabdata 1 1 0\n")
            };
            let text: String = lines.iter().map(line).collect();
            crate::kernel::source::slabinfo::parse(text.as_bytes())
                .unwrap()
                .value
        };
        let last = parse(&[
            ("ftes", 44),
            ("fgs", 80),
            ("ftes", 880),
            ("fgs", 40),
            ("dentry", 9),
        ]);
        let objects = |now: &[Cache]| -> Vec<_> {
            let changes = changes(now, &last).into_iter();
            changes
                .map(|since| since.change().map(|change| change.objects))
                .collect()
        };
        let all = [
            ("ftes", 44),
            ("fgs", 81),
            ("ftes", 890),
            ("fgs", 40),
            ("dentry", 9),
        ];
        let grown = [Some(0), Some(1), Some(10), Some(0), Some(0)];
        assert_eq!(objects(&parse(&all)), grown);
        let joined = [&[("conntrack", 1), ("ftes", 7)], &all[..]].concat();
        let news = [&[None, None], &grown[..]].concat();
        assert_eq!(objects(&parse(&joined)), news, "whatever joins before them");
        let gone = parse(&all[1..]);
        let unknown = [Some(1), None, Some(0), Some(0)];
        assert_eq!(
            objects(&gone),
            unknown,
            "nothing tells which of the two has gone"
        );
        assert_eq!(changes(&gone, &last)[1], Since::Unknown);
    }

    #[test]
    fn impossible_figure_has_no_change() {
        let cache = |active| {
            [Cache {
                active,
                ..Cache::default()
            }]
        };
        assert_eq!(changes(&cache(None), &cache(Some(1))), [Since::Unknown]);
        assert_eq!(changes(&cache(Some(1)), &cache(None)), [Since::Unknown]);
    }
}
