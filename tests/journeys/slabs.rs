//! The slab screen.

use crate::support::{App, merged_sample, sample, sample_with};
use crate::unreadable;
use slabscope::ui::update::{Effect, Msg};
use std::time::Duration;

#[test]
fn slab_screen_shows_exact_figures_sorted_by_cache_size() {
    let mut app = App::sampled(80, 24);
    let sample = sample();
    let state = sample.dentries.clone().unwrap();
    for figure in [state.total, state.lru, state.lru_negative] {
        app.shows(&slabscope::base::text::count(figure.unwrap()));
    }
    let memory = sample.memory.clone().unwrap();
    app.shows(&slabscope::base::text::mebibytes(
        memory.sreclaimable.unwrap(),
    ));
    let dentry = sample.cache("dentry").unwrap();
    // A letter of slabtop sorts by its column, which shows it.
    app.keys("a");
    let line = app.line(" R dentry");
    app.keys("c");
    for figure in [dentry.objects, dentry.active.unwrap()] {
        let figure = slabscope::base::text::count(figure);
        assert!(line.contains(&figure), "{figure}: {line}");
    }
    app.shows("\n U kmalloc-512");
    app.shows("\n - radix_tree_node");
    assert_eq!(app.selected(), "ext4_inode_cache", "the largest is first");
}

#[test]
fn one_bar_shows_what_fills_the_slabs() {
    let mut app = App::sampled(80, 24);
    let bar = app.line("ext4_inode_cache 57%");
    assert!(bar.contains("│dentry▒▒│") && bar.ends_with('│'), "{bar}");
    assert_eq!(bar.chars().count(), 79, "{bar}");
    app.resize(200, 50);
    let bar = app.line("ext4_inode_cache 57%");
    assert!(
        bar.contains("│dentry 12% ") && bar.contains("│+23"),
        "{bar}"
    );
    // A row's bar is its part of all caches, whatever is filtered.
    app.keys("/dentry<Enter>");
    app.shows("R dentry");
    assert!(app.line(" R dentry ").contains(" █  "), "an eighth of all");
}

#[test]
fn chart_has_the_wall_clock() {
    let mut app = App::new(120, 40);
    for second in 0..=6 {
        app.sample(second, sample_with(1_000_000, 0));
    }
    // The chart is not full yet.
    assert!(app.line("└03:11:44").ends_with("──03:12:44"));
    let mut app = App::new(80, 24);
    for second in 0..=60 {
        app.sample(second, sample_with(1_000_000, 0));
    }
    app.shows("SUnreclaim (dotted), 03:11:44 to 03:12:44 ");
    app.resize(120, 40);
    app.shows("└03:11:44──");
    assert!(app.line("└03:11:44").ends_with("──03:12:44"));
    app.resize(80, 24);
    app.keys("5");
    assert!(app.line("└03:11:44").contains("──03:12:14──"));
}

#[test]
fn slabtops_letters_sort() {
    let mut app = App::sampled(80, 24);
    let caches = sample().caches.unwrap();
    for (key, words, figure) in [
        (
            "a",
            "active objects",
            (|c| c.active.unwrap()) as fn(&slabscope::kernel::source::Cache) -> u64,
        ),
        ("b", "objects per slab", |c| c.objects_per_slab),
        ("c", "cache size", |c| c.size(4096)),
        ("l", "slabs", |c| c.slabs),
        ("v", "active slabs", |c| c.active_slabs.unwrap()),
        ("o", "objects", |c| c.objects),
        ("p", "pages per slab", |c| c.pages_per_slab),
        ("s", "object size", |c| c.object_size),
        ("u", "use", |c| c.used().map_or(0, |used| used + 1)),
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
fn selection_stays_with_its_cache_and_the_top_with_the_largest() {
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
fn growth_is_in_the_line_of_its_cache() {
    let mut app = App::new(80, 24);
    app.sample(1, sample_with(1_000_000, 0));
    app.sample(2, sample_with(1_074_100, 0));
    assert!(app.line(" dentry").contains("+74.1k"));
    assert!(app.line("dentries ").contains("▲ 74.1k/s"));
    assert!(app.line("SReclaimable").contains("▲ 13.6 MiB/s"));
    app.sample(3, sample_with(1_074_100, 500_000));
    assert!(app.line("  negative").ends_with("46% ▲"));
    assert!(app.line("off LRU").ends_with("1,000 ="));
    assert!(app.line("on LRU").ends_with("1,073,100 ="));
}

#[test]
fn frozen_screen_keeps_all_figures_of_one_sample() {
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
fn filter_narrows_the_table_and_escape_ends_it() {
    let mut app = App::sampled(80, 24);
    app.keys("/EXT4");
    app.shows("/EXT4");
    app.keys("<Enter>");
    app.shows("matching \"EXT4\"");
    assert!(app.model.caches().iter().all(|c| c.name.contains("ext4")));
    app.keys("/zzz");
    app.shows("no cache matches \"EXT4zzz\"; Esc clears the filter");
    app.keys("<Esc>");
    app.shows("ext4_inode_cache");
    app.shows_no("matching");
}

#[test]
fn panel_without_root_names_the_refused_file_and_the_rest_is_shown() {
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
    app.shows("sudo slabscope");
    app.shows("SReclaimable");
    app.shows("on LRU");
    app.shows_no("OBJS");
    app.shows_no("0 caches");
}

#[test]
fn deceptive_cache_name_is_escaped() {
    let mut app = App::new(100, 24);
    let mut sample = sample();
    sample.caches.as_mut().unwrap()[0].name = "\u{1b}[2J\u{202e}x".into();
    app.sample(1, sample);
    app.keys("/~x$");
    assert!(app.screen().contains("\\u{1b}[2J\\u{202e}x"));
    app.shows_no("\u{1b}");
}

#[test]
fn sort_menu_has_every_column_and_its_letters() {
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
    app.keys("Skr");
    app.shows("Sort by");
    app.keys("<Enter>");
    app.shows("caches by bytes since the mark");
    app.keys("S<Esc>");
    app.shows_no("Sort by");
    let mut low = App::sampled(80, 12);
    low.keys("SG");
    low.keys(&"j".repeat(20));
    low.shows("g  growth");
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
fn regular_expression_filters_and_a_bad_one_says_so_in_place() {
    let mut app = App::sampled(80, 24);
    app.keys("/~^kmalloc-[0-9]+$");
    app.shows("a regular expression");
    app.keys("<Enter>");
    assert!(app.model.caches().len() >= 4);
    let own = |name: &str| name.starts_with("kmalloc-") && !name.contains("k-");
    assert!(app.model.caches().iter().all(|c| own(&c.name)));
    app.keys("/<Esc>/~(");
    app.shows("not a regular expression: ");
    app.shows("235 caches by cache size ▼ all, \"~(\" is not a regular expression");
    app.keys("<Esc>");
    app.shows_no("regular");
}

#[test]
fn merged_names_are_counted_found_and_listed() {
    let mut app = App::new(80, 24);
    app.sample(1, merged_sample());
    assert!(app.line(" U kmalloc-512").contains("kmalloc-512 (+2)"));
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
    app.shows("no cache of this class matches \"dentry\"");
    app.keys("<Esc>t");
    assert_eq!(app.model.caches().len(), 235);
}

#[test]
fn figures_are_compared_with_the_mark_until_it_is_removed() {
    let mut app = App::new(80, 24);
    app.sample(1, sample_with(1_000_000, 0));
    app.shows_no("Δ MARK");
    app.keys("m");
    app.shows("marked: a column shows the change");
    app.sample(2, sample_with(1_050_000, 0));
    app.sample(61, sample_with(1_074_100, 0));
    assert!(app.line(" dentry").contains("+74.1k"), "since the mark");
    app.keys("j");
    app.shows("marked 60 s ago");
    app.keys("Sm");
    assert_eq!(app.model.caches()[0].name, "dentry");
    app.keys("m");
    app.keys("c");
    app.shows_no("Δ MARK");
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
fn slabtops_summary_is_shown_if_there_is_room_and_by_its_key() {
    for (columns, rows) in [(120, 30), (134, 30), (300, 80)] {
        let mut app = App::sampled(columns, rows);
        app.shows("active caches");
        app.shows("of        235  56 %");
        app.shows("8 B to 51,456 B, 264 B on average");
        app.shows("of slabs hold none");
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
fn mouse_sorts_selects_opens_and_scrolls() {
    let mut app = App::sampled(80, 24);
    let (x, y) = app.position("OBJS");
    app.click(x, y);
    app.shows("caches by objects ▼");
    app.click(x, y);
    app.shows("caches by objects ▲");
    // The bar is of the size.
    let (x, y) = app.position("SHARE");
    app.click(x, y);
    app.shows("caches by cache size ▼");
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
    let (x, y) = app.position("5 History");
    app.click(x, y);
    app.shows("on LRU");
    app.keys("1<Esc>");
    app.click(79, 23);
    app.click(200, 200);
}

#[test]
fn click_answers_no_question() {
    let mut app = App::sampled(80, 24);
    app.keys("K");
    app.shrink_planned();
    app.effects();
    for y in (0..24).step_by(3) {
        for x in (0..80).step_by(11) {
            app.click(x, y);
        }
    }
    app.shows("type y to reclaim");
    assert!(app.effects().is_empty());
}

#[test]
fn mouse_can_be_released_if_there_is_one() {
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
fn themes_are_changed_in_order() {
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
    for keys in ["", "/", "S", "?", "<Enter>", "2", "3", "4", "5"] {
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
    app.model.inert = Some(slabscope::ui::model::Inert::Captured("/srv/bundle".into()));
    app.shows("CAPTURED");
    app.effects();
    app.keys("K");
    app.shows("shrinking is off: these are files below /srv/bundle, not this machine");
    assert!(app.effects().is_empty());
    app.keys("2");
    app.msg(Msg::Mounts(Ok(crate::support::mounts())));
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

#[test]
fn columns_are_chosen_in_the_sort_menu() {
    let mut app = App::sampled(80, 24);
    app.shows("OBJ SIZE");
    app.shows_no(" SLABS");
    app.keys("Sjjjjj ");
    app.shows("shown, as far as there is room");
    let chosen = app.model.slabs.columns.clone();
    app.keys(" ");
    app.shows("hidden, unless sorted by");
    assert_eq!(app.model.slabs.columns.len() + 1, chosen.len());
    app.keys("<Esc>3S ");
    app.shows("only the slab table's columns can be chosen");
}
