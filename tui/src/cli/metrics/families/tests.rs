use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::kernel::source::{Cause, Cgroups, CgroupsError, DentryState, Memory, SourceError};

fn cache(name: &str, nth: u32, mib: u64) -> Cache {
    Cache {
        name: name.into(),
        nth,
        active: Some(7),
        objects: 10,
        slabs: mib * 256,
        pages_per_slab: 1,
        class: Class::Reclaimable,
        ..Cache::default()
    }
}

fn missing<T>() -> Result<T, SourceError> {
    let cause = Cause::Unreadable(std::io::ErrorKind::NotFound, "no such file".into());
    let path = "/proc/x".into();
    Err(SourceError { path, cause })
}

fn observation(caches: Vec<Cache>, cgroups: Vec<Cgroup>) -> Observation {
    Observation {
        at: UNIX_EPOCH + Duration::from_millis(1_500),
        sample: Sample {
            caches: Ok(caches),
            memory: Ok(Memory {
                total: Some(1 << 30),
                sreclaimable: Some(3 << 20),
                ..Memory::default()
            }),
            dentries: Ok(DentryState {
                total: Some(1_000),
                lru: Some(0),
                lru_negative: None,
            }),
            inodes: missing(),
            merged: Arc::default(),
            page_size: Some(4096),
            gaps: Vec::new(),
        },
        cgroups: Arc::new(Ok(Cgroups {
            all: cgroups,
            ..Cgroups::default()
        })),
    }
}

fn cgroup(path: &str, slab: u64, max: Option<u64>) -> Cgroup {
    Cgroup {
        path: path.into(),
        current: Some(slab),
        max,
        stat: Some(CgroupMemory {
            slab: Some(slab),
            slab_reclaimable: Some(slab),
            file: Some(0),
            anon: Some(0),
            ..CgroupMemory::default()
        }),
        ..Cgroup::default()
    }
}

/// The lines without comments.
fn series(page: &str) -> Vec<&str> {
    page.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn unknown_figure_is_absent_and_zero_is_zero() {
    let page = text(observation(vec![cache("dentry", 0, 1)], vec![])).unwrap();
    for line in [
        "slabscope_build_info{version=\"0.1.0\"} 1",
        "slabscope_sample_timestamp_seconds 1.5",
        "slabscope_source_up{source=\"slabinfo\"} 1",
        "slabscope_source_up{source=\"inode-nr\"} 0",
        "slabscope_memory_bytes 1073741824",
        "slabscope_slab_bytes{reclaimable=\"true\"} 3145728",
        "slabscope_dentries 1000",
        "slabscope_dentries_lru 0",
        "slabscope_slab_cache_bytes{cache=\"dentry\",reclaimable=\"true\"} 1048576",
        "slabscope_slab_cache_objects{cache=\"dentry\",reclaimable=\"true\"} 7",
    ] {
        assert!(series(&page).contains(&line), "{line}: {page}");
    }
    for absent in ["lru_negative", "inodes", "reclaimable=\"false\""] {
        assert!(!page.contains(absent), "{absent}: {page}");
    }
    assert!(page.contains("# UNIT slabscope_slab_cache_bytes bytes\n"));
    assert!(page.ends_with("\n# EOF\n"));
}

#[test]
fn most_caches_and_cgroups_are_bounded_and_the_largest_stay() {
    let caches = (0..300)
        .map(|n| cache(&format!("cache-{n:03}"), 0, n))
        .collect();
    let mut cgroups: Vec<_> = (0..300)
        .map(|n| cgroup(&format!("c{n:03}"), n << 20, None))
        .collect();
    cgroups.push(cgroup("full", 1000, Some(1000)));
    let page = text(observation(caches, cgroups)).unwrap();
    let of = |family: &str| {
        let name = format!("{family}{{");
        series(&page)
            .iter()
            .filter(|line| line.starts_with(&name))
            .count()
    };
    assert_eq!(of("slabscope_slab_cache_bytes"), MOST);
    assert_eq!(of("slabscope_slab_cache_objects"), MOST);
    assert_eq!(of("slabscope_cgroup_slab_bytes"), MOST);
    assert!(page.contains("cache-299") && !page.contains("cache-259"));
    assert!(page.contains("slabscope_cgroup_filled_by_slab{cgroup=\"/full\"} 1"));
    assert!(page.contains("slabscope_cgroup_filled_by_slab{cgroup=\"/c299\"} 0"));
    let small = text(observation(vec![cache("small", 0, 0)], vec![])).unwrap();
    assert!(!small.contains("slab_cache"), "less than 1 MiB: {small}");
}

#[test]
fn caches_of_one_name_have_different_labels() {
    let mut bytes = cache("x\u{fffd}", 1, 2);
    bytes.raw_name = Some(b"x\xff".as_slice().into());
    let caches = vec![
        cache("nfsd", 0, 1),
        cache("nfsd", 1, 1),
        // What the second one's label looks like, as a name.
        cache("nfsd\\#1", 0, 1),
        cache("nfsd#1", 0, 1),
        cache("x\u{fffd}", 0, 2),
        bytes,
    ];
    let page = text(observation(caches, vec![])).unwrap();
    let lines = series(&page);
    let unique: HashSet<_> = lines
        .iter()
        .map(|line| line.rsplit_once(' ').unwrap().0)
        .collect();
    assert_eq!(unique.len(), lines.len(), "{page}");
    assert!(page.contains(r#"cache="nfsd\\#1""#), "{page}");
}

#[test]
fn hostile_names_stay_on_their_line() {
    let caches = vec![cache("a\"} 1\nslabscope_dentries 5\x1b[2J\u{202e}", 0, 1)];
    let cgroups = vec![cgroup("x\n\"\\\u{7f}.scope", 1 << 20, None)];
    let page = text(observation(caches, cgroups)).unwrap();
    let clean = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
    assert!(page.chars().all(clean), "{page}");
    let forged = series(&page)
        .into_iter()
        .filter(|line| line.starts_with("slabscope_dentries "));
    assert_eq!(forged.collect::<Vec<_>>(), ["slabscope_dentries 1000"]);
}

#[test]
fn unreadable_cgroups_are_down_and_have_no_series() {
    let mut observation = observation(vec![], vec![]);
    observation.cgroups = Arc::new(Err(CgroupsError::NotMounted));
    let page = text(observation).unwrap();
    assert!(page.contains("slabscope_source_up{source=\"cgroups\"} 0"));
    assert!(!page.contains("slabscope_cgroup"));
}
