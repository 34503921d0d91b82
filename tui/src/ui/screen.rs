//! The screens, and the pages that cover one.

/// A screen.
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

/// A page that covers the tree until the user leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// A directory's negative names.
    Names,
    /// The directories that hold the most, over all filesystems.
    Hotspots,
}
