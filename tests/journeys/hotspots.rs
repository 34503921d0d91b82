//! The page of hotspots.

use crate::no_module;
use crate::support::{App, mounts};
use slabscope::abi::Counters;
use slabscope::cache::hotspots::{Counted, Hotspot, Hotspots, SoFar};
use slabscope::kernel::source::Mount;
use slabscope::kernel::target::LookError;
use slabscope::ui::update::{Effect, HotspotsMsg, Msg, NamesEffect};
use std::path::PathBuf;
use std::time::Duration;

fn counters(negative: u64, prunable: u64) -> Counters {
    Counters {
        total: negative + prunable + 1,
        negative,
        prunable,
        ..Counters::default()
    }
}

fn hotspot(path: &str, own: Counters, below: Counters) -> Hotspot {
    Hotspot {
        path: path.into(),
        own,
        below,
        hidden_below: path
            .starts_with("/mnt/ext4/under")
            .then(|| "/mnt/ext4".into()),
    }
}

/// Three directories, the greatest of which has `negative` negatives.
fn found(negative: u64) -> Hotspots {
    let deep = counters(negative, negative);
    let rows = vec![
        hotspot("/mnt/ext4/1/2/3", deep, deep),
        hotspot(
            "/var/lib/dpkg/info",
            counters(7, 40_000),
            counters(7, 40_000),
        ),
        hotspot(
            "/mnt/ext4",
            counters(2, 5),
            counters(negative + 1_002, negative),
        ),
        hotspot("/mnt/ext4/under", counters(1_000, 0), counters(1_000, 0)),
    ];
    let mut filesystems: Vec<Counted> = Mount::worth_counting(&mounts())
        .into_iter()
        .map(|mount| Counted {
            mount,
            result: Ok(counters(negative, 300_000)),
            complete: true,
        })
        .collect();
    filesystems.push(Counted {
        mount: Mount {
            point: "/net".into(),
            fs: "nfs4".into(),
            ..Mount::default()
        },
        result: Err(LookError::NoDirectory("/net".into())),
        complete: false,
    });
    Hotspots::new(rows, filesystems, Some(192), Duration::from_secs(1))
}

impl App {
    /// On the page of hotspots, counted twice.
    pub fn in_hotspots(columns: u16, rows: u16) -> Self {
        let mut app = Self::on_tree(columns, rows);
        app.keys("H");
        app.found(1, found(987_900));
        app.keys("R");
        app.found(2, found(1_000_000));
        app
    }

    /// The last requested count ends.
    fn found(&mut self, at: u64, found: Hotspots) {
        let (job, at) = (self.model.last_job, Duration::from_secs(at));
        let result = Ok(found);
        self.msg(Msg::Hotspots(HotspotsMsg::Found { job, at, result }));
    }
}

#[test]
fn capital_h_counts_all_filesystems_and_shows_progress() {
    let mut app = App::in_ext4(80, 24);
    app.effects();
    app.keys("H");
    let job = app.model.last_job;
    assert!(matches!(app.effects()[..], [Effect::Hotspots { job: of }] if of == job));
    let so_far = SoFar {
        at: 1,
        of: 2,
        point: "/mnt/ext4".into(),
        dentries: 310_000,
    };
    let at = Duration::from_secs(3);
    app.msg(Msg::Hotspots(HotspotsMsg::SoFar { job, at, so_far }));
    app.shows("counting /mnt/ext4 (2 of 2): 310,000 dentries so far");
    app.keys("<Esc>");
    assert!(matches!(app.effects()[..], [Effect::Cancel { job: of }] if of == job));
    app.shows("stopping");
    app.found(
        4,
        Hotspots {
            ended: true,
            ..found(500)
        },
    );
    app.shows("at least");
    app.shows("/mnt/ext4/1/2/3");
    app.keys("<Esc>");
    assert_eq!(app.selected(), "1/");
    app.keys("H");
    app.shows("/mnt/ext4/1/2/3");
    assert!(app.effects().is_empty(), "what was found is still there");
}

#[test]
fn rows_show_own_negatives_and_their_change() {
    let mut app = App::in_hotspots(80, 24);
    let row = app.line("/mnt/ext4/1/2/3");
    let figures: Vec<_> = row.split_whitespace().collect();
    assert_eq!(figures[..2], ["1,000,000", "+12.1k"], "{row}");
    app.shows("0      960 B    1,001,002 /mnt/ext4\n");
    app.shows("not counted: /net: not a directory");
    assert_eq!(app.selected(), "/mnt/ext4/1/2/3");
    app.shows("directories by own negatives");
    app.keys("s");
    app.shows("by own freeable bytes");
    let row = app.line("/mnt/ext4/1/2/3");
    assert!(row.contains("+2.2 MiB"), "{row}");
    app.keys("j");
    assert_eq!(app.selected(), "/var/lib/dpkg/info");
}

#[test]
fn p_plans_for_the_directory_and_leads_back() {
    let mut app = App::in_hotspots(80, 24);
    app.effects();
    app.keys("p");
    assert!(matches!(&app.effects[..], [.., Effect::Plan { paths, .. }]
        if paths[..] == [PathBuf::from("/mnt/ext4/1/2/3")]));
    app.plan(counters(1_000_000, 1_000_000));
    app.shows("Prune subtree /mnt/ext4/1/2/3");
    app.keys("<Esc>");
    app.shows("directories by own negatives");
    // A mount hides the directory: the one above takes it in.
    app.keys("\\under<Enter>p");
    assert!(
        matches!(&app.effects[..], [.., Effect::Plan { paths, .. }]
        if paths[..] == [PathBuf::from("/mnt/ext4")]),
        "{:?}",
        app.effects.last()
    );
}

#[test]
fn partial_count_is_no_basis_for_changes() {
    let mut app = App::in_hotspots(80, 24);
    app.keys("R");
    app.found(
        3,
        Hotspots {
            ended: true,
            ..found(5)
        },
    );
    app.keys("R");
    app.found(4, found(1_000_100));
    let row = app.line("/mnt/ext4/1/2/3");
    assert!(row.contains("+100"), "since the last that was whole: {row}");
}

#[test]
fn enter_opens_the_directory_and_n_lists_its_names() {
    let mut app = App::in_hotspots(80, 24);
    app.effects();
    app.keys("n");
    assert!(matches!(&app.effects()[..],
        [Effect::Names(NamesEffect::List { path, .. })] if path.as_os_str() == "/mnt/ext4/1/2/3"));
    app.keys("<Esc><Esc>");
    app.shows("directories by own");
    app.effects();
    app.keys("<Enter>");
    assert!(matches!(&app.effects()[..],
        [Effect::Census { path, .. }] if path.as_os_str() == "/mnt/ext4/1/2/3"));
    app.shows("counting");
    app.keys("h");
    app.shows("/mnt/ext4/1/2");
}

#[test]
fn directory_hidden_by_a_mount_is_reached_from_above() {
    let mut app = App::in_hotspots(80, 24);
    app.keys("j");
    app.shows("/mnt/ext4/under (hidden)");
    app.effects();
    app.keys("n");
    app.shows("a prune below /mnt/ext4 takes it in");
    assert!(app.effects().is_empty());
    app.keys("<Enter>");
    app.shows("a mount hides the directory: a prune of this one");
    assert!(matches!(&app.effects()[..],
        [Effect::Census { path, .. }] if path.as_os_str() == "/mnt/ext4"));
}

#[test]
fn page_without_the_module_says_what_is_missing() {
    let mut app = App::on_tree(80, 24);
    app.keys("H");
    let (job, at) = (app.model.last_job, Duration::from_secs(2));
    let result = Err(no_module().into());
    app.msg(Msg::Hotspots(HotspotsMsg::Found { job, at, result }));
    app.shows("the slabscope kernel module is not loaded");
    app.shows_no("NEGATIVE");
    app.keys("<Esc>");
    app.shows("mounts: Enter opens");
}

#[test]
fn help_explains_the_columns() {
    let mut app = App::in_hotspots(80, 50);
    app.keys("?");
    app.shows("go to the directory");
    app.shows("NEG. SUBTREE  Names cached as absent in it and in all");
    app.keys("?");
    app.shows("directories by own");
}

#[test]
fn count_makes_way_for_a_requested_job() {
    let mut app = App::on_tree(80, 24);
    app.keys("H");
    let hunt = app.model.hotspots.hunt.as_ref().unwrap().job;
    app.keys("1");
    app.effects();
    app.msg(Msg::Open("/mnt/ext4/1".into()));
    assert!(matches!(app.effects()[..],
        [Effect::Cancel { job }, .., Effect::Census { .. }] if job == hunt));
    app.keys("R");
    let again = |effect: &Effect| matches!(effect, Effect::Cancel { job } if *job == hunt);
    assert!(!app.effects().iter().any(again));
}
