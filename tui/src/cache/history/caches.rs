//! Each cache over time. Most caches do not change for minutes, so only changes are kept.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::kernel::source::Cache;

/// A cache's figures from a moment on, until the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Was {
    /// Milliseconds since the start of the program.
    at: u64,
    /// Objects allocated; None: the kernel's figure was impossible.
    pub active: Option<u64>,
    /// Slabs.
    pub slabs: u64,
}

impl Was {
    fn of(at: Duration, cache: &Cache) -> Self {
        Self {
            at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            active: cache.active,
            slabs: cache.slabs,
        }
    }

    /// Time since the start of the program.
    pub fn at(&self) -> Duration {
        Duration::from_millis(self.at)
    }

    fn same(&self, other: &Self) -> bool {
        (self.active, self.slabs) == (other.active, other.slabs)
    }
}

#[derive(Clone, Debug, Default)]
struct Line {
    name: String,
    nth: u32,
    twins: u32,
    changes: VecDeque<Was>,
}

impl Line {
    fn is(&self, name: &str, nth: u32) -> bool {
        self.nth == nth && self.name == name
    }
}

/// All caches' changes, oldest first, in the order of the newest sample.
#[derive(Clone, Debug, Default)]
pub struct Caches {
    lines: Vec<Line>,
}

impl Caches {
    /// Changes that are kept of all caches together: 32 bytes each.
    const TOGETHER: usize = 65_536;
    /// Ten minutes at one a second.
    const EACH: usize = 600;

    /// Keeps what has changed.
    pub fn push(&mut self, at: Duration, caches: &[Cache]) {
        self.align(caches);
        let most = (Self::TOGETHER / caches.len().max(1)).clamp(8, Self::EACH);
        for (line, cache) in self.lines.iter_mut().zip(caches) {
            let was = Was::of(at, cache);
            if line.changes.back().is_some_and(|last| last.same(&was)) {
                continue;
            }
            while line.changes.len() >= most {
                line.changes.pop_front();
            }
            line.changes.push_back(was);
        }
    }

    /// Makes the lines those of `caches`. The kernel keeps the order of its caches: there is hardly
    /// ever something to do.
    fn align(&mut self, caches: &[Cache]) {
        let aligned =
            self.lines.len() == caches.len()
                && self.lines.iter().zip(caches).all(|(line, cache)| {
                    line.is(&cache.name, cache.nth) && line.twins == cache.twins
                });
        if aligned {
            return;
        }
        let old = std::mem::take(&mut self.lines);
        let mut old: HashMap<_, _> = old
            .into_iter()
            .map(|line| ((line.name, line.nth), (line.twins, line.changes)))
            .collect();
        let line = |cache: &Cache| {
            let past = old.remove(&(cache.name.clone(), cache.nth));
            // Of several caches of one name it is unknown which has gone.
            let past = past.filter(|(twins, _)| *twins <= cache.twins);
            Line {
                name: cache.name.clone(),
                nth: cache.nth,
                twins: cache.twins,
                changes: past.map(|(_, changes)| changes).unwrap_or_default(),
            }
        };
        self.lines = caches.iter().map(line).collect();
    }

    /// The changes of a cache, by its name and [`Cache::nth`]. `index`: its probable place in the
    /// newest sample.
    pub fn of(&self, index: usize, name: &str, nth: u32) -> impl DoubleEndedIterator<Item = &Was> {
        let line = self.lines.get(index).filter(|line| line.is(name, nth));
        let line = line.or_else(|| self.lines.iter().find(|line| line.is(name, nth)));
        line.into_iter().flat_map(|line| line.changes.iter())
    }

    /// The objects allocated at the end of each of `buckets` parts of the time from `begin` to
    /// `end`; None before the cache was first seen.
    pub fn sampled(
        &self,
        (index, name, nth): (usize, &str, u32),
        begin: Duration,
        end: Duration,
        buckets: usize,
    ) -> Vec<Option<u64>> {
        let mut changes = self.of(index, name, nth).peekable();
        let mut value = None;
        let part = end.saturating_sub(begin) / u32::try_from(buckets.max(1)).unwrap_or(1);
        (1..=buckets)
            .map(|bucket| {
                let until = match u32::try_from(bucket) {
                    Ok(n) if bucket < buckets => begin + part * n,
                    _ => end,
                };
                while let Some(was) = changes.next_if(|was| was.at() <= until) {
                    value = was.active;
                }
                value
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(name: &str, active: u64) -> Cache {
        Cache {
            name: name.into(),
            active: Some(active),
            ..Cache::default()
        }
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn only_changes_are_kept_up_to_the_limit() {
        let mut caches = Caches::default();
        for second in 0..2_000 {
            caches.push(
                seconds(second),
                &[cache("still", 7), cache("grows", second)],
            );
        }
        assert_eq!(caches.of(0, "still", 0).count(), 1);
        assert_eq!(caches.of(1, "grows", 0).count(), Caches::EACH);
        let many: Vec<_> = (0..2_000).map(|n| cache(&n.to_string(), 0)).collect();
        for second in 0..100 {
            let mut many = many.clone();
            many.iter_mut()
                .for_each(|cache| cache.active = Some(second));
            caches.push(seconds(2_000 + second), &many);
        }
        let kept: usize = caches.lines.iter().map(|line| line.changes.len()).sum();
        assert!(kept <= Caches::TOGETHER, "{kept}");
    }

    #[test]
    fn cache_keeps_its_past_when_another_appears_and_loses_it_when_it_goes() {
        let mut caches = Caches::default();
        caches.push(seconds(1), &[cache("a", 1), cache("b", 1)]);
        caches.push(seconds(2), &[cache("new", 1), cache("a", 2), cache("b", 1)]);
        assert_eq!(caches.of(1, "a", 0).count(), 2);
        assert_eq!(caches.of(9, "a", 0).count(), 2, "found wherever it is");
        caches.push(seconds(3), &[cache("new", 1), cache("b", 1)]);
        assert_eq!(caches.of(1, "a", 0).count(), 0);
    }

    #[test]
    fn caches_of_one_name_keep_their_own_past() {
        let twin = |nth, twins, active| Cache {
            nth,
            twins,
            ..cache("a", active)
        };
        let mut caches = Caches::default();
        caches.push(seconds(1), &[twin(1, 1, 10), twin(0, 1, 20)]);
        caches.push(
            seconds(2),
            &[cache("new", 1), twin(1, 1, 11), twin(0, 1, 20)],
        );
        let past = |caches: &Caches, nth| -> Vec<_> {
            caches
                .of(9, "a", nth)
                .filter_map(|was| was.active)
                .collect()
        };
        assert_eq!(past(&caches, 1), [10, 11]);
        assert_eq!(past(&caches, 0), [20]);
        caches.push(seconds(3), &[cache("new", 1), cache("a", 20)]);
        assert_eq!(
            past(&caches, 0),
            [20],
            "begins anew: nothing tells which has gone"
        );
        assert_eq!(caches.of(1, "a", 0).next().unwrap().at(), seconds(3));
    }

    #[test]
    fn sampled_holds_the_last_value() {
        let mut caches = Caches::default();
        caches.push(seconds(5), &[cache("a", 10)]);
        caches.push(seconds(9), &[cache("a", 20)]);
        let sampled = caches.sampled((0, "a", 0), seconds(0), seconds(16), 4);
        assert_eq!(sampled, [None, Some(10), Some(20), Some(20)]);
    }
}
