//! The slab screen's state and its columns as data.

use std::cmp::Ordering;

use crate::model::Shown;
use crate::source::Cache;

/// What the table can be sorted by: slabtop's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Objects allocated.
    Active,
    /// Objects in a slab.
    ObjectsPerSlab,
    /// Bytes of all slabs.
    Size,
    /// Slabs.
    Slabs,
    /// Slabs with an object allocated.
    ActiveSlabs,
    /// Name, from A.
    Name,
    /// Objects there is room for.
    Objects,
    /// Pages in a slab.
    PagesPerSlab,
    /// Bytes of an object.
    ObjectSize,
    /// Part of the objects that is allocated.
    Use,
}

impl Column {
    /// In words, for the table's title.
    pub fn words(self) -> &'static str {
        match self {
            Self::Active => "active objects",
            Self::ObjectsPerSlab => "objects per slab",
            Self::Size => "cache size",
            Self::Slabs => "slabs",
            Self::ActiveSlabs => "active slabs",
            Self::Name => "name",
            Self::Objects => "objects",
            Self::PagesPerSlab => "pages per slab",
            Self::ObjectSize => "object size",
            Self::Use => "use",
        }
    }

    /// In the natural order of the column: figures from the greatest, names from A.
    fn compare(self, a: &Cache, b: &Cache, page_size: u64) -> Ordering {
        let figure = |cache: &Cache| match self {
            Self::Active => cache.active,
            Self::ObjectsPerSlab => cache.objects_per_slab,
            Self::Size | Self::Name => cache.size(page_size),
            Self::Slabs => cache.slabs,
            Self::ActiveSlabs => cache.active_slabs,
            Self::Objects => cache.objects,
            Self::PagesPerSlab => cache.pages_per_slab,
            Self::ObjectSize => cache.object_size,
            Self::Use => crate::text::percent(cache.active, cache.objects).unwrap_or(0),
        };
        let figures = match self {
            Self::Name => Ordering::Equal,
            _ => figure(b).cmp(&figure(a)),
        };
        figures.then_with(|| a.name.cmp(&b.name))
    }
}

/// The slab screen's state.
#[derive(Clone, Debug)]
pub struct Slabs {
    /// Sorted by.
    pub sort: Column,
    /// Against the column's natural order.
    pub reverse: bool,
    /// Only names that hold this, in either case.
    pub filter: String,
    /// The selected cache's name. None: whichever is first.
    pub selected: Option<String>,
}

impl Default for Slabs {
    fn default() -> Self {
        Self {
            sort: Column::Size,
            reverse: false,
            filter: String::new(),
            selected: None,
        }
    }
}

impl Slabs {
    /// The caches that pass the filter, in order.
    pub fn rows<'a>(&self, shown: &'a Shown, page_size: u64) -> Vec<&'a Cache> {
        let filter = self.filter.to_lowercase();
        let caches = shown.sample.caches.as_deref().unwrap_or_default();
        let mut rows: Vec<_> = caches
            .iter()
            .filter(|cache| filter.is_empty() || cache.name.to_lowercase().contains(&filter))
            .collect();
        rows.sort_by(|a, b| {
            let order = self.sort.compare(a, b, page_size);
            if self.reverse { order.reverse() } else { order }
        });
        rows
    }

    /// Where the selected cache is among `rows`; the first if it is gone.
    pub fn index(&self, rows: &[&Cache]) -> usize {
        let selected = self.selected.as_deref();
        rows.iter()
            .position(|cache| Some(cache.name.as_str()) == selected)
            .unwrap_or(0)
    }
}
