//! /proc/sys/fs/dentry-state.

use super::lines::Parsed;
use super::{Malformed, numbers};

/// All dentries of the machine, in counts (fs/dcache.c: `struct dentry_stat_t`, Linux 7.3). None:
/// the counter ran below zero, or this kernel does not have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DentryState {
    /// All dentries (`nr_dentry`).
    pub total: Option<u64>,
    /// On the LRU list of their superblock (`nr_unused`): released by all that referenced them,
    /// once at least. The kernel leaves them there when they are referenced again.
    pub lru: Option<u64>,
    /// The negative ones of those on the LRU (`nr_negative`).
    pub lru_negative: Option<u64>,
}

impl DentryState {
    /// Not on the LRU: held by a reference ever since they were made, or since they were last taken
    /// off it. Their own children's references count (fs/dcache.c: `retain_dentry()`, Linux 7.3).
    pub fn off_lru(&self) -> Option<u64> {
        // The kernel sums the two counters one after the other.
        Some(self.total?.saturating_sub(self.lru?))
    }

    /// Kernels before 5.0 write 0 where others have the negative ones (commit af0c9af1b3f6), some
    /// kernels of distributions do count them. If the kernel is unknown, 0 means nothing either.
    #[must_use]
    pub fn of_kernel(mut self, release: Option<&str>) -> Self {
        let counts = release
            .and_then(version)
            .is_some_and(|version| version >= (5, 0));
        if !counts {
            self.lru_negative = self.lru_negative.filter(|&negative| negative > 0);
        }
        self
    }
}

/// The first two figures of a release: `3.10.0-514.el7` is 3.10.
pub fn version(release: &str) -> Option<(u32, u32)> {
    let mut figures = release.split(|c: char| !c.is_ascii_digit());
    let mut next = || figures.next()?.parse().ok();
    Some((next()?, next()?))
}

/// Six fields in a line, of which two were never used and one is always 45.
pub fn parse(text: &str) -> Result<Parsed<DentryState>, Malformed> {
    const FIELDS: [&str; 6] = [
        "nr_dentry",
        "nr_unused",
        "age_limit",
        "want_pages",
        "nr_negative",
        "dummy",
    ];
    let figures = numbers(text, FIELDS)?;
    Ok(
        figures.map(|[total, lru, _, _, lru_negative, _]| DentryState {
            total,
            lru,
            lru_negative,
        }),
    )
}

/// By how much the number of all dentries of the machine changed (`nr_dentry` of dentry-state).
/// Other programs make dentries, too: opening a directory takes microseconds, so that a change
/// during it is hardly theirs, and a change during the census is not its own, since it looks
/// nothing up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// While the directory was opened.
    pub opening: i64,
    /// While it was counted.
    pub meanwhile: i64,
}

impl Cost {
    /// From the number before the directory was opened, after that, and at the end.
    pub fn between(before: Option<i64>, opened: Option<i64>, end: Option<i64>) -> Option<Self> {
        let opened = opened?;
        Some(Self {
            opening: opened - before?,
            meanwhile: end? - opened,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields_are_parsed() {
        let state = parse("268353\t267032\t45\t0\t60519\t0\n").unwrap().value;
        let expected = DentryState {
            total: Some(268_353),
            lru: Some(267_032),
            lru_negative: Some(60_519),
        };
        assert_eq!(state, expected);
        assert_eq!(state.off_lru(), Some(1_321));
    }

    #[test]
    fn negatives_are_unknown_where_the_kernel_does_not_count_them() {
        let negative = |figure: u64, release| {
            let state = DentryState {
                lru_negative: Some(figure),
                ..DentryState::default()
            };
            state.of_kernel(release).lru_negative
        };
        for release in [
            "3.10.0-514.el7.x86_64",
            "4.18.0-553.el8",
            "2.6.18-419.el5",
            "odd",
        ] {
            assert_eq!(negative(0, Some(release)), None, "{release}");
            assert_eq!(negative(7, Some(release)), Some(7), "{release}: counted");
        }
        for release in ["5.0", "5.15.90.1-microsoft-standard-WSL2", "10.1.0"] {
            assert_eq!(negative(0, Some(release)), Some(0), "{release}");
        }
        assert_eq!(negative(0, None), None);
    }

    #[test]
    fn counters_below_zero_are_unknown_and_reported() {
        let read = parse("-2147483648\t5\t45\t0\t18446744073709551615\t0\n").unwrap();
        assert_eq!(read.value.total, None);
        assert_eq!(read.value.lru, Some(5));
        assert_eq!(read.value.lru_negative, None);
        assert_eq!(read.value.off_lru(), None);
        let first = read.skipped.first.unwrap().to_string();
        assert_eq!(first, "line 1: nr_dentry ran below zero: -2147483648");
    }

    #[test]
    fn malformed_text_is_refused() {
        for (text, what) in [
            ("", "line 1: nr_dentry is missing"),
            ("1\t2\t45\t0", "line 1: nr_negative is missing"),
            ("1\t2\t45\t0\t7\n", "line 1: dummy is missing"),
            ("1 2 45 0 5 0 7", "line 1: more than 6 fields"),
            ("x\t2\t45\t0\t5\t0", "line 1: nr_dentry is no count: x"),
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
