//! The screen of filesystems.

use crate::no_module;
use crate::support::{App, census, mounts};
use slabscope::reclaim::shrinker::NoShrinker;
use slabscope::ui::update::{Effect, Msg};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

impl App {
    /// On the screen of filesystems, with a second mount of /mnt/ext4, which is counted.
    pub fn on_filesystems(columns: u16, rows: u16) -> Self {
        let mut app = Self::sampled(columns, rows);
        app.keys("3");
        let mut all = mounts();
        let root = all[0].superblock.clone();
        let mut bind = all[1].clone();
        bind.point = "/srv/data".into();
        bind.root = std::path::Path::new("/data").into();
        all.insert(2, bind);
        app.msg(Msg::Mounts(Ok(all)));
        app.msg(Msg::Freeable(HashMap::from([
            ("254:16".into(), Ok(1_001_000)),
            (root, Err(NoShrinker::Several(2).to_string())),
        ])));
        app.keys("ju");
        app.counted(census());
        app
    }
}

#[test]
fn key_3_shows_a_row_for_each_superblock() {
    let mut app = App::sampled(80, 24);
    app.keys("3");
    let effects = app.effects();
    assert!(matches!(
        effects[..],
        [.., Effect::ReadMounts, Effect::ReadFreeable]
    ));
    let mut app = App::on_filesystems(80, 24);
    let row = app.line("/dev/vdb");
    for figure in ["1,001,012", "620 MiB", "183 MiB", "/mnt/ext4  +1"] {
        assert!(row.contains(figure), "{figure}: {row}");
    }
    app.shows("mounted at /mnt/ext4  /srv/data (its /data)");
    app.shows("its shrinker could free 1,001,000 objects");
    app.shows("1,001,005 negative");
    let root = app.line("/dev/vda ");
    assert!(
        root.contains(" - "),
        "it is not known, and that is said: {root}"
    );
}

#[test]
fn unknown_figures_are_named_with_the_key_that_counts() {
    let mut app = App::on_filesystems(80, 24);
    app.keys("j");
    app.shows("dentries and inodes are not known: u counts them");
    app.shows("what its shrinker could free is not known: 2 in debugfs have its name");
    app.effects();
    app.keys("u");
    let (job, path) = match &app.effects()[..] {
        [
            Effect::Census {
                job,
                path,
                rows: false,
                ..
            },
        ] => (*job, path.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(path, Path::new("/"));
    app.shows("counting /, 1 to go: Esc stops it");
    let (at, result) = (Duration::from_secs(2), Err(no_module()));
    app.msg(Msg::Counted { job, at, result });
    app.shows("could not be counted: Enter opens it and says why");
}

#[test]
fn each_filesystem_is_counted_once_and_escape_ends_the_count() {
    let mut app = App::on_filesystems(80, 24);
    app.effects();
    app.keys("a");
    let paths: Vec<PathBuf> = app
        .effects()
        .iter()
        .filter_map(|effect| match effect {
            Effect::Census { path, .. } => Some(path.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(paths.len(), 2, "not the bind mount: {paths:?}");
    app.keys("<Esc>");
    assert_eq!(app.effects().len(), 2, "both are cancelled");
}

#[test]
fn enter_opens_the_filesystem_in_the_tree() {
    let mut app = App::on_filesystems(80, 24);
    app.effects();
    app.keys("<Enter>");
    assert!(matches!(&app.effects()[..],
        [.., Effect::Census { path, rows: true, .. }] if path == Path::new("/mnt/ext4")));
    app.counted(census());
    app.shows("below: 1,001,012 dentries");
    app.keys("3");
    app.shows("/mnt/ext4  +1");
}

#[test]
fn rows_are_sorted_filtered_and_clicked() {
    let mut app = App::on_filesystems(80, 24);
    app.keys("S");
    app.shows("size of an inode");
    app.keys("d");
    app.shows("superblocks, by dentries");
    let (_, first) = app.position("/dev/vdb");
    let (_, second) = app.position("/dev/vda ");
    assert!(first < second);
    let (x, y) = app.position("DENTRIES");
    app.click(x, y);
    let (_, first) = app.position("/dev/vdb");
    assert!(first > second, "the other way round");
    app.keys("/cgroup2<Enter>");
    app.shows("1 superblock, by dentries");
    app.keys("<Esc>");
    app.shows("/dev/vdb");
    app.keys("sa");
    let (x, y) = app.position("/dev/vda ");
    app.click(x, y);
    app.shows("mounted at /\n");
}

#[test]
fn plan_for_a_counted_filesystem_has_its_size() {
    let mut app = App::on_filesystems(80, 24);
    app.keys("p");
    app.rung_planned();
    app.shows("Counted  1,001,011 unused dentries, 183 MiB, 0.0 s ago");
    // The plan for a directory, too, by the list of broader rungs.
    let mut app = App::in_ext4(80, 24);
    app.keys("p");
    app.ladder(true);
    app.plan(census().rows[0].below);
    app.keys("><Enter>");
    app.rung_planned();
    app.shows("Counted  1,001,011 unused dentries, 183 MiB, 0.0 s ago");
    let mut app = App::on_filesystems(80, 24);
    app.keys("jp");
    app.rung_planned();
    app.shows_no("Counted");
}

#[test]
fn filesystem_in_memory_has_nothing_to_reclaim() {
    let mut app = App::on_filesystems(80, 24);
    app.keys("/devtmpfs<Enter>p");
    app.shows("nothing to prune: devtmpfs pins every dentry");
    assert!(
        !app.effects()
            .iter()
            .any(|effect| matches!(effect, Effect::PlanRung { .. }))
    );
    assert!(app.line("devtmpfs devtmpfs").contains("never"));
}

#[test]
fn screens_match_their_snapshots() {
    crate::snapshots(|columns, rows| {
        let mut help = App::on_filesystems(columns, rows);
        help.keys("?");
        vec![
            ("filesystems", App::on_filesystems(columns, rows)),
            ("help_filesystems", help),
        ]
    });
}
