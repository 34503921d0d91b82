//! Journeys: what a person types, and what the screen then says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use slabscope::abi::Counters;
use slabscope::census::Census;
use slabscope::prune::PruneError;
use slabscope::session::{Mode, SessionError, Status};
use slabscope::source::{Cause, SourceError};
use slabscope::update::{Effect, Msg};
use slabscope::view::look::Look;
use support::{App, census, counters, row, sample, sample_with};

fn no_module() -> PruneError {
    SessionError::NoModule("/dev/slabscope".into()).into()
}

fn unreadable(path: &str, kind: std::io::ErrorKind, text: &str) -> SourceError {
    SourceError {
        path: path.into(),
        cause: Cause::Unreadable(kind, text.into()),
    }
}

// Slabs

#[test]
fn the_slab_screen_shows_exact_figures_sorted_by_cache_size() {
    let mut app = App::sampled(80, 24);
    let sample = sample();
    let state = sample.dentries.clone().unwrap();
    app.shows(&slabscope::text::count(state.total));
    app.shows(&slabscope::text::count(state.lru));
    app.shows(&slabscope::text::count(state.lru_negative));
    app.shows(&slabscope::text::mebibytes(
        sample.memory.clone().unwrap().sreclaimable,
    ));
    let dentry = sample.cache("dentry").unwrap();
    let line = app.line(" dentry");
    assert!(
        line.contains(&slabscope::text::count(dentry.objects)),
        "{line}"
    );
    assert!(
        line.contains(&slabscope::text::count(dentry.active)),
        "{line}"
    );
    assert!(line.starts_with(" R "), "dentry is reclaimable: {line}");
    assert!(app.line(" kmalloc-512").starts_with(" U "));
    assert!(
        app.line(" radix_tree_node").starts_with(" ? "),
        "not captured"
    );
    assert_eq!(app.selected(), "ext4_inode_cache", "the largest is first");
}

#[test]
fn slabtops_letters_sort() {
    let mut app = App::sampled(80, 24);
    let caches = sample().caches.unwrap();
    for (key, words, figure) in [
        (
            "a",
            "active objects",
            (|c| c.active) as fn(&slabscope::source::Cache) -> u64,
        ),
        ("b", "objects per slab", |c| c.objects_per_slab),
        ("c", "cache size", |c| c.size(4096)),
        ("l", "slabs", |c| c.slabs),
        ("v", "active slabs", |c| c.active_slabs),
        ("o", "objects", |c| c.objects),
        ("p", "pages per slab", |c| c.pages_per_slab),
        ("s", "object size", |c| c.object_size),
        ("u", "use", |c| {
            (c.active * 100).checked_div(c.objects).unwrap_or(0)
        }),
    ] {
        app.keys(key);
        app.shows(&format!("caches by {words} ▼"));
        let rows = app.model.caches();
        assert_eq!(rows.len(), caches.len());
        assert!(
            rows.is_sorted_by_key(|c| std::cmp::Reverse(figure(c))),
            "{key}"
        );
    }
    app.keys("n");
    assert!(app.model.caches().is_sorted_by_key(|c| &c.name));
    app.keys("r");
    assert!(
        app.model
            .caches()
            .iter()
            .rev()
            .is_sorted_by_key(|c| &c.name)
    );
}

#[test]
fn the_selection_stays_with_its_cache_and_the_top_with_the_largest() {
    let mut app = App::sampled(80, 24);
    app.keys("j");
    assert_eq!(app.selected(), "dentry");
    app.sample(2, sample_with(50_000_000, 0));
    assert_eq!(app.selected(), "dentry", "now first, and still selected");
    app.keys("jG");
    let last = app.model.caches().last().unwrap().name.clone();
    assert_eq!(app.selected(), last);
    app.keys("g");
    app.sample(3, sample());
    assert_eq!(
        app.selected(),
        "ext4_inode_cache",
        "the top is whichever is largest"
    );
}

#[test]
fn growth_is_in_the_line_of_what_grows() {
    let mut app = App::new(80, 24);
    app.sample(1, sample_with(1_000_000, 0));
    app.sample(2, sample_with(1_074_100, 0));
    assert!(app.line(" dentry").contains("+74.1k"));
    assert!(app.line("dentries ").contains("▲ 74.1k/s"));
    assert!(app.line("SReclaimable").contains("▲ 13.6 MiB/s"));
}

#[test]
fn a_frozen_screen_keeps_all_figures_of_one_sample() {
    let mut app = App::new(80, 24);
    app.sample(1, sample_with(1_000_000, 7));
    app.keys("f");
    let frozen = app.screen();
    assert!(frozen.contains("FROZEN"));
    app.sample(1, sample_with(2_000_000, 8));
    assert_eq!(app.screen(), frozen);
    app.sample(9, sample_with(2_000_000, 8));
    app.shows("FROZEN 8.0 s ago");
    app.shows("1,000,000");
    app.shows_no("2,000,000");
    app.keys("f");
    app.shows("2,000,000");
    app.shows_no("FROZEN");
}

#[test]
fn a_filter_narrows_the_table_and_escape_ends_it() {
    let mut app = App::sampled(80, 24);
    app.keys("/EXT4");
    app.shows("/EXT4");
    app.keys("<Enter>");
    app.shows("matching \"EXT4\"");
    assert!(app.model.caches().iter().all(|c| c.name.contains("ext4")));
    app.keys("/zzz");
    app.shows("no cache's name holds the filter's text");
    app.keys("<Esc>");
    app.shows("ext4_inode_cache");
    app.shows_no("matching");
}

#[test]
fn without_root_the_panel_says_which_file_refused_and_the_rest_is_shown() {
    let mut app = App::new(80, 24);
    let mut sample = sample();
    let denied = std::io::ErrorKind::PermissionDenied;
    sample.caches = Err(unreadable(
        "/proc/slabinfo",
        denied,
        "Permission denied (os error 13)",
    ));
    app.sample(1, sample);
    app.shows("/proc/slabinfo: Permission denied");
    app.shows("run slabscope with sudo");
    app.shows("SReclaimable");
    app.shows("on LRU (unused)");
    app.shows_no("OBJS");
    app.shows_no("0 caches");
}

#[test]
fn a_cache_named_to_deceive_is_escaped() {
    let mut app = App::new(80, 24);
    let mut sample = sample();
    sample.caches.as_mut().unwrap()[0].name = "\u{1b}[2J\u{202e}x".into();
    app.sample(1, sample);
    app.keys("/x");
    assert!(app.screen().contains("\\u{1b}[2J\\u{202e}x"));
    app.shows_no("\u{1b}");
}

// Tree

#[test]
fn the_tree_starts_at_the_mounts_with_the_kernels_own_last() {
    let mut app = App::on_tree(80, 24);
    assert!(matches!(app.effects()[..], [Effect::ReadMounts]));
    let screen = app.screen();
    let at = |text: &str| screen.find(text).unwrap();
    assert!(at("/dev/vda") < at("/mnt/ext4"));
    assert!(at("/mnt/ext4") < at("/dev/shm"));
    assert!(at("/dev/shm") < at(" proc "));
    app.shows("never prunable");
}

#[test]
fn without_the_module_the_tree_says_what_is_missing_and_shows_no_figures() {
    let mut app = App::on_tree(80, 24);
    app.keys("<Enter>");
    let job = app.model.last_job;
    assert!(matches!(&app.effects()[..],
        [.., Effect::Census { path, .. }] if path.as_os_str() == "/"));
    let (at, result) = (Duration::from_secs(2), Err(no_module()));
    app.msg(Msg::Counted { job, at, result });
    app.shows("the slabscope kernel module is not loaded (/dev/slabscope is missing)");
    app.shows("make -C kmod");
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
fn walking_in_counts_and_the_rows_say_what_is_cached() {
    let mut app = App::in_ext4(80, 24);
    app.shows("/mnt/ext4");
    app.shows("ext4 on /dev/vdb");
    app.shows("below: 1,001,012 dentries  1,001,005 negative (99 %)  183 MiB comes back");
    let row = app.line(" 1/");
    assert!(row.contains("1,000,000 ████"), "{row}");
    assert!(
        row.contains("183 MiB"),
        "a million and two of 192 bytes: {row}"
    );
    assert!(
        app.line("(here)").trim_start().starts_with("5 "),
        "what no row counts"
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
    app.shows("filesystems");
    assert_eq!(app.selected(), "/mnt/ext4");
}

#[test]
fn an_empty_directory_says_so() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter>");
    app.counted(Census::default());
    app.shows("nothing is cached below this directory");
    app.shows_no("(here)");
    app.effects();
    app.keys("<Enter>");
    assert!(app.effects().is_empty());
}

#[test]
fn mounts_below_are_marked_and_walked_into_as_what_they_are() {
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
fn s_cycles_the_order_of_the_rows() {
    let mut app = App::in_ext4(80, 24);
    for words in [
        "comes back",
        "negative",
        "in use",
        "inodes",
        "name",
        "comes back",
    ] {
        app.shows(&format!("by {words} "));
        app.keys("s");
    }
}

#[test]
fn escape_stops_a_census_which_keeps_what_it_has() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter>");
    let (job, at) = (app.model.last_job, Duration::from_secs(2));
    let so_far = Box::new(counters(123_456, 0, 0));
    app.msg(Msg::Progress { job, at, so_far });
    app.shows("123,456 dentries so far");
    app.keys("<Esc>");
    assert!(matches!(app.effects()[..], [.., Effect::Cancel { job: of }] if of == job));
    app.counted(Census {
        partial: true,
        ..census()
    });
    app.shows("counted in part: at least");
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
    app.shows("filesystems");
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
        .position(|m| m.fs == "tmpfs")
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
fn hostile_names_are_shown_escaped_and_walked_by_their_very_bytes() {
    let mut app = App::on_tree(80, 24);
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

// Prune

#[test]
fn p_plans_and_changes_nothing() {
    let mut app = App::in_ext4(80, 24);
    app.effects();
    app.keys("p");
    assert!(matches!(&app.effects[..],
        [Effect::Plan { path, .. }] if path.as_os_str() == "/mnt/ext4/1"));
    app.shows("Planning for /mnt/ext4/1");
    app.plan(Counters {
        pinned: 3,
        mountpoints: 1,
        ..census().rows[0].below
    });
    app.shows("Prune below /mnt/ext4/1");
    app.shows("ext4 on /dev/vdb");
    app.shows("▸ 1 negative dentries");
    app.shows("1,000,000");
    app.shows("1 in use, 3 unused above something that stays, 1 mountpoints");
    app.shows("below this directory only");
    app.shows("type y to prune");
}

#[test]
fn a_path_too_long_for_the_title_is_in_the_plan_in_full() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter>");
    app.counted(Census {
        here: counters(9, 0, 0),
        rows: vec![row("x".repeat(60) + "-end", counters(9, 0, 0))],
        ..Default::default()
    });
    app.keys("p");
    app.plan(counters(9, 0, 0));
    app.shows(&format!("/mnt/ext4/{}-end ", "x".repeat(60)));
    app.shows("type y to prune");
    app.keys("y");
    app.pruned(Status::Complete, 9);
    app.shows("x-end");
}

#[test]
fn nothing_but_y_in_a_plan_prunes() {
    let every: String = (' '..='~').filter(|c| !"ynq<".contains(*c)).collect();
    let mut app = App::planned(80, 24);
    app.effects();
    app.keys("<Enter>");
    app.shows("nothing is pruned before you type y");
    app.keys("<Enter><Enter><Tab><Left><Right><Home><End><PageUp><PageDown>");
    app.keys(&every);
    assert!(app.effects().is_empty());
    app.shows("Prune below /mnt/ext4/1");
    for no in ["n", "q", "<Esc>"] {
        let mut app = App::planned(80, 24);
        app.effects();
        app.keys(no);
        app.shows("cancelled: nothing was pruned");
        app.keys("y<Enter>y");
        let effects = app.effects();
        assert!(
            !effects.iter().any(|e| matches!(e, Effect::Prune { .. })),
            "{no}"
        );
    }
}

#[test]
fn y_carries_out_the_plan_that_was_shown_in_the_mode_chosen() {
    for (keys, chosen) in [
        ("y", Mode::Negative),
        ("2y", Mode::Dentries),
        ("jky", Mode::Negative),
    ] {
        let mut app = App::planned(80, 24);
        app.effects();
        app.keys(keys);
        match &app.effects()[..] {
            [Effect::Prune { plan, mode, .. }] => {
                assert_eq!(plan.target.path.as_os_str(), "/mnt/ext4/1");
                assert_eq!(plan.found, census().rows[0].below);
                assert_eq!(*mode, chosen);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn with_nothing_to_prune_y_does_nothing() {
    let mut app = App::in_ext4(80, 24);
    app.keys("p");
    app.plan(counters(0, 5, 0));
    app.shows("nothing would go");
    app.effects();
    app.keys("y");
    assert!(app.effects().is_empty());
}

#[test]
fn a_row_is_pruned_and_never_by_surprise_what_is_around_it() {
    let mut app = App::in_ext4(80, 24);
    app.keys("G");
    assert_eq!(app.selected(), "(here)");
    app.effects();
    app.keys("p");
    app.shows("choose a row, or P");
    assert!(app.effects().is_empty());
    app.keys("P");
    assert!(matches!(&app.effects[..],
        [Effect::Plan { path, .. }] if path.as_os_str() == "/mnt/ext4"));
}

#[test]
fn a_prune_shows_how_far_it_is_and_escape_stops_it() {
    let mut app = App::pruning(80, 24);
    let (job, at) = (app.model.last_job, Duration::from_secs(61));
    let so_far = Box::new(Counters {
        moved: 310_000,
        ..Default::default()
    });
    app.msg(Msg::Progress { job, at, so_far });
    app.shows("310,000 of 1,000,000 dentries, 31 %   310k/s");
    app.effects();
    app.keys("y1<Enter>");
    assert!(app.effects().is_empty());
    app.keys("<Esc>");
    assert!(matches!(app.effects()[..], [Effect::Cancel { job: of }] if of == job));
    app.shows("stopping");
    app.pruned(Status::Stopped, 320_000);
    app.shows("STOPPED early");
    app.shows("680,000 not reached");
}

#[test]
fn the_ledger_compares_and_the_chart_marks_the_prune() {
    let mut app = App::pruning(80, 24);
    app.effects();
    app.pruned(Status::Complete, 999_900);
    app.shows("Pruned negative dentries below /mnt/ext4/1");
    app.shows("complete   took 2.9 s");
    let dentries = app.line(" dentries   ");
    assert!(
        dentries.contains("1,000,000") && dentries.contains("999,900"),
        "{dentries}"
    );
    app.shows("100 were used or gone meanwhile");
    let objects = app.line("dentry objects");
    assert!(
        objects.contains("1,050,000") && objects.contains("50,100"),
        "{objects}"
    );
    app.shows("-999,900");
    app.shows("pruned 1/ 03:12:44 ┆");
    assert!(
        matches!(&app.effects()[..],
        [Effect::Census { path, .. }] if path.as_os_str() == "/mnt/ext4"),
        "counted again"
    );
    app.keys("<Esc>");
    app.shows("counting");
    app.sample(90, sample_with(50_100, 1_100));
    app.keys("3");
    app.shows("┆ pruned 1/ 03:12:44");
    app.shows("03:12:44  999,900 dentries");
}

/// Held open by the ledger it would be in use, and its filesystem could not be unmounted.
#[test]
fn a_directory_is_held_open_from_plan_to_prune_and_no_longer() {
    let mut app = App::planned(80, 24);
    let slabscope::model::Mode::Confirm(confirm) = &app.model.mode else {
        panic!("{:?}", app.model.mode);
    };
    let dir = std::sync::Arc::downgrade(&confirm.plan.target.dir);
    app.keys("y");
    assert!(dir.upgrade().is_some());
    app.effects();
    assert!(dir.upgrade().is_none(), "the effect had the last hold");
}

#[test]
fn after_a_prune_the_directories_above_are_counted_again_once_shown() {
    let mut app = App::in_ext4(80, 24);
    app.keys("<Enter>");
    app.counted(Census {
        here: counters(5, 0, 0),
        ..Default::default()
    });
    app.keys("p");
    app.plan(counters(5, 0, 0));
    app.keys("y");
    app.pruned(Status::Complete, 5);
    app.keys("<Esc>");
    app.effects();
    app.keys("<Backspace>");
    assert!(matches!(&app.effects()[..],
        [Effect::Cancel { .. }, Effect::Census { path, .. }] if path.as_os_str() == "/mnt/ext4"));
}

#[test]
fn a_directory_that_was_replaced_is_not_pruned_and_the_screen_says_why() {
    let mut app = App::pruning(80, 24);
    let job = app.model.last_job;
    app.msg(Msg::Pruned {
        job,
        at: Duration::from_secs(61),
        result: Err(PruneError::Replaced("/mnt/ext4/1".into())),
        sample: Box::new(sample()),
    });
    app.shows("The prune did not run to its end");
    app.shows("not the directory that the plan was made for");
    assert!(app.model.history.markers.is_empty(), "nothing was pruned");
    app.keys("<Esc>3");
    app.shows_no("┆");
}

#[test]
fn a_refused_plan_is_shown_in_place() {
    let mut app = App::in_ext4(80, 24);
    app.keys("p");
    let job = app.model.last_job;
    let result = Err(SessionError::Permission("/dev/slabscope".into()).into());
    app.msg(Msg::Planned { job, result });
    app.shows("There is no plan");
    app.shows("only root of the initial user namespace");
    app.keys("<Enter>");
    app.shows("below:");
}

// Every screen

#[test]
fn help_shows_every_key_of_the_screen_at_80x24() {
    for screen in ["1", "2", "3"] {
        let mut app = App::sampled(80, 24);
        app.keys(screen);
        app.keys("?");
        app.shows("quit (also Ctrl-C)");
        app.shows("IDLE");
        app.keys("?");
        app.shows_no("quit (also Ctrl-C)");
    }
}

#[test]
fn q_leaves() {
    for screen in ["1", "2", "3"] {
        let mut app = App::sampled(80, 24);
        app.keys(screen);
        app.keys("q");
        assert!(matches!(app.effects()[..], [.., Effect::Quit]));
    }
}

#[test]
fn no_size_is_too_small_or_too_large_to_draw() {
    for (columns, rows) in [(1, 1), (2, 3), (10, 4), (20, 10), (40, 12), (300, 80)] {
        for app in [
            App::sampled,
            App::on_tree,
            App::in_ext4,
            App::planned,
            App::pruning,
        ] {
            let mut app = app(columns, rows);
            app.screen();
            app.keys("<Esc>3");
            app.screen();
            app.keys("?");
            app.screen();
        }
        let mut app = App::pruning(columns, rows);
        app.pruned(Status::Complete, 5);
        app.screen();
    }
}

#[test]
fn without_unicode_every_screen_is_ascii() {
    let look = Look::new(false, false);
    for app in [
        App::sampled,
        App::on_tree,
        App::in_ext4,
        App::planned,
        App::pruning,
    ] {
        let mut app = app(80, 24);
        app.model.look = look;
        for keys in ["", "<Esc>3", "?"] {
            app.keys(keys);
            let screen = app.screen();
            assert!(screen.is_ascii(), "{screen}");
        }
    }
    let mut app = App::pruning(80, 24);
    app.model.look = look;
    app.pruned(Status::Complete, 999_900);
    let screen = app.screen();
    assert!(screen.is_ascii(), "{screen}");
    assert!(screen.contains("pruned 1/ 03:12:44 !"), "{screen}");
}

/// For looking at: `SLABSCOPE_PICTURES=dir cargo test --test journeys -- --ignored pictures`.
#[test]
#[ignore = "writes files"]
fn pictures() {
    let directory = std::path::PathBuf::from(std::env::var_os("SLABSCOPE_PICTURES").unwrap());
    for (columns, rows) in [(80, 24), (200, 50)] {
        for (name, mut app) in main_screens(columns, rows) {
            let file = directory.join(format!("{name}_{columns}x{rows}.ansi"));
            std::fs::write(file, support::ansi(&app.buffer())).unwrap();
        }
    }
}

#[test]
fn the_main_screens() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    for (columns, rows) in [(80, 24), (200, 50)] {
        for (name, mut app) in main_screens(columns, rows) {
            insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), app.screen());
        }
    }
}

/// Each screen with figures that could be.
fn main_screens(columns: u16, rows: u16) -> Vec<(&'static str, App)> {
    let mut slabs = App::new(columns, rows);
    for second in 0..90 {
        slabs.sample(second, sample_with(1_000_000 + second * 1_000, 900_000));
    }
    let pruned = || {
        let mut app = App::new(columns, rows);
        for second in 0..60 {
            app.sample(second, sample_with(50_000 + second * 17_000, 1_100));
        }
        app.walk_to_ext4();
        app.keys("p");
        app.plan(census().rows[0].below);
        app.keys("y");
        app.prune_began();
        app.pruned(Status::Complete, 999_900);
        for second in 64..90 {
            app.sample(second, sample_with(50_100, 1_100));
        }
        app
    };
    let mut missing = App::on_tree(columns, rows);
    missing.keys("<Enter>");
    let (job, at) = (missing.model.last_job, Duration::from_secs(2));
    let result = Err(no_module());
    missing.msg(Msg::Counted { job, at, result });
    let mut history = pruned();
    history.keys("<Esc>3");
    let mut help = App::in_ext4(columns, rows);
    help.keys("?");
    vec![
        ("slabs", slabs),
        ("mounts", App::on_tree(columns, rows)),
        ("no_module", missing),
        ("tree", App::in_ext4(columns, rows)),
        ("plan", App::planned(columns, rows)),
        ("pruning", App::pruning(columns, rows)),
        ("ledger", pruned()),
        ("history", history),
        ("help", help),
    ]
}
