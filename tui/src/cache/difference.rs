//! How the figures of two moments differ.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::SystemTime;

use crate::kernel::source::{Cache, CacheId, Sample};

/// A slab cache at two moments, one of which it may not have been there at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheChange {
    /// Which one.
    pub id: CacheId,
    /// The very bytes of a name that is no UTF-8.
    pub raw_name: Option<Box<[u8]>>,
    /// Bytes of its slabs before; None: it was not there.
    pub before: Option<u64>,
    /// Bytes of its slabs after; None: it is gone.
    pub after: Option<u64>,
    /// By how much the number of its objects changed; None: unknown.
    pub objects: Option<i64>,
}

impl CacheChange {
    /// By how many bytes it grew; one that was not there grew from nothing.
    pub fn bytes(&self) -> i64 {
        change(self.before.unwrap_or(0), self.after.unwrap_or(0))
    }
}

/// By how much a figure grew.
pub fn change(before: u64, after: u64) -> i64 {
    let size = i64::try_from(before.abs_diff(after)).unwrap_or(i64::MAX);
    if after < before { -size } else { size }
}

/// All caches that changed in size or in objects, what grew most first. None: the caches of one of
/// the two moments, or the size of a page, are not known.
pub fn caches(before: &Sample, after: &Sample) -> Option<Vec<CacheChange>> {
    let was = before.caches.as_deref().ok()?;
    let now = after.caches.as_deref().ok()?;
    let (page_before, page_after) = (before.page_size?, after.page_size?);
    let mut was: HashMap<CacheId, &Cache> = was.iter().map(|cache| (cache.id(), cache)).collect();
    let mut changes: Vec<_> = now
        .iter()
        .map(|cache| {
            let was = was.remove(&cache.id());
            let objects = cache.active.zip(was.map_or(Some(0), |was| was.active));
            CacheChange {
                id: cache.id(),
                raw_name: cache.raw_name.clone(),
                before: was.map(|was| was.size(page_before)),
                after: Some(cache.size(page_after)),
                objects: objects.map(|(now, was)| change(was, now)),
            }
        })
        .collect();
    changes.extend(was.into_values().map(|cache| CacheChange {
        id: cache.id(),
        raw_name: cache.raw_name.clone(),
        before: Some(cache.size(page_before)),
        after: None,
        objects: cache.active.map(|was| change(was, 0)),
    }));
    changes.retain(|change| change.bytes() != 0 || change.objects != Some(0));
    changes.sort_by_key(|change| {
        (
            Reverse(change.bytes()),
            change.id.name.clone(),
            change.id.nth,
        )
    });
    Some(changes)
}

/// The slope of the line that fits a series best, a second. None: it has less than three points, or
/// they are of one moment.
pub fn slope(series: &[(SystemTime, u64)]) -> Option<f64> {
    let (first, _) = series.first().filter(|_| series.len() >= 3)?;
    let seconds = |at: &SystemTime| match at.duration_since(*first) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    };
    let count = series.len() as f64;
    let mean = |of: &dyn Fn(&(SystemTime, u64)) -> f64| series.iter().map(of).sum::<f64>() / count;
    let (time, figure) = (
        mean(&|(at, _)| seconds(at)),
        mean(&|(_, figure)| *figure as f64),
    );
    let (mut both, mut square) = (0.0, 0.0);
    for (at, value) in series {
        let off = seconds(at) - time;
        both += off * (*value as f64 - figure);
        square += off * off;
    }
    (square > 0.0).then(|| both / square)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::kernel::source::{Cause, SourceError};

    fn sample(caches: Vec<Cache>) -> Sample {
        fn missing<T>() -> Result<T, SourceError> {
            Err(SourceError {
                path: "/proc/x".into(),
                cause: Cause::Unreadable(std::io::ErrorKind::NotFound, String::new()),
            })
        }
        Sample {
            caches: Ok(caches),
            memory: missing(),
            dentries: missing(),
            inodes: missing(),
            merged: Arc::default(),
            page_size: Some(4096),
            gaps: Vec::new(),
        }
    }

    fn cache(name: &str, nth: u32, active: Option<u64>, slabs: u64) -> Cache {
        Cache {
            name: name.into(),
            nth,
            active,
            slabs,
            pages_per_slab: 1,
            ..Cache::default()
        }
    }

    #[test]
    fn what_grew_most_is_first_and_what_stayed_is_left_out() {
        let before = sample(vec![
            cache("same", 0, Some(5), 1),
            cache("falls", 0, Some(100), 10),
            cache("gone", 0, Some(10), 1),
            cache("twin", 0, Some(1), 1),
            cache("twin", 1, Some(1), 1),
            cache("unknown", 0, None, 1),
        ]);
        let after = sample(vec![
            cache("same", 0, Some(5), 1),
            cache("falls", 0, Some(50), 5),
            cache("new", 0, Some(3), 2),
            cache("twin", 0, Some(1), 1),
            cache("twin", 1, Some(9), 9),
            cache("unknown", 0, Some(9), 1),
        ]);
        let changes = caches(&before, &after).unwrap();
        let rows: Vec<_> = changes
            .iter()
            .map(|change| {
                (
                    &*change.id.name,
                    change.id.nth,
                    change.bytes() / 4096,
                    change.objects,
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("twin", 1, 8, Some(8)),
                ("new", 0, 2, Some(3)),
                ("unknown", 0, 0, None),
                ("gone", 0, -1, Some(-10)),
                ("falls", 0, -5, Some(-50)),
            ]
        );
        assert_eq!((changes[1].before, changes[3].after), (None, None));
    }

    #[test]
    fn slope_is_that_of_the_line_through_the_points() {
        let at = |second| UNIX_EPOCH + Duration::from_secs(second);
        let line: Vec<_> = (0..10).map(|n| (at(n * 60), 1_000 + n * 120)).collect();
        assert!((slope(&line).unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(slope(&line[..2]), None);
        assert_eq!(slope(&[(at(5), 1), (at(5), 2), (at(5), 3)]), None);
    }
}
