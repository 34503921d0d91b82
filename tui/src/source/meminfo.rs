//! /proc/meminfo.
//!
//! Not by the crate procfs, which reads the other files here that have a parser in it: it
//! multiplies what it reads by 1024 without a look at the size, and makes a map of all lines where
//! each refresh needs five.

use super::{Malformed, excerpt, number};

/// Memory and the slabs' part of it, in bytes (fs/proc/meminfo.c: `meminfo_proc_show()`, Linux
/// 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// MemTotal.
    pub total: u64,
    /// MemAvailable; kernels before 3.14 have none.
    pub available: Option<u64>,
    /// Slab: pages of all slab caches, `sreclaimable + sunreclaim`.
    pub slab: u64,
    /// SReclaimable: pages of the caches that a shrinker can empty.
    pub sreclaimable: u64,
    /// SUnreclaim: pages of the others.
    pub sunreclaim: u64,
}

/// Lines of `Name:  123 kB`.
pub fn parse(text: &str) -> Result<Memory, Malformed> {
    const NAMES: [&str; 5] = [
        "MemTotal",
        "MemAvailable",
        "Slab",
        "SReclaimable",
        "SUnreclaim",
    ];
    let mut figures = [None; NAMES.len()];
    for (line, at) in text.lines().zip(1..) {
        let Some((name, value)) = line.split_once(':') else {
            return Err(Malformed::new(at, format!("no name: {}", excerpt(line))));
        };
        let Some(figure) = NAMES.iter().position(|known| *known == name) else {
            continue;
        };
        figures[figure] = Some(kib(name, value.trim_ascii(), at)?);
        if figures.iter().all(Option::is_some) {
            break;
        }
    }
    let needed = |figure: usize| {
        let missing = || format!("{} is missing", NAMES[figure]);
        figures[figure].ok_or_else(|| Malformed::new(text.lines().count().max(1), missing()))
    };
    Ok(Memory {
        total: needed(0)?,
        available: figures[1],
        slab: needed(2)?,
        sreclaimable: needed(3)?,
        sunreclaim: needed(4)?,
    })
}

/// The page cache, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageCache {
    /// Pages of files and of block devices, without those in memory alone (Cached + Buffers -
    /// Shmem): what can be read again.
    pub file: u64,
    /// Changed and not written yet (Dirty).
    pub dirty: u64,
    /// Being written (Writeback).
    pub writeback: u64,
}

/// The same lines, of which the refresh needs none: read when something is reclaimed.
pub fn page_cache(text: &str) -> Result<PageCache, Malformed> {
    let figure = |name: &'static str| {
        let line = text.lines().zip(1..).find_map(|(line, at)| {
            let (key, value) = line.split_once(':')?;
            (key == name).then_some((value.trim_ascii(), at))
        });
        let (value, at) = line.ok_or_else(|| {
            Malformed::new(text.lines().count().max(1), format!("{name} is missing"))
        })?;
        kib(name, value, at)
    };
    let pages = figure("Cached")?.saturating_add(figure("Buffers")?);
    Ok(PageCache {
        file: pages.saturating_sub(figure("Shmem")?),
        dirty: figure("Dirty")?,
        writeback: figure("Writeback")?,
    })
}

/// `123 kB` of line `at`, in bytes.
fn kib(name: &str, value: &str, at: usize) -> Result<u64, Malformed> {
    let bytes = value.strip_suffix(" kB").and_then(number);
    bytes
        .and_then(|kib| kib.checked_mul(1024))
        .ok_or_else(|| Malformed::new(at, format!("{name} is no count of kB: {}", excerpt(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "Slab: 30 kB\nSReclaimable:  20 kB\nSUnreclaim: 10 kB\n";

    #[test]
    fn in_bytes() {
        let text = format!("MemTotal:  4010752 kB\nHugePages_Total:  0\n{REST}");
        let memory = Memory {
            total: 4_010_752 * 1024,
            available: None,
            slab: 30 * 1024,
            sreclaimable: 20 * 1024,
            sunreclaim: 10 * 1024,
        };
        assert_eq!(parse(&text), Ok(memory));
    }

    #[test]
    fn the_page_cache_is_without_what_is_in_memory_alone() {
        let text = "MemFree: 1 kB\nBuffers:  4 kB\nCached: 30 kB\nSwapCached: 9 kB\n\
            Dirty:  2 kB\nWriteback:  1 kB\nShmem: 10 kB\n";
        let cache = page_cache(text).unwrap();
        let [file, dirty, writeback] = [24, 2, 1].map(|kib| kib * 1024);
        let expected = PageCache {
            file,
            dirty,
            writeback,
        };
        assert_eq!(cache, expected);
        let error = page_cache("Cached: x kB\n").unwrap_err().to_string();
        assert_eq!(error, "line 1: Cached is no count of kB: x kB");
        let error = page_cache("Cached: 1 kB\n").unwrap_err().to_string();
        assert_eq!(error, "line 1: Buffers is missing");
    }

    #[test]
    fn hostile() {
        for (text, what) in [
            ("", "line 1: MemTotal is missing"),
            ("MemTotal: 1 kB\n", "line 1: Slab is missing"),
            ("MemTotal: 1 kB\n\n", "line 2: no name: "),
            (
                "MemTotal: -1 kB",
                "line 1: MemTotal is no count of kB: -1 kB",
            ),
            ("MemTotal: 1 MB", "line 1: MemTotal is no count of kB: 1 MB"),
            // Fits, but not in bytes.
            (
                "Slab: 18446744073709551615 kB",
                "line 1: Slab is no count of kB: 18446744073709551615 kB",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), what);
        }
    }
}
