//! The page of negative names.

use crate::no_module;
use crate::support::App;
use crate::support::names::{listing, negative_names};
use slabscope::abi::Counters;
use slabscope::cache::negatives::Listing;
use slabscope::cache::negatives::export::{ExportError, Exported, Format};
use slabscope::kernel::target::LookError;
use slabscope::ui::update::{Effect, Msg, NamesEffect, NamesMsg};
use std::time::Duration;

#[test]
fn n_lists_the_negative_names_of_the_row() {
    let mut app = App::listing_names(80, 24);
    let job = app.model.last_job;
    assert!(matches!(&app.effects()[..],
        [.., Effect::Names(NamesEffect::List { path, lookup: true, .. })]
            if path.as_os_str() == "/mnt/ext4/1"));
    let at = Duration::from_secs(4);
    let so_far = Box::new(Counters {
        total: 310_000,
        negative: 309_998,
        ..Default::default()
    });
    app.msg(Msg::Progress { job, at, so_far });
    app.shows("listing: 310,000 names so far, 309,998 negative");
    app.shows("Esc stops");
    app.listed(listing());
    app.shows("/mnt/ext4/1");
    app.shows("357 names are cached as absent, in 3 shapes");
    let row = app.line("sess_<hex32>");
    assert!(row.contains("300  84.0 %"), "{row}");
    app.shows("core.<number>");
    app.shows("<uuid>.tmp");
    let row = app.line("other shapes");
    assert!(row.trim_start().starts_with("5 "), "{row}");
    app.keys("<Esc>");
    app.shows("directories");
    assert_eq!(app.selected(), "1/");
}

#[test]
fn n_on_the_nameless_row_lists_the_directory_itself() {
    let mut app = App::in_ext4(80, 24);
    app.keys("Gn");
    assert!(matches!(&app.effects()[..],
        [.., Effect::Names(NamesEffect::List { path, .. })] if path.as_os_str() == "/mnt/ext4"));
}

#[test]
fn enter_shows_the_names_of_a_shape_and_escape_all_again() {
    let mut app = App::in_names(80, 24);
    app.keys("j");
    assert!(app.line("core.<number>").contains("core.1036"), "the least");
    app.effects();
    app.keys("<Enter>");
    app.shows("looking through 40 names of core.<number>");
    app.sifted();
    app.shows("40 names of core.<number>");
    assert_eq!(app.selected(), "core.37");
    app.keys("G");
    assert_eq!(app.selected(), "core.1480");
    app.keys("/74<Enter>");
    app.sifted();
    app.shows("names of core.<number> with 74");
    assert_eq!(app.selected(), "core.74");
    app.keys("<Esc>");
    app.shows("357 names");
    app.shows("sess_9e37");
    app.keys("G<Enter>");
    app.sifted();
    app.shows("5 names of other shapes");
    app.keys("<Esc><Esc>");
    app.shows("directories");
}

#[test]
fn names_are_shown_escaped_and_found_in_that_form() {
    let mut app = App::in_names(80, 24);
    app.keys("<Tab>G");
    for shown in [
        "two\\nlines",
        "\\u{1b}[31mred",
        "invoice\\u{202e}fdp.exe",
        "\\xff\\xfe",
    ] {
        app.shows(shown);
    }
    app.keys("/\\xFF");
    app.sifted();
    app.keys("<Enter>");
    app.shows("1 names with");
    assert_eq!(app.selected(), "\\xff\\xfe");
}

#[test]
fn each_letter_of_a_filter_ends_the_search_for_the_one_before() {
    let mut app = App::in_names(80, 24);
    app.effects();
    app.keys("/co");
    let first = app.model.last_job - 1;
    assert!(matches!(app.effects()[..], [
        Effect::Names(NamesEffect::Sift { job, .. }),
        Effect::Cancel { job: ended },
        Effect::Names(NamesEffect::Sift { .. }),
    ] if job == first && ended == first));
    app.msg(Msg::Names(NamesMsg::Sifted {
        job: first,
        rows: Some(vec![0]),
    }));
    app.shows("looking through");
}

#[test]
fn escape_ends_a_listing_and_keeps_what_it_has() {
    let mut app = App::listing_names(80, 24);
    let listed = app.model.last_job;
    app.effects();
    app.keys("<Esc>");
    assert!(matches!(app.effects()[..], [Effect::Cancel { job }] if job == listed));
    app.shows("stopping");
    let mut part = listing();
    part.complete = false;
    app.listed(part);
    app.shows("listed in part: at least 357 names");
    let mut app = App::listing_names(80, 24);
    app.keys("<Esc><Esc>");
    app.shows("directories");
    app.listed(listing());
    app.shows("directories");
}

#[test]
fn empty_or_failed_listing_says_so() {
    let mut app = App::listing_names(80, 24);
    app.listed(Listing::of([]));
    app.shows("none directly here; 1,000,000 below: Esc, then open one, or H finds them");
    app.keys("e");
    app.shows("no names to export");
    let mut app = App::listing_names(80, 24);
    let (job, at) = (app.model.last_job, Duration::from_secs(2));
    let result = Err(no_module());
    app.msg(Msg::Names(NamesMsg::Listed { job, at, result }));
    app.shows("the slabscope kernel module is not loaded");
    app.keys("R");
    assert!(matches!(
        app.effects().last(),
        Some(Effect::Names(NamesEffect::List { .. }))
    ));
}

/// A directory that no census has shown is looked up for its names on request only.
#[test]
fn directory_not_known_to_be_cached_is_not_looked_up() {
    let mut app = App::on_tree(80, 24);
    app.keys("ogone<Enter>");
    let looks_up = |app: &mut App| match app.effects().pop() {
        Some(Effect::Names(NamesEffect::List { path, lookup, .. })) => {
            assert_eq!(path.as_os_str(), "/gone");
            lookup
        }
        other => panic!("{other:?}"),
    };
    app.keys("n");
    assert!(!looks_up(&mut app));
    let (job, at) = (app.model.last_job, Duration::from_secs(2));
    let result = Err(LookError::NotCached {
        path: "/gone".into(),
        names: 1,
    });
    app.msg(Msg::Names(NamesMsg::Listed { job, at, result }));
    app.shows("L: look it up");
    app.keys("R");
    assert!(!looks_up(&mut app));
    app.keys("L");
    assert!(looks_up(&mut app));
}

#[test]
fn export_asks_for_the_file_and_shows_errors_in_place() {
    let mut app = App::in_names(80, 24);
    app.model.directory = "/root".into();
    app.keys("e");
    app.shows("negatives-1.txt");
    app.shows("in /root ");
    app.keys("<Backspace><Backspace><Backspace>lst<Tab>");
    app.shows("NUL-terminated (Tab");
    app.effects();
    app.keys("<Enter>");
    let job = app.model.last_job;
    match &app.effects()[..] {
        [
            Effect::Names(NamesEffect::Export {
                path, to, format, ..
            }),
        ] => {
            assert_eq!(path.as_os_str(), "/mnt/ext4/1");
            assert_eq!(to.as_os_str(), "negatives-1.lst");
            assert_eq!(*format, Format::Raw);
        }
        other => panic!("{other:?}"),
    }
    let (at, negative) = (Duration::from_secs(3), 4096);
    let so_far = Box::new(Counters {
        negative,
        ..Default::default()
    });
    app.msg(Msg::Progress { job, at, so_far });
    app.shows("4,096 names so far");
    let result = Err(ExportError::Write {
        path: "negatives-1.lst".into(),
        source: std::io::ErrorKind::AlreadyExists.into(),
    });
    app.msg(Msg::Names(NamesMsg::Exported { job, result }));
    app.shows("negatives-1.lst: entity already exists");
    app.keys("2<Enter>");
    let result = Ok(Exported {
        path: "/root/negatives-1.lst2".into(),
        names: 357,
    });
    let job = app.model.last_job;
    app.msg(Msg::Names(NamesMsg::Exported { job, result }));
    app.shows("357 names are in /root/negatives-1.lst2");
    app.shows_no("Write the names");
    app.keys("e<Esc>");
    app.shows("in 3 shapes");
    app.keys("e<Enter><Esc>");
    let (job, result) = (app.model.last_job, Err(ExportError::Ended));
    app.msg(Msg::Names(NamesMsg::Exported { job, result }));
    app.shows("the export ended before its end: nothing was written");
    app.shows_no("Write the names");
}

#[test]
fn many_names_are_listed_and_paged() {
    let names = (0..100_000_u32).map(|n| format!("sess_{n:x}"));
    let names: Vec<String> = names.collect();
    let mut app = App::listing_names(80, 24);
    app.listed(Listing::of(names.iter().map(String::as_bytes)));
    app.shows("100,000 names are cached as absent");
    app.keys("<Tab>G");
    assert_eq!(app.selected(), "sess_1869f");
    app.keys("<PageUp>");
    assert_eq!(app.selected(), "sess_18692");
}

#[test]
fn page_stays_behind_other_screens_and_the_help_has_its_keys() {
    let mut app = App::in_names(80, 24);
    app.keys("1");
    app.shows_no("shapes");
    app.keys("2");
    app.shows("in 3 shapes");
    app.keys("?");
    app.shows("write all names to a file");
    app.keys("?");
    app.shows("in 3 shapes");
    assert_eq!(negative_names().len(), 357);
}
