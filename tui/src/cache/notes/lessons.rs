//! The experiment of the lab (docs/learn) that demonstrates a cache.

/// An experiment: `cargo lab learn NUMBER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// Its number.
    pub number: usize,
    /// What it shows.
    pub title: &'static str,
}

const fn lesson_(number: usize, title: &'static str) -> Lesson {
    Lesson { number, title }
}

/// The experiments that the program refers to.
pub const LESSONS: [Lesson; 4] = [
    lesson_(1, "What a negative dentry is"),
    lesson_(2, "Why tmpfs has no negative dentries"),
    lesson_(4, "drop_caches 1, 2, 3"),
    lesson_(5, "Make your own slab cache"),
];

/// The experiment about a cache of this name.
pub fn lesson(name: &str) -> Option<Lesson> {
    let [negative, tmpfs, drop_caches, own_cache] = LESSONS;
    match name {
        "dentry" => Some(negative),
        "shmem_inode_cache" => Some(tmpfs),
        "inode_cache" | "xfs_inode" | "btrfs_inode" => Some(drop_caches),
        _ if name.ends_with("_inode_cache") => Some(drop_caches),
        _ if name.starts_with("demo_") => Some(own_cache),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_lead_to_the_experiment_that_shows_them() {
        let number = |name| lesson(name).map(|lesson| lesson.number);
        assert_eq!(number("dentry"), Some(1));
        assert_eq!(number("shmem_inode_cache"), Some(2));
        assert_eq!(number("ext4_inode_cache"), Some(4));
        assert_eq!(number("demo_odd"), Some(5));
        assert_eq!(number("kmalloc-64"), None);
    }
}
