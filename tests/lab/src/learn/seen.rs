//! What is read of the kernel before and after a step, and what is made of it.

use std::collections::BTreeMap;

/// A figure of the kernel's, and the command that reads it.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// What it is.
    pub name: &'static str,
    /// A shell command that prints it.
    pub read: &'static str,
}

/// Figures by their names.
pub type Reading = BTreeMap<String, f64>;

/// Everything that a check goes by.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The figures before.
    pub before: Reading,
    /// The figures after.
    pub after: Reading,
    /// What the commands printed.
    pub said: String,
    /// What `{n}` stood for.
    pub n: f64,
}

impl Seen {
    /// A figure before; not a number where it was not read.
    pub fn before(&self, probe: Probe) -> f64 {
        self.before.get(probe.name).copied().unwrap_or(f64::NAN)
    }

    /// A figure after.
    pub fn after(&self, probe: Probe) -> f64 {
        self.after.get(probe.name).copied().unwrap_or(f64::NAN)
    }

    /// By how much a figure grew.
    pub fn grew(&self, probe: Probe) -> f64 {
        self.after(probe) - self.before(probe)
    }

    /// The number that follows a word in what the commands printed, the last time it is there.
    pub fn said(&self, word: &str) -> f64 {
        let mut words = self.said.split_whitespace().rev();
        let mut number = "";
        loop {
            match words.next() {
                None => return f64::NAN,
                Some(found) if found == word => break,
                Some(other) => number = other,
            }
        }
        number.parse().unwrap_or(f64::NAN)
    }

    /// How often a text is in what the commands printed.
    pub fn times(&self, text: &str) -> f64 {
        self.said.matches(text).count() as f64
    }
}

/// Negative dentries that nobody uses.
pub const NEGATIVE: Probe = Probe {
    name: "negative dentries",
    read: "cut -f5 /proc/sys/fs/dentry-state",
};

/// Dentries on the LRU lists.
pub const UNUSED: Probe = Probe {
    name: "unused dentries (on the LRU)",
    read: "cut -f2 /proc/sys/fs/dentry-state",
};

/// Objects of the slab cache of dentries.
pub const DENTRY_OBJECTS: Probe = Probe {
    name: "objects in the slab cache dentry",
    read: "awk '$1 == \"dentry\" { print $2 }' /proc/slabinfo",
};

/// Bytes of one.
pub const DENTRY_SIZE: Probe = Probe {
    name: "bytes of a dentry",
    read: "awk '$1 == \"dentry\" { print $4 }' /proc/slabinfo",
};

/// Slab memory that reclaim may get back.
pub const RECLAIMABLE: Probe = Probe {
    name: "SReclaimable, KiB",
    read: "awk '/^SReclaimable:/ { print $2 }' /proc/meminfo",
};

/// Slab memory that it may not.
pub const UNRECLAIMABLE: Probe = Probe {
    name: "SUnreclaim, KiB",
    read: "awk '/^SUnreclaim:/ { print $2 }' /proc/meminfo",
};

/// Inodes in memory, of all filesystems.
pub const INODES: Probe = Probe {
    name: "inodes in memory",
    read: "cut -f1 /proc/sys/fs/inode-nr",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_grow_and_what_was_not_read_is_no_number() {
        let mut seen = Seen::default();
        seen.before.insert(NEGATIVE.name.to_owned(), 5.0);
        seen.after.insert(NEGATIVE.name.to_owned(), 105.0);
        assert_eq!(seen.grew(NEGATIVE), 100.0);
        assert!(seen.grew(UNUSED).is_nan());
    }

    #[test]
    fn the_number_behind_a_word_is_found() {
        let seen = Seen {
            said: "ext4_lookup 7 calls\nfiles 20 in 3 s\next4_lookup 12 calls".to_owned(),
            ..Seen::default()
        };
        assert_eq!(seen.said("ext4_lookup"), 12.0);
        assert_eq!(seen.said("files"), 20.0);
        assert!(seen.said("simple_lookup").is_nan());
        assert_eq!(seen.times("ext4"), 2.0);
    }
}
