//! The history screen's charts: window, cursor, markers of prunes.

use crate::support::{App, sample_of, sample_with};
use slabscope::kernel::session::Status;
use slabscope::ui::look::Look;

/// 300 seconds, a prune at the 60th.
fn history(columns: u16, rows: u16) -> App {
    let mut app = App::pruning(columns, rows);
    app.pruned(Status::Complete, 999_900);
    app.keys("<Esc>");
    for second in 64..=300 {
        app.sample(second, sample_with(50_100 + second * 100, 1_100));
    }
    app.keys("5");
    app.effects();
    app
}

#[test]
fn zooming_changes_the_time_that_charts_show() {
    let mut app = history(80, 24);
    app.shows(", last 4 min");
    app.keys("z");
    app.shows(", last 2 min");
    app.shows_no("┆");
    app.keys("zz");
    app.shows(", last 30 s");
    app.keys("ZZZZ");
    app.shows(", last 10 min");
    app.shows("┆");
}

#[test]
fn cursor_shows_the_values_under_it_and_escape_returns_to_now() {
    let mut app = history(80, 24);
    app.shows("dentries 80,100");
    app.keys("z<Left>");
    app.shows("1.7 s ago, of 2 min");
    app.shows("│");
    app.keys(&"<Left>".repeat(30));
    app.shows("s ago, of 2 min");
    app.shows_no("dentries 80,100");
    app.sample(301, sample_with(1_007, 7));
    app.shows_no("dentries 1,007 ");
    app.keys("<Esc>");
    app.shows("dentries 1,007 ");
    app.shows_no("│");
}

#[test]
fn panned_charts_stand_still() {
    let mut app = history(80, 24);
    app.keys("zz<");
    app.shows(", 60 s until 30 s ago");
    app.sample(301, sample_with(1_007, 7));
    app.shows(", 60 s until 31 s ago");
    app.shows_no("dentries 1,007 ");
    app.keys(">>");
    app.shows(", last 60 s");
}

#[test]
fn brackets_go_from_prune_to_prune() {
    let mut app = history(80, 24);
    app.keys("zz[");
    app.shows("240 s ago, of 60 s".replace("240 s", "4 min").as_str());
    app.shows("dentries 1,050,000");
    app.shows("pruned 1/ 999,900 03:12:44");
    app.keys("[");
    app.shows("no prune in that direction");
    app.keys("h]");
    app.shows("dentries 1,050,000");
    app.keys("]");
    app.shows("no prune in that direction");
}

#[test]
fn frozen_charts_keep_their_end() {
    let mut app = history(80, 24);
    app.keys("f");
    app.sample(400, sample_with(1_007, 7));
    app.keys("<Left><Right><Right><Right>");
    app.shows("dentries 80,100");
    app.keys("<Esc>f");
    app.shows("dentries 1,007 ");
}

#[test]
fn hours_of_samples_take_no_more_room_and_stay() {
    let mut app = App::new(80, 24);
    let mut sample = sample_of(1, 0);
    for second in 0..3_700 {
        sample.dentries.as_mut().unwrap().total = Some(1_000_000 + second);
        app.sample(second, sample.clone());
    }
    app.keys("5");
    app.keys("ZZ");
    app.shows(", last 60 min");
    app.keys(&"<".repeat(9));
    app.keys(&"<Left>".repeat(150));
    app.shows("dentries 1,000,000");
}

#[test]
fn cursor_and_prune_differ_without_unicode_and_colour() {
    let mut app = history(80, 24);
    app.model.look = Look::new(false, false);
    app.keys("<Left><Left><Left>");
    let screen = app.screen();
    assert!(screen.is_ascii(), "{screen}");
    let line = app.line("503 MiB");
    assert!(line.contains('!') && line[12..].contains('|'), "{line}");
}
