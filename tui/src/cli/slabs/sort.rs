//! What the table can be sorted by.

use std::cmp::Ordering;

use clap::ValueEnum;

use crate::source::Cache;
use crate::text::percent;

/// A column of the table; the letters are slabtop's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    #[value(alias = "o")]
    Objects,
    #[value(alias = "a")]
    Active,
    #[value(alias = "u")]
    Use,
    #[value(alias = "s")]
    ObjectSize,
    #[value(alias = "l")]
    Slabs,
    #[value(alias = "v")]
    ActiveSlabs,
    #[value(alias = "b")]
    ObjectsPerSlab,
    #[value(alias = "p")]
    PagesPerSlab,
    #[value(alias = "c")]
    Size,
    #[value(alias = "i")]
    Idle,
    #[value(alias = "n")]
    Name,
}

/// The names with their letters.
pub fn help() -> String {
    let keys = Sort::value_variants().iter().filter_map(|sort| {
        let value = sort.to_possible_value()?;
        let names: Vec<_> = value.get_name_and_aliases().collect();
        Some(names.join("|"))
    });
    let keys: Vec<_> = keys.collect();
    format!("Sort by {}", keys.join(", "))
}

impl Sort {
    /// Figures from the greatest, names from A; what is alike in the order of the names.
    pub fn compare(self, a: &Cache, b: &Cache, page_size: u64) -> Ordering {
        let figure = |cache: &Cache| match self {
            Self::Objects => cache.objects,
            Self::Active => cache.active,
            Self::Use => percent(cache.active, cache.objects).unwrap_or(0),
            Self::ObjectSize => cache.object_size,
            Self::Slabs => cache.slabs,
            Self::ActiveSlabs => cache.active_slabs,
            Self::ObjectsPerSlab => cache.objects_per_slab,
            Self::PagesPerSlab => cache.pages_per_slab,
            Self::Size => cache.size(page_size),
            Self::Idle => cache.idle(page_size),
            Self::Name => 0,
        };
        let names = || a.name.cmp(&b.name);
        figure(b).cmp(&figure(a)).then_with(names)
    }
}
