//! The screen of cgroups.

use crate::support::{App, cgroups, sample};
use crate::unreadable;
use slabscope::source::{Cgroup, Cgroups, CgroupsError};
use slabscope::update::{Effect, Msg};
use std::time::{Duration, Instant};

fn reads(app: &mut App) -> usize {
    let effects = app.effects();
    let reads = |effect: &&Effect| matches!(effect, Effect::ReadCgroups { .. });
    effects.iter().filter(reads).count()
}

#[test]
fn they_are_read_while_they_are_shown_one_reading_at_a_time() {
    let mut app = App::sampled(80, 24);
    app.sample(2, sample());
    assert_eq!(reads(&mut app), 0, "another screen is shown");
    app.keys("4");
    app.shows("reading the cgroups");
    assert!(matches!(app.effects[..], [Effect::ReadCgroups { .. }]));
    let job = app.reading();
    app.effects();
    app.sample(3, sample());
    assert_eq!(reads(&mut app), 0, "one is under way");
    let (at, result) = (Duration::from_secs(3), Ok(Some(cgroups(900))));
    app.msg(Msg::Cgroups { job, at, result });
    app.sample(4, sample());
    assert_eq!(reads(&mut app), 1);
    app.keys("1");
    app.sample(5, sample());
    assert_eq!(reads(&mut app), 0);
}

#[test]
fn frozen_they_are_not_read() {
    let mut app = App::on_cgroups(80, 24);
    app.keys("f");
    app.effects();
    app.sample(5, sample());
    assert_eq!(reads(&mut app), 0);
    app.keys("f");
    assert_eq!(reads(&mut app), 1);
}

#[test]
fn one_near_its_limit_because_of_slab_is_marked_and_says_so() {
    let mut app = App::on_cgroups(80, 24);
    let row = app.line("web.service");
    for figure in [
        "!",
        "914 MiB",
        "+14.0 MiB",
        "1.0 GiB",
        "95%",
        "slab fills it",
    ] {
        assert!(row.contains(figure), "{figure}: {row}");
    }
    let cron = app.line("cron.service");
    assert!(
        cron.contains("96%") && !cron.contains('!'),
        "files fill it: {cron}"
    );
    app.keys("jj");
    app.shows("── /app.slice/web.service ──");
    app.shows("977 MiB of memory.max, 1.0 GiB: 93 % of it slab, 47.0 MiB left");
    app.shows("near its limit because of slab: most of it is reclaimable");
}

#[test]
fn the_tree_is_sorted_opened_and_closed() {
    let mut app = App::on_cgroups(80, 24);
    app.shows_no("payload");
    assert!(app.line("batch.service").contains("+ batch.service"));
    let order = |app: &mut App| app.position("app.slice").1 < app.position("system.slice").1;
    assert!(order(&mut app));
    app.keys("jjj<Enter>");
    app.shows("payload");
    app.keys("<Left>");
    app.shows_no("payload");
    app.keys("<Left><Left>");
    app.shows_no("web.service");
    app.keys("r");
    assert!(!order(&mut app), "siblings turn round");
    app.keys("Sn");
    app.shows("by name");
    app.keys("/service<Enter>");
    app.shows("/app.slice/batch.service");
    app.shows_no("app.slice\n");
    app.keys("<Esc>");
    app.shows("+ app.slice");
}

#[test]
fn without_the_controller_its_memory_counts_as_its_parents() {
    let mut app = App::on_cgroups(80, 24);
    app.keys("/init.scope<Enter>");
    app.shows("the memory controller is not enabled for it");
    app.effects();
    app.keys("p");
    app.shows("choose that one");
    assert!(app.effects().is_empty());
}

#[test]
fn names_cannot_reach_the_terminal() {
    let mut app = App::on_cgroups(80, 24);
    app.shows("odd\\u{1b}[31m.service");
    let error = unreadable(
        "/sys/fs/cgroup/odd\x1b[31m.service/memory.stat",
        std::io::ErrorKind::InvalidData,
        "no figure",
    );
    let mut app = App::sampled(80, 24);
    app.keys("4");
    let (job, at) = (app.reading(), Duration::from_secs(2));
    let result = Err(CgroupsError::File(error));
    app.msg(Msg::Cgroups { job, at, result });
    app.shows("/odd\\u{1b}[31m.service/memory.stat: no figure");
}

#[test]
fn one_that_may_not_be_read_is_told_and_leaves_the_others() {
    let mut denied = cgroups(900);
    if let Some(last) = denied.all.last_mut() {
        last.denied = true;
    }
    let mut app = App::on_cgroups(80, 24);
    app.sample(9, sample());
    app.cgroups(9, denied);
    app.shows("web.service");
    app.keys("/init.scope<Enter>");
    app.shows("its files may not be read");
}

#[test]
fn why_there_are_none_and_what_mends_that() {
    for (error, remedy) in [
        (CgroupsError::Version1, "systemd.unified_cgroup_hierarchy=1"),
        (
            CgroupsError::NotMounted,
            "mount -t cgroup2 none /sys/fs/cgroup",
        ),
        (
            CgroupsError::NoMemory("/sys/fs/cgroup".into()),
            "cgroup_disable=memory",
        ),
    ] {
        let mut app = App::sampled(80, 24);
        app.keys("4");
        let (job, at) = (app.reading(), Duration::from_secs(2));
        let result = Err(error);
        app.msg(Msg::Cgroups { job, at, result });
        app.shows("The cgroups cannot be shown");
        app.shows(remedy);
        app.effects();
        app.sample(3, sample());
        assert_eq!(reads(&mut app), 1, "it is tried again");
    }
}

/// Thousands are read, put in order and drawn within what a person does not notice. The bound is
/// for a program without optimization on a busy machine.
#[test]
fn thousands_stay_fluid() {
    let mut all = cgroups(900).all;
    for n in 0..5_000_u64 {
        all.push(Cgroup {
            path: format!("app.slice/unit-{n}.scope").into(),
            id: 1_000 + n,
            parent: Some(1),
            depth: 2,
            ..all[2].clone()
        });
    }
    let mut app = App::sampled(200, 50);
    app.keys("4");
    let read = |all: &[Cgroup]| Cgroups {
        all: all.to_vec(),
        ..Cgroups::default()
    };
    app.cgroups(2, read(&all));
    let begin = Instant::now();
    for key in ["G", "g", "j", "r", "<PageDown>"] {
        app.keys(key);
        app.screen();
    }
    let each = begin.elapsed() / 5;
    assert!(each < Duration::from_millis(200), "{each:?} for a key");
    app.shows("5,009 cgroups");
}

#[test]
fn the_screens() {
    crate::snapshots(|columns, rows| {
        let mut help = App::on_cgroups(columns, rows);
        help.keys("?");
        let mut filled = App::on_cgroups(columns, rows);
        filled.keys("jj");
        vec![("cgroups", filled), ("help_cgroups", help)]
    });
}
