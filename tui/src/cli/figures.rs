//! What `report` and `diff` show of two moments: the machine's figures, the names of caches.

use crate::base::text::{bytes, count, known, printable, printable_bytes, signed_bytes};
use crate::cache::difference::{CacheChange, change};
use crate::kernel::source::Sample;

/// A figure of the machine.
pub(super) struct Figure {
    name: &'static str,
    /// Its name in JSON.
    pub key: &'static str,
    is_bytes: bool,
    /// The figure; None: unknown.
    pub of: fn(&Sample) -> Option<u64>,
}

/// All of them.
pub(super) const FIGURES: [Figure; 9] = [
    figure("MemAvailable", "available_bytes", true, |of| {
        of.memory.as_ref().ok()?.available
    }),
    figure("Slab", "slab_bytes", true, |of| {
        of.memory.as_ref().ok()?.slab
    }),
    figure("SReclaimable", "sreclaimable_bytes", true, |of| {
        of.memory.as_ref().ok()?.sreclaimable
    }),
    figure("SUnreclaim", "sunreclaim_bytes", true, |of| {
        of.memory.as_ref().ok()?.sunreclaim
    }),
    figure("Dentries", "dentries", false, |of| {
        of.dentries.as_ref().ok()?.total
    }),
    figure("Dentries on the LRU", "dentries_lru", false, |of| {
        of.dentries.as_ref().ok()?.lru
    }),
    figure(
        "Negative dentries on the LRU",
        "dentries_lru_negative",
        false,
        |of| of.dentries.as_ref().ok()?.lru_negative,
    ),
    figure("Inodes", "inodes", false, |of| {
        of.inodes.as_ref().ok()?.total
    }),
    figure("Inodes on the LRU", "inodes_lru", false, |of| {
        of.inodes.as_ref().ok()?.lru
    }),
];

const fn figure(
    name: &'static str,
    key: &'static str,
    is_bytes: bool,
    of: fn(&Sample) -> Option<u64>,
) -> Figure {
    Figure {
        name,
        key,
        is_bytes,
        of,
    }
}

impl Figure {
    /// Its name, its values at two moments, and the change.
    pub(super) fn cells(&self, before: &Sample, after: &Sample) -> [String; 4] {
        let [before, after] = [before, after].map(|sample| (self.of)(sample));
        let change = before
            .zip(after)
            .map(|(before, after)| self.change(before, after));
        let [before, after] = [before, after].map(|of| known(of, |of| self.text(of)));
        [self.name.into(), before, after, known(change, |text| text)]
    }

    fn text(&self, figure: u64) -> String {
        if self.is_bytes {
            bytes(figure)
        } else {
            count(figure)
        }
    }

    fn change(&self, before: u64, after: u64) -> String {
        match change(before, after) {
            by if self.is_bytes => signed_bytes(by),
            by => signed(by),
        }
    }
}

/// A change of a count with its sign.
pub(super) fn signed(by: i64) -> String {
    let sign = match by.signum() {
        1 => "+",
        -1 => "-",
        _ => "",
    };
    format!("{sign}{}", count(by.unsigned_abs()))
}

/// The name of a cache, escaped; of several with one name it says which.
pub(super) fn cache_name(change: &CacheChange) -> String {
    let name = match &change.raw_name {
        Some(bytes) => printable_bytes(bytes),
        None => printable(&change.id.name),
    };
    match change.id.nth {
        0 => name,
        nth => format!("{name} (after {nth} of this name)"),
    }
}
