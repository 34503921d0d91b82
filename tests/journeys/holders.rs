//! Holders of what stays: on request, in the plan.

use std::path::PathBuf;

use crate::support::{App, counters};
use slabscope::cache::holders::{Holder, Holders, Uses};
use slabscope::ui::update::{Effect, Msg};

fn holder(pid: u32, uses: Uses) -> Holder {
    Holder {
        pid,
        comm: "php-fpm\u{1b}[2J".into(),
        uses,
        example: format!("/mnt/ext4/1/{pid}").into(),
    }
}

fn asked() -> App {
    let mut app = App::planned(80, 24);
    app.shows("Held by  w lists processes, from /proc (adds dentries there)");
    app.effects();
    app.keys("w");
    app
}

#[test]
fn w_scans_for_the_directories_of_the_plan() {
    let mut app = asked();
    let one = [PathBuf::from("/mnt/ext4/1")];
    assert!(matches!(&app.effects()[..], [Effect::Holders { below, .. }] if below[..] == one));
    app.shows("Held by  looking in /proc ... Esc stops it");
    app.keys("w");
    assert!(app.effects().is_empty(), "one look at a time");
    let job = app.model.last_job;
    let uses = Uses {
        cwd: true,
        files: 3,
        maps: 1,
        ..Uses::default()
    };
    let found = vec![
        holder(812, uses),
        holder(
            813,
            Uses {
                exe: true,
                ..Uses::default()
            },
        ),
    ];
    let result = Ok(Holders {
        found,
        processes: 412,
        unseen: 2,
        partial: false,
    });
    app.msg(Msg::Held { job, result });
    app.shows("Held by  php-fpm\\u{1b}[2J[812] working directory, 3 open, 1 mapped: /m");
    app.shows("       php-fpm\\u{1b}[2J[813] program: /mnt/ext4/1/813");
    app.shows("412 processes checked, 2 in part");
    app.shows("type y to prune");
}

#[test]
fn plan_without_entries_in_use_has_no_holders() {
    let mut app = App::in_ext4(80, 24);
    app.keys("p");
    app.plan(counters(1_000, 0, 0));
    app.shows_no("w who");
    app.effects();
    app.keys("w");
    app.shows("nothing here is in use: no process holds any of it");
    assert!(app.effects().is_empty(), "/proc is not scanned");
}

#[test]
fn question_stays_in_sight_with_many_holders() {
    let mut app = asked();
    let job = app.model.last_job;
    let open = Uses {
        files: 1,
        ..Uses::default()
    };
    let found = (0..500).map(|pid| holder(pid, open)).collect();
    let result = Ok(Holders {
        found,
        processes: 500,
        ..Holders::default()
    });
    app.msg(Msg::Held { job, result });
    app.keys("<PageDown><PageDown>");
    app.shows("and 492 more");
    app.shows("type y to prune");
}

#[test]
fn missing_holders_and_missing_proc_are_reported() {
    let mut app = asked();
    let job = app.model.last_job;
    app.msg(Msg::Held {
        job,
        result: Ok(Holders::default()),
    });
    app.shows("no process found");
    let mut app = asked();
    let job = app.model.last_job;
    app.msg(Msg::Held {
        job,
        result: Err(std::io::ErrorKind::PermissionDenied.into()),
    });
    app.shows("/proc cannot be read: permission denied");
}

#[test]
fn escape_ends_the_scan_first_and_y_does_not_wait_for_it() {
    let mut app = asked();
    let job = app.model.last_job;
    app.effects();
    app.keys("<Esc>");
    assert!(matches!(app.effects()[..], [Effect::Cancel { job: of }] if of == job));
    app.shows("Prune subtree /mnt/ext4/1");
    let mut app = asked();
    app.effects();
    app.keys("y");
    assert!(matches!(
        app.effects()[..],
        [Effect::Cancel { .. }, Effect::Prune { .. }]
    ));
}
