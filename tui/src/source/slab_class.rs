//! /sys/kernel/slab/NAME/reclaim_account.

use std::fs;
use std::path::Path;

/// Whether a cache's pages count as SReclaimable or as SUnreclaim (mm/slub.c:
/// `SLAB_RECLAIM_ACCOUNT`, Linux 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// A shrinker can empty it.
    Reclaimable,
    /// None can.
    Unreclaimable,
    /// The kernel does not tell.
    #[default]
    Unknown,
}

impl Class {
    /// One letter: R, U or ?.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Reclaimable => "R",
            Self::Unreclaimable => "U",
            Self::Unknown => "?",
        }
    }
}

/// `1` or `0`.
pub fn parse(text: &str) -> Class {
    match text.trim_end() {
        "1" => Class::Reclaimable,
        "0" => Class::Unreclaimable,
        _ => Class::Unknown,
    }
}

/// Without sysfs or without permission the class is unknown and nothing else is lost.
pub fn read(root: &Path, cache: &str) -> Class {
    // A cache's name is the kernel's, but a path is made of it: none leads elsewhere.
    if cache.contains('/') || cache.starts_with('.') {
        return Class::Unknown;
    }
    let path = root
        .join("sys/kernel/slab")
        .join(cache)
        .join("reclaim_account");
    fs::read_to_string(path).map_or(Class::Unknown, |text| parse(&text))
}
