//! The tree screen.

use crate::no_module;
use crate::support::{App, census, counters, row};
use slabscope::abi::Counters;
use slabscope::cache::census::Census;
use slabscope::ui::update::{Effect, Msg};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

#[test]
fn tree_starts_at_the_mounts_with_the_kernels_own_last() {
    let mut app = App::on_tree(80, 24);
    assert!(matches!(app.effects()[..], [Effect::ReadMounts]));
    let screen = app.screen();
    let at = |text: &str| screen.find(text).unwrap();
    assert!(at("/dev/vda") < at("/mnt/ext4"));
    assert!(at("/mnt/ext4") < at("/dev/shm"));
    assert!(at("/dev/shm") < at(" proc "));
    app.shows("nothing to prune");
}

#[test]
fn tree_without_the_module_says_what_is_missing_and_shows_no_figures() {
    let mut app = App::on_tree(80, 24);
    app.keys("<Enter>");
    let job = app.model.last_job;
    assert!(matches!(&app.effects()[..],
        [.., Effect::Census { path, .. }] if path.as_os_str() == "/"));
    let (at, result) = (Duration::from_secs(2), Err(no_module()));
    app.msg(Msg::Counted { job, at, result });
    app.shows("the slabscope kernel module is not loaded (/dev/slabscope is missing)");
    app.shows("sudo slabscope module install");
    app.shows("cargo lab");
    app.shows_no("NEGATIVE");
    app.shows_no("below:");
    app.keys("pP");
    assert!(
        !app.effects()
            .iter()
            .any(|e| matches!(e, Effect::Prune { .. }))
    );
}

#[test]
fn pane_says_what_a_prune_of_the_row_would_free() {
    let mut app = App::in_ext4(80, 24);
    app.shows("── 1/: a prune would free ");
    app.shows(" 1 negative 183 MiB  2 unused 183 MiB  3 inodes max 183 MiB  4 pages 36.0 KiB");
    app.shows(" n lists its 1,000,000 negative names by shape");
    app.keys("j");
    app.shows("── other/: a prune would free ");
    app.shows(" 1 negative 188 KiB  2 unused 188 KiB");
    app.resize(80, 18);
    app.shows_no("a prune would free");
}

#[test]
fn entering_counts_and_the_rows_show_what_is_cached() {
    let mut app = App::in_ext4(80, 24);
    app.shows("/mnt/ext4");
    app.shows("ext4 on /dev/vdb");
    app.shows("below: 1,001,012 dentries  1,001,005 negative (99 %)  183 MiB freeable");
    let row = app.line(" 1/");
    assert!(row.starts_with(" ████████  99%  1,000,000"), "{row}");
    assert!(
        row.contains("183 MiB"),
        "a million and two of 192 bytes: {row}"
    );
    let here = app.line("KiB .");
    assert_eq!(
        here.split_whitespace().nth(2),
        Some("5"),
        "what no row counts: {here}"
    );
    assert_eq!(app.selected(), "1/", "what brings most back is first");
    app.keys("<Enter>");
    assert!(matches!(&app.effects()[..],
        [.., Effect::Census { path, .. }] if path.as_os_str() == "/mnt/ext4/1"));
    app.shows("counting");
    app.keys("<Backspace>");
    app.shows("/mnt/ext4");
    assert_eq!(app.selected(), "1/", "where one came from");
    app.keys("h");
    app.shows("mounts: Enter opens");
    assert_eq!(app.model.tree.mount_index(), 1, "/mnt/ext4");
}

#[test]
fn empty_directory_says_so() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter>");
    app.counted(Census::default());
    app.shows("nothing is cached below this directory");
    app.shows_no("B .");
    app.effects();
    app.keys("<Enter>");
    assert!(app.effects().is_empty());
}

#[test]
fn mounts_below_are_marked_and_entered_as_mounts() {
    let mut app = App::on_tree(80, 24);
    app.keys("<Enter>");
    let mnt = Counters {
        mountpoints: 1,
        ..counters(0, 2, 0)
    };
    app.counted(Census {
        here: counters(0, 9, 0),
        rows: vec![row("mnt", mnt), row("dev", counters(0, 1, 0))],
        ..Default::default()
    });
    app.shows("mnt/ (+mount)");
    app.shows("dev/ (mount)");
    let dev = app
        .model
        .tree
        .place()
        .unwrap()
        .rows()
        .iter()
        .position(|r| r.name == "dev");
    app.keys(&"j".repeat(dev.unwrap()));
    app.keys("<Enter>");
    app.shows("devtmpfs on devtmpfs");
}

#[test]
fn figures_of_a_directory_that_was_left_are_dropped() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter><Backspace>");
    assert!(matches!(
        app.effects()[..],
        [.., Effect::Cancel { .. }, Effect::ReadMounts]
    ));
    app.counted(census());
    app.shows("mounts: Enter opens");
    app.shows_no("1/");
}

#[test]
fn tmpfs_says_that_nothing_can_be_pruned_and_why() {
    let mut app = App::on_tree(80, 24);
    let tmpfs = app
        .model
        .tree
        .mounts()
        .iter()
        .position(|m| &*m.fs == "tmpfs")
        .unwrap();
    app.keys(&"j".repeat(tmpfs));
    app.keys("<Enter>");
    app.counted(Census {
        here: counters(0, 40, 0),
        rows: vec![row("run", counters(0, 39, 0))],
        ..Default::default()
    });
    app.shows("nothing to prune: tmpfs pins every dentry while its file exists");
    app.effects();
    app.keys("p");
    app.shows("nothing to prune: tmpfs pins every dentry for as long as its file exists");
    assert!(app.effects().is_empty());
}

#[test]
fn hostile_names_are_shown_escaped_and_entered_by_their_exact_bytes() {
    let mut app = App::on_tree(160, 24);
    app.keys("j<Enter>");
    let name = OsStr::from_bytes(b"\x1b[31m\n\xff\xe2\x80\xae");
    app.counted(Census {
        here: counters(9, 0, 0),
        rows: vec![row(name, counters(9, 0, 0))],
        ..Default::default()
    });
    app.shows("\\u{1b}[31m");
    app.keys("<Enter>");
    match app.effects().last() {
        Some(Effect::Census { path, .. }) => assert_eq!(path.file_name(), Some(name)),
        other => panic!("{other:?}"),
    }
    app.shows("\\u{1b}[31m\\n\\xff\\u{202e}");
}
