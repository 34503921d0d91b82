//! The screens, and the pages that cover one.

/// Which screen is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// The slab caches.
    Slabs,
    /// The directory tree by what is cached of it.
    Tree,
    /// The superblocks.
    Filesystems,
    /// The memory controllers.
    Cgroups,
    /// The charts.
    History,
}

/// What covers the tree until it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// A directory's negative names.
    Names,
    /// The directories that hold the most, over all filesystems.
    Hotspots,
}
