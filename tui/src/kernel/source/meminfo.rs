//! /proc/meminfo.
//!
//! Not by the crate procfs, which reads the other files here that have a parser in it: it
//! multiplies what it reads by 1024 without a look at the size, and makes a map of all lines where
//! each refresh needs five.

use super::lines::{Parsed, Skipped, last, text_lines};
use super::{Malformed, below_zero, excerpt, number};

/// Memory and the slabs' part of it, in bytes (fs/proc/meminfo.c: `meminfo_proc_show()`, Linux
/// 7.3). None: this kernel does not write the line, or it was not understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// MemTotal.
    pub total: Option<u64>,
    /// MemAvailable; kernels before 3.14 have none.
    pub available: Option<u64>,
    /// Slab: pages of all slab caches, `sreclaimable + sunreclaim`.
    pub slab: Option<u64>,
    /// SReclaimable: pages of the caches that a shrinker can empty; kernels before 2.6.19 have none.
    pub sreclaimable: Option<u64>,
    /// SUnreclaim: pages of the others; kernels before 2.6.19 have none.
    pub sunreclaim: Option<u64>,
}

/// Lines of `Name:  123 kB`.
pub fn parse(text: &str) -> Result<Parsed<Memory>, Malformed> {
    const NAMES: [&str; 5] = [
        "MemTotal",
        "MemAvailable",
        "Slab",
        "SReclaimable",
        "SUnreclaim",
    ];
    let mut figures = [None; NAMES.len()];
    let mut skipped = Skipped::default();
    for (at, line) in text_lines(text) {
        let Some((name, value)) = line.split_once(':') else {
            skipped.add(Malformed::new(at, format!("no name: {}", excerpt(line))));
            continue;
        };
        let Some(figure) = NAMES.iter().position(|known| *known == name) else {
            continue;
        };
        match kib(name, value.trim_ascii(), at) {
            Ok(bytes) => figures[figure] = Some(bytes),
            Err(malformed) => skipped.add(malformed),
        }
        if figures.iter().all(Option::is_some) {
            break;
        }
    }
    let [total, available, slab, sreclaimable, sunreclaim] = figures;
    // No kernel is without slabs: lxcfs writes 0 in a container, where it does not know them.
    let none = [slab, sreclaimable, sunreclaim]
        .iter()
        .flatten()
        .all(|bytes| *bytes == 0);
    let [slab, sreclaimable, sunreclaim] = match none {
        true => [None; 3],
        false => [slab, sreclaimable, sunreclaim],
    };
    let sum = || sreclaimable?.checked_add(sunreclaim?);
    let memory = Memory {
        total,
        available,
        slab: slab.or_else(sum),
        sreclaimable,
        sunreclaim,
    };
    let any = memory != Memory::default();
    let none = || Malformed::new(last(text), "no line of meminfo");
    skipped.with(any.then_some(memory), none)
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
        let line = text_lines(text).find_map(|(at, line)| {
            let (key, value) = line.split_once(':')?;
            (key == name).then_some((value.trim_ascii(), at))
        });
        let (value, at) =
            line.ok_or_else(|| Malformed::new(last(text), format!("{name} is missing")))?;
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
        .filter(|bytes| !below_zero(*bytes))
        .ok_or_else(|| Malformed::new(at, format!("{name} is no count of kB: {}", excerpt(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "Slab: 30 kB\nSReclaimable:  20 kB\nSUnreclaim: 10 kB\n";

    #[test]
    fn figures_are_in_bytes() {
        let text = format!("MemTotal:  4010752 kB\nHugePages_Total:  0\n{REST}");
        let memory = Memory {
            total: Some(4_010_752 * 1024),
            available: None,
            slab: Some(30 * 1024),
            sreclaimable: Some(20 * 1024),
            sunreclaim: Some(10 * 1024),
        };
        assert_eq!(parse(&text).unwrap().value, memory);
        let pasted = format!("\u{feff}{}\r\n\r", text.replace('\n', "\r\n"));
        let read = parse(&pasted).unwrap();
        assert_eq!((read.value, read.skipped.lines), (memory, 0));
    }

    #[test]
    fn figures_that_an_old_kernel_does_not_write_are_unknown() {
        // Linux 2.6.18.
        let memory = parse("MemTotal: 8177612 kB\nSlab: 1620988 kB\n")
            .unwrap()
            .value;
        assert_eq!(memory.slab, Some(1_659_891_712));
        assert_eq!((memory.sreclaimable, memory.sunreclaim), (None, None));
        let memory = parse("SReclaimable: 3 kB\nSUnreclaim: 4 kB\n")
            .unwrap()
            .value;
        assert_eq!(
            (memory.total, memory.slab),
            (None, Some(7 * 1024)),
            "their sum"
        );
    }

    #[test]
    fn slabs_of_a_container_that_are_all_0_are_unknown() {
        let text = "MemTotal: 9 kB\nSlab: 0 kB\nSReclaimable: 0 kB\nSUnreclaim: 0 kB\n";
        let memory = parse(text).unwrap().value;
        assert_eq!((memory.total, memory.slab), (Some(9 * 1024), None));
        assert_eq!((memory.sreclaimable, memory.sunreclaim), (None, None));
    }

    #[test]
    fn malformed_line_costs_no_other() {
        let below_zero = "18446744073709551608 kB";
        let text = format!("MemTotal: 9 kB\ngarbage\nSlab: {below_zero}\nSUnreclaim: 7 kB\nSRecl");
        let read = parse(&text).unwrap();
        let memory = Memory {
            total: Some(9 * 1024),
            sunreclaim: Some(7 * 1024),
            ..Memory::default()
        };
        assert_eq!(read.value, memory);
        assert_eq!(read.skipped.lines, 3);
        assert_eq!(
            read.skipped.first.unwrap().to_string(),
            "line 2: no name: garbage"
        );
    }

    #[test]
    fn page_cache_excludes_what_is_in_memory_alone() {
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
    fn malformed_text_is_refused() {
        for (text, what) in [
            ("", "line 1: no line of meminfo"),
            (
                "MemFree: 1 kB\nCached: 1 kB\n",
                "line 2: no line of meminfo",
            ),
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
