//! The BPF reader on the kernel that runs these tests. It reads and changes nothing, so that it may
//! run on any machine; where it may not be loaded it has to say why.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use slabscope::cache::census::{Census, DirectoryCount, Seen, census, list, stream};
use slabscope::kernel::reader::bpf::{self, BpfError, Reads, Walk};
use slabscope::kernel::reader::{self, Via};
use slabscope::kernel::session::{Bounds, PruneMode, Record, SessionError};
use slabscope::kernel::target::Target;
use slabscope::reclaim::prune::PrunePlan;

/// A directory of the test's own, removed at its end.
struct Scene(PathBuf);

impl Scene {
    fn new(name: &str) -> Self {
        // Not in memory, where every dentry is in use.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let dir = target.join(format!("readers-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn files(&self, below: &str, count: usize) {
        let dir = self.0.join(below);
        fs::create_dir_all(&dir).unwrap();
        for number in 0..count {
            fs::write(dir.join(format!("file{number}")), [0; 100]).unwrap();
        }
    }

    fn absent(&self, below: &str, name: &str, count: usize) {
        for number in 0..count {
            let path = self.0.join(below).join(format!("{name}{number}"));
            assert!(fs::symlink_metadata(path).is_err());
        }
    }

    fn census(&self) -> Census {
        let dir = File::open(&self.0).unwrap();
        census(dir.as_fd(), 9, &mut |_| ControlFlow::Continue(())).unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Whether the user who runs the tests can use BPF. Root has to be able to.
fn usable() -> bool {
    reader::choose(Via::Bpf);
    match reader::works() {
        Ok(kind) => {
            assert_eq!(kind.name(), "bpf");
            true
        }
        Err(SessionError::Bpf(error)) => {
            let root = fs::metadata("/proc/self").unwrap().uid() == 0;
            assert!(!root, "as root: {error}");
            assert_eq!(error, BpfError::Permission);
            false
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn plan_by_bpf_is_the_census_and_is_not_carried_out() {
    if !usable() {
        return;
    }
    let scene = Scene::new("plan");
    scene.files("d", 10);
    scene.absent("d", "absent", 50);
    let target = Target::of(&scene.0, File::open(&scene.0).unwrap());
    let plan = PrunePlan::new(target, &mut |_| ControlFlow::Continue(()));
    let plan = plan.unwrap().unwrap();
    assert_eq!(plan.found, scene.census().here);
    assert!(plan.predicted(PruneMode::Negative, false) >= 50);
    assert!(!plan.knows_files(), "which files are dirty is not known");
    let pruned = plan.carry_out(PruneMode::Negative, Bounds::default(), &mut |_| {
        ControlFlow::Continue(())
    });
    assert!(pruned.is_err(), "{pruned:?}");
}

#[test]
fn census_counts_every_kind_of_dentry() {
    if !usable() {
        return;
    }
    let scene = Scene::new("kinds");
    scene.files("full/deep", 300);
    scene.files("small", 3);
    std::os::unix::fs::symlink("nowhere", scene.0.join("small/link")).unwrap();
    fs::hard_link(scene.0.join("small/file0"), scene.0.join("small/again")).unwrap();
    scene.absent("full", "absent", 1000);
    // Longer than what fits into a dentry.
    scene.absent("small", &"long".repeat(20), 7);
    let held = File::open(scene.0.join("full/deep/file7")).unwrap();
    let found = scene.census();
    drop(held);
    assert!(!found.partial);
    let here = found.here;
    let known = [here.total, here.negative, here.dirs, here.files, here.other];
    assert_eq!(known, [3 + 303 + 2 + 1007, 1007, 3, 304, 1]);
    // The held file; its parents stay, everything else would go.
    assert_eq!((here.in_use, here.pinned), (1, 2));
    assert_eq!(here.prunable, here.total - 3);
    assert_eq!(here.negative_prunable, 1007);
    assert_eq!(here.external_names, 7);
    assert_eq!(here.external_bytes, 7 * 128);
    // 303 files, one of them by two names; a link; three directories.
    assert_eq!(here.inodes, 303 + 1 + 3);
    assert_eq!(here.pages, 303);
    let row = |name: &str| found.rows.iter().find(|row| row.name == name).unwrap();
    assert_eq!(found.rows.len(), 3);
    assert_eq!(row("full").below.total, 1301);
    assert_eq!(row("full").own.negative, 1000);
    assert_eq!(row("full/deep").own.in_use, 1);
    assert_eq!(row("small").below.negative, 7);
    assert!(!row("small").in_use);
}

/// Linux 6.2 and later support direct loads; they read the same as the other way.
#[test]
fn direct_loads_count_the_same_as_copies() {
    if !usable() {
        return;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release
        .split('.')
        .map_while(|part| part.parse::<u32>().ok());
    let is_direct = (numbers.next(), numbers.next()) >= (Some(6), Some(2));
    let taken = bpf::take().unwrap();
    assert_eq!(
        taken.reads().0 == Reads::Direct,
        is_direct,
        "{:?}",
        taken.reads().1
    );
    bpf::give_back(taken);
    if !is_direct {
        return;
    }
    let scene = Scene::new("direct");
    scene.files("full/deep", 700);
    scene.absent("full", "absent", 3000);
    scene.absent("full", &"long".repeat(20), 7);
    let held = File::open(scene.0.join("full/deep/file7")).unwrap();
    let dir = File::open(&scene.0).unwrap();
    let [direct, copied] = [Reads::Direct, Reads::Probe].map(|reads| {
        let walk = Walk::census(bpf::load(reads).unwrap(), dir.as_fd(), 9);
        let records = walk.map(Result::unwrap);
        let told = records.filter(|record| !matches!(record, Record::Progress(_)));
        format!("{:#?}", told.collect::<Vec<_>>())
    });
    drop(held);
    assert!(direct.contains("negative: 3007"), "{direct}");
    assert_eq!(direct, copied);
}

#[test]
fn census_is_exact_across_many_runs_and_requests() {
    if !usable() {
        return;
    }
    let scene = Scene::new("many");
    for number in 0..100 {
        scene.files(&format!("d{number}/e"), number % 3 + 1);
    }
    scene.absent("d0", "absent", 50_000);
    let found = scene.census();
    let files: usize = (0..100).map(|number| number % 3 + 1).sum();
    let expected = [200 + files + 50_000, 50_000, 200, files].map(|count| count as u64);
    let here = found.here;
    assert_eq!([here.total, here.negative, here.dirs, here.files], expected);
    assert_eq!(found.rows.len(), 200);
    let below: u64 = found
        .rows
        .iter()
        .filter(|row| !row.name.as_encoded_bytes().contains(&b'/'))
        .map(|row| row.below.total)
        .sum();
    assert_eq!(below + 100, here.total);
}

#[test]
fn list_names_each_child_once() {
    if !usable() {
        return;
    }
    let scene = Scene::new("list");
    scene.files("", 1000);
    scene.absent("", "absent", 3000);
    let mut names: HashMap<OsString, &'static str> = HashMap::new();
    let dir = File::open(&scene.0).unwrap();
    let whole = list(dir.as_fd(), &mut |entry| {
        let twice = names.insert(entry.name.clone(), entry.kind());
        assert_eq!(twice, None, "{:?}", entry.name);
        ControlFlow::Continue(())
    });
    assert!(whole.unwrap().complete);
    let of = |kind| names.values().filter(|of| **of == kind).count();
    assert_eq!(
        (of("file"), of("negative"), names.len()),
        (1000, 3000, 4000)
    );
}

#[test]
fn stable_names_are_counted_once_while_others_come_and_go() {
    if !usable() {
        return;
    }
    let scene = Scene::new("churn");
    scene.files("", 3000);
    let stop = AtomicBool::new(false);
    let dir = File::open(&scene.0).unwrap();
    thread::scope(|scope| {
        let churn = |thread: usize| {
            let (scene, stop) = (&scene, &stop);
            scope.spawn(move || {
                let mut number = thread;
                while !stop.load(Ordering::Relaxed) {
                    let path = |word: &str| scene.0.join(format!("{word}{thread}-{}", number % 97));
                    fs::write(path("new"), "").unwrap();
                    fs::rename(path("new"), path("moved")).unwrap();
                    assert!(fs::metadata(path("gone")).is_err());
                    fs::remove_file(path("moved")).unwrap();
                    number += 1;
                }
            });
        };
        churn(0);
        churn(1);
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            let mut stayed = vec![0; 3000];
            let mut each = |entry: &slabscope::kernel::session::Entry| {
                let name = entry.name.to_string_lossy();
                if let Some(number) = name.strip_prefix("file") {
                    stayed[number.parse::<usize>().unwrap()] += 1;
                }
                ControlFlow::Continue(())
            };
            assert!(list(dir.as_fd(), &mut each).unwrap().complete);
            let wrong = stayed.iter().position(|times| *times != 1);
            assert_eq!(wrong, None);
            let here = census(dir.as_fd(), 1, &mut |_| ControlFlow::Continue(())).unwrap();
            assert!(
                here.here.files >= 3000 && here.here.files <= 3010,
                "{:?}",
                here.here
            );
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// Between two runs the child at which the walk stands moves to another directory, as every second
/// name here does once it was reported: the walk goes on in its own directory. Where it stood is lost now and
/// then, and it begins again: it gives up, and says so, if that happens often, as on a busy machine.
#[test]
fn walk_stays_in_its_directory_when_names_move_away_under_it() {
    if !usable() {
        return;
    }
    let complete = (0..5).any(|_| walked_to_the_end_while_names_moved_away());
    assert!(complete, "the walk gave up each time");
}

/// Whether the walk got to the end of its directory.
fn walked_to_the_end_while_names_moved_away() -> bool {
    let scene = Scene::new("moves");
    let path = |dir: &str, name: &str| scene.0.join(dir).join(name);
    fs::create_dir(scene.0.join("here")).unwrap();
    fs::create_dir(scene.0.join("there")).unwrap();
    for number in 0..4000 {
        fs::write(path("here", &format!("stay{number}")), "").unwrap();
        fs::write(path("here", &format!("move{number}")), "").unwrap();
        fs::write(path("there", &format!("other{number}")), "").unwrap();
    }
    let mut told: HashMap<OsString, ()> = HashMap::new();
    let dir = File::open(scene.0.join("here")).unwrap();
    let whole = list(dir.as_fd(), &mut |entry| {
        let name = entry.name.to_str().unwrap();
        assert!(!name.starts_with("other"), "{name} is in another directory");
        if name.starts_with("stay") {
            assert_eq!(told.insert(entry.name.clone(), ()), None, "{name}");
        } else {
            // Its old name stays behind as an absent one.
            let _ = fs::rename(path("here", name), path("there", name));
        }
        ControlFlow::Continue(())
    });
    let complete = whole.unwrap().complete;
    assert!(
        !complete || told.len() == 4000,
        "{} are missing",
        4000 - told.len()
    );
    complete
}

/// When the walk enters a directory it has counted its children, but nothing below them.
#[test]
fn rows_above_a_vanished_directory_are_marked_as_the_total() {
    if !usable() {
        return;
    }
    let scene = Scene::new("vanish");
    scene.files("calm/d", 1);
    for number in 0..100 {
        scene.files(&format!("top/parent/d{number}"), 1);
    }
    let top = scene.0.join("top");
    let dir = File::open(&scene.0).unwrap();
    let mut rows: HashMap<OsString, DirectoryCount> = HashMap::new();
    let all = stream(dir.as_fd(), 9, &mut |seen| {
        match seen {
            Seen::Entered(name) if name == "top" => {
                fs::rename(top.join("parent"), top.join("moved")).unwrap();
            }
            Seen::Row(row) => drop(rows.insert(row.name.clone(), *row)),
            _ => {}
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(all.changed && !all.partial);
    let row = &rows[OsStr::new("top")];
    assert!(row.changed && !row.partial);
    // It was a directory of "top" when that was counted: a vanished one would not be promised to
    // go.
    assert_eq!((row.own.dirs, row.own.pinned, row.below.total), (1, 1, 1));
    assert!(!rows.contains_key(OsStr::new("top/parent")));
    for calm in ["calm", "calm/d"] {
        assert!(!rows[OsStr::new(calm)].changed, "{calm}");
    }
    // A tree at rest is counted without a mark.
    let again = scene.census();
    assert!(!again.changed && again.rows.iter().all(|row| !row.changed));
}

#[test]
fn stopped_walk_is_marked_as_partial() {
    if !usable() {
        return;
    }
    let scene = Scene::new("stopped");
    scene.absent("", "absent", 100_000);
    let dir = File::open(&scene.0).unwrap();
    let mut heard = 0;
    let found = census(dir.as_fd(), 1, &mut |_| {
        heard += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert!(found.partial == (heard > 0));
    // The program is free again, and unaffected.
    assert_eq!(scene.census().here.negative, 100_000);
}
