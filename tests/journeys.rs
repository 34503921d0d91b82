//! Journeys: what a person types, and what the screen then says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use slabscope::abi::Counters;
use slabscope::census::Census;
use slabscope::config::Config;
use slabscope::prune::PruneError;
use slabscope::session::{Mode, SessionError, Status};
use slabscope::source::{Cause, SourceError};
use slabscope::update::{Effect, Msg};
use slabscope::view::look::Look;
use support::{App, census, counters, merged_sample, row, sample, sample_with};

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
    app.sample(3, sample_with(1_074_100, 500_000));
    assert!(app.line("negative on LRU").ends_with("46 % ▲"));
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
    app.shows("no cache has such a name; Esc ends the filter");
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

#[test]
fn the_sort_menu_has_every_column_and_its_letters() {
    let mut app = App::new(80, 24);
    app.sample(1, sample_with(1_000_000, 0));
    app.sample(2, sample_with(1_074_100, 0));
    app.keys("S");
    for words in [
        "g  growth",
        "i  idle bytes",
        "m  change since the mark",
        "c  cache size",
    ] {
        app.shows(words);
    }
    app.keys("g");
    app.shows("caches by growth ▼");
    assert_eq!(app.selected(), "dentry", "what grows most is first");
    app.keys("Sjr");
    app.shows("Sort by");
    app.keys("<Enter>");
    app.shows("caches by class");
    app.keys("S<Esc>");
    app.shows_no("Sort by");
    let mut low = App::sampled(80, 12);
    low.keys("SG");
    low.keys(&"j".repeat(20));
    low.shows("n  name");
    low.shows_no("o  objects");
    app.keys("Si");
    app.shows("IDLE");
    assert!(
        app.model
            .caches()
            .is_sorted_by_key(|c| std::cmp::Reverse(c.idle(4096)))
    );
}

#[test]
fn a_regular_expression_filters_and_a_bad_one_says_so_in_place() {
    let mut app = App::sampled(80, 24);
    app.keys("/~^kmalloc-[0-9]+$");
    app.shows("a regular expression");
    app.keys("<Enter>");
    assert!(app.model.caches().len() >= 4);
    let own = |name: &str| name.starts_with("kmalloc-") && !name.contains("k-");
    assert!(app.model.caches().iter().all(|c| own(&c.name)));
    app.keys("/<Esc>/~(");
    app.shows("no regular expression: ");
    app.shows("235 caches by cache size ▼ all, \"~(\" is no regular expression");
    app.keys("<Esc>");
    app.shows_no("regular");
}

#[test]
fn merged_names_are_counted_found_and_listed() {
    let mut app = App::new(80, 24);
    app.sample(1, merged_sample());
    assert!(app.line("kmalloc-512").ends_with("kmalloc-512 (+2)"));
    app.keys("/secret_c<Enter>");
    assert_eq!(app.model.caches()[0].name, "kmalloc-512");
    assert_eq!(app.model.caches().len(), 1);
    app.keys("<Enter>");
    app.shows("merged with it: another, secret_cache");
    app.shows("any of them may be what grows");
}

#[test]
fn t_shows_the_classes_one_after_the_other() {
    let mut app = App::sampled(80, 24);
    app.keys("t");
    app.shows("only reclaimable caches");
    assert!(app.model.caches().iter().all(|c| c.class.letter() == "R"));
    assert!(!app.model.caches().is_empty());
    app.keys("t");
    app.shows("unreclaimable cache by cache size");
    assert!(app.model.caches().iter().all(|c| c.class.letter() == "U"));
    app.keys("/dentry");
    app.shows("no cache of this class has such a name");
    app.keys("<Esc>t");
    assert_eq!(app.model.caches().len(), 235);
}

#[test]
fn a_mark_is_compared_with_until_it_is_taken_away() {
    let mut app = App::new(80, 24);
    app.sample(1, sample_with(1_000_000, 0));
    app.shows_no("SINCE m");
    app.keys("m");
    app.shows("marked: SINCE m is the change");
    app.sample(2, sample_with(1_050_000, 0));
    app.sample(61, sample_with(1_074_100, 0));
    assert!(app.line(" dentry").contains("+74.1k"), "since the mark");
    app.keys("j");
    app.shows("marked 60 s ago");
    app.keys("Sm");
    assert_eq!(app.model.caches()[0].name, "dentry");
    app.keys("m");
    app.keys("c");
    app.shows_no("SINCE m");
    app.shows_no("marked");
}

#[test]
fn plus_minus_and_space_set_the_pace() {
    let mut app = App::sampled(80, 24);
    app.effects();
    app.keys(" ");
    assert!(matches!(app.effects()[..], [Effect::Refresh]));
    app.keys("+");
    let half = Duration::from_millis(500);
    assert!(matches!(app.effects()[..], [Effect::Interval(every)] if every == half));
    app.shows("a sample every 0.5 s");
    app.keys(&"-".repeat(30));
    app.shows("a sample every 5 min");
    app.keys(&"+".repeat(30));
    app.shows("a sample every 0.1 s");
}

#[test]
fn slabtops_summary_is_shown_where_there_is_room_and_by_its_key() {
    for (columns, rows) in [(120, 30), (134, 30), (300, 80)] {
        let mut app = App::sampled(columns, rows);
        app.shows("active caches");
        app.shows("of        235  56 %");
        app.shows("8 B to 51,456 B, 264 B on average");
        app.shows("of slabs hold no object");
        app.keys("i");
        app.shows_no("active caches");
    }
    let mut app = App::sampled(80, 24);
    app.shows_no("active caches");
    app.keys("i");
    app.shows("active caches");
    app.shows("of pages are in no cache (kmalloc of more than two pages)");
    app.shows("kmalloc-512");
}

#[test]
fn the_detail_says_what_a_cache_is_and_how_it_is_used() {
    let mut app = App::new(80, 24);
    app.sample(1, sample_with(1_000_000, 0));
    app.keys("j<Enter>");
    assert!(matches!(&app.effects()[..], [Effect::ReadAttributes { cache }] if cache == "dentry"));
    app.shows("R dentry   reclaimable: its pages count as SReclaimable");
    app.shows("objects  1,000,000 of 1,000,020, 99 %");
    app.shows("A name in a directory that was looked up");
    app.shows("Yes, below any directory: the tree (2) counts and prunes them");
    app.attributes("dentry");
    app.shows("3.8 KiB of free objects, 2.9 MiB at slabs' ends");
    app.shows("47,620 (186 MiB) of 21 objects, 1 page; 12 partial, 92 % full");
    app.shows("192 B for 192 B asked for (+0 B to align to 8); 64 B left per slab");
    app.keys("G");
    app.shows("1: its pages are SReclaimable");
    app.sample(2, sample_with(1_074_100, 0));
    app.shows("▲ 74.1k/s");
    assert!(
        matches!(app.effects()[..], [Effect::ReadAttributes { .. }]),
        "read again"
    );
    app.sample(3, sample_with(1_074_100, 0));
    assert!(app.effects().is_empty(), "one reading at a time");
    app.attributes("dentry");
    app.keys("2");
    app.effects();
    app.sample(4, sample_with(1_074_100, 0));
    assert!(app.effects().is_empty(), "on another screen nobody looks");
    app.keys("1");
    app.shows("R dentry   reclaimable");
    app.keys("q");
    app.shows("caches by cache size");
    app.attributes("dentry");
    assert!(app.model.slabs.detail.is_none());
}

#[test]
fn without_sysfs_the_detail_says_so_and_shows_the_rest() {
    let mut app = App::sampled(80, 24);
    app.keys("j<Enter>");
    let denied = std::io::ErrorKind::PermissionDenied;
    let path = "/sys/kernel/slab/dentry/object_size";
    let result = Err(unreadable(path, denied, "Permission denied (os error 13)"));
    let cache = "dentry".to_owned();
    app.msg(Msg::Attributes { cache, result });
    app.keys("G");
    app.shows("/sys/kernel/slab/dentry/object_size: Permission denied");
    app.shows("run slabscope with sudo");
    app.shows("objects  ");
}

#[test]
fn a_cache_that_goes_away_is_missed_in_place() {
    let mut app = App::sampled(80, 24);
    app.keys("j<Enter>");
    let mut without = sample();
    without
        .caches
        .as_mut()
        .unwrap()
        .retain(|c| c.name != "dentry");
    app.sample(2, without);
    app.shows("dentry: slabinfo shows no such cache any more");
}

#[test]
fn only_y_in_a_plan_shrinks_the_cache_that_was_shown() {
    let every: String = (' '..='~').filter(|c| !"ynq<".contains(*c)).collect();
    let mut app = App::sampled(80, 24);
    app.keys("/kmalloc-512<Enter>");
    app.effects();
    app.keys("K");
    assert!(
        matches!(&app.effects[..], [Effect::PlanShrink { cache, .. }] if cache == "kmalloc-512")
    );
    app.effects();
    app.keys("y<Enter>y");
    assert!(app.effects().is_empty(), "there is no plan yet");
    app.keys("<Esc>");
    app.shows("2 caches by cache size");
    app.keys("K");
    app.effects();
    app.shrink_planned();
    app.shows("Shrink kmalloc-512");
    app.shows("569 slabs, 4.4 MiB");
    app.shows("reach  this cache only, with 2 names merged into it: another, secret_cache");
    app.shows("write 1 to /sys/kernel/slab/kmalloc-512/shrink");
    app.keys("<Enter>");
    app.shows("nothing is shrunk before you type y");
    app.keys("<Tab><Left><Home><End><PageUp><PageDown>");
    app.keys(&every);
    assert!(app.effects().is_empty());
    app.keys("y");
    match &app.effects()[..] {
        [Effect::Shrink { plan, .. }] => assert_eq!(plan.cache.name, "kmalloc-512"),
        other => panic!("{other:?}"),
    }
    for no in ["n", "q", "<Esc>"] {
        let mut app = App::sampled(80, 24);
        app.keys("K");
        app.shrink_planned();
        app.effects();
        app.keys(no);
        app.shows("cancelled: nothing was shrunk");
        app.keys("y<Enter>y");
        let shrinks = |e: &Effect| matches!(e, Effect::Shrink { .. });
        assert!(!app.effects().iter().any(shrinks), "{no}");
    }
}

#[test]
fn what_shrinking_freed_is_measured_and_marked() {
    let mut app = App::sampled(80, 24);
    app.keys("/kmalloc-512<Enter>K");
    app.shrink_planned();
    app.keys("y");
    app.shrunk(Ok(500));
    app.shows("Shrank kmalloc-512");
    let slabs = app.line(" slabs   ");
    assert!(
        slabs.contains("2,404") && slabs.contains("1,904") && slabs.contains("-500"),
        "{slabs}"
    );
    app.shows("3.9 MiB came back");
    assert_eq!(app.model.history.markers.len(), 1);
    app.keys("<Esc>");
    app.shows("caches by cache size");
    app.keys("<Enter>K");
    app.shrink_planned();
    app.keys("y");
    app.shrunk(Ok(0));
    app.shows("No slab was empty");
    app.keys("<Esc>");
    app.shows("U kmalloc-512   unreclaimable");
}

#[test]
fn a_refused_shrinking_says_why_and_what_helps() {
    let mut app = App::sampled(80, 24);
    for (kind, remedy) in [
        (
            std::io::ErrorKind::PermissionDenied,
            "run slabscope with sudo",
        ),
        (
            std::io::ErrorKind::NotFound,
            "this kernel does not offer it",
        ),
        (
            std::io::ErrorKind::ReadOnlyFilesystem,
            "/sys is read-only here",
        ),
    ] {
        app.keys("K");
        app.shrink_refused(kind);
        app.shows("The cache cannot be shrunk");
        app.shows("/sys/kernel/slab/dentry/shrink: ");
        app.shows(remedy);
        app.keys("<Esc>");
    }
    app.keys("K");
    app.shrink_planned();
    app.keys("y");
    app.shrunk(Err(std::io::ErrorKind::PermissionDenied));
    app.shows("The cache was not shrunk");
    assert!(app.model.history.markers.is_empty());
}

#[test]
fn the_mouse_sorts_selects_opens_and_scrolls() {
    let mut app = App::sampled(80, 24);
    let (x, y) = app.position("ACTIVE");
    app.click(x, y);
    app.shows("caches by active objects ▼");
    app.click(x, y);
    app.shows("caches by active objects ▲");
    let (x, y) = app.position(" NAME");
    app.click(x + 1, y);
    app.shows("caches by name ▲");
    let (x, y) = app.position("Acpi-State");
    app.click(x, y);
    assert_eq!(app.selected(), "Acpi-State");
    app.wheel(true);
    assert_ne!(app.selected(), "Acpi-State");
    app.wheel(false);
    assert_eq!(app.selected(), "Acpi-State");
    let (x, y) = app.position("Acpi-State");
    app.click(x, y);
    app.shows("interpreter of ACPI");
    let (x, y) = app.position("3 History");
    app.click(x, y);
    app.shows("negative on LRU");
    app.keys("1<Esc>");
    app.click(79, 23);
    app.click(200, 200);
}

#[test]
fn a_click_answers_no_question() {
    let mut app = App::sampled(80, 24);
    app.keys("K");
    app.shrink_planned();
    app.effects();
    for y in (0..24).step_by(3) {
        for x in (0..80).step_by(11) {
            app.click(x, y);
        }
    }
    app.shows("type y to shrink");
    assert!(app.effects().is_empty());
}

#[test]
fn the_mouse_can_be_given_back_where_there_is_one() {
    let mut app = App::sampled(80, 24);
    app.effects();
    app.keys("M");
    app.shows("this terminal has no mouse");
    assert!(app.effects().is_empty());
    app.model.mouse = Some(true);
    app.keys("M");
    assert!(matches!(app.effects()[..], [Effect::Mouse(false)]));
    app.keys("M");
    assert!(matches!(app.effects()[..], [Effect::Mouse(true)]));
}

#[test]
fn themes_follow_one_another() {
    let mut app = App::sampled(80, 24);
    let text = app.screen();
    for theme in ["light", "high-contrast", "none", "dark"] {
        app.keys("T");
        app.shows(&format!("theme: {theme}"));
        let body = |screen: &str| screen.lines().take(23).collect::<Vec<_>>().join("\n");
        assert_eq!(
            body(&app.screen()),
            body(&text),
            "a theme changes no letter"
        );
    }
}

#[test]
fn ctrl_z_suspends_in_every_mode() {
    for keys in ["", "/", "S", "?", "<Enter>", "2", "3"] {
        let mut app = App::sampled(80, 24);
        app.keys(keys);
        app.effects();
        app.control('z');
        assert!(matches!(app.effects()[..], [Effect::Suspend]), "{keys}");
    }
}

#[test]
fn captured_files_are_shown_and_nothing_acts_on_them() {
    let mut app = App::sampled(80, 24);
    app.model.captured = Some("/srv/bundle".into());
    app.shows("CAPTURED");
    app.effects();
    app.keys("K");
    app.shows("shrinking is off: these are files below /srv/bundle, not this machine");
    assert!(app.effects().is_empty());
    app.keys("2");
    app.msg(Msg::Mounts(Ok(support::mounts())));
    app.effects();
    app.keys("<Enter>");
    app.shows("counting is off");
    app.keys("pP");
    assert!(app.effects().is_empty());
    app.msg(Msg::Open("/mnt/ext4".into()));
    app.shows("counting is off");
    assert!(
        !app.effects()
            .iter()
            .any(|e| matches!(e, Effect::Census { .. }))
    );
}

/// Only what is in sight is made into text: as many caches as may be.
#[test]
fn a_frame_of_many_caches_costs_what_one_of_few_does() {
    let time = |caches: usize| {
        let mut app = App::new(300, 80);
        for second in 1..10 {
            app.sample(second, support::sample_of(caches, second));
        }
        app.keys("G");
        app.screen();
        let frames = (0..15).map(|_| {
            let start = std::time::Instant::now();
            app.buffer();
            start.elapsed()
        });
        frames.min().unwrap()
    };
    let (few, many) = (time(50), time(2_000));
    // Few caches leave lines empty, so a part of the difference is the rows themselves.
    assert!(many <= few * 2, "{few:?} for 50 caches, {many:?} for 2,000");
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
fn keys_of_the_configuration_act_and_are_shown() {
    let mut app = App::sampled(120, 40);
    let text =
        "[keys]\nfreeze = 'F'\nquit = ['Q', 'F10']\nfilter = 'Ctrl-F'\nslabs = 'B'\nmark = []";
    app.model.keymap = text.parse::<Config>().unwrap().keys;
    app.shows("F freeze");
    app.shows("Q quit");
    app.shows(" B Slabs ");
    app.shows_no("m mark");
    app.keys("fqm1");
    app.shows_no("FROZEN");
    assert!(app.effects().is_empty());
    app.keys("F");
    app.shows("FROZEN");
    app.keys("3F");
    app.shows_no("FROZEN");
    app.keys("B?");
    app.shows("    F freeze the figures");
    app.shows("Ctrl-F names with a text, or ~regex");
    app.shows("Q quit, like Ctrl-C (also F10)");
    app.keys("?");
    let control_f = KeyEvent::new(KeyCode::Char('f'), KeyModifiers::CONTROL);
    app.msg(Msg::Key(control_f));
    app.keys("dentryQ");
    app.shows("/dentryQ");
    app.keys("<Esc>Q");
    assert!(matches!(app.effects().last(), Some(Effect::Quit)));
}

#[test]
fn help_shows_every_key_of_the_screen_and_scrolls_at_80x24() {
    for screen in ["1", "2", "3"] {
        let mut app = App::sampled(80, 24);
        app.keys(screen);
        app.keys("?");
        app.shows("quit, like Ctrl-C");
        let mut all = app.screen();
        for _ in 0..4 {
            app.keys("<PageDown>");
            all += &app.screen();
        }
        for words in ["IDLE", "shrink    give back", "last (also End)"] {
            assert!(all.contains(words), "{words}: {all}");
        }
        app.shows_no("more below");
        app.keys("?");
        app.shows_no("quit, like Ctrl-C");
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
        for keys in ["S", "?", "/~(", "m", "i", "<Enter>", "<Enter>G", "<Enter>?"] {
            let mut app = App::sampled(columns, rows);
            app.keys(keys);
            app.screen();
            app.attributes("ext4_inode_cache");
            app.screen();
            app.click(0, 0);
        }
        let mut app = App::sampled(columns, rows);
        app.keys("K");
        app.shrink_planned();
        app.screen();
        app.keys("y");
        app.screen();
        app.shrunk(Ok(1));
        app.screen();
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
    for keys in ["S", "/~(", "m", "i", "<Enter>", "<Enter>G"] {
        let mut app = App::sampled(80, 24);
        app.model.look = look;
        app.keys(keys);
        app.attributes("ext4_inode_cache");
        let screen = app.screen();
        assert!(screen.is_ascii(), "{screen}");
    }
    let mut app = App::sampled(200, 50);
    app.model.look = look;
    app.sample(2, sample_with(2_000_000, 7));
    app.keys("K");
    app.shrink_planned();
    assert!(app.screen().is_ascii());
    app.keys("y");
    app.shrunk(Ok(1));
    assert!(app.screen().is_ascii());
    let mut app = App::pruning(80, 24);
    app.model.look = look;
    app.pruned(Status::Complete, 999_900);
    let screen = app.screen();
    assert!(screen.is_ascii(), "{screen}");
    assert!(screen.contains("pruned 1/ 03:12:44 !"), "{screen}");
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
    let grown = || {
        let mut app = App::new(columns, rows);
        for second in 0..90 {
            app.sample(second, sample_with(1_000_000 + second * 1_000, 900_000));
            if second == 30 {
                app.keys("m");
            }
        }
        app
    };
    let mut marked = grown();
    marked.keys("Sg");
    let mut menu = App::sampled(columns, rows);
    menu.keys("S");
    let mut detail = grown();
    detail.keys("/dentry<Enter><Enter>");
    detail.attributes("dentry");
    let mut shrink = App::sampled(columns, rows);
    shrink.keys("/kmalloc-512<Enter>K");
    shrink.shrink_planned();
    let mut shrunk = App::sampled(columns, rows);
    shrunk.keys("/kmalloc-512<Enter>K");
    shrunk.shrink_planned();
    shrunk.keys("y");
    shrunk.shrunk(Ok(500));
    let mut help_slabs = App::sampled(columns, rows);
    help_slabs.keys("?");
    vec![
        ("marked", marked),
        ("sort_menu", menu),
        ("detail", detail),
        ("shrink", shrink),
        ("shrunk", shrunk),
        ("help_slabs", help_slabs),
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
