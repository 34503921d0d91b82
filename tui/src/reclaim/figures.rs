//! Figures that reclaim moves, before and after.

use serde::Serialize;

use crate::base::text::{bytes, count};
use crate::kernel::source::Kernel;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// As text.
    pub fn show(self, value: u64) -> String {
        match self {
            Self::Count => count(value),
            Self::Bytes => bytes(value),
        }
    }
}

/// A figure of the machine, or of what a rung reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Key in JSON, which ends in its unit.
    pub key: &'static str,
    /// Its name as text.
    pub what: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// None: the kernel does not report it.
    pub value: Option<u64>,
}

impl Figure {
    /// A number of things.
    pub fn count(key: &'static str, what: &'static str, value: Option<u64>) -> Self {
        let unit = Unit::Count;
        Self {
            key,
            what,
            unit,
            value,
        }
    }

    /// Bytes.
    pub fn bytes(key: &'static str, what: &'static str, value: Option<u64>) -> Self {
        let unit = Unit::Bytes;
        Self {
            key,
            what,
            unit,
            value,
        }
    }

    /// As text.
    pub fn show(&self) -> String {
        self.value.map_or("-".into(), |value| self.unit.show(value))
    }
}

/// A figure before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Right before.
    pub before: Figure,
    /// Once what was freed has left the figure.
    pub after: Figure,
}

/// The figures of the machine that reclaim moves, whichever rung: dentries, inodes, SReclaimable, page
/// cache.
pub fn machine(kernel: &mut Kernel) -> Vec<Figure> {
    let sample = kernel.sample_bare();
    let pages = kernel.page_cache().ok();
    let dentries = sample.dentries.ok();
    let memory = sample.memory.ok();
    vec![
        Figure::count(
            "dentries",
            "dentries",
            dentries.and_then(|state| state.total),
        ),
        Figure::count(
            "dentries_on_lru",
            "on the LRU",
            dentries.and_then(|state| state.lru),
        ),
        Figure::count(
            "inodes",
            "inodes",
            sample.inodes.ok().and_then(|inodes| inodes.total),
        ),
        Figure::bytes(
            "sreclaimable_bytes",
            "SReclaimable",
            memory.and_then(|memory| memory.sreclaimable),
        ),
        Figure::bytes(
            "page_cache_bytes",
            "page cache",
            pages.map(|pages| pages.file),
        ),
        Figure::bytes("dirty_bytes", "dirty", pages.map(|pages| pages.dirty)),
    ]
}

/// The figure of this key.
pub fn figure(figures: &[Figure], key: &str) -> Option<u64> {
    figures.iter().find(|figure| figure.key == key)?.value
}
