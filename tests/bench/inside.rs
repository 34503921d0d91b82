//! Measurements without a terminal: a refresh and a frame.

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use slabscope::abi::Counters;
use slabscope::cache::census::DirectoryCount;
use slabscope::kernel::source::{Cache, Kernel, Sample, Source, mounts};
use slabscope::ui::look::Look;
use slabscope::ui::model::{Host, KEPT, Model, Part};
use slabscope::ui::update::{Msg, update};
use slabscope::ui::view;

use super::{Measured, undisturbed};

/// The files that a refresh reads.
const FILES: [&str; 4] = [
    "/proc/slabinfo",
    "/proc/meminfo",
    "/proc/sys/fs/dentry-state",
    "/proc/sys/fs/inode-nr",
];

const ROUNDS: u32 = 500;

pub fn model(columns: u16, rows: u16) -> Model {
    let host = Host {
        name: "web-07".into(),
        kernel: "7.3.4".into(),
        page_size: 4096,
    };
    Model::new(host, Look::new(true, true), (columns, rows))
}

fn take(model: &mut Model, at: u32, sample: Sample) {
    let at = Duration::from_secs(at.into());
    let sample = Box::new(sample);
    black_box(update(model, Msg::Sample { at, sample }));
}

/// Read, parsed, joined, compared, sorted; relative to only reading the same files. In turns, so
/// that other load of the machine hits both.
pub fn refresh() -> Measured {
    let mut kernel = Kernel::new("/");
    let mut model = model(80, 24);
    take(&mut model, 0, kernel.sample());
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let start = Instant::now();
        for file in FILES {
            black_box(fs::read(file).unwrap());
        }
        bare.push(start.elapsed());
        let start = Instant::now();
        let sample = kernel.sample();
        assert!(sample.caches.is_ok(), "only root may read /proc/slabinfo");
        take(&mut model, round, sample);
        whole.push(start.elapsed());
    }
    let what = "refresh (read, parse, join, sort, diff) / bare reads";
    Measured::ratio(what, undisturbed(whole), undisturbed(bare), 1.25)
}

/// Only the visible part is drawn.
pub fn frame() -> Measured {
    let what = "frame of 2,000 caches / of 50, at 300x80";
    Measured::ratio(what, frame_of(2_000), frame_of(50), 2.0)
}

/// In a directory with as many rows as are kept.
pub fn tree() -> Measured {
    let what = "tree frame of 10,000 directories / of 50, at 300x80";
    Measured::ratio(what, tree_of(KEPT as u64), tree_of(50), 2.0)
}

/// A frame while a census is under way: its rows were sorted when they arrived.
fn tree_of(directories: u64) -> Duration {
    let mut model = model(300, 80);
    take(&mut model, 0, Kernel::new("/").sample());
    let mounts = mounts::parse(b"1 0 8:1 / / rw - ext4 /dev/vda1 rw\n").unwrap();
    update(&mut model, Msg::Mounts(Ok(mounts)));
    update(&mut model, Msg::Open("/".into()));
    let row = |n: u64| DirectoryCount {
        name: format!("directory-{n}").into(),
        own: Counters::default(),
        below: Counters {
            total: n,
            negative: n,
            prunable: n,
            ..Counters::default()
        },
        in_use: false,
        partial: false,
        changed: false,
    };
    let (job, at) = (model.last_job, Duration::from_secs(1));
    let part = Box::new(Part {
        rows: (0..directories).map(row).collect(),
        ..Part::default()
    });
    update(&mut model, Msg::Counting { job, at, part });
    let mut terminal = Terminal::new(TestBackend::new(300, 80)).unwrap();
    let mut times = Vec::new();
    for _ in 0..100 {
        let start = Instant::now();
        terminal.draw(|frame| view::render(&model, frame)).unwrap();
        times.push(start.elapsed());
    }
    undisturbed(times)
}

fn frame_of(caches: u64) -> Duration {
    let mut model = model(300, 80);
    let mut terminal = Terminal::new(TestBackend::new(300, 80)).unwrap();
    let mut sample = Kernel::new("/").sample();
    let mut times = Vec::new();
    for round in 0..100 {
        let cache = |n: u64| Cache {
            name: format!("cache-{n}"),
            active: Some(n * 1_000 + u64::from(round)),
            objects: n * 1_000 + 200,
            object_size: 192,
            objects_per_slab: 21,
            pages_per_slab: 1,
            active_slabs: Some(n * 48),
            slabs: n * 48,
            ..Cache::default()
        };
        sample.caches = Ok((0..caches).map(cache).collect());
        take(&mut model, round, sample.clone());
        let start = Instant::now();
        terminal.draw(|frame| view::render(&model, frame)).unwrap();
        times.push(start.elapsed());
    }
    undisturbed(times)
}
