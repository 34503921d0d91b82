//! A census under way: in parts, cancelled, failed, of a directory with very many rows.

use crate::no_module;
use crate::support::{App, census, counters, row};
use slabscope::cache::census::{Census, DirectoryCount};
use slabscope::kernel::session::SessionError;
use slabscope::kernel::target::LookError;
use slabscope::ui::model::{KEPT, Part};
use slabscope::ui::update::{Effect, Msg};
use std::time::Duration;

pub fn part(app: &mut App, millis: u64, part: Part) {
    let (job, at) = (app.model.last_job, Duration::from_millis(millis));
    let part = Box::new(part);
    app.msg(Msg::Counting { job, at, part });
}

/// Half of /mnt/ext4 is counted, a tenth of a second after it began.
pub fn half_counted(columns: u16, rows: u16) -> App {
    let mut app = App::on_tree(columns, rows);
    app.keys("j<Enter>");
    let found = Part {
        rows: vec![row("other", counters(1_000, 0, 0))],
        under_way: Some(("1".into(), counters(122_000, 1, 2))),
        so_far: Box::new(counters(123_000, 1, 5)),
        ..Part::default()
    };
    part(&mut app, 1_100, found);
    app
}

pub fn failure() -> LookError {
    SessionError::Malformed("cut off in its header").into()
}

pub fn failed(app: &mut App, error: LookError) {
    let (job, at) = (app.model.last_job, Duration::from_secs(2));
    let result = Err(error);
    app.msg(Msg::Counted { job, at, result });
}

#[test]
fn rows_are_shown_as_they_are_counted_with_progress_and_rate() {
    let mut app = half_counted(80, 24);
    app.shows("counting: 123,006 dentries so far, 1.2M/s");
    app.shows("Esc stops it");
    assert!(app.line("other/").contains("1,000"));
    assert!(app.line("1/ ...").contains("122,000"));
    app.shows_no("B .");
    app.keys("j");
    assert_eq!(app.selected(), "other/");
    part(
        &mut app,
        1_200,
        Part {
            rows: vec![
                row("1", counters(1_000_000, 1, 2)),
                row("other", counters(1_000, 0, 0)),
            ],
            so_far: Box::new(counters(1_001_005, 1, 6)),
            ..Part::default()
        },
    );
    assert_eq!(app.selected(), "other/", "the selection stays");
    app.shows_no("1/ ...");
    assert_eq!(app.model.tree.place().unwrap().rows().len(), 2);
    app.counted(census());
    app.shows("below: 1,001,012 dentries");
    app.shows("2 directories with cached names");
    assert!(app.line("KiB .").contains(" 5 "));
}

#[test]
fn recount_shows_progress_relative_to_the_count_before() {
    let mut app = App::in_ext4(80, 24);
    app.keys("R");
    let so_far = Box::new(counters(500_000, 0, 0));
    let found = Part {
        so_far,
        ..Part::default()
    };
    part(&mut app, 1_250, found);
    app.shows("49 % of the last count");
}

#[test]
fn escape_and_c_end_a_census_and_keep_its_counts() {
    for key in ["<Esc>", "c"] {
        let mut app = half_counted(80, 24);
        let job = app.model.last_job;
        app.keys(key);
        assert!(matches!(app.effects()[..], [.., Effect::Cancel { job: of }] if of == job));
        app.shows("  ending");
        let stopped = DirectoryCount {
            partial: true,
            ..row("1", counters(200_000, 1, 2))
        };
        app.counted(Census {
            here: counters(201_000, 1, 6),
            rows: vec![stopped, row("other", counters(1_000, 0, 0))],
            partial: true,
            ..Census::default()
        });
        app.shows("at least: 201,007 dentries");
        app.shows("cancelled: 2 directories with cached names");
        app.shows("1/ (in part)");
        app.shows("other/");
        app.keys("R");
        app.counted(census());
        app.shows_no("CHANGE");
    }
}

#[test]
fn partial_count_is_marked_as_a_lower_bound() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter>");
    app.counted(Census {
        partial: true,
        ..census()
    });
    app.shows("at least: 1,001,012 dentries");
    app.shows("counted in part: 2 directories");
}

#[test]
fn failed_census_keeps_its_counts_and_says_so() {
    let mut app = half_counted(80, 24);
    failed(&mut app, failure());
    app.shows("at least: 123,006 dentries");
    app.shows("the count failed: the module sent a record that is not of its ABI");
    app.shows("other/");
    app.shows("1/ (in part)");
    app.keys("<Enter>");
    app.counted(Census::default());
    app.keys("<Backspace>");
    app.shows("the count failed");
}

#[test]
fn census_that_fails_before_it_counted_says_only_why() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter>");
    failed(&mut app, no_module());
    app.shows("module is not loaded");
    app.shows_no("NEGATIVE");
}

#[test]
fn greatest_of_many_directories_are_shown_and_the_others_counted() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter>");
    let rows = |kept: std::ops::Range<u64>| -> Vec<DirectoryCount> {
        let row = |n| row(format!("dir{n:05}"), counters(n, 0, 0));
        kept.map(row).collect()
    };
    let found = Part {
        rows: rows(29_900..30_000),
        more: 29_900,
        so_far: Box::new(counters((0..30_000).sum(), 0, 0)),
        ..Part::default()
    };
    part(&mut app, 1_030, found);
    app.shows("100 of 30,000 directories");
    app.counted(Census {
        here: counters((0..50_000).sum(), 0, 0),
        rows: rows(40_000..50_000),
        more: 40_000,
        ..Census::default()
    });
    assert_eq!(app.model.tree.place().unwrap().rows().len(), KEPT + 1);
    app.keys("Sn");
    let (_, top) = app.position("NEGATIVE");
    let first = app
        .screen()
        .lines()
        .nth(usize::from(top) + 1)
        .unwrap()
        .to_owned();
    assert!(first.contains(". (and others)"), "{first}");
    app.shows("10,000 of 50,000 directories with cached names");
    app.shows("dir49999/");
    app.keys("GGk");
    app.shows("dir40000/");
    app.shows_no("dir39999/");
}

#[test]
fn one_row_is_counted_again() {
    let mut app = App::in_ext4(80, 24);
    app.keys("j");
    assert_eq!(app.selected(), "other/");
    app.effects();
    app.keys("u");
    assert!(matches!(&app.effects()[..],
        [Effect::Census { path, rows: false, .. }] if path.ends_with("other")));
    app.shows("other/ ...");
    app.keys("u");
    assert!(app.effects().is_empty(), "it is under way");
    app.counted(Census {
        here: counters(5_000, 0, 0),
        ..Census::default()
    });
    assert!(app.line("other/").contains("+4.0k"));
    assert!(app.line(" 1/").contains(" 0 "));
    app.shows("below: 1,005,012 dentries");
    app.keys("u");
    failed(&mut app, failure());
    app.shows("the module sent a record that is not of its ABI");
    app.shows("below: 1,005,012 dentries");
    app.keys("u<Esc>");
    assert!(matches!(app.effects()[..], [.., Effect::Cancel { .. }]));
    app.shows_no("other/ ...");
}

#[test]
fn cost_of_looking_is_shown() {
    let mut app = App::in_ext4(80, 24);
    app.shows("walk added 0 dentries");
    let mut app = App::in_ext4(200, 50);
    app.shows("walk added 0 dentries; everything else meanwhile: +12");
    app.msg(Msg::Started { dentries: 2_113 });
    app.keys("?<PageDown>");
    app.shows("While the program started, the system's dentries changed by +2.1k");
}
