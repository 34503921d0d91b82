//! Several marked rows, one plan.

use std::path::PathBuf;

use crate::support::{App, census, counters, mounts, row};
use slabscope::cache::census::Census;
use slabscope::kernel::session::Status;
use slabscope::kernel::source::Mount;
use slabscope::reclaim::prune::PruneError;
use slabscope::ui::model::InputMode;
use slabscope::ui::update::{Effect, Msg};

/// In /mnt/ext4 with 1/ and other/ marked.
fn marked() -> App {
    let mut app = App::in_ext4(80, 24);
    app.keys("g  ");
    app.effects();
    app
}

/// The plan for both directories.
fn planned() -> App {
    let mut app = marked();
    app.keys("p");
    let rows = census().rows;
    app.plan_all(&[rows[0].below, rows[1].below]);
    app
}

#[test]
fn space_marks_a_row_and_goes_on() {
    let mut app = marked();
    app.shows("2 marked: p plans for all of them, U clears marks");
    assert!(app.line(" 1/").starts_with('*'));
    assert!(app.line(" other/").starts_with('*'));
    assert_eq!(app.selected(), ".");
    app.keys(" ");
    app.shows("only a directory can be marked");
    app.keys("g ");
    assert!(app.line(" 1/").starts_with(' '));
    app.keys("U");
    assert!(app.model.marks.is_empty());
    app.keys("p");
    assert!(
        matches!(&app.effects()[..], [Effect::Plan { paths, .. }] if paths.len() == 1),
        "the selected row alone"
    );
}

#[test]
fn title_has_a_running_total_of_the_marked_rows() {
    let mut app = App::in_ext4(80, 24);
    app.keys("g ");
    app.shows(" 1 marked: 183 MiB ");
    app.keys(" ");
    app.shows(" 2 marked: 183 MiB ");
    // What is below a marked directory is a part of it.
    app.keys("g<Enter>");
    app.counted(Census {
        here: counters(9, 0, 0),
        rows: vec![row("2", counters(9, 0, 0))],
        ..Default::default()
    });
    app.keys("g ");
    app.shows(" 3 marked: 183 MiB ");
    app.keys("U");
    app.shows_no("marked: ");
}

#[test]
fn plan_covers_all_marked_rows_and_nested_ones_once() {
    let mut app = marked();
    app.keys("g<Enter>");
    app.counted(Census {
        here: counters(9, 0, 0),
        rows: vec![row("2", counters(9, 0, 0))],
        ..Default::default()
    });
    app.keys("g ");
    assert_eq!(app.model.marks.len(), 3);
    app.effects();
    app.keys("p");
    let both = ["/mnt/ext4/1", "/mnt/ext4/other"].map(PathBuf::from);
    assert!(matches!(&app.effects()[..], [Effect::Plan { paths, .. }] if paths[..] == both));
    app.shows("Planning for 2 directories");
}

#[test]
fn plan_shows_each_directory_and_the_sum() {
    let mut app = planned();
    app.shows("Prune 2 subtrees");
    app.shows("1,000,000  /mnt/ext4/1   ext4");
    app.shows("    1,000  /mnt/ext4/other   ext4");
    app.shows("▸ 1 negative only        1,001,000");
    app.shows("Scope    below these directories only");
    app.shows("slabscope prune /mnt/ext4/1 --mode negative; slabscope prune");
    app.keys("<Enter>");
    app.shows("nothing is pruned before you type y");
    app.keys("y");
    match &app.effects()[..] {
        [.., Effect::Prune { tasks, .. }] => {
            let paths: Vec<_> = tasks.iter().map(|task| &task.plan.target.path).collect();
            assert_eq!(
                paths,
                [
                    &PathBuf::from("/mnt/ext4/1"),
                    &PathBuf::from("/mnt/ext4/other")
                ]
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(app.model.marks.is_empty());
}

#[test]
fn many_marked_rows_are_paged_through_and_the_question_stays_in_sight() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter>");
    let names = (0..40).map(|n| row(format!("d{n:02}"), counters(5, 0, 0)));
    app.counted(Census {
        here: counters(200, 0, 0),
        rows: names.collect(),
        ..Default::default()
    });
    app.keys(&" ".repeat(40));
    app.effects();
    app.keys("p");
    app.plan_all(&[counters(5, 0, 0); 40]);
    app.shows("/mnt/ext4/d00");
    app.shows("lines 1 to 18 of 50: PgDn, PgUp");
    app.shows("PgDn shows the rest; y counts after that");
    let prunes = |app: &mut App| {
        let effects = app.effects();
        effects.iter().any(|e| matches!(e, Effect::Prune { .. }))
    };
    // Going to the end at once shows only a part of what is between.
    app.typed_ahead("<PageDown><PageDown><PageDown><PageDown>y");
    app.shows("the plan has more lines");
    app.shows("lines 19 to 36 of 50");
    app.keys("y");
    assert!(!prunes(&mut app), "the end was not shown");
    app.keys("<PageDown>");
    app.shows("/mnt/ext4/d39");
    app.shows("type y to prune");
    app.keys("y");
    assert!(prunes(&mut app));
}

#[test]
fn directories_are_pruned_in_turn_with_a_line_each_in_the_ledger() {
    let mut app = planned();
    app.keys("y");
    app.prune_began();
    app.shows("1 of 2: /mnt/ext4/1");
    app.part_pruned(Ok(App::outcome(Status::Complete, 1_000_000)), 51_000, false);
    app.shows("Pruning negative dentries below 2 directories");
    app.prune_began();
    app.shows("2 of 2: /mnt/ext4/other");
    app.shows("1,000,000 of 1,001,000 dentries, 99 %");
    app.part_pruned(Ok(App::outcome(Status::Complete, 999)), 50_001, true);
    app.shows("Pruned negative dentries below 2 directories");
    let all = app.line(" dentries   ");
    assert!(
        all.contains("1,001,000") && all.contains("1,000,999"),
        "{all}"
    );
    let other = app.line("/mnt/ext4/other");
    assert!(other.contains("1,000") && other.contains("999"), "{other}");
    assert_eq!(app.model.history.markers.len(), 2);
    app.keys("<Esc>5");
    app.shows("2 prunes, not recorded");
}

#[test]
fn directory_with_nothing_to_prune_is_in_the_ledger_too() {
    let mut app = marked();
    app.keys("p");
    app.plan_all(&[census().rows[0].below, counters(0, 5, 0)]);
    app.keys("y");
    app.prune_began();
    app.part_pruned(Ok(App::outcome(Status::Complete, 1_000_000)), 51_000, true);
    app.shows("Pruned negative dentries below 2 directories");
    assert!(app.line("/mnt/ext4/1").contains("1,000,000"));
    let other = app.line("/mnt/ext4/other");
    assert!(other.trim_start().starts_with("0  "), "{other}");
}

#[test]
fn prune_stopped_between_two_directories_does_not_begin_the_next() {
    let mut app = planned();
    app.keys("y");
    app.prune_began();
    app.keys("<Esc>");
    app.part_pruned(Ok(App::outcome(Status::Stopped, 500_000)), 551_000, true);
    app.shows("STOPPED early: the rest stays");
    app.shows("501,000 not reached");
    app.shows("not begun: /mnt/ext4/other");
    assert_eq!(app.model.journal.records.len(), 1);
}

#[test]
fn replaced_directory_is_left_alone_and_the_others_are_pruned() {
    let mut app = planned();
    app.keys("y");
    app.prune_began();
    let replaced = PruneError::Replaced("/mnt/ext4/1".into());
    app.part_pruned(Err(replaced), 1_050_000, false);
    assert!(matches!(app.model.mode, InputMode::Pruning(_)));
    app.prune_began();
    app.part_pruned(Ok(App::outcome(Status::Complete, 1_000)), 1_049_000, true);
    app.shows("IN PART: not below every directory");
    app.shows("FAILED: /mnt/ext4/1");
    app.shows("why    /mnt/ext4/1: not the directory that the plan was made for");
    app.shows_no("taken by others");
    assert_eq!(app.model.journal.records.len(), 2);
    assert_eq!(app.model.history.markers.len(), 1, "what ran is marked");
}

/// A filesystem of its own at /mnt/ext4/1.
fn mounted_over() -> Mount {
    Mount {
        point: "/mnt/ext4/1".into(),
        fs: "xfs".into(),
        device: "/dev/vdc".into(),
        superblock: "254:32".into(),
        root: std::path::Path::new("/").into(),
        ..Mount::default()
    }
}

#[test]
fn marked_mount_below_a_marked_directory_has_a_prune_of_its_own() {
    let mut app = App::sampled(80, 24);
    app.keys("2");
    let at_root = Mount {
        point: "/mnt".into(),
        ..mounts()[1].clone()
    };
    app.msg(Msg::Mounts(Ok(vec![at_root, mounted_over()])));
    app.keys("<Enter>");
    app.counted(Census {
        here: counters(9, 0, 0),
        rows: vec![row("ext4", counters(9, 0, 0))],
        ..Default::default()
    });
    app.keys("g g<Enter>");
    app.counted(census());
    app.keys("g  ");
    assert_eq!(app.model.marks.len(), 3);
    app.effects();
    app.keys("p");
    let both = ["/mnt/ext4", "/mnt/ext4/1"].map(PathBuf::from);
    let effects = app.effects.iter();
    let paths = effects.filter_map(|effect| match effect {
        Effect::Plan { paths, .. } => Some(paths),
        _ => None,
    });
    assert_eq!(paths.collect::<Vec<_>>(), [&both]);
    app.plan_all(&[counters(9, 0, 0), counters(5, 0, 0)]);
    app.shows("/mnt/ext4   ext4");
    app.shows("/mnt/ext4/1   xfs");
}

#[test]
fn row_marked_in_another_list_of_mounts_keeps_its_filesystem() {
    let mut app = App::on_tree(80, 24);
    app.keys("o4711<Enter>");
    let mount = Mount {
        point: "/proc/4711/root/data".into(),
        ..mounted_over()
    };
    let result = Ok(("app".into(), vec![mount]));
    app.msg(Msg::MountsOf { pid: 4711, result });
    app.keys("<Enter>");
    app.counted(census());
    app.keys("g <Left><Left>");
    app.msg(Msg::Mounts(Ok(mounts())));
    app.walk_to_ext4();
    app.keys("g ");
    app.effects();
    app.keys("p");
    app.plan_all(&[counters(9, 0, 0), counters(9, 0, 0)]);
    app.shows("/mnt/ext4/1   ext4");
    app.shows("/proc/4711/root/data/1   xfs");
}

#[test]
fn inodes_of_two_filesystems_are_not_compared() {
    let mut app = App::pruned_marked(80, 24);
    app.shows("ext4 inodes");
    let ledger = app.model.ledgers.last_mut().unwrap();
    let end = ledger.parts[1].end.as_mut().unwrap();
    end.after.inode.as_mut().unwrap().name = "xfs_inode".into();
    app.shows_no("inodes");
    app.shows_no("inode slabs");
    app.shows("dentry slabs");
}

#[test]
fn long_paths_leave_the_figures_in_the_plan() {
    let mut app = App::on_tree(80, 24);
    app.keys("j<Enter>");
    let names = (0..9).map(|n| row(format!("{n}-{}-end", "x".repeat(300)), counters(5, 0, 0)));
    app.counted(Census {
        here: counters(45, 0, 0),
        rows: names.collect(),
        ..Default::default()
    });
    app.keys(&" ".repeat(9));
    app.effects();
    app.keys("p");
    app.plan_all(&[counters(5, 0, 0); 9]);
    app.shows("PgDn shows the rest");
    app.keys(&"<PageDown>".repeat(4));
    app.shows("▸ 1 negative only               45");
    app.shows("type y to prune");
}
