//! memory.stat of a cgroup (v2).

use super::lines::{Parsed, Skipped, last, text_lines};
use super::{Malformed, below_zero, excerpt, number};

/// What a cgroup and those below it hold, in bytes (mm/memcontrol.c: `memory_stat_format()`, Linux
/// 7.3). None: not there, or not understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStat {
    /// Anonymous memory: what processes have made.
    pub anon: Option<u64>,
    /// Page cache, with shared memory.
    pub file: Option<u64>,
    /// The part of [`Self::file`] that no disk has: tmpfs, shared memory.
    pub shmem: Option<u64>,
    /// Changed and not written yet.
    pub file_dirty: Option<u64>,
    /// Being written.
    pub file_writeback: Option<u64>,
    /// Objects of slab caches that a shrinker can empty. By object, not by slab.
    pub slab_reclaimable: Option<u64>,
    /// Objects of the other slab caches.
    pub slab_unreclaimable: Option<u64>,
    /// All memory of the kernel itself, slab among it; from Linux 5.18 on.
    pub kernel: Option<u64>,
    /// A copy for each processor, as of eBPF maps and counters.
    pub percpu: Option<u64>,
    /// Mapped page by page, as large tables and eBPF maps are.
    pub vmalloc: Option<u64>,
    /// Stacks of tasks in the kernel.
    pub kernel_stack: Option<u64>,
    /// Page tables.
    pub pagetables: Option<u64>,
}

/// What memory.stat of v1 says that v2 says as well, in bytes; None: not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStatV1 {
    /// Anonymous memory (total_rss).
    pub anon: Option<u64>,
    /// Page cache, with shared memory (total_cache).
    pub file: Option<u64>,
}

/// Lines of `name 123`; those that count descendants begin with `total_` (mm/memcontrol-v1.c:
/// `memcg1_stat_format()`, Linux 7.3).
pub fn parse_v1(text: &str) -> Result<MemoryStatV1, Malformed> {
    let mut stat = MemoryStatV1::default();
    for (at, line) in text_lines(text) {
        let Some((name, value)) = line.split_once(' ') else {
            return Err(Malformed::new(at, format!("no figure: {}", excerpt(line))));
        };
        let figure = match name {
            "total_rss" => &mut stat.anon,
            "total_cache" => &mut stat.file,
            _ => continue,
        };
        *figure = Some(count(name, value, at)?);
    }
    Ok(stat)
}

fn count(name: &str, value: &str, at: usize) -> Result<u64, Malformed> {
    let malformed = || Malformed::new(at, format!("{name} is no count: {}", excerpt(value)));
    let figure = number(value).filter(|figure| !below_zero(*figure));
    figure.ok_or_else(malformed)
}

/// Lines of `name 123`. A line that is not understood costs its figure; an error: none was
/// understood.
pub fn parse(text: &str) -> Result<Parsed<MemoryStat>, Malformed> {
    let (mut stat, mut skipped) = (MemoryStat::default(), Skipped::default());
    for (at, line) in text_lines(text) {
        let Some((name, value)) = line.split_once(' ') else {
            skipped.add(Malformed::new(at, format!("no figure: {}", excerpt(line))));
            continue;
        };
        let figure = match name {
            "anon" => &mut stat.anon,
            "file" => &mut stat.file,
            "shmem" => &mut stat.shmem,
            "file_dirty" => &mut stat.file_dirty,
            "file_writeback" => &mut stat.file_writeback,
            "slab_reclaimable" => &mut stat.slab_reclaimable,
            "slab_unreclaimable" => &mut stat.slab_unreclaimable,
            "kernel" => &mut stat.kernel,
            "percpu" => &mut stat.percpu,
            "vmalloc" => &mut stat.vmalloc,
            "kernel_stack" => &mut stat.kernel_stack,
            "pagetables" => &mut stat.pagetables,
            _ => continue,
        };
        match count(name, value, at) {
            Ok(read) => *figure = Some(read),
            Err(malformed) => skipped.add(malformed),
        }
    }
    // Without the controller there is no file: where there is one, it has the slabs.
    if stat.slab_reclaimable.is_none() && skipped.lines == 0 {
        let missing = "slab_reclaimable is missing";
        skipped.add(Malformed::new(last(text), missing));
    }
    let any = stat != MemoryStat::default();
    skipped.with(any.then_some(stat), || Malformed::new(1, "no figure"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of Linux 7.3, cut short.
    const TEXT: &str = "anon 188416\nfile 4096\nkernel 1388544\nkernel_stack 16384\n\
        pagetables 45056\nsec_pagetables 0\npercpu 5632\nsock 0\nvmalloc 0\nshmem 0\n\
        file_mapped 0\nfile_dirty 4096\nfile_writeback 0\nswapcached 0\nunevictable 0\n\
        slab_reclaimable 1197000\nslab_unreclaimable 95376\nslab 1292376\nworkingset_refault_anon 0\n";

    #[test]
    fn figures_that_a_screen_shows_are_read() {
        let stat = MemoryStat {
            anon: Some(188_416),
            file: Some(4096),
            file_dirty: Some(4096),
            slab_reclaimable: Some(1_197_000),
            slab_unreclaimable: Some(95_376),
            kernel: Some(1_388_544),
            percpu: Some(5632),
            kernel_stack: Some(16_384),
            pagetables: Some(45_056),
            shmem: Some(0),
            vmalloc: Some(0),
            file_writeback: Some(0),
        };
        assert_eq!(parse(TEXT).unwrap().value, stat);
    }

    #[test]
    fn v1_counts_descendants_under_names_of_their_own() {
        let text = "cache 1\nrss 2\nrss_huge 0\ntotal_cache 4096\ntotal_rss 491520\n";
        let stat = parse_v1(text).unwrap();
        assert_eq!((stat.file, stat.anon), (Some(4096), Some(491_520)));
        assert_eq!(parse_v1("cache 1\n"), Ok(MemoryStatV1::default()));
        assert!(parse_v1("total_rss x\n").is_err());
    }

    #[test]
    fn malformed_line_costs_its_figure() {
        for (text, what) in [
            (
                "anon 1\nfile\nslab_reclaimable 7\n",
                "line 2: no figure: file",
            ),
            (
                "anon 1\nfile -4\nslab_reclaimable 7\n",
                "line 2: file is no count: -4",
            ),
        ] {
            let parsed = parse(text).unwrap();
            let MemoryStat {
                anon,
                file,
                slab_reclaimable,
                ..
            } = parsed.value;
            assert_eq!((anon, file, slab_reclaimable), (Some(1), None, Some(7)));
            assert_eq!(parsed.skipped.first.unwrap().to_string(), what);
        }
        let without = parse("anon 1\nfile 2\n").unwrap();
        assert_eq!(
            without.skipped.first.unwrap().to_string(),
            "line 2: slab_reclaimable is missing"
        );
    }

    #[test]
    fn malformed_text_is_refused() {
        for (text, what) in [
            ("", "line 1: slab_reclaimable is missing"),
            ("anon -1\n", "line 1: anon is no count: -1"),
            ("file\nfile 18446744073709551616", "line 1: no figure: file"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), what);
        }
    }
}
