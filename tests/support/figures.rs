//! Figures: of captured files, of invented machines, of a census.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use slabscope::abi::Counters;
use slabscope::cache::census::{Census, DirectoryCount};
use slabscope::kernel::source::dentry_state::Cost;
use slabscope::kernel::source::{Cache, Kernel, Merged, Mount, Sample, Source};

/// Directory of the captured files of a kernel.
pub fn fixture(kernel: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    fixtures.join(kernel)
}

/// The trees that `tests/capture` wrote.
pub fn kernels() -> Vec<PathBuf> {
    let all = std::fs::read_dir(fixture("")).unwrap();
    let trees = all.map(|entry| entry.unwrap().path());
    trees.filter(|path| path.join("proc").is_dir()).collect()
}

/// The sample of the captured files.
pub fn sample() -> Sample {
    Kernel::new(fixture("6.18.44-fc-v509")).sample()
}

/// The same machine with these numbers of dentries, and their memory.
pub fn sample_with(dentries: u64, negative: u64) -> Sample {
    let mut sample = sample();
    if let Ok(caches) = &mut sample.caches {
        for cache in caches.iter_mut().filter(|cache| cache.name == "dentry") {
            cache.active = Some(dentries);
            cache.slabs = dentries.div_ceil(cache.objects_per_slab);
            cache.active_slabs = Some(cache.slabs);
            cache.objects = cache.slabs * cache.objects_per_slab;
        }
    }
    if let Ok(state) = &mut sample.dentries {
        state.total = Some(dentries);
        state.lru = Some(dentries - 1_000);
        state.lru_negative = Some(negative);
    }
    if let Ok(memory) = &mut sample.memory {
        let sreclaimable = 300 * (1 << 20) + dentries * 192;
        memory.sreclaimable = Some(sreclaimable);
        memory.slab = memory.sunreclaim.map(|other| sreclaimable + other);
    }
    sample
}

/// The same machine with two names more for kmalloc-512.
pub fn merged_sample() -> Sample {
    let names = ["kmalloc-512", "secret_cache", "another"];
    let links = names.map(|name| (name.to_owned(), ":0000512".to_owned()));
    Sample {
        merged: Arc::new(Merged::new(links)),
        ..sample()
    }
}

/// A machine with this number of caches, a few of them growing with `n`.
pub fn sample_of(caches: usize, n: u64) -> Sample {
    let cache = |index: usize| Cache {
        name: format!("cache-{index}"),
        active: Some(if index.is_multiple_of(5) { n * 100 } else { 7 }),
        objects: 10_000,
        object_size: 64,
        objects_per_slab: 64,
        pages_per_slab: 1,
        active_slabs: Some(157),
        slabs: 157,
        ..Cache::default()
    };
    Sample {
        caches: Ok((0..caches).map(cache).collect()),
        ..sample()
    }
}

/// The captured mounts and /mnt/ext4.
pub fn mounts() -> Vec<Mount> {
    let mut mounts = Kernel::new(fixture("6.18.44-fc-v509")).mounts().unwrap();
    mounts.insert(
        1,
        Mount {
            point: "/mnt/ext4".into(),
            fs: "ext4".into(),
            device: "/dev/vdb".into(),
            superblock: "254:16".into(),
            root: Path::new("/").into(),
            ..Mount::default()
        },
    );
    mounts
}

/// Counters with these numbers of negatives, files in use and files not in use.
pub fn counters(negative: u64, in_use: u64, unused: u64) -> Counters {
    Counters {
        total: negative + in_use + unused,
        negative,
        in_use,
        prunable: negative + unused,
        negative_prunable: negative,
        files: in_use + unused,
        inodes: in_use + unused,
        pages: 3 * (in_use + unused),
        ..Default::default()
    }
}

/// A row of a census.
pub fn row(name: impl Into<OsString>, below: Counters) -> DirectoryCount {
    DirectoryCount {
        name: name.into(),
        own: below,
        below,
        in_use: false,
        partial: false,
        changed: false,
    }
}

/// /mnt/ext4 of the lab: a million negatives below 1, a thousand in other.
pub fn census() -> Census {
    let rows = vec![
        row("1", counters(1_000_000, 1, 2)),
        row("other", counters(1_000, 0, 0)),
    ];
    Census {
        here: Counters {
            external_bytes: 64_000,
            ..counters(1_001_005, 1, 6)
        },
        rows,
        partial: false,
        more: 0,
        took: Duration::from_millis(400),
        cost: Some(Cost {
            opening: 0,
            meanwhile: 12,
        }),
        ..Census::default()
    }
}
