//! A plan is carried out below the exact directory it was made for, or not at all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use slabscope::abi::Counters;
use slabscope::kernel::session::{Bounds, PruneMode, SessionError};
use slabscope::kernel::target::{LookError, Target};
use slabscope::reclaim::prune::{PruneError, PrunePlan};

fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn plan(path: &Path) -> PrunePlan {
    let target = Target::open_cached(path).unwrap();
    let found = Counters {
        negative_prunable: 1,
        ..Default::default()
    };
    let reader = slabscope::kernel::reader::Kind::Module;
    PrunePlan {
        target,
        found,
        reader,
        changed: false,
    }
}

fn carry_out(plan: &PrunePlan) -> Result<(), PruneError> {
    let mut progress = |_: &Counters| ControlFlow::Continue(());
    plan.carry_out(PruneMode::Negative, Bounds::default(), &mut progress)
        .map(drop)
}

#[test]
fn directory_in_its_place_gets_as_far_as_the_module() {
    if Path::new("/dev/slabscope").exists() {
        return;
    }
    let path = directory("in-place");
    let error = carry_out(&plan(&path)).unwrap_err();
    let missing = matches!(
        error,
        PruneError::Look(LookError::Session(SessionError::NoModule(_)))
    );
    assert!(missing, "{error}");
    fs::remove_dir(path).unwrap();
}

#[test]
fn directory_that_vanished_is_not_pruned() {
    let path = directory("vanished");
    let plan = plan(&path);
    fs::remove_dir(&path).unwrap();
    let error = carry_out(&plan).unwrap_err();
    assert!(
        matches!(&error, PruneError::Replaced(at) if *at == path),
        "{error}"
    );
}

#[test]
fn directory_that_was_replaced_is_not_pruned() {
    let path = directory("replaced");
    let elsewhere = path.with_extension("moved");
    let plan = plan(&path);
    fs::rename(&path, &elsewhere).unwrap();
    fs::create_dir(&path).unwrap();
    let error = carry_out(&plan).unwrap_err();
    assert!(
        matches!(&error, PruneError::Replaced(at) if *at == path),
        "{error}"
    );
    fs::remove_dir(path).unwrap();
    fs::remove_dir(elsewhere).unwrap();
}

/// Takes this thread's mounts from those of the others. False: only root is permitted.
fn has_mounts_of_its_own() -> bool {
    use rustix::mount::MountPropagationFlags;
    use rustix::thread::{UnshareFlags, unshare_unsafe};
    // SAFETY: the call takes from this thread what it shares with the others, directories and
    // mounts; nothing here relies on that.
    if unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.is_err() {
        return false;
    }
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).unwrap();
    true
}

/// The mount that the plan was made on is unmounted, and the path leads to what it hid.
#[test]
fn directory_whose_mount_went_away_is_not_pruned() {
    use rustix::mount::{MountFlags, UnmountFlags};
    if !has_mounts_of_its_own() {
        return;
    }
    let path = directory("mounted");
    rustix::mount::mount("none", &path, "tmpfs", MountFlags::empty(), None).unwrap();
    let plan = plan(&path);
    rustix::mount::unmount(&path, UnmountFlags::DETACH).unwrap();
    let error = carry_out(&plan).unwrap_err();
    assert!(
        matches!(&error, PruneError::Replaced(at) if *at == path),
        "{error}"
    );
    drop(plan);
    fs::remove_dir(path).unwrap();
}

#[test]
fn symbolic_link_is_no_directory_to_prune_below() {
    let path = directory("linked");
    let link = path.join("link");
    std::os::unix::fs::symlink("/", &link).unwrap();
    assert!(matches!(
        Target::open_cached(&link),
        Err(LookError::Link(..))
    ));
    fs::remove_dir_all(path).unwrap();
}

#[test]
fn cached_path_below_the_root_of_a_process_is_reached() {
    let path = directory("of-process");
    let root = PathBuf::from(format!("/proc/{}/root", std::process::id()));
    let there = root.join(path.strip_prefix("/").unwrap());
    fs::metadata(&path).unwrap();
    let target = Target::open_cached(&there).unwrap();
    let id = |file: &fs::File| file.metadata().unwrap().ino();
    assert_eq!(
        id(&target.dir),
        id(&Target::open_cached(&path).unwrap().dir)
    );
    assert!(Target::open_cached(&root).is_ok());
    let missing = Target::open_cached(Path::new("/proc/4194999/root/tmp"));
    assert!(matches!(missing, Err(LookError::Open { .. })));
    fs::remove_dir(path).unwrap();
}

#[test]
fn uncached_path_is_reported_with_its_missing_names() {
    // Links of a process are never followed by what is cached alone.
    let path = Path::new("/proc/self/cwd/a/b");
    match Target::open_cached(path) {
        Err(LookError::NotCached { names, .. }) => assert!((2..=4).contains(&names), "{names}"),
        other => panic!("{other:?}"),
    }
}

/// A cached directory is opened while mounts come and go, which fail openat2(2) now and then.
#[test]
fn cached_directory_is_opened_while_others_mount() {
    use rustix::mount::{MountFlags, UnmountFlags};
    let path = directory("beside-mounts");
    let over = path.join("over");
    fs::create_dir(&over).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            if !has_mounts_of_its_own() {
                return;
            }
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                rustix::mount::mount("none", &over, "tmpfs", MountFlags::empty(), None).unwrap();
                rustix::mount::unmount(&over, UnmountFlags::DETACH).unwrap();
            }
        });
        let refused = (0..20_000).find_map(|_| Target::open_cached(&path).err());
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(refused.is_none(), "{refused:?}");
    });
    fs::remove_dir_all(path).unwrap();
}
