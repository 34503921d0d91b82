//! Without a reader that counts: the names of readdir, and how much of the files is in memory.

use crate::no_module;
use crate::support::App;
use crate::tree_counting::failed;
use slabscope::kernel::page_cache::Unknown;
use slabscope::kernel::readdir::{Entries, Entry, Kind};
use slabscope::kernel::source::dentry_state::Cost;
use slabscope::kernel::target::LookError;
use slabscope::ui::update::{BrowseEffect, BrowseMsg, Effect, Msg};
use std::ffi::OsString;
use std::time::Duration;

fn entry(name: &str, kind: Kind, cached: bool) -> Entry {
    Entry {
        name: name.into(),
        kind,
        cached,
        pages: None,
    }
}

fn read(app: &mut App, entries: Vec<Entry>) {
    let (job, at) = (app.model.last_job, Duration::from_secs(2));
    let found = Entries {
        entries,
        cost: Some(Cost::default()),
        ..Entries::default()
    };
    let result = Ok(found);
    app.msg(Msg::Browse(BrowseMsg::Read { job, at, result }));
}

/// In a directory with these names, without a reader that counts.
pub fn browsing(columns: u16, rows: u16) -> App {
    let mut app = App::on_tree(columns, rows);
    app.keys("j<Enter>");
    failed(&mut app, no_module());
    let entries = vec![
        entry("zoo", Kind::Directory, true),
        entry("notes", Kind::File, true),
        entry("old.log", Kind::File, false),
        entry("cold", Kind::Directory, false),
        entry("red\u{1b}[31m", Kind::Link, true),
        entry("theirs", Kind::File, true),
    ];
    read(&mut app, entries);
    app
}

/// The same, with the page cache requested.
pub fn asked(columns: u16, rows: u16) -> App {
    let mut app = browsing(columns, rows);
    app.effects();
    app.keys("C");
    let job = app.model.last_job;
    let asked = app.effects();
    let Some(Effect::Browse(BrowseEffect::Pages { names, .. })) = asked.first() else {
        panic!("{asked:?}");
    };
    assert_eq!(
        names,
        &["notes", "theirs"].map(OsString::from),
        "cached files"
    );
    let answers = [Ok(40 << 20), Err(Unknown::NotYours)];
    let result = Ok(names.iter().cloned().zip(answers).collect());
    app.msg(Msg::Browse(BrowseMsg::Pages { job, result }));
    app
}

#[test]
fn names_are_shown_and_what_the_module_would_add() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter>");
    app.effects();
    failed(&mut app, no_module());
    assert!(matches!(&app.effects()[..],
        [Effect::Browse(BrowseEffect::Read { path, lookup: true, .. })] if path.ends_with("ext4")));
    app.shows("the slabscope kernel module is not loaded");
    let mut app = browsing(80, 24);
    app.shows("no module: readdir lists 6 names, 4 of them cached");
    app.shows("6 names by name ▲");
    app.shows("walk added 0 dentries");
    app.shows("the slabscope kernel module is not loaded (/dev/slabscope is missing)");
    app.shows("It adds counts below each name");
    app.shows("slabscope module install");
    assert!(app.line("zoo/").contains("yes    directory"));
    assert!(app.line("old.log").contains("-      file"));
    app.shows("red\\u{1b}[31m");
    app.shows_no("NEGATIVE");
    assert_eq!(app.selected(), "cold/");
}

#[test]
fn entering_looks_up_no_name_that_is_not_cached() {
    let mut app = browsing(80, 24);
    app.effects();
    app.keys("<Enter>");
    assert!(matches!(&app.effects()[..],
        [Effect::Census { path, lookup: false, .. }] if path.ends_with("cold")));
    let path = "/mnt/ext4/cold".into();
    failed(&mut app, LookError::NotCached { path, names: 1 });
    app.shows("L: look it up (adds up to 1 dentry).");
    app.keys("<Backspace>");
    assert_eq!(app.selected(), "cold/");
    app.keys("j<Enter>");
    app.shows("not a directory");
    app.keys("G");
    assert_eq!(app.selected(), "zoo/");
    app.effects();
    app.keys("<Enter>");
    assert!(matches!(&app.effects()[..],
        [Effect::Census { path, lookup: true, .. }] if path.ends_with("zoo")));
}

#[test]
fn order_and_filter_are_those_of_the_tree() {
    let mut app = browsing(80, 24);
    app.keys("d");
    assert_eq!(app.selected(), "cold/");
    app.keys("jj");
    assert_eq!(app.selected(), "notes");
    app.keys("drg");
    assert_eq!(app.selected(), "zoo/");
    app.keys("r/LOG<Enter>");
    app.shows("1 name by name ▲ matching \"LOG\"");
    assert_eq!(app.selected(), "old.log");
    app.keys("/x<Enter>");
    app.shows("no name matches");
    app.keys("<Enter><Esc>");
    app.shows("6 names");
    let (x, y) = app.position("notes");
    app.click(x, y);
    assert_eq!(app.selected(), "notes");
}

#[test]
fn page_cache_is_shown_for_cached_files_of_ours() {
    let mut app = asked(80, 24);
    app.shows("page cache 40.0 MiB");
    assert!(app.line("notes").contains("40.0 MiB"));
    assert!(app.line("theirs").contains("not yours"));
    assert!(app.line("old.log").contains("file              - "));
    app.keys("Sp");
    app.shows("by page cache ▼");
    app.keys("g");
    assert_eq!(app.selected(), "notes");
}

#[test]
fn page_cache_is_not_requested_without_a_cached_file() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter>");
    failed(&mut app, no_module());
    read(&mut app, vec![entry("old.log", Kind::File, false)]);
    app.effects();
    app.keys("C");
    app.shows("no regular file here is cached");
    assert!(app.effects().is_empty());
    let mut app = App::in_ext4(80, 24);
    app.keys("C");
    app.shows("column PAGES shows it");
}

#[test]
fn unreadable_directory_says_why() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter>");
    failed(&mut app, no_module());
    let (job, at) = (app.model.last_job, Duration::from_secs(2));
    let (path, source) = (
        "/mnt/ext4".into(),
        std::io::ErrorKind::PermissionDenied.into(),
    );
    let result = Err(LookError::Open { path, source });
    app.msg(Msg::Browse(BrowseMsg::Read { job, at, result }));
    app.shows("/mnt/ext4: permission denied");
}

#[test]
fn entering_a_row_ends_the_count_under_way() {
    let mut app = crate::tree_counting::half_counted(80, 24);
    let job = app.model.last_job;
    app.effects();
    app.keys("<Enter>");
    assert!(matches!(app.effects()[..],
        [Effect::Cancel { job: of }, Effect::Census { .. }] if of == job));
}

#[test]
fn filesystem_that_revalidates_names_shows_no_cached_state() {
    let mut app = App::on_tree(80, 24);
    let proc = crate::support::mounts()
        .iter()
        .position(|m| &*m.fs == "proc");
    app.keys(&"j".repeat(proc.unwrap()));
    app.keys("<Enter>");
    failed(&mut app, no_module());
    read(&mut app, vec![entry("1", Kind::Directory, false)]);
    app.shows("readdir lists 1 names; proc does not report which are cached");
}
