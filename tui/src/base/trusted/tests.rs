use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::time::{Duration, Instant};

use super::*;

/// Bytes that a test's file may have.
const LIMIT: u64 = 1000;

/// A directory of a test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("slabscope-trusted-{name}-{}", std::process::id());
        let path = crate::private::directory().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    /// A file of ours below it.
    fn file(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "ours").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn refused<T>(result: io::Result<T>) -> String {
    let start = Instant::now();
    let error = result.map(drop).unwrap_err().to_string();
    assert!(start.elapsed() < Duration::from_secs(5));
    error
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn file_that_others_may_write_is_refused() {
    let scratch = Scratch::new("modes");
    let path = scratch.file("file", 0o644);
    assert_eq!(read(&path, LIMIT).unwrap(), b"ours");
    for mode in [0o666, 0o620, 0o602] {
        set_mode(&path, mode);
        let error = refused(read(&path, LIMIT));
        assert_eq!(
            error,
            format!("open to others, mode {mode:o}: run chmod go-w")
        );
    }
    set_mode(&path, 0o644);
    for private in [open_private, append_private] {
        let error = refused(private(&path));
        assert_eq!(error, "open to others, mode 644: run chmod 600");
    }
    set_mode(&path, 0o600);
    append_private(&path).unwrap().write_all(b" too").unwrap();
    assert_eq!(read(&path, LIMIT).unwrap(), b"ours too");
}

#[test]
fn owner_other_than_root_and_us_is_refused() {
    let stat = |uid, mode| {
        let mut stat = statat(CWD, "/", AtFlags::empty()).unwrap();
        (stat.st_uid, stat.st_mode) = (uid, mode);
        stat
    };
    assert_eq!(unfit(&stat(0, 0o100_600), 0, Others::Nothing), None);
    assert_eq!(unfit(&stat(0, 0o100_644), 1000, Others::Read), None);
    let why = unfit(&stat(1000, 0o100_600), 0, Others::Read).unwrap();
    assert_eq!(why, "belongs to user 1000, not to 0");
    let why = unfit(&stat(1001, 0o100_600), 1000, Others::Read).unwrap();
    assert_eq!(why, "belongs to user 1001, not to 1000");
}

#[test]
fn directory_that_others_may_change_is_refused() {
    let scratch = Scratch::new("directories");
    let path = scratch.file("a/b/file", 0o600);
    let above = scratch.0.join("a");
    for mode in [0o777, 0o722] {
        set_mode(&above, mode);
        for error in [
            refused(read(&path, LIMIT)),
            refused(open_private(&path)),
            refused(append_private(&path)),
            refused(append_private(&above.join("new/file"))),
        ] {
            let says = format!("a is open to others, mode {mode:o}: run chmod go-w");
            assert!(error.ends_with(&says), "{error}");
        }
        assert!(!above.join("new").exists(), "nothing is made there");
        // Nothing is there: another user decides that, too, and nothing is read.
        let missing = read(&above.join("b/none"), LIMIT).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
    // As in /tmp: others can add names there, and cannot remove ours.
    set_mode(&above, 0o1777);
    read(&path, LIMIT).unwrap();
    append_private(&path).unwrap();
}

/// Only root can give a file away.
#[test]
fn path_through_a_directory_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let scratch = Scratch::new("owners");
    let path = scratch.file("theirs/ours/file", 0o600);
    let theirs = scratch.0.join("theirs");
    chown(&theirs, Some(65534), Some(65534)).unwrap();
    for error in [
        refused(read(&path, LIMIT)),
        refused(append_private(&path)),
        refused(append_private(&theirs.join("new"))),
    ] {
        let says = "theirs belongs to user 65534, not to 0";
        assert!(error.ends_with(says), "{error}");
    }
    assert!(!theirs.join("new").exists());
    let file = scratch.file("file", 0o600);
    chown(&file, Some(65534), None).unwrap();
    for error in [refused(read(&file, LIMIT)), refused(append_private(&file))] {
        assert_eq!(error, "belongs to user 65534, not to 0");
    }
    // A link of theirs, in a directory where anybody may make one.
    let target = scratch.file("target/file", 0o600);
    let open = scratch.0.join("open");
    fs::create_dir(&open).unwrap();
    set_mode(&open, 0o1777);
    let link = open.join("link");
    symlink(target.parent().unwrap(), &link).unwrap();
    std::os::unix::fs::lchown(&link, Some(65534), None).unwrap();
    let error = refused(read(&link.join("file"), LIMIT));
    assert!(error.ends_with("link belongs to user 65534"), "{error}");
    refused(append_private(&link.join("file")));
}

#[test]
fn own_links_are_followed_for_reading_and_not_for_writing() {
    let scratch = Scratch::new("links");
    let path = scratch.file("dir/file", 0o600);
    let link = scratch.0.join("link");
    for target in [path.as_path(), Path::new("dir/../dir/file")] {
        symlink(target, &link).unwrap();
        assert_eq!(read(&link, LIMIT).unwrap(), b"ours");
        assert_eq!(refused(append_private(&link)), "it is a symbolic link");
        fs::remove_file(&link).unwrap();
    }
    symlink("dir", scratch.0.join("sub")).unwrap();
    append_private(&scratch.0.join("sub/file")).unwrap();
    // The contents of its target are unknown: it is not an absent file.
    for target in ["nowhere", "no/where"] {
        symlink(target, scratch.0.join("dangling")).unwrap();
        let error = refused(read(&scratch.0.join("dangling"), LIMIT));
        assert_eq!(error, "it is a symbolic link that leads nowhere");
        fs::remove_file(scratch.0.join("dangling")).unwrap();
    }
    let absent = read(&scratch.0.join("sub/none"), LIMIT).unwrap_err();
    assert_eq!(absent.kind(), io::ErrorKind::NotFound);
    symlink("loop", scratch.0.join("loop")).unwrap();
    refused(read(&scratch.0.join("loop"), LIMIT));
    // A link that leads where others decide.
    let open = scratch.file("open/file", 0o600);
    set_mode(open.parent().unwrap(), 0o777);
    symlink(&open, &link).unwrap();
    let error = refused(read(&link, LIMIT));
    assert!(error.contains("is open to others"), "{error}");
}

#[test]
fn file_with_another_name_is_not_appended_to() {
    let scratch = Scratch::new("hard-links");
    let path = scratch.file("file", 0o600);
    fs::hard_link(&path, scratch.0.join("other")).unwrap();
    let error = refused(append_private(&path));
    assert!(error.starts_with("it has 2 names"), "{error}");
}

#[test]
fn fifo_does_not_block_and_no_device_is_opened() {
    let scratch = Scratch::new("fifo");
    let fifo = scratch.0.join("fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
    for path in [&fifo, Path::new("/dev/zero"), &scratch.0] {
        for error in [refused(read(path, LIMIT)), refused(append_private(path))] {
            assert_eq!(error, "not a regular file", "{path:?}");
        }
    }
}

#[test]
fn file_beyond_the_limit_is_refused() {
    let scratch = Scratch::new("large");
    let path = scratch.file("file", 0o600);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(LIMIT).unwrap();
    assert_eq!(read(&path, LIMIT).unwrap().len() as u64, LIMIT);
    file.set_len(1 << 40).unwrap();
    assert_eq!(refused(read(&path, LIMIT)), "it holds more than 1.0 KiB");
}

#[test]
fn new_file_and_its_directories_are_private_to_the_owner() {
    let scratch = Scratch::new("made");
    let path = scratch.0.join("a/b/file");
    append_private(&path).unwrap();
    for (path, mode) in [("a", 0o700), ("a/b", 0o700), ("a/b/file", 0o600)] {
        let meta = fs::metadata(scratch.0.join(path)).unwrap();
        assert_eq!(meta.mode() & 0o777, mode, "{path}");
    }
    assert!(append_private(Path::new("relative")).is_err());
    assert!(append_private(Path::new("/")).is_err());
}

/// Where only root writes, a planted link would have root put a file of somebody else's contents.
#[test]
fn links_of_others_do_not_lead_to_the_directory_for_new_files() {
    let scratch = Scratch::new("directory");
    let inside = scratch.0.join("inside");
    fs::create_dir(&inside).unwrap();
    let link = scratch.0.join("link");
    symlink(&inside, &link).unwrap();
    directory(&link, false).unwrap();
    directory(&link.join("made/deep"), true).unwrap();
    assert!(inside.join("made/deep").is_dir());
    assert!(directory(&inside.join("none"), false).is_err());
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // What belongs to others may be written to.
    chown(&inside, Some(65534), None).unwrap();
    directory(&inside.join("new"), true).unwrap();
    std::os::unix::fs::lchown(&link, Some(65534), None).unwrap();
    for path in [link.clone(), link.join("new"), link.join("other")] {
        let error = refused(directory(&path, true));
        assert!(error.ends_with("link belongs to user 65534"), "{error}");
    }
    assert!(!inside.join("other").exists());
}
