//! Changes from print to print.

use std::time::{Duration, Instant};

use crate::cache::history::{Since, changes};
use crate::kernel::source::{Cache, Sample};
use crate::ui::model::{Line, Row};

/// A cache of a sample, and its change.
#[derive(Clone, Copy, Debug)]
pub struct Grown<'a> {
    /// The cache.
    pub cache: &'a Cache,
    /// Its change since the last print, and since the first in the place of the mark.
    row: Row,
    elapsed: Duration,
}

impl Grown<'_> {
    /// Its line, as the screen's columns take it.
    pub fn line(&self, page_size: Option<u64>) -> Line<'_> {
        Line {
            cache: self.cache,
            row: &self.row,
            elapsed: self.elapsed,
            page_size,
        }
    }

    /// Change of its objects per second since the last print, if it was there.
    pub fn per_second(&self) -> Option<f64> {
        self.line(None).growth()
    }

    /// Change of its objects since the first print, if it was there.
    pub fn since_first(&self) -> Option<i64> {
        Some(self.line(None).marked()?.objects)
    }

    /// Whether it was not there at the first print.
    pub fn is_new(&self) -> bool {
        self.row.since_mark == Some(Since::New)
    }
}

/// The prints that the next one is compared with.
#[derive(Debug, Default)]
pub struct Earlier {
    first: Option<Vec<Cache>>,
    last: Option<(Instant, Vec<Cache>)>,
}

impl Earlier {
    /// The caches of a sample taken at `at`; none if they could not be read.
    pub fn compare<'a>(&self, sample: &'a Sample, at: Instant) -> Vec<Grown<'a>> {
        let caches = sample.caches.as_deref().unwrap_or_default();
        let since = |last: &[Cache]| changes(caches, last);
        let first = self.first.as_deref().map(since);
        let last = self.last.as_ref().map(|(_, last)| since(last));
        let elapsed = self.last.as_ref().map(|(then, _)| at - *then);
        let grown = |(index, cache)| Grown {
            cache,
            row: Row {
                index,
                change: last.as_ref().and_then(|changes| changes[index].change()),
                since_mark: first.as_ref().map(|changes| changes[index]),
                merged: 0,
            },
            elapsed: elapsed.unwrap_or_default(),
        };
        caches.iter().enumerate().map(grown).collect()
    }

    /// Keeps a sample for the next; one without caches is none.
    pub fn keep(&mut self, sample: Sample, at: Instant) {
        if let Ok(caches) = sample.caches {
            self.first.get_or_insert_with(|| caches.clone());
            self.last = Some((at, caches));
        }
    }
}
