//! What was over time: points for the charts and rates between two samples.

mod caches;
mod points;

use std::collections::HashMap;
use std::time::Duration;

pub use caches::{Caches, Was};
use points::Points;

use crate::source::{Cache, DentryState, Memory, Sample};

/// The figures that are charted, at one moment since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When, since the start of the program.
    pub at: Duration,
    /// Bytes and counts; what could not be read is left out.
    pub memory: Option<Memory>,
    /// Counts.
    pub dentries: Option<DentryState>,
}

/// A prune, to be marked in the charts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// When it began, since the start of the program.
    pub at: Duration,
    /// What was pruned and when, for people.
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

    /// What was last known at a moment.
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
    /// Change of each cache, in the order of the newer sample; None if it is new.
    pub caches: Vec<Option<Change>>,
}

/// How a cache changed between two samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Objects allocated.
    pub objects: i64,
    /// Bytes of slabs.
    pub bytes: i64,
}

/// How each of the caches `now` changed since the sample that had the caches `last`.
pub fn changes(now: &[Cache], last: &[Cache], page_size: u64) -> Vec<Option<Change>> {
    // The kernel keeps the order of its caches: most are found where they were.
    let mut elsewhere: Option<HashMap<&str, &Cache>> = None;
    let at = |(index, cache): (usize, &Cache)| {
        let there = last.get(index).filter(|was| was.name == cache.name);
        let was = there.or_else(|| {
            let names = || last.iter().map(|was| (was.name.as_str(), was)).collect();
            elsewhere
                .get_or_insert_with(names)
                .get(cache.name.as_str())
                .copied()
        })?;
        Some(Change {
            objects: difference(cache.active, was.active),
            bytes: difference(cache.size(page_size), was.size(page_size)),
        })
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
    /// From the earlier sample and the time between the two.
    pub fn new(now: &Sample, last: &Sample, elapsed: Duration, page_size: u64) -> Self {
        let seconds = elapsed.as_secs_f64();
        let rate = |now: u64, last: u64| (now as f64 - last as f64) / seconds;
        let memory = |value: fn(&Memory) -> u64| {
            let (now, last) = (now.memory.as_ref().ok()?, last.memory.as_ref().ok()?);
            Some(rate(value(now), value(last)))
        };
        let dentries = |value: fn(&DentryState) -> u64| {
            let (now, last) = (now.dentries.as_ref().ok()?, last.dentries.as_ref().ok()?);
            Some(rate(value(now), value(last)))
        };
        let caches = match (&now.caches, &last.caches) {
            (Ok(now), Ok(last)) => changes(now, last, page_size),
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
                (Ok(now), Ok(last)) => Some(rate(now.total, last.total)),
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
            active,
            slabs,
            pages_per_slab: 1,
            ..Cache::default()
        };
        let last = [cache("a", 10, 1), cache("b", u64::MAX, 0), cache("c", 0, 0)];
        let now = [cache("new", 1, 1), cache("b", 0, 0), cache("a", 7, 2)];
        let changes = changes(&now, &last, 4096);
        assert_eq!(changes[0], None);
        assert_eq!(changes[1].unwrap().objects, -i64::MAX, "does not overflow");
        let a = Change {
            objects: -3,
            bytes: 4096,
        };
        assert_eq!(changes[2], Some(a));
    }
}
