//! Going to a typed path, to the mounts of a process, and the message if there is nothing.

use crate::support::{App, census, mounts};
use crate::tree_counting::failed;
use crate::unreadable;
use slabscope::kernel::source::Mount;
use slabscope::kernel::target::LookError;
use slabscope::ui::update::{Effect, Msg};
use std::io;
use std::path::{Path, PathBuf};

/// The last effect, a census.
fn asked(app: &mut App) -> (PathBuf, bool) {
    match app.effects().pop() {
        Some(Effect::Census { path, lookup, .. }) => (path, lookup),
        other => panic!("{other:?}"),
    }
}

#[test]
fn typed_path_is_reached_by_what_is_cached_alone() {
    let mut app = App::in_ext4(80, 24);
    app.keys("o");
    app.shows(" open /mnt/ext4/");
    app.shows("type a path or a PID; Tab edits");
    app.keys("<Tab>");
    app.shows("a path, or a PID");
    app.keys("1//2/<Enter>");
    let (path, lookup) = asked(&mut app);
    assert_eq!(path.as_os_str(), "/mnt/ext4/1/2");
    assert!(!lookup);
    app.counted(census());
    app.shows("/mnt/ext4/1/2");
    app.shows("ext4 on /dev/vdb");
    app.keys("R");
    assert!(asked(&mut app).1, "what was reached may be asked for again");
    app.keys("<Backspace>");
    app.shows("/mnt/ext4/1 ");
    app.keys("<Backspace><Backspace>");
    app.shows("mounts: Enter opens");
}

#[test]
fn uncached_path_is_looked_up_on_request_only() {
    let mut app = App::on_tree(80, 24);
    app.keys("omnt/ext4/cold/deep<Enter>");
    let path = PathBuf::from("/mnt/ext4/cold/deep");
    failed(&mut app, LookError::NotCached { path, names: 2 });
    app.shows("not cached, missing, or the filesystem");
    app.shows("nothing to count. L: look it up (adds up to 2 dentries)");
    app.effects();
    app.keys("L");
    assert_eq!(asked(&mut app), ("/mnt/ext4/cold/deep".into(), true));
    app.counted(census());
    app.keys("L");
    app.shows("nothing to look up");
    assert!(app.effects().is_empty());
}

#[test]
fn missing_path_and_file_are_reported() {
    let mut app = App::on_tree(80, 24);
    app.keys("onone<Enter>");
    let (path, source) = ("/none".into(), io::ErrorKind::NotFound.into());
    failed(&mut app, LookError::Open { path, source });
    app.shows("/none: no such directory");
    app.shows("mounts: Enter opens");
    app.keys("o/file<Enter>");
    failed(&mut app, LookError::NoDirectory("/file".into()));
    app.shows("/file: not a directory");
    app.shows("mounts: Enter opens");
    // From a directory, that one is shown again.
    let mut app = App::in_ext4(80, 24);
    app.keys("o/none<Enter>");
    let (path, source) = ("/none".into(), io::ErrorKind::NotFound.into());
    failed(&mut app, LookError::Open { path, source });
    app.shows("/none: no such directory");
    app.keys("j");
    app.shows("below: 1,001,012 dentries");
    // A path that was looked up on request and is missing, too.
    app.keys("ocold<Enter>");
    let path = PathBuf::from("/mnt/ext4/cold");
    failed(&mut app, LookError::NotCached { path, names: 1 });
    app.keys("L");
    let (path, source) = ("/mnt/ext4/cold".into(), io::ErrorKind::NotFound.into());
    failed(&mut app, LookError::Open { path, source });
    app.shows("/mnt/ext4/cold: no such directory");
    app.keys("j");
    app.shows("below: 1,001,012 dentries");
}

/// The first key replaces the proposed path.
#[test]
fn typed_path_and_pid_replace_the_offered_path() {
    for (typed, shown) in [
        ("/", " open /  "),
        ("/var", " open /var  "),
        ("4711", " open 4711  "),
        ("1/2", " open 1/2  "),
        ("<Tab>1", " open /mnt/ext4/1  "),
        ("<Right>1", " open /mnt/ext4/1  "),
        ("<Backspace>", " open /mnt/ext4  "),
    ] {
        let mut app = App::in_ext4(80, 24);
        app.keys("o");
        app.keys(typed);
        app.shows(shown);
    }
    // A path without a slash at its beginning is below the directory shown.
    let mut app = App::in_ext4(80, 24);
    app.keys("o1/2<Enter>");
    assert_eq!(asked(&mut app).0, Path::new("/mnt/ext4/1/2"));
    let mut app = App::in_ext4(80, 24);
    app.keys("o<Enter>");
    assert_eq!(asked(&mut app).0, Path::new("/mnt/ext4"));
}

#[test]
fn invalid_path_leads_nowhere() {
    let mut app = App::in_ext4(80, 24);
    app.effects();
    app.control_u();
    for (text, words) in [
        ("", "enter an absolute path or a PID"),
        ("/a/../b", "without .."),
    ] {
        app.keys("o");
        app.control_u();
        app.keys(text);
        app.keys("<Enter>");
        app.shows(words);
        assert!(app.effects().is_empty());
        app.shows("/mnt/ext4");
    }
    app.keys("oabc<Esc>");
    app.shows("below: 1,001,012 dentries");
}

fn of_container() -> Vec<Mount> {
    let mount = |point: &str, fs: &str| Mount {
        point: point.into(),
        fs: fs.into(),
        device: fs.into(),
        ..Mount::default()
    };
    vec![
        mount("/proc/4711/root", "overlay"),
        mount("/proc/4711/root/data", "ext4"),
    ]
}

#[test]
fn process_number_shows_the_mounts_of_that_process() {
    let mut app = App::in_ext4(80, 24);
    app.effects();
    app.keys("o");
    app.control_u();
    app.keys("4711<Enter>");
    assert!(matches!(
        app.effects()[..],
        [Effect::ReadMountsOf { pid: 4711 }]
    ));
    let result = Ok(("ngi\u{1b}nx".into(), of_container()));
    app.msg(Msg::MountsOf { pid: 4711, result });
    app.shows("2 mounts of process 4711, ngi\\u{1b}nx: Bksp leaves");
    app.keys("j<Enter>");
    assert_eq!(asked(&mut app).0, Path::new("/proc/4711/root/data"));
    app.counted(census());
    app.shows("ext4 on ext4");
    app.keys("<Backspace>");
    assert!(matches!(
        app.effects()[..],
        [Effect::ReadMountsOf { pid: 4711 }]
    ));
    app.keys("<Backspace>");
    assert!(matches!(app.effects()[..], [Effect::ReadMounts]));
    app.msg(Msg::Mounts(Ok(mounts())));
    app.shows("mounts: Enter opens");
}

#[test]
fn path_below_the_root_of_a_process_is_on_the_mounts_of_that_process() {
    let mut app = App::on_tree(80, 24);
    app.effects();
    app.keys("oproc/4711/root/data/x<Enter>");
    assert!(matches!(
        app.effects()[..],
        [Effect::ReadMountsOf { pid: 4711 }]
    ));
    let result = Ok(("nginx".into(), of_container()));
    app.msg(Msg::MountsOf { pid: 4711, result });
    assert_eq!(asked(&mut app).0, Path::new("/proc/4711/root/data/x"));
    app.shows("ext4 on ext4");
    app.keys("o");
    app.control_u();
    app.keys("/mnt/ext4<Enter>");
    assert!(
        matches!(app.effects()[..], [.., Effect::ReadMounts]),
        "our own again"
    );
    app.msg(Msg::Mounts(Ok(mounts())));
    assert_eq!(asked(&mut app).0, Path::new("/mnt/ext4"));
}

#[test]
fn missing_process_is_reported_and_the_view_stays() {
    let mut app = App::on_tree(80, 24);
    app.keys("o<Backspace>99<Enter>");
    let result = Err(unreadable(
        "/proc/99/mountinfo",
        io::ErrorKind::NotFound,
        "No such file",
    ));
    app.msg(Msg::MountsOf { pid: 99, result });
    app.shows("no mounts of process 99: /proc/99/mountinfo: No such file");
    app.shows("/mnt/ext4");
}

#[test]
fn path_of_the_command_line_is_not_looked_up() {
    let mut app = App::sampled(80, 24);
    app.msg(Msg::Open("/mnt/ext4/x".into()));
    app.msg(Msg::Mounts(Ok(mounts())));
    assert_eq!(asked(&mut app), ("/mnt/ext4/x".into(), false));
}

#[test]
fn process_of_another_user_is_reported() {
    let mut app = App::on_tree(80, 24);
    app.keys("oproc/4711/root/data<Enter>");
    let result = Ok(("nginx".into(), of_container()));
    app.msg(Msg::MountsOf { pid: 4711, result });
    let path = "/proc/4711/root/data".into();
    let source = io::ErrorKind::PermissionDenied.into();
    failed(&mut app, LookError::Open { path, source });
    app.shows("with CAP_SYS_PTRACE");
}
