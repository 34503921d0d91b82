use std::ffi::OsString;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::names::{collect, go_on};
use super::*;
use crate::reclaim::Progress;

/// A directory of a test's own, on a disk's filesystem.
pub(super) struct Temp(PathBuf);

impl Temp {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let target = std::env::var_os("CARGO_TARGET_TMPDIR");
        let above = target.map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = above.join(format!(
            "slabscope-carousel-{}-{number}",
            std::process::id()
        ));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn names(&self) -> Vec<OsString> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn planned(dir: &Temp, state: &Temp, names: &[&str], request: Request) -> Plan {
    let request = Request {
        any_filesystem: true,
        ..request
    };
    let state = Some(state.path().join("made"));
    let plan = Plan::new(&mut Kernel::new("/"), dir.path(), request, state).unwrap();
    let listed = |_: &Target| Ok(Some(collect(names.iter().map(|name| name.as_bytes()))));
    plan.list(&mut { listed }).unwrap().unwrap()
}

#[test]
fn names_are_visited_once_and_nothing_is_left() {
    let (dir, state) = (Temp::new(), Temp::new());
    fs::write(dir.path().join("b"), "kept").unwrap();
    let plan = planned(
        &dir,
        &state,
        &["a", "b", "", "..", "x/y", "c"],
        Request::default(),
    );
    assert_eq!(plan.names(), 6);
    let ran = plan.run(&mut go_on).unwrap();
    assert_eq!(ran.ended, Ended::Complete);
    assert_eq!(
        ran.notes,
        [
            "2 names removed",
            "1 left alone: files have these names by now",
            "3 left alone: no names for this filesystem"
        ]
    );
    assert_eq!(dir.names(), ["b"]);
    assert_eq!(fs::read(dir.path().join("b")).unwrap(), b"kept");
    assert!(
        fs::read_dir(state.path().join("made"))
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn run_is_bounded_and_stopped_without_a_trace() {
    let (dir, state) = (Temp::new(), Temp::new());
    let names: Vec<String> = (0..500).map(|n| format!("n{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let request = Request {
        max: NonZeroU64::new(10),
        ..Request::default()
    };
    let plan = planned(&dir, &state, &names, request);
    assert_eq!(plan.names(), 10);
    assert!(
        plan.command().ends_with("--max 10 --any-filesystem"),
        "{}",
        plan.command()
    );
    let ran = plan.run(&mut go_on).unwrap();
    assert_eq!(
        (ran.ended, &*ran.notes[0]),
        (Ended::Bound, "10 names removed")
    );
    let plan = planned(&dir, &state, &names, Request::default());
    let mut stop = |progress: &Progress| match progress.done {
        0..100 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let ran = plan.run(&mut stop).unwrap();
    assert_eq!(
        (ran.ended, &*ran.notes[0]),
        (Ended::Stopped, "128 names removed")
    );
    assert!(dir.names().is_empty());
}

#[test]
fn replaced_directory_ends_the_run_and_what_was_done_before_is_reported() {
    let (dir, other, state) = (Temp::new(), Temp::new(), Temp::new());
    let mut plan = planned(&dir, &state, &["a", "b"], Request::default());
    plan.directories
        .extend(planned(&other, &state, &["c"], Request::default()).directories);
    fs::rename(other.path(), dir.path().with_extension("moved")).unwrap();
    fs::create_dir(other.path()).unwrap();
    let ran = plan.run(&mut go_on).unwrap();
    fs::remove_dir(dir.path().with_extension("moved")).unwrap();
    assert!(
        matches!(&ran.ended, Ended::Failed(why) if why.contains("not the directory")),
        "{ran:?}"
    );
    assert_eq!(ran.notes, ["2 names removed"]);
    assert!(other.names().is_empty());
    // Nothing was done yet: an error.
    plan.directories.remove(0);
    assert!(plan.run(&mut go_on).is_err());
}

/// Another program renames files onto the same names: each has to stay where it was put.
#[test]
fn files_that_are_put_there_meanwhile_keep_their_names() {
    let (dir, state) = (Temp::new(), Temp::new());
    let names: Vec<String> = (0..40).map(|n| format!("n{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plan = planned(&dir, &state, &names.repeat(200), Request::default());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for name in &names {
                    let (new, at) = (dir.path().join("new"), dir.path().join(name));
                    fs::write(&new, name).unwrap();
                    fs::rename(&new, &at).unwrap();
                    // The link may be away for an instant.
                    let mut tries = 0..100_000;
                    let found = tries.find_map(|_| fs::read(&at).ok());
                    assert_eq!(found.as_deref(), Some(name.as_bytes()), "{name}");
                    assert!(tries.any(|_| fs::remove_file(&at).is_ok()), "{name}");
                }
            }
        });
        let ran = plan.run(&mut go_on);
        over.store(true, Ordering::Relaxed);
        let ran = ran.unwrap();
        assert!(
            matches!(ran.ended, Ended::Complete | Ended::Failed(_)),
            "{ran:?}"
        );
        assert!(
            !ran.notes.iter().any(|note| note.contains("by hand")),
            "{ran:?}"
        );
    });
    assert!(dir.names().is_empty(), "{:?}", dir.names());
}

#[test]
fn layer_of_a_mounted_overlay_is_refused() {
    let dir = Temp::new();
    let overlay = |upper: &Path| {
        let layers = crate::kernel::source::mounts::Layers::known(&[upper.to_str().unwrap()]);
        [Mount {
            fs: "overlay".into(),
            point: "/merged".into(),
            made_of: layers,
            ..Mount::default()
        }]
    };
    let target = Target::of(dir.path(), File::open(dir.path()).unwrap());
    let why = unfit::layer(&target, &overlay(dir.path().parent().unwrap()));
    assert!(why.unwrap().contains("overlay at /merged"));
    assert_eq!(
        unfit::layer(&target, &overlay(Path::new("/elsewhere"))),
        None
    );
}

#[test]
fn directories_whose_names_matter_are_refused_unless_forced() {
    let (dir, state) = (Temp::new(), Temp::new());
    let why = |path: &Path, searched: &[PathBuf]| {
        let target = Target::of(path, File::open(path).unwrap());
        unfit::sensitive(&target, searched)
    };
    assert_eq!(why(dir.path(), &[]), None);
    let on_path = why(
        dir.path(),
        &[dir.path().join("../").join(dir.path().file_name().unwrap())],
    );
    assert!(on_path.unwrap().contains("searched"));
    assert!(why(Path::new("/etc"), &[]).unwrap().contains("/etc"));
    // Whatever its path leads to by now.
    let etc = Target::of(dir.path(), File::open("/etc").unwrap());
    assert!(unfit::sensitive(&etc, &[]).unwrap().contains("/etc"));
    for (mode, part) in [(0o1777, "sticky"), (0o777, "may replace names")] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert!(why(dir.path(), &[]).unwrap().contains(part));
        let state = Some(state.path().to_owned());
        let request = Request {
            any_filesystem: true,
            ..Request::default()
        };
        let mut kernel = Kernel::new("/");
        let refused = Plan::new(&mut kernel, dir.path(), request.clone(), state.clone());
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("--force overrides this")
        );
        let forced = Request {
            force: true,
            ..request
        };
        let plan = Plan::new(&mut kernel, dir.path(), forced, state).unwrap();
        assert!(plan.command().ends_with("--force"));
    }
}

#[test]
fn filesystems_that_are_remote_or_in_memory_cannot_be_forced() {
    let on = |fs: &str| Mount {
        fs: fs.into(),
        ..Mount::default()
    };
    for fs in ["nfs4", "fuse.sshfs", "tmpfs", "proc"] {
        assert!(unfit::filesystem(&on(fs), true).is_some(), "{fs}");
    }
    assert_eq!(unfit::filesystem(&on("ext4"), false), None);
    assert!(
        unfit::filesystem(&on("vfat"), false)
            .unwrap()
            .contains("--any-filesystem")
    );
    assert_eq!(unfit::filesystem(&on("vfat"), true), None);
}

#[test]
fn only_directories_below_the_first_can_be_chosen() {
    let (dir, state) = (Temp::new(), Temp::new());
    fs::create_dir_all(dir.path().join("below/deep")).unwrap();
    let mut plan = planned(&dir, &state, &[], Request::default());
    let kernel = Kernel::new("/");
    plan.and(&kernel, &dir.path().join("below/deep")).unwrap();
    assert_eq!(plan.directories.len(), 2);
    assert!(plan.reach().ends_with("and 1 chosen below it"));
    for other in [dir.path(), state.path()] {
        let refused = plan.and(&kernel, other).unwrap_err().to_string();
        assert!(refused.contains("not below"), "{refused}");
    }
}

#[test]
fn directory_that_was_replaced_is_not_touched() {
    let (dir, state) = (Temp::new(), Temp::new());
    let plan = planned(&dir, &state, &["a"], Request::default());
    let away = dir.path().with_extension("away");
    fs::rename(dir.path(), &away).unwrap();
    fs::create_dir(dir.path()).unwrap();
    let refused = plan.run(&mut go_on).unwrap_err();
    assert!(matches!(refused, ReclaimError::Changed { .. }), "{refused}");
    fs::remove_dir_all(away).unwrap();
}

#[test]
fn plan_says_what_is_written() {
    let (dir, state) = (Temp::new(), Temp::new());
    let plan = planned(&dir, &state, &["a", "b"], Request::default());
    let notes = plan.notes().join("\n");
    for part in [
        "2 names",
        "mtime",
        "journal",
        "inotify",
        "lstat",
        "EEXIST",
        "one link behind",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
}
