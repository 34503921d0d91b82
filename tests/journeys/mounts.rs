//! The list of mounts, and their counts.

use crate::no_module;
use crate::support::{App, census, counters, mounts};
use slabscope::cache::census::Census;
use slabscope::kernel::source::Mount;
use slabscope::ui::update::{Effect, Msg};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Jobs and paths of the requested censuses, which report no rows.
fn asked(app: &mut App) -> Vec<(u64, PathBuf)> {
    let effects = app.effects().into_iter();
    let asked = effects.filter_map(|effect| match effect {
        Effect::Census {
            job,
            path,
            rows: false,
            ..
        } => Some((job, path)),
        _ => None,
    });
    asked.collect()
}

fn counted(app: &mut App, job: u64, census: Census) {
    let (at, result) = (Duration::from_secs(2), Ok(census));
    app.msg(Msg::Counted { job, at, result });
}

#[test]
fn one_key_counts_worthwhile_mounts_one_after_the_other() {
    let mut app = App::on_tree(80, 24);
    app.effects();
    app.keys("a");
    let asked = asked(&mut app);
    let worth: Vec<_> = mounts()
        .into_iter()
        .filter(|mount| !mount.is_internal() && !mount.is_memory())
        .map(|mount| mount.point)
        .collect();
    assert!(worth.len() > 1);
    let paths: Vec<_> = asked.iter().map(|(_, path)| path.clone()).collect();
    assert_eq!(paths, worth);
    app.shows(&format!("counting /, {} to go: Esc stops it", worth.len()));
    app.keys("a");
    assert!(app.effects().is_empty(), "they are under way");
    for (job, path) in asked {
        let census = if path == Path::new("/mnt/ext4") {
            census()
        } else {
            Census {
                here: counters(3, 4, 5),
                ..Census::default()
            }
        };
        counted(&mut app, job, census);
    }
    app.shows("mounts: Enter opens");
    let row = app.line("/mnt/ext4 ");
    for figure in ["1,001,012", "1,001,005", "183 MiB"] {
        assert!(row.contains(figure), "{figure}: {row}");
    }
}

#[test]
fn selected_mount_is_counted_alone_and_unprunable_one_says_so() {
    let mut app = App::on_tree(80, 24);
    let tmpfs = mounts().iter().position(|mount| mount.is_memory()).unwrap();
    let point = mounts()[tmpfs].point.clone();
    let shown = format!("{} ", point.display());
    assert!(app.line(&shown).contains("in memory: nothing to prune"));
    app.keys(&"j".repeat(tmpfs));
    app.effects();
    app.keys("u");
    let asked = asked(&mut app);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].1, point);
    assert!(app.line(&shown).contains("..."));
    counted(
        &mut app,
        asked[0].0,
        Census {
            here: counters(0, 40, 0),
            ..Census::default()
        },
    );
    let row = app.line(&shown);
    assert!(
        row.contains(" 40 ") && row.trim_end().ends_with("never"),
        "{row}"
    );
}

#[test]
fn escape_ends_the_counting_and_keeps_the_partial_count() {
    let mut app = App::on_tree(80, 24);
    app.effects();
    app.keys("a");
    let asked = asked(&mut app);
    app.keys("<Esc>");
    let ended = app.effects();
    assert_eq!(ended.len(), asked.len());
    for (effect, (of, _)) in ended.iter().zip(&asked) {
        assert!(matches!(effect, Effect::Cancel { job } if job == of));
    }
    for (job, _) in asked {
        let here = counters(1_000, 0, 0);
        counted(
            &mut app,
            job,
            Census {
                here,
                partial: true,
                ..Census::default()
            },
        );
    }
    assert!(app.line(" / ").contains(">1,000"));
    assert!(!app.line("/mnt/ext4").contains("1,000"));
}

#[test]
fn entering_a_mount_ends_the_counting_and_counts_that_mount() {
    let mut app = App::on_tree(80, 24);
    app.keys("a");
    app.effects();
    app.keys("j<Enter>");
    let effects = app.effects();
    assert!(matches!(
        effects[..],
        [Effect::Cancel { .. }, .., Effect::Census { rows: true, .. }]
    ));
    app.counted(census());
    app.keys("<Backspace>");
    app.msg(Msg::Mounts(Ok(mounts())));
    assert!(app.line("/mnt/ext4 ").contains("1,001,012"));
}

#[test]
fn mount_that_cannot_be_counted_says_so() {
    let mut app = App::on_tree(80, 24);
    app.effects();
    app.keys("u");
    let (job, _) = asked(&mut app)[0];
    let (at, result) = (Duration::from_secs(2), Err(no_module()));
    app.msg(Msg::Counted { job, at, result });
    app.shows("cannot be counted: Enter says why");
}

#[test]
fn click_selects_a_mount_and_enters_it() {
    let mut app = App::on_tree(80, 24);
    let (x, y) = app.position("/mnt/ext4");
    app.click(x, y);
    assert_eq!(app.selected(), "/mnt/ext4");
    app.effects();
    app.click(x, y);
    assert!(matches!(&app.effects()[..],
        [Effect::Census { path, .. }] if path == Path::new("/mnt/ext4")));
}

#[test]
fn mounts_that_differ_at_their_ends_stay_distinct_at_80_columns() {
    let mount = |n: u32| {
        let point = format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{n:064x}/rootfs");
        Mount {
            point: point.into(),
            fs: "overlay".into(),
            device: "overlay".into(),
            superblock: format!("0:{n}").into(),
            root: Path::new("/").into(),
            ..Mount::default()
        }
    };
    for screen in ["2", "3"] {
        let mut app = App::sampled(80, 24);
        app.keys(screen);
        app.msg(Msg::Mounts(Ok(vec![mount(1), mount(2)])));
        let rows = ["1/rootfs", "2/rootfs"].map(|end| app.line(end));
        assert_ne!(rows[0], rows[1]);
        assert!(rows.iter().all(|row| row.contains('…')), "{rows:?}");
    }
}
