//! Sums over all caches, as in the five lines at slabtop's top.

use std::fmt;

use serde::Serialize;

use super::Cache;
use crate::base::text;

/// Sums over all caches. None overflows: a sum that would is the greatest figure there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Objects that slabs have room for, without [`Self::caches_without_active`].
    pub objects: u64,
    /// Objects allocated, without [`Self::caches_without_active`].
    pub active_objects: u64,
    /// Caches whose kernel printed more active objects or slabs than there are.
    pub caches_without_active: u64,
    /// Slabs.
    pub slabs: u64,
    /// Slabs with an object allocated.
    pub active_slabs: u64,
    /// Caches.
    pub caches: u64,
    /// Caches that have slabs.
    pub active_caches: u64,
    /// Pages of all slabs: compares with `Slab:` of /proc/meminfo.
    /// None: the size of a page is not known.
    pub size_bytes: Option<u64>,
    /// Room for objects times their size, which is slabtop's size: rests of slabs and pages that
    /// kmalloc took without a cache are missing from it.
    pub object_bytes: u64,
    /// Objects allocated times their size.
    pub active_object_bytes: u64,
    /// The smallest size of an object.
    pub object_min_bytes: u64,
    /// The mean over all objects.
    pub object_mean_bytes: u64,
    /// The greatest size of an object.
    pub object_max_bytes: u64,
}

impl Totals {
    /// Sums over `caches`.
    pub fn of(caches: &[Cache], page_size: Option<u64>) -> Self {
        let sizes = || caches.iter().map(|cache| cache.object_size);
        let mut totals = Self {
            object_min_bytes: sizes().min().unwrap_or(0),
            object_max_bytes: sizes().max().unwrap_or(0),
            ..Self::default()
        };
        let (mut pages, mut objects_all) = (0_u64, 0_u64);
        for cache in caches {
            let bytes = |objects: u64| objects.saturating_mul(cache.object_size);
            let active = cache.active.unwrap_or(0);
            let objects = cache.active.map_or(0, |_| cache.objects);
            let unknown = cache.active.is_none() || cache.active_slabs.is_none();
            for (sum, figure) in [
                (&mut totals.objects, objects),
                (&mut totals.active_objects, active),
                (&mut totals.caches_without_active, u64::from(unknown)),
                (&mut totals.slabs, cache.slabs),
                (&mut totals.active_slabs, cache.active_slabs.unwrap_or(0)),
                (&mut totals.caches, 1),
                (&mut totals.active_caches, u64::from(cache.objects > 0)),
                (&mut pages, cache.size(1)),
                (&mut objects_all, cache.objects),
                (&mut totals.object_bytes, bytes(cache.objects)),
                (&mut totals.active_object_bytes, bytes(active)),
            ] {
                *sum = sum.saturating_add(figure);
            }
        }
        totals.size_bytes = page_size.map(|size| pages.saturating_mul(size));
        totals.object_mean_bytes = totals.object_bytes.checked_div(objects_all).unwrap_or(0);
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
        if self.caches_without_active > 0 {
            let caches = text::counted(self.caches_without_active, "cache");
            writeln!(
                f,
                "Objects without {caches} with more active ones than there is room for"
            )?;
        }
        write!(
            f,
            "Size of slabs {}, of objects {} of {}, an object {} to {}, {} on average",
            text::known(self.size_bytes, text::bytes),
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
    fn greatest_figures_do_not_overflow() {
        let max = u64::MAX;
        let cache = Cache {
            active: Some(max),
            objects: max,
            object_size: max,
            objects_per_slab: max,
            pages_per_slab: max,
            active_slabs: Some(max),
            slabs: max,
            ..Cache::default()
        };
        let totals = Totals::of(&[cache.clone(), cache], Some(4096));
        assert_eq!(totals.objects, max);
        assert_eq!(totals.size_bytes, Some(max));
        assert_eq!(totals.object_bytes, max);
        assert_eq!((totals.caches, totals.active_caches), (2, 2));
        assert_eq!(Totals::of(&[], None), Totals::default());
    }
    #[test]
    fn cache_with_an_impossible_figure_is_not_in_the_totals() {
        let cache = |active, objects| Cache {
            active,
            objects,
            object_size: 10,
            active_slabs: Some(1),
            slabs: 1,
            pages_per_slab: 1,
            ..Cache::default()
        };
        let totals = Totals::of(&[cache(Some(90), 100), cache(None, 50)], Some(4096));
        assert_eq!((totals.active_objects, totals.objects), (90, 100));
        assert_eq!(totals.caches_without_active, 1);
        assert_eq!(totals.size_bytes, Some(8192), "its slabs are there");
        let text = totals.to_string();
        assert!(text.contains("90 of 100 active (90%)"), "{text}");
        assert!(
            text.contains("without 1 cache with more active ones"),
            "{text}"
        );
    }
}
