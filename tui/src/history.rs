//! What was over time: points for the charts and rates between two samples.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::source::{DentryState, Memory, Sample};

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
    points: VecDeque<Point>,
    /// The prunes.
    pub markers: Vec<Marker>,
}

impl History {
    /// An hour at one sample a second.
    const CAPACITY: usize = 3600;

    /// Keeps what is charted of a sample. Samples of two threads may cross: the older is dropped.
    pub fn push(&mut self, at: Duration, sample: &Sample) {
        if self.points.back().is_some_and(|last| at <= last.at) {
            return;
        }
        if self.points.len() == Self::CAPACITY {
            self.points.pop_front();
        }
        self.points.push_back(Point {
            at,
            memory: sample.memory.as_ref().ok().copied(),
            dentries: sample.dentries.as_ref().ok().copied(),
        });
    }

    /// The points from the last one before `from`, so that a line reaches the edge of a chart, up
    /// to `to`.
    pub fn between(&self, from: Duration, to: Duration) -> impl Iterator<Item = &Point> {
        let first = self.points.partition_point(|point| point.at < from);
        let end = self.points.partition_point(|point| point.at <= to);
        self.points.range(first.saturating_sub(1).min(end)..end)
    }

    /// When the oldest point was taken.
    pub fn begin(&self) -> Option<Duration> {
        self.points.front().map(|point| point.at)
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
    /// Dentries on the LRU.
    pub lru: Option<f64>,
    /// Negative ones of those.
    pub lru_negative: Option<f64>,
    /// Allocated objects, by the cache's name.
    pub caches: HashMap<String, f64>,
}

impl Rates {
    /// From the earlier sample and the time between the two.
    pub fn new(now: &Sample, last: &Sample, elapsed: Duration) -> Self {
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
        let mut caches = HashMap::new();
        if let (Ok(now), Ok(last)) = (&now.caches, &last.caches) {
            let last: HashMap<_, _> = last.iter().map(|c| (c.name.as_str(), c.active)).collect();
            caches.extend(now.iter().filter_map(|cache| {
                let was = last.get(cache.name.as_str())?;
                Some((cache.name.clone(), rate(cache.active, *was)))
            }));
        }
        Self {
            sreclaimable: memory(|m| m.sreclaimable),
            sunreclaim: memory(|m| m.sunreclaim),
            dentries: dentries(|d| d.total),
            lru: dentries(|d| d.lru),
            lru_negative: dentries(|d| d.lru_negative),
            caches,
        }
    }
}
