//! The screens in sizes between the smallest and the largest, on terminals that can do little, and
//! with names and numbers that are none of the usual.

use crate::support::{App, cgroups, counters, mounts, row, sample, sample_of, sample_with};
use slabscope::cache::census::Census;
use slabscope::kernel::source::{Cgroup, CgroupMemory, Cgroups};
use slabscope::ui::look::Look;
use std::time::Duration;

/// Screens that were laid out in the usual size, and then resized.
fn screens(columns: u16, rows: u16) -> Vec<(&'static str, App)> {
    let usual = || App::sampled(80, 24);
    let mut slabs = App::new(80, 24);
    for second in 0..90 {
        slabs.sample(second, sample_with(1_000_000 + second * 1_000, 900_000));
    }
    let mut palette = usual();
    palette.keys(":so");
    let mut search = usual();
    search.keys("\\kmalloc<Enter>");
    let mut everybody = usual();
    everybody.keys("E");
    everybody.rung_planned();
    let mut history = App::pruned_marked(80, 24);
    history.keys("<Esc>5");
    let mut all = vec![
        ("slabs", slabs),
        ("tree", App::in_ext4(80, 24)),
        ("mounts", App::on_tree(80, 24)),
        ("filesystems", App::on_filesystems(80, 24)),
        ("cgroups", App::on_cgroups(80, 24)),
        ("history", history),
        ("hotspots", App::in_hotspots(80, 24)),
        ("plan", App::planned(80, 24)),
        ("plan_everybody", everybody),
        ("ledger", App::pruned_marked(80, 24)),
        ("palette", palette),
        ("search", search),
    ];
    for (_, app) in &mut all {
        app.resize(columns, rows);
    }
    all
}

#[test]
fn screens_match_their_snapshots_in_every_size() {
    let _bound = crate::support::snapshot::kept_in("../snapshots/sizes");
    for (columns, rows) in [(80, 24), (120, 40), (200, 50), (60, 15), (40, 10)] {
        for (name, mut app) in screens(columns, rows) {
            // These are among those of all screens.
            let kept = matches!((columns, rows), (80, 24) | (200, 50));
            if !kept || matches!(name, "palette" | "search") {
                insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), app.screen());
            }
        }
    }
}

#[test]
fn terminal_without_unicode_and_colours_shows_the_same() {
    let _bound = crate::support::snapshot::kept_in("../snapshots/sizes");
    for (name, mut app) in screens(80, 24) {
        app.model.look = Look::new(false, false);
        let screen = app.screen();
        assert!(screen.is_ascii(), "{name}:\n{screen}");
        if matches!(name, "slabs" | "tree" | "cgroups") {
            insta::assert_snapshot!(format!("{name}_vt100"), app.styled());
        }
    }
}

/// Names with wide, combining and joined characters, and one of controls.
const NAMES: [&str; 5] = [
    "\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}\u{8a9e}",
    "e\u{301}\u{302}\u{303}combining",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}family",
    "\u{1b}[2Jclear",
    "a-very-long-name-that-does-not-fit-into-any-column-of-any-table-whatever-its-width",
];

fn odd(columns: u16, rows: u16) -> Vec<App> {
    let mut slabs = App::new(columns, rows);
    let mut all = sample();
    for (cache, name) in all.caches.iter_mut().flatten().zip(NAMES) {
        cache.name = name.into();
        cache.objects = 1_000_000_000_000;
        cache.slabs = 1_000_000_000_000;
    }
    slabs.sample(1, all);
    let mut tree = App::on_tree(columns, rows);
    tree.keys("j<Enter>");
    let many = counters(1_000_000_000_000, 1_000_000_000_000, 1_000_000_000_000);
    tree.counted(Census {
        here: many,
        rows: NAMES.iter().map(|name| row(*name, many)).collect(),
        ..Census::default()
    });
    let mut mounted = mounts();
    for (mount, name) in mounted.iter_mut().skip(1).zip(NAMES) {
        mount.point = format!("/{name}").into();
        mount.device = name.into();
    }
    let mut filesystems = App::sampled(columns, rows);
    filesystems.keys("3");
    filesystems.msg(slabscope::ui::update::Msg::Mounts(Ok(mounted)));
    let mut groups = App::sampled(columns, rows);
    groups.keys("4");
    let mut read = cgroups(900);
    for (cgroup, name) in read.all.iter_mut().skip(1).zip(NAMES) {
        cgroup.path = name.into();
    }
    groups.cgroups(2, read);
    vec![slabs, tree, filesystems, groups]
}

#[test]
fn odd_names_and_huge_counts_leave_the_figures_in_their_columns() {
    for (columns, rows) in [(80, 24), (120, 40), (200, 50), (60, 15), (40, 10)] {
        for mut app in odd(columns, rows) {
            let screen = app.screen();
            assert!(!screen.contains('\u{1b}'), "{screen}");
            app.keys("jjj:");
            app.screen();
            app.keys("a<Down><Esc>\\a<Enter>nN");
            app.screen();
            app.keys("?");
            app.screen();
        }
    }
    // Behind a wide name the next column begins where it begins behind a narrow one.
    let mut slabs = odd(80, 24).remove(0);
    slabs.keys("n");
    let buffer = slabs.buffer();
    let head = slabs.position("SIZE").0;
    for y in 0..buffer.area.height {
        let line: String = (0..head + 4).map(|x| buffer[(x, y)].symbol()).collect();
        if line.contains("\u{65e5}") {
            assert!(line.trim_end().ends_with("iB"), "{line}");
        }
    }
}

#[test]
fn resize_in_any_mode_draws() {
    for keys in [
        "",
        ":so",
        "\\kmalloc",
        "\\kmalloc<Enter>",
        "/ext",
        "S",
        "?",
        "E",
        "V",
        "5z<Left>",
    ] {
        let mut app = App::sampled(80, 24);
        app.keys(keys);
        for (columns, rows) in [(40, 10), (200, 50), (1, 1), (60, 15), (41, 11), (120, 40)] {
            app.resize(columns, rows);
            app.screen();
            app.keys("<Down>");
            app.screen();
        }
    }
}

#[test]
fn a_thousand_rows_have_a_position() {
    let mut slabs = App::new(120, 40);
    slabs.sample(1, sample_of(1_000, 1));
    slabs.shows(" of 1,000 ");
    slabs.keys("G");
    slabs.shows("-1,000 of 1,000 ");
    let mut groups = App::sampled(120, 40);
    groups.keys("4");
    let mut all = vec![Cgroup::default()];
    all.extend((0..1_000).map(|n| Cgroup {
        path: format!("n{n}").into(),
        id: n,
        parent: Some(0),
        depth: 1,
        stat: Some(CgroupMemory::default()),
        ..Cgroup::default()
    }));
    groups.cgroups(
        2,
        Cgroups {
            mount: "/sys/fs/cgroup".into(),
            all,
            took: Duration::from_millis(3),
            ..Cgroups::default()
        },
    );
    groups.shows(" of 1,001 ");
    let mut few = App::in_ext4(120, 40);
    few.shows_no("1-3 of 3");
}

#[test]
fn wait_is_shown_once_it_is_felt() {
    use slabscope::ui::update::Msg;
    let mut app = App::in_ext4(80, 24);
    app.keys("p");
    let begun = app.model.now;
    let later = |millis| begun + Duration::from_millis(millis);
    app.msg(Msg::Tick { at: later(200) });
    app.shows_no("\u{25d0} 0.2 s");
    app.msg(Msg::Tick { at: later(700) });
    app.shows("\u{25d1} 0.7 s");
    app.keys("<Esc>");
    app.shows_no("\u{25d1} 0.7 s");
    assert_eq!(app.model.waiting, None);
}

#[test]
fn key_on_the_bottom_line_is_clicked() {
    let mut app = App::sampled(80, 24);
    let (x, y) = app.position("S sort");
    app.click(x + 2, y);
    app.shows("Sort by");
    app.keys("<Esc>");
    let (x, y) = app.position("? help");
    app.click(x, y);
    app.shows("back; quit (Ctrl-C");
    // Nothing behind the last key, and no answer to a question.
    let mut app = App::planned(80, 24);
    app.effects();
    let (x, y) = app.position("y prune");
    app.click(x, y);
    assert!(app.effects().is_empty());
}
