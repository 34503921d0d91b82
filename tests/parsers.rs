//! Properties of the parsers of the kernel's files, for any text.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

#[path = "parsers/who.rs"]
mod who;

use proptest::prelude::*;
use slabscope::kernel::source::{
    Cache, DentryState, InodeNr, Memory, Totals, cgroups, dentry_state, inode_nr, meminfo, mounts,
    slabinfo, uptime,
};

/// Any cache that the kernel could have: a name of anything but line breaks and blanks at its
/// ends, figures up to the greatest.
fn cache() -> impl Strategy<Value = Cache> {
    let name = "[^\n\r \t\x0c][^\n\r]{0,40}[^\n\r \t\x0c]"
        .prop_filter("no heading", |name| !name.starts_with('#'));
    (name, any::<[u64; 7]>()).prop_map(|(name, figures)| Cache {
        name,
        active: Some(figures[0].min(figures[1] >> 1)),
        // A greater figure ran below zero.
        objects: figures[1] >> 1,
        object_size: figures[2],
        objects_per_slab: figures[3],
        pages_per_slab: figures[4],
        active_slabs: Some(figures[5].min(figures[6] >> 1)),
        slabs: figures[6] >> 1,
        ..Cache::default()
    })
}

/// As the kernel writes it (mm/slab_common.c: `cache_show()`).
fn line(cache: &Cache) -> String {
    format!(
        "{:<17} {:6} {:6} {:6} {:4} {:4} : tunables {:4} {:4} {:4} : slabdata {:6} {:6} {:6}\n",
        cache.name,
        cache.active.unwrap(),
        cache.objects,
        cache.object_size,
        cache.objects_per_slab,
        cache.pages_per_slab,
        0,
        0,
        0,
        cache.active_slabs.unwrap(),
        cache.slabs,
        0
    )
}

proptest! {
    #[test]
    fn slabinfo_is_read_as_it_was_written(caches in prop::collection::vec(cache(), 1..20)) {
        let mut text = "slabinfo - version: 2.1\n# name\n".to_owned();
        text.extend(caches.iter().map(line));
        let read = slabinfo::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(read.skipped.lines, 0);
        let plain = |cache: Cache| Cache { nth: 0, twins: 0, ..cache };
        let read: Vec<_> = read.value.into_iter().map(plain).collect();
        prop_assert_eq!(read, caches);
    }

    #[test]
    fn text_with_one_byte_changed_is_understood_or_refused(
        caches in prop::collection::vec(cache(), 1..4),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut text = "slabinfo - version: 2.1\n".to_owned();
        text.extend(caches.iter().map(line));
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        match slabinfo::parse(&bytes) {
            Ok(read) => {
                prop_assert!(!read.value.is_empty() && read.value.len() <= caches.len() + 1);
                prop_assert!(read.skipped.lines <= 2);
            }
            Err(error) => prop_assert!(error.line >= 1 && error.line <= caches.len() + 2),
        }
    }

    #[test]
    fn sums_do_not_overflow(caches in prop::collection::vec(cache(), 0..20), page_size: u64) {
        let totals = Totals::of(&caches, Some(page_size));
        prop_assert_eq!(totals.caches, caches.len() as u64);
        for cache in caches {
            prop_assert!(totals.objects >= cache.objects);
            prop_assert!(totals.size_bytes.unwrap() >= cache.size(page_size));
            prop_assert!(cache.idle(page_size).unwrap() <= cache.size(page_size));
            prop_assert!(cache.used().is_none_or(|used| used <= 100));
        }
    }

    #[test]
    fn lines_of_figures_are_read_as_they_were_written(figures: [u64; 6]) {
        let text = figures.map(|figure| figure.to_string()).join("\t") + "\n";
        // A greater figure ran below zero.
        let known = |figure: u64| i64::try_from(figure).is_ok().then_some(figure);
        let [total, lru, _, _, lru_negative, _] = figures.map(known);
        let state = DentryState { total, lru, lru_negative };
        let read = dentry_state::parse(&text).unwrap();
        prop_assert_eq!(read.value, state);
        prop_assert_eq!(read.skipped.lines > 0, figures.map(known).contains(&None));
        let text = format!("{}\t{}\n", figures[0], figures[1]);
        prop_assert_eq!(inode_nr::parse(&text).unwrap().value, InodeNr { total, lru });
    }

    #[test]
    fn meminfo_is_read_as_it_was_written(
        [total, available, slab, sreclaimable, sunreclaim]: [u64; 5],
    ) {
        let text = format!(
            "MemTotal:       {total:8} kB\nMemFree:  1 kB\nMemAvailable:   {available:8} kB\n\
             Slab:  {slab} kB\nSReclaimable: {sreclaimable} kB\nSUnreclaim: {sunreclaim} kB\n"
        );
        let bytes = |kib: u64| {
            let bytes = kib.checked_mul(1024)?;
            i64::try_from(bytes).is_ok().then_some(bytes)
        };
        prop_assume!(slab > 0 || sreclaimable > 0 || sunreclaim > 0);
        let sum = || bytes(sreclaimable)?.checked_add(bytes(sunreclaim)?);
        let memory = Memory {
            total: bytes(total),
            available: bytes(available),
            slab: bytes(slab).or_else(sum),
            sreclaimable: bytes(sreclaimable),
            sunreclaim: bytes(sunreclaim),
        };
        match meminfo::parse(&text) {
            Ok(read) => prop_assert_eq!(read.value, memory),
            Err(_) => prop_assert_eq!(memory, Memory::default()),
        }
    }

    #[test]
    fn any_text_is_understood_or_refused(bytes: Vec<u8>) {
        let text = String::from_utf8_lossy(&bytes);
        let errors = [
            slabinfo::parse(&bytes).err(),
            mounts::parse(&bytes).err(),
            meminfo::parse(&text).err(),
            dentry_state::parse(&text).err(),
            inode_nr::parse(&text).err(),
            uptime::parse(&text).err(),
        ];
        for error in errors.into_iter().flatten() {
            prop_assert!(!error.to_string().contains(char::is_control), "{}", error);
        }
    }
}

proptest! {
    /// The files of a cgroup (mm/memcontrol.c, kernel/sched/psi.c).
    #[test]
    fn limits_and_pressure_of_a_cgroup_are_read_as_they_were_written(
        bytes: u64,
        hundredths in 0..=10_000_u32,
        text in ".{0,40}",
    ) {
        prop_assert_eq!(cgroups::limit(&format!("{bytes}\n")), Ok(Some(bytes)));
        prop_assert_eq!(cgroups::bytes(&format!("{bytes}\n")), Ok(bytes));
        let percent = f64::from(hundredths) / 100.0;
        let line = format!("some avg10={percent:.2} avg60=0.00 avg300=0.00 total=7\n");
        prop_assert_eq!(cgroups::pressure(&line), Ok(percent));
        // Any other text is understood or refused.
        let _ = (cgroups::limit(&text), cgroups::pressure(&text));
        let _ = cgroups::pressure(&format!("some avg10={text}"));
    }
}
