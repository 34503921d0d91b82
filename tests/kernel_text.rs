//! Text as kernels write it, and as none does.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use slabscope::kernel::source::{Cause, Class, Kernel, Source, slab_attributes, slabinfo};
use support::{fixture, kernels};

/// A root directory of a test's own, removed at the end.
struct Root(PathBuf);

impl Root {
    /// With these files in it.
    fn new(name: &str, files: &[(&str, &[u8])]) -> Self {
        let root = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        for (path, bytes) in files {
            let path = root.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        root
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn every_captured_kernel_is_read() {
    let mut read = 0;
    for root in kernels() {
        let sample = Kernel::new(&root).sample();
        let caches = sample.caches.clone().unwrap();
        let lines = fs::read_to_string(root.join("proc/slabinfo"))
            .unwrap()
            .lines()
            .count();
        assert_eq!(caches.len(), lines - 2, "all but the two lines of heading");
        let dentry = sample.cache("dentry").unwrap();
        assert_eq!(dentry.class, Class::Reclaimable);
        assert!(dentry.active.is_some_and(|active| active > 0));
        let memory = sample.memory.unwrap();
        let [slab, reclaimable, other] =
            [memory.slab, memory.sreclaimable, memory.sunreclaim].map(Option::unwrap);
        assert_eq!(slab, reclaimable + other);
        let pages: u64 = caches.iter().map(|cache| cache.size(4096)).sum();
        assert!(pages <= slab, "slabs are a part of Slab");
        let dentries = sample.dentries.unwrap();
        assert!(dentries.lru_negative.is_some() && dentries.lru_negative <= dentries.lru);
        assert!(dentries.lru <= dentries.total);
        assert!(sample.inodes.unwrap().total > Some(0));
        assert_eq!(sample.page_size, Some(4096), "as its figures tell");
        assert_eq!(sample.gaps, []);
        assert!(
            Kernel::new(&root)
                .mounts()
                .unwrap()
                .iter()
                .any(|m| m.point == Path::new("/"))
        );
        let kernel = Kernel::new(&root);
        assert_eq!(
            kernel.release().unwrap(),
            root.file_name().unwrap().to_str().unwrap()
        );
        assert!(kernel.uptime().unwrap().as_secs() > 0);
        read += 1;
    }
    assert!(read > 0, "nothing was captured");
}

/// A cache alone and one that is merged with others, by the kernels' own attributes.
#[test]
fn attributes_of_every_captured_kernel_are_read() {
    let mut merged = 0;
    for root in kernels() {
        let sample = Kernel::new(&root).sample();
        for name in ["dentry", "pid"] {
            let Ok(attributes) = slab_attributes::read(&root, name) else {
                continue;
            };
            let cache = sample.cache(name).unwrap();
            // slabinfo has the size with what debugging and alignment add.
            assert_eq!(attributes.number("slab_size"), Some(cache.object_size));
            assert_eq!(
                attributes.number("objs_per_slab"),
                Some(cache.objects_per_slab)
            );
            let pages = attributes.number("order").map(|order| 1 << order);
            assert_eq!(pages, Some(cache.pages_per_slab));
            merged += sample.merged.others(name).count();
        }
    }
    assert!(merged > 2, "pid is merged with cred and others");
}

/// Cut off anywhere, the whole lines are read unchanged, and the cut one is reported.
#[test]
fn slabinfo_cut_off_anywhere_loses_the_last_line_alone() {
    let text = fs::read_to_string(fixture("6.18.44-fc-v509").join("proc/slabinfo")).unwrap();
    let head: String = text
        .lines()
        .take(6)
        .map(|line| format!("{line}\n"))
        .collect();
    let whole = slabinfo::parse(head.as_bytes()).unwrap().value;
    let mut cut = 0;
    for end in 0..head.len() {
        match slabinfo::parse(&head.as_bytes()[..end]) {
            Ok(read) => {
                assert_eq!(read.value[..], whole[..read.value.len()], "cut at {end}");
                cut += read.skipped.lines;
                let first = read.skipped.first.map(|first| first.line);
                let last = head[..end].lines().count();
                assert!(
                    first.is_none_or(|line| line == last),
                    "cut at {end}: {first:?}"
                );
            }
            Err(error) => assert!(error.line <= head[..end].lines().count().max(1)),
        }
    }
    assert!(cut > head.len() / 4, "{cut}");
}

#[test]
fn bytes_that_are_no_text_are_replaced_or_refused() {
    let garbage: Vec<u8> = (0..=255).cycle().take(4096).collect();
    let line =
        b"slabinfo - version: 2.1\n\xff\x1b[2J 1 2 3 4 5 : tunables 0 0 0 : slabdata 6 7 0\n";
    let root = Root::new(
        "no-text",
        &[
            ("proc/slabinfo", line),
            ("proc/meminfo", &garbage),
            ("proc/sys/fs/dentry-state", &garbage),
            ("proc/sys/fs/inode-nr", b""),
            ("proc/self/mountinfo", &garbage),
        ],
    );
    let sample = Kernel::new(&root.0).sample();
    let caches = sample.caches.unwrap();
    assert_eq!(caches[0].name, "\u{fffd}\u{1b}[2J", "the screen escapes it");
    assert_eq!(caches[0].class, Class::Unknown);
    for error in [
        sample.memory.unwrap_err(),
        sample.dentries.unwrap_err(),
        sample.inodes.unwrap_err(),
        Kernel::new(&root.0).mounts().unwrap_err(),
    ] {
        assert!(error.path.starts_with(&root.0), "{error}");
        assert!(matches!(error.cause, Cause::Malformed(_)), "{error}");
        assert!(!error.remedy().is_empty());
    }
}

#[test]
fn each_missing_file_is_named_and_costs_only_itself() {
    let state = b"1\t2\t45\t0\t3\t0\n";
    let root = Root::new("missing", &[("proc/sys/fs/dentry-state", state)]);
    let sample = Kernel::new(&root.0).sample();
    assert!(sample.dentries.is_ok());
    let error = sample.caches.unwrap_err();
    assert_eq!(error.path, root.0.join("proc/slabinfo"));
    assert!(matches!(
        error.cause,
        Cause::Unreadable(std::io::ErrorKind::NotFound, _)
    ));
}
