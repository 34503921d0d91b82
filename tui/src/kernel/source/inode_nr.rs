//! /proc/sys/fs/inode-nr.

use super::lines::Parsed;
use super::{Malformed, numbers};

/// All inodes of the machine, in counts (fs/inode.c: `struct inodes_stat_t`, Linux 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InodeNr {
    /// All inodes (`nr_inodes`). None here and below: the counter ran below zero.
    pub total: Option<u64>,
    /// On the LRU list of their superblock (`nr_unused`).
    pub lru: Option<u64>,
}

/// Two fields in a line.
pub fn parse(text: &str) -> Result<Parsed<InodeNr>, Malformed> {
    let figures = numbers(text, ["nr_inodes", "nr_unused"])?;
    Ok(figures.map(|[total, lru]| InodeNr { total, lru }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_fields_are_parsed() {
        let expected = InodeNr {
            total: Some(207_674),
            lru: Some(12),
        };
        assert_eq!(parse("207674\t12\n").unwrap().value, expected);
        assert_eq!(parse("\u{feff}207674\t12\r\n").unwrap().value, expected);
        assert!(parse("207674\n").is_err());
    }

    #[test]
    fn counter_below_zero_is_unknown_and_reported() {
        for negative in ["-3", "18446744073709551613"] {
            let read = parse(&format!("{negative}\t12\n")).unwrap();
            assert_eq!((read.value.total, read.value.lru), (None, Some(12)));
            let first = read.skipped.first.unwrap().to_string();
            assert_eq!(
                first,
                format!("line 1: nr_inodes ran below zero: {negative}")
            );
        }
    }
}
