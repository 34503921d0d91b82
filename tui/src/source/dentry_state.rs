//! /proc/sys/fs/dentry-state.

use super::{Malformed, numbers};

/// All dentries of the machine, in counts (fs/dcache.c: `struct dentry_stat_t`, Linux 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DentryState {
    /// All dentries (`nr_dentry`).
    pub total: u64,
    /// On the LRU list of their superblock (`nr_unused`). The kernel puts dentries there lazily
    /// and leaves them there when they are taken into use again.
    pub lru: u64,
    /// The negative ones of those (`nr_negative`).
    pub lru_negative: u64,
}

/// Fields: nr_dentry, nr_unused, age_limit, want_pages, nr_negative, dummy.
pub fn parse(text: &str) -> Result<DentryState, Malformed> {
    let [total, lru, _age_limit, _want_pages, lru_negative] = numbers(text)?;
    Ok(DentryState {
        total,
        lru,
        lru_negative,
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
                lru_negative: 60_519
            })
        );
    }

    #[test]
    fn hostile() {
        for (text, what) in [
            ("", "line 1: field 1 is missing"),
            ("1\t2\t45\t0", "line 1: field 5 is missing"),
            ("-1\t2\t45\t0\t5\t0", "line 1: field 1 is no count"),
            ("1\t\u{1b}[2J\t45\t0\t5\t0", "line 1: field 2 is no count"),
            (
                "1 2 45 0 18446744073709551616 0",
                "line 1: field 5 is no count",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), what);
        }
    }
}
