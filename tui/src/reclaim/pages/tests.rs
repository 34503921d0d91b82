use std::fs;
use std::io::Write;

use super::super::Progress;
use super::*;

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A tree on a disk's filesystem: pages of one in memory cannot be dropped.
fn tree(name: &str) -> PathBuf {
    let name = format!("slabscope-pages-{name}-{}", std::process::id());
    let root = crate::private::directory().join(name);
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(root.join("a/b")).unwrap();
    root
}

fn plan(root: &Path, request: Request) -> Plan {
    let plan = Plan::new(&Kernel::new("/"), root, request, &mut go_on);
    plan.unwrap().unwrap()
}

fn write(path: &Path, size: usize) {
    let mut file = File::create(path).unwrap();
    file.write_all(&vec![7; size]).unwrap();
}

#[test]
fn cached_pages_go_and_nothing_else_changes() {
    let root = tree("goes");
    let page = rustix::param::page_size();
    for name in ["one", "a/two", "a/b/three"] {
        write(&root.join(name), 5 * page);
    }
    std::os::unix::fs::symlink("/etc/passwd", root.join("a/link")).unwrap();
    let request = Request {
        writeback: true,
        ..Request::default()
    };
    let planned = plan(&root, request);
    assert_eq!((planned.found.files, planned.found.directories), (3, 3));
    let told = planned.found.resident;
    assert_eq!(told, 15 * page as u64);
    let ran = planned.run(&mut go_on).unwrap();
    assert_eq!(ran.ended, Ended::Complete);
    assert!(
        ran.notes[0].starts_with("60.0 KiB of 60.0 KiB went from 3 files"),
        "{ran:?}"
    );
    assert_eq!(plan(&root, request).found.resident, 0);
    assert_eq!(fs::read(root.join("a/two")).unwrap(), vec![7; 5 * page]);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn walk_is_bounded_and_stopped() {
    let root = tree("bounded");
    for n in 0..9 {
        write(&root.join(n.to_string()), 10);
    }
    let request = Request {
        max: NonZeroU64::new(4),
        ..Request::default()
    };
    let found = plan(&root, request).found;
    assert_eq!((found.files, found.cut), (4, Some(Cut::Bound)));
    let mut stop = |_: &Progress| ControlFlow::Break(());
    let stopped = Plan::new(&Kernel::new("/"), &root, Request::default(), &mut stop);
    assert!(stopped.unwrap().is_none());
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn directories_deeper_than_a_path_can_be_are_reported() {
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    let root = tree("deep");
    let name = "d".repeat(250);
    let mut at = rustix::fs::open(&root, OFlags::PATH, Mode::empty()).unwrap();
    for _ in 0..20 {
        mkdirat(&at, &name, Mode::RWXU).unwrap();
        at = openat(&at, &name, OFlags::PATH, Mode::empty()).unwrap();
    }
    let planned = plan(&root, Request::default());
    assert_eq!(planned.found.too_deep, 1, "{:?}", planned.found);
    assert!(
        planned
            .notes()
            .iter()
            .any(|note| note.contains("1 directory and what is below"))
    );
    assert_eq!(planned.run(&mut go_on).unwrap().ended, Ended::Bound);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn filesystem_in_memory_or_on_a_server_is_refused() {
    let on = |fs: &str| Mount {
        fs: fs.into(),
        ..Mount::default()
    };
    let why = |fs: &str, any: bool| unfit(&on(fs), any);
    assert_eq!((why("ext4", false), why("nfs", true)), (None, None));
    assert!(why("nfs", false).unwrap().contains("does not answer"));
    assert!(why("tmpfs", true).unwrap().contains("none of it can go"));
}

#[test]
fn server_below_the_directory_is_reported() {
    let mount = |fs: &str, point: &str| Mount {
        fs: fs.into(),
        point: point.into(),
        ..Mount::default()
    };
    let mounts = [mount("ext4", "/"), mount("nfs4", "/srv/nfs")];
    let why = |path: &str, any: bool| waits(&mounts, Path::new(path), any);
    assert!(why("/srv", false).unwrap().contains("/srv/nfs"));
    assert_eq!((why("/srv", true), why("/srv/other", false)), (None, None));
}

#[test]
fn pages_that_stay_are_not_predicted_to_go() {
    let root = tree("predicted");
    let mut planned = plan(&root, Request::default());
    planned.found = Found {
        resident: 100,
        dirty: 30,
        writeback: 5,
        unwritten: 60,
        not_told: 2,
        ..planned.found
    };
    assert_eq!(planned.predicted(&[]), Some(40));
    let notes = planned.notes().join("\n");
    assert!(
        notes.contains("30 B dirty and 5 B being written: these files are left alone, with 60 B"),
        "{notes}"
    );
    assert!(
        notes.contains("not reported by the kernel for 2 files of others"),
        "{notes}"
    );
    planned.request.writeback = true;
    assert_eq!(planned.predicted(&[]), Some(100));
    fs::remove_dir_all(root).unwrap();
}
