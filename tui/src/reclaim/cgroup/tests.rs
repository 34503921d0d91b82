use std::cell::Cell;
use std::fs;
use std::os::unix::fs::symlink;

use super::*;

const MIB: u64 = 1 << 20;

/// A cgroup with `pages` in page cache, which is counted, and `slabs`, which all go if more is
/// requested than the page cache holds.
fn reclaimed(pages: u64, slabs: u64, amount: u64, stop_after: usize) -> (Ended, u64, usize) {
    let [left_pages, left_slabs] = [Cell::new(pages), Cell::new(slabs)];
    let held = || Ok(left_pages.get() + left_slabs.get());
    let mut asked = 0;
    let mut ask = |amount: u64| {
        asked += 1;
        let found = left_pages.get().min(amount);
        left_pages.set(left_pages.get() - found);
        if found < amount {
            left_slabs.set(0);
        }
        Ok(found == amount)
    };
    let mut heard = 0;
    let mut flow = |_: &Progress| {
        heard += 1;
        match heard > stop_after {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let ended = slices(amount, None, &held, &mut ask, &mut flow).unwrap();
    (ended, pages + slabs - held().unwrap(), asked)
}

#[test]
fn slices_add_up_to_the_amount() {
    let (ended, went, asked) = reclaimed(100 * MIB, 10 * MIB, 32 * MIB, 99);
    assert_eq!((ended, went, asked), (Ended::Complete, 32 * MIB, 16));
}

#[test]
fn slabs_that_the_kernel_does_not_count_are_counted() {
    let (ended, went, asked) = reclaimed(0, 40 * MIB, 32 * MIB, 99);
    assert_eq!((ended, went, asked), (Ended::Complete, 40 * MIB, 1));
}

#[test]
fn shortfall_is_reported_and_ends_the_reclaim() {
    let (ended, went, _) = reclaimed(8 * MIB, 8 * MIB, 32 * MIB, 99);
    assert_eq!((ended, went), (Ended::Less, 16 * MIB));
    let (ended, went, asked) = reclaimed(0, 0, 32 * MIB, 99);
    assert_eq!((ended, went, asked), (Ended::Less, 0, 1));
}

#[test]
fn memory_cached_anew_meanwhile_is_left_alone() {
    let (mut asked, mut flow) = (0, |_: &Progress| ControlFlow::Continue(()));
    let mut ask = |amount: u64| {
        asked += amount;
        Ok(true)
    };
    let ended = slices(32 * MIB, None, &|| Ok(100 * MIB), &mut ask, &mut flow);
    assert_eq!((ended.unwrap(), asked), (Ended::Complete, 32 * MIB));
}

#[test]
fn cgroup_removed_meanwhile_leaves_a_part_done() {
    let mut flow = |_: &Progress| ControlFlow::Continue(());
    let mut left = 2;
    let mut ask = |_: u64| {
        left -= 1;
        match left {
            0 => Err(ReclaimError::Refused("gone".into())),
            _ => Ok(true),
        }
    };
    let ended = slices(32 * MIB, None, &|| Ok(100 * MIB), &mut ask, &mut flow);
    assert_eq!(ended.unwrap(), Ended::Failed("gone".into()));
    let mut none = |_: u64| Err(ReclaimError::Refused("gone".into()));
    let ended = slices(32 * MIB, None, &|| Ok(100 * MIB), &mut none, &mut flow);
    assert!(ended.is_err());
}

#[test]
fn reclaim_is_stopped_between_two_slices() {
    let (ended, went, _) = reclaimed(100 * MIB, 0, 32 * MIB, 3);
    assert_eq!((ended, went), (Ended::Stopped, 6 * MIB));
}

#[test]
fn directory_outside_the_hierarchy_is_refused_with_where_cgroups_are() {
    let point = Path::new("/sys/fs/cgroup");
    let inside = Path::new("/sys/fs/cgroup/a");
    assert_eq!(below(point, inside).unwrap(), Path::new("a"));
    assert_eq!(below(point, point).unwrap(), Path::new(""));
    for outside in [
        "/tmp",
        "/sys/fs/cgroup/../../tmp/fake",
        "/sys/fs/cgroups",
        "a",
    ] {
        let error = below(point, Path::new(outside)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.ends_with("those are below /sys/fs/cgroup, named without .."),
            "{text}"
        );
        assert!(matches!(error, ReclaimError::Refused(_)));
    }
}

#[test]
fn links_below_the_cgroups_are_not_followed_and_nothing_is_written() {
    let name = format!("slabscope-cgroup-links-{}", std::process::id());
    let root = crate::private::directory().join(name);
    let _ = fs::remove_dir_all(&root);
    let stat = "anon 1\nfile 2\nslab_reclaimable 3\nslab_unreclaimable 4\n";
    for directory in [
        "sys/fs/cgroup",
        "sys/fs/cgroup/web",
        "sys/fs/cgroup/planted",
        "fake",
    ] {
        fs::create_dir_all(root.join(directory)).unwrap();
        fs::write(root.join(directory).join("memory.stat"), stat).unwrap();
    }
    for file in ["fake/memory.reclaim", "sys/fs/cgroup/web/memory.reclaim"] {
        fs::write(root.join(file), "").unwrap();
    }
    fs::write(root.join("sys/fs/cgroup/cgroup.controllers"), "memory\n").unwrap();
    fs::create_dir_all(root.join("proc/self")).unwrap();
    let mounts = "30 25 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    fs::write(root.join("proc/self/mountinfo"), mounts).unwrap();
    let cgroups = root.join("sys/fs/cgroup");
    symlink("../../../fake", cgroups.join("link")).unwrap();
    symlink("web", cgroups.join("inside")).unwrap();
    symlink(
        "../../../../fake/memory.reclaim",
        cgroups.join("planted/memory.reclaim"),
    )
    .unwrap();
    let kernel = Kernel::new(&root);
    let plan = |path: &str| Plan::new(&kernel, Path::new(path), 1 << 20, None);
    assert!(plan("/sys/fs/cgroup/web").is_ok());
    for path in ["link", "inside", "../../../fake"] {
        let error = plan(&format!("/sys/fs/cgroup/{path}")).unwrap_err();
        assert!(matches!(error, ReclaimError::Refused(_)), "{path}: {error}");
    }
    assert!(plan("/sys/fs/cgroup/planted").is_err());
    assert!(plan("/fake").is_err());
    fs::remove_dir_all(root).unwrap();
}
