//! /proc/sys/fs/inode-nr.

use super::{Malformed, numbers};

/// All inodes of the machine, in counts (fs/inode.c: `struct inodes_stat_t`, Linux 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InodeNr {
    /// All inodes (`nr_inodes`).
    pub total: u64,
    /// On the LRU list of their superblock (`nr_unused`).
    pub lru: u64,
}

/// Two fields in a line.
pub fn parse(text: &str) -> Result<InodeNr, Malformed> {
    let [total, lru] = numbers(text, ["nr_inodes", "nr_unused"])?;
    Ok(InodeNr { total, lru })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_fields() {
        let expected = InodeNr {
            total: 207_674,
            lru: 12,
        };
        assert_eq!(parse("207674\t12\n"), Ok(expected));
        assert!(parse("207674\n").is_err());
    }
}
