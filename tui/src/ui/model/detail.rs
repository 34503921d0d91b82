//! The details of one cache.

use crate::kernel::source::{Attributes, CacheId, SourceError};

/// The cache whose details are shown, and the scroll position of its text.
#[derive(Debug)]
pub struct Detail {
    /// Identity of the cache.
    pub cache: CacheId,
    /// From sysfs; None until they are read.
    pub attributes: Option<Result<Attributes, SourceError>>,
    /// They are being read.
    pub reading: bool,
    /// Lines of its text that are above the screen.
    pub scroll: u16,
}

impl Detail {
    /// Details of a cache whose attributes are being read.
    pub fn new(cache: CacheId) -> Self {
        Self {
            cache,
            attributes: None,
            reading: true,
            scroll: 0,
        }
    }

    /// The attributes, as far as they are known. Sysfs has one directory for each name: that of the
    /// oldest cache of it (mm/slub.c: `sysfs_slab_add()`, Linux 7.3).
    pub fn known(&self) -> Option<&Attributes> {
        match self.cache.nth {
            0 => self.attributes.as_ref()?.as_ref().ok(),
            _ => None,
        }
    }
}
