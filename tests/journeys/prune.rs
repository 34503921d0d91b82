//! From the plan to the ledger.

use crate::support::{App, census, counters, row, sample_with};
use slabscope::abi::Counters;
use slabscope::cache::census::Census;
use slabscope::kernel::session::{PruneMode, SessionError, Status};
use slabscope::kernel::target::LookError;
use slabscope::reclaim::prune::PruneError;
use slabscope::ui::update::{Effect, Msg};
use std::path::PathBuf;
use std::time::Duration;

#[test]
fn p_plans_and_changes_nothing() {
    let mut app = App::in_ext4(80, 24);
    app.effects();
    app.keys("p");
    assert!(matches!(&app.effects[..],
        [Effect::Plan { paths, .. }] if paths[..] == [PathBuf::from("/mnt/ext4/1")]));
    app.shows("Planning for /mnt/ext4/1");
    app.plan(Counters {
        pinned: 3,
        mountpoints: 1,
        ..census().rows[0].below
    });
    app.shows("Prune subtree /mnt/ext4/1");
    app.shows("ext4 on /dev/vdb");
    app.shows("▸ 1 negative only");
    app.shows("1,000,000");
    app.shows("Keeps    1 in use; all files and their data");
    app.shows("       2 unused, but not negative");
    app.shows("       3 unused parents of entries in use");
    app.shows("       1 mountpoint ");
    app.shows("CLI      slabscope prune /mnt/ext4/1 --mode negative");
    app.shows("below this directory only");
    app.shows("type y to prune");
}

#[test]
fn path_too_long_for_the_title_is_in_the_plan_in_full() {
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
fn y_read_together_with_escape_does_not_prune() {
    let mut app = App::planned(80, 24);
    app.effects();
    app.alt('y');
    app.shows_no("Prune subtree /mnt/ext4/1");
    assert!(app.effects().is_empty());
    // Here Esc ends only the scan for holders.
    let mut app = App::planned(80, 24);
    app.keys("w");
    app.effects();
    app.alt('y');
    app.shows("Prune subtree /mnt/ext4/1");
    assert!(matches!(app.effects()[..], [Effect::Cancel { .. }]));
    // The key behind Esc has its usual action there.
    let mut app = App::in_ext4(80, 24);
    app.alt('?');
    app.shows("Every screen");
}

#[test]
fn nothing_but_y_in_a_plan_prunes() {
    // 5 to 8 make plans for wider rungs in its place.
    let every: String = (' '..='~').filter(|c| !"ynqw<5678".contains(*c)).collect();
    let mut app = App::planned(80, 24);
    app.effects();
    app.keys("<Enter>");
    app.shows("nothing is pruned before you type y");
    app.keys("<Enter><Enter><Tab><Left><Right><Home><End><PageUp><PageDown>");
    app.keys(&every);
    assert!(app.effects().is_empty());
    app.shows("Prune subtree /mnt/ext4/1");
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
        ("y", PruneMode::Negative),
        ("2y", PruneMode::Dentries),
        ("jky", PruneMode::Negative),
    ] {
        let mut app = App::planned(80, 24);
        app.effects();
        app.keys(keys);
        match &app.effects()[..] {
            [Effect::Prune { tasks, mode, .. }] => {
                assert_eq!(tasks.len(), 1);
                let plan = &tasks[0].plan;
                assert_eq!(plan.target.path.as_os_str(), "/mnt/ext4/1");
                assert_eq!(plan.found, census().rows[0].below);
                assert_eq!(*mode, chosen);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn y_does_nothing_with_nothing_to_prune() {
    let mut app = App::in_ext4(80, 24);
    app.keys("p");
    app.plan(counters(0, 0, 5));
    app.shows("no negative dentries here: 2 evicts 5 unused dentries");
    app.effects();
    app.keys("y");
    assert!(app.effects().is_empty());
    let mut app = App::in_ext4(80, 24);
    app.keys("p");
    app.plan(counters(0, 5, 0));
    app.shows("nothing to prune");
}

#[test]
fn prune_of_a_row_leaves_what_is_around_it() {
    let mut app = App::in_ext4(80, 24);
    app.keys("G");
    assert_eq!(app.selected(), ".");
    app.effects();
    app.keys("p");
    app.shows("choose a row, or P");
    assert!(app.effects().is_empty());
    app.keys("P");
    assert!(matches!(&app.effects[..],
        [Effect::Plan { paths, .. }] if paths[..] == [PathBuf::from("/mnt/ext4")]));
}

#[test]
fn prune_shows_progress_and_escape_stops_it() {
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
fn ledger_compares_and_the_chart_marks_the_prune() {
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
    app.shows(" 1 pruned 1/ 999,900 03:12:44 ");
    assert!(
        matches!(&app.effects()[..],
        [Effect::Census { path, .. }] if path.as_os_str() == "/mnt/ext4"),
        "counted again"
    );
    app.keys("<Esc>");
    app.shows("counting");
    app.sample(90, sample_with(50_100, 1_100));
    app.keys("5");
    app.shows(" 1 pruned 1/ 999,900 03:12:44");
    app.shows("2026-11-22T03:12:44Z  prune negative  999,900 of 1,000,000 dentries  complete");
}

/// A directory that the ledger held open would be in use, and its filesystem could not be
/// unmounted.
#[test]
fn directory_is_held_open_from_plan_to_prune_and_no_longer() {
    let mut app = App::planned(80, 24);
    let slabscope::ui::model::InputMode::Confirm(confirm) = &app.model.mode else {
        panic!("{:?}", app.model.mode);
    };
    let dir = std::sync::Arc::downgrade(&confirm.tasks[0].plan.target.dir);
    app.keys("y");
    assert!(dir.upgrade().is_some());
    app.effects();
    assert!(dir.upgrade().is_none(), "the effect had the last hold");
}

#[test]
fn directories_above_a_prune_are_counted_again_once_shown() {
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

/// Changes between the plan and the confirmation, and the message on the screen.
#[test]
fn changed_directory_is_not_pruned_and_the_screen_says_why() {
    let unloaded = SessionError::NoModule("/dev/slabscope".into());
    for (error, why) in [
        (
            PruneError::Replaced("/mnt/ext4/1".into()),
            "not the directory that the plan was made for",
        ),
        (unloaded.into(), "the slabscope kernel module is not loaded"),
    ] {
        let mut app = App::pruning(80, 24);
        app.part_pruned(Err(error), 1_050_000, true);
        app.shows("Prune aborted");
        app.shows(why);
        assert!(app.model.history.markers.is_empty(), "nothing was pruned");
        app.keys("<Esc>5");
        app.shows_no("┆");
        app.shows("0 of 1,000,000 dentries  failed");
    }
}

#[test]
fn prune_that_fails_midway_says_what_it_did() {
    let mut app = App::pruning(80, 24);
    let unloaded = SessionError::NoModule("/dev/slabscope".into());
    let error = PruneError::Midway {
        unit: "dentries",
        source: Box::new(unloaded.into()),
        moved: 320_000,
        took: Duration::from_secs(2),
    };
    app.part_pruned(Err(error), 731_000, true);
    app.shows("Prune aborted");
    app.shows("least 320,000 dentries had been pruned");
    assert!(app.model.history.markers[0].label.contains("320,000"));
    app.keys("<Esc>5");
    app.shows("320,000 of 1,000,000 dentries  failed");
}

#[test]
fn directory_that_vanishes_before_the_plan_has_none() {
    let mut app = App::in_ext4(80, 24);
    app.keys("p");
    let job = app.model.last_job;
    let result = Err(LookError::Open {
        path: "/mnt/ext4/1".into(),
        source: std::io::ErrorKind::NotFound.into(),
    });
    app.msg(Msg::Planned { job, result });
    app.shows("There is no plan");
    app.shows("/mnt/ext4/1: entity not found");
    app.effects();
    app.keys("y");
    assert!(app.effects().is_empty());
}

#[test]
fn refused_plan_is_shown_in_place() {
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

/// A plan for a tree with dirty files in it.
fn dirty() -> App {
    let mut app = App::in_ext4(80, 24);
    app.keys("p");
    app.plan(Counters {
        inodes_prunable: 4,
        skipped_dirty: 1,
        dirty: 1,
        pages: 3_000,
        pages_prunable: 2_560,
        dirty_pages: 256,
        ..counters(5, 0, 5)
    });
    app
}

#[test]
fn inodes_and_pages_say_what_the_next_reads_cost_and_what_is_dirty() {
    let mut app = dirty();
    app.shows("3 unused + inodes");
    app.shows("4 page cache only");
    app.shows_no("dirty");
    app.keys("3");
    app.shows("Cost     the next use of each reads its inode again, and 10.0 MiB of data");
    app.shows("1 dirty, with 1.0 MiB to write; W writes them first");
    app.shows("CLI      slabscope prune /mnt/ext4/1 --mode inodes ");
    app.keys("4");
    app.shows("Cost     the next reads of these files read 10.7 MiB again");
    app.keys("W");
    app.shows("First    writes 1.0 MiB of 1 dirty files; W leaves them");
    app.shows("--mode pages --writeback");
}

#[test]
fn files_are_written_first_only_on_request() {
    for (keys, chosen, first) in [
        ("3y", PruneMode::Inodes, false),
        ("3Wy", PruneMode::Inodes, true),
        ("4WWy", PruneMode::Pages, false),
        ("jjjWy", PruneMode::Pages, true),
        // Nothing is written if no file is touched.
        ("W2y", PruneMode::Dentries, false),
    ] {
        let mut app = dirty();
        app.effects();
        app.keys(keys);
        match &app.effects()[..] {
            [
                Effect::Prune {
                    mode, writeback, ..
                },
            ] => {
                assert_eq!((*mode, *writeback), (chosen, first), "{keys}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn overlay_names_its_layers_and_plans_for_them() {
    let mut app = App::in_ext4(80, 24);
    app.keys("p");
    app.plan(counters(5, 0, 5));
    let slabscope::ui::model::InputMode::Confirm(confirm) = &mut app.model.mode else {
        panic!("{:?}", app.model.mode);
    };
    let mount = &mut confirm.tasks[0].mount;
    mount.fs = "overlay".into();
    mount.made_of = slabscope::kernel::source::mounts::Layers::known(&["/upper", "/low er"]);
    app.keys("3");
    app.shows("Layers   inodes, pages and names are cached apart, in");
    app.keys("1");
    app.shows("Layers   the same names are cached once more in");
    let layers = ["/upper/1", "/low er/1"].map(PathBuf::from);
    app.effects();
    app.keys("l");
    assert!(matches!(&app.effects()[..],
        [Effect::Plan { paths, layers: true, .. }] if paths[..] == layers));
    app.keys("<Esc>");
}

#[test]
fn ledger_of_inodes_shows_them_and_what_is_pending() {
    let mut app = dirty();
    app.keys("3y");
    app.prune_began();
    let mut outcome = App::outcome(Status::Complete, 9);
    outcome.mode = PruneMode::Inodes;
    outcome.predicted = 10;
    outcome.counters.evict_attempted = 4;
    outcome.counters.pages_evicted = 2_560;
    outcome.counters.skipped_dirty = 1;
    outcome.counters.dirty_pages = 256;
    app.part_pruned(Ok(outcome), 1_049_990, true);
    app.shows("Pruned unused dentries and inodes below /mnt/ext4/1");
    app.shows("inodes                     4              4");
    app.shows("page cache          10.0 MiB       10.0 MiB");
    app.shows("1 stay: dirty, 1.0 MiB to write");
}
