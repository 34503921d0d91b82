//! Sums over all caches, as in the five lines at slabtop's top.

use std::fmt;

use serde::Serialize;

use super::Cache;
use crate::text;

/// Sums over all caches. None overflows: what would is the greatest figure there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Objects that all slabs have room for.
    pub objects: u64,
    /// Objects allocated.
    pub active_objects: u64,
    /// Slabs.
    pub slabs: u64,
    /// Slabs with an object allocated.
    pub active_slabs: u64,
    /// Caches.
    pub caches: u64,
    /// Caches that have slabs.
    pub active_caches: u64,
    /// Pages of all slabs: compares with `Slab:` of /proc/meminfo.
    pub size_bytes: u64,
    /// Room for objects times their size, which is slabtop's size: rests of slabs and pages that
    /// kmalloc took without a cache are missing from it.
    pub object_bytes: u64,
    /// Objects allocated times their size.
    pub active_object_bytes: u64,
    /// The smallest size of an object.
    pub object_min_bytes: u64,
    /// The mean over all objects.
    pub object_mean_bytes: u64,
    /// The greatest.
    pub object_max_bytes: u64,
}

impl Totals {
    /// Over these caches.
    pub fn of(caches: &[Cache], page_size: u64) -> Self {
        let sizes = || caches.iter().map(|cache| cache.object_size);
        let mut totals = Self {
            object_min_bytes: sizes().min().unwrap_or(0),
            object_max_bytes: sizes().max().unwrap_or(0),
            ..Self::default()
        };
        for cache in caches {
            let bytes = |objects: u64| objects.saturating_mul(cache.object_size);
            for (sum, figure) in [
                (&mut totals.objects, cache.objects),
                (&mut totals.active_objects, cache.active),
                (&mut totals.slabs, cache.slabs),
                (&mut totals.active_slabs, cache.active_slabs),
                (&mut totals.caches, 1),
                (&mut totals.active_caches, u64::from(cache.objects > 0)),
                (&mut totals.size_bytes, cache.size(page_size)),
                (&mut totals.object_bytes, bytes(cache.objects)),
                (&mut totals.active_object_bytes, bytes(cache.active)),
            ] {
                *sum = sum.saturating_add(figure);
            }
        }
        totals.object_mean_bytes = totals.object_bytes.checked_div(totals.objects).unwrap_or(0);
        totals
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part, whole| text::percent(part, whole).unwrap_or(0);
        writeln!(
            f,
            "Objects {} of {} active ({}%), slabs {} of {}, caches {} of {}",
            text::count(self.active_objects),
            text::count(self.objects),
            percent(self.active_objects, self.objects),
            text::count(self.active_slabs),
            text::count(self.slabs),
            self.active_caches,
            self.caches,
        )?;
        write!(
            f,
            "Size of slabs {}, of objects {} of {}, an object {} to {}, {} on average",
            text::bytes(self.size_bytes),
            text::bytes(self.active_object_bytes),
            text::bytes(self.object_bytes),
            text::bytes(self.object_min_bytes),
            text::bytes(self.object_max_bytes),
            text::bytes(self.object_mean_bytes),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_figures_do_not_overflow() {
        let max = u64::MAX;
        let cache = Cache {
            active: max,
            objects: max,
            object_size: max,
            objects_per_slab: max,
            pages_per_slab: max,
            active_slabs: max,
            slabs: max,
            ..Cache::default()
        };
        let totals = Totals::of(&[cache.clone(), cache], 4096);
        assert_eq!(totals.objects, max);
        assert_eq!(totals.size_bytes, max);
        assert_eq!(totals.object_bytes, max);
        assert_eq!((totals.caches, totals.active_caches), (2, 2));
        assert_eq!(Totals::of(&[], 4096), Totals::default());
    }
}
