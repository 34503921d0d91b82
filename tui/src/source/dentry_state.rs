//! /proc/sys/fs/dentry-state.

use super::{Malformed, numbers};

/// All dentries of the machine, in counts (fs/dcache.c: `struct dentry_stat_t`, Linux 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DentryState {
    /// All dentries (`nr_dentry`).
    pub total: u64,
    /// On the LRU list of their superblock (`nr_unused`): let go by all that referenced them, once
    /// at least. The kernel leaves them there when they are referenced again.
    pub lru: u64,
    /// Seconds: the kernel sets 45 and never reads it (`age_limit`).
    pub age_limit: u64,
    /// Pages asked of it by others: always 0 (`want_pages`).
    pub want_pages: u64,
    /// The negative ones of those on the LRU (`nr_negative`). Before Linux 5.0 always 0.
    pub lru_negative: u64,
    /// Not used by the kernel.
    pub dummy: u64,
}

impl DentryState {
    /// Not on the LRU: held by a reference ever since they were made, or since they were last taken
    /// off it. Their own children's references count (fs/dcache.c: `retain_dentry()`, Linux 7.3).
    pub fn off_lru(&self) -> u64 {
        // The kernel sums the two counters one after the other.
        self.total.saturating_sub(self.lru)
    }
}

/// Six fields in a line.
pub fn parse(text: &str) -> Result<DentryState, Malformed> {
    const FIELDS: [&str; 6] = [
        "nr_dentry",
        "nr_unused",
        "age_limit",
        "want_pages",
        "nr_negative",
        "dummy",
    ];
    let [total, lru, age_limit, want_pages, lru_negative, dummy] = numbers(text, FIELDS)?;
    Ok(DentryState {
        total,
        lru,
        age_limit,
        want_pages,
        lru_negative,
        dummy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields() {
        let state = parse("268353\t267032\t45\t0\t60519\t0\n");
        assert_eq!(
            state,
            Ok(DentryState {
                total: 268_353,
                lru: 267_032,
                age_limit: 45,
                want_pages: 0,
                lru_negative: 60_519,
                dummy: 0,
            })
        );
    }

    #[test]
    fn hostile() {
        for (text, what) in [
            ("", "line 1: nr_dentry is missing"),
            ("1\t2\t45\t0", "line 1: nr_negative is missing"),
            ("1\t2\t45\t0\t7\n", "line 1: dummy is missing"),
            ("1 2 45 0 5 0 7", "line 1: more than 6 fields"),
            ("-1\t2\t45\t0\t5\t0", "line 1: nr_dentry is no count: -1"),
            (
                "1\t\u{1b}[2J\t45\t0\t5\t0",
                "line 1: nr_unused is no count: \\u{1b}[2J",
            ),
            (
                "1 2 45 0 18446744073709551616 0",
                "line 1: nr_negative is no count: 18446744073709551616",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), what);
        }
    }
}
